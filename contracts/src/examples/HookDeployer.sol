// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title Deploys hooks to addresses that say what they are called for
/// @notice `find` is for eth_call; `deploy` then takes the salt it found.
contract HookDeployer {
    uint160 private constant FLAGS = (1 << 14) - 1;

    error Taken();

    /// @notice The first salt from start on whose address ends in these 14 bits.
    function find(bytes32 codeHash, uint160 flags, uint256 start) external view returns (uint256 salt, address hook) {
        for (salt = start;; salt++) {
            bytes32 h = keccak256(abi.encodePacked(bytes1(0xff), address(this), salt, codeHash));
            hook = address(uint160(uint256(h)));
            if (uint160(hook) & FLAGS == flags && hook.code.length == 0) return (salt, hook);
        }
    }

    /// @param code The hook's creation code, its constructor's arguments behind it.
    function deploy(bytes memory code, uint256 salt) external returns (address hook) {
        assembly {
            hook := create2(0, add(code, 32), mload(code), salt)
        }
        if (hook == address(0)) revert Taken();
    }
}
