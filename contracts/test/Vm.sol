// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @notice The few cheat codes of forge that tests and scripts here use.
interface Vm {
    function mockCall(address callee, bytes calldata data, bytes calldata result) external;
    function clearMockedCalls() external;
    function expectRevert(bytes calldata data) external;
    function prank(address sender) external;
    function deal(address account, uint256 balance) external;
    function chainId(uint256 id) external;
    function startBroadcast() external;
    function stopBroadcast() external;
    function envBytes(string calldata name) external view returns (bytes memory);
}

/// @dev Where forge puts them: the low 20 bytes of keccak256("hevm cheat code").
Vm constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);
