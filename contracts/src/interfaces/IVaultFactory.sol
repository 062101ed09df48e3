// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {PoolKey} from "./IPoolManager.sol";

/// @title The factory of vaults at 0x0000000000000000000000000000000000000402
/// @notice A vault (ERC-4626) for each pool: its asset are units of the pool's full-range liquidity, an ERC-20 token of
/// its own, and the fees of that liquidity become more units.
interface IVaultFactory {
    event VaultCreated(bytes32 indexed poolId, address indexed vault, address units);

    /// @notice Nobody has made this pool yet.
    error NoSuchPool(bytes32 poolId);

    /// @notice The vault of a pool, which is made if there is none.
    function create(PoolKey calldata key) external returns (address vault);

    /// @notice The vault of a pool, or zero.
    function vaultOf(bytes32 poolId) external view returns (address);
}
