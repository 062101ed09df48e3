// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {PoolKey, SwapParams} from "../interfaces/IPoolManager.sol";

/// @title A hook that makes the second swap in a block cost more
/// @notice The first swap of a pool in a block pays 0.3 %, every other one 1 %: whoever comes before and after
/// somebody else's swap in one block pays for it. For pools with the dynamic fee, 0x800000.
/// @dev Its address ends in the 14 bits of beforeSwap alone, 0x0080; HookDeployer finds such an address.
contract SurgeFeeHook {
    address private constant MANAGER = 0x0000000000000000000000000000000000000400;
    uint24 private constant FIRST = 3000;
    uint24 private constant LATER = 10000;
    uint24 private constant OVERRIDE = 0x400000;

    mapping(bytes32 id => uint256 block_) private lastSwap;

    error OnlyPoolManager();

    function beforeSwap(address, PoolKey calldata key, SwapParams calldata, bytes calldata)
        external
        returns (bytes4, int256, uint24)
    {
        if (msg.sender != MANAGER) revert OnlyPoolManager();
        bytes32 id = keccak256(abi.encode(key));
        uint24 fee = lastSwap[id] == block.number ? LATER : FIRST;
        lastSwap[id] = block.number;
        return (this.beforeSwap.selector, 0, fee | OVERRIDE);
    }
}
