// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {PoolKey, ModifyLiquidityParams, SwapParams} from "./IPoolManager.sol";

/// @title What the pool manager calls a hook for
/// @notice The lowest 14 bits of a hook's address say which functions the manager calls, from bit 13 on:
/// beforeInitialize, afterInitialize, beforeAddLiquidity, afterAddLiquidity, beforeRemoveLiquidity,
/// afterRemoveLiquidity, beforeSwap, afterSwap, beforeDonate, afterDonate; then whose deltas it reads: beforeSwap,
/// afterSwap, afterAddLiquidity, afterRemoveLiquidity.
/// @dev Every function returns its own selector first. A hook deploys itself to such an address with CREATE2.
interface IHooks {
    function beforeInitialize(address sender, PoolKey calldata key, uint160 sqrtPriceX96) external returns (bytes4);

    function afterInitialize(address sender, PoolKey calldata key, uint160 sqrtPriceX96, int24 tick)
        external
        returns (bytes4);

    function beforeAddLiquidity(
        address sender,
        PoolKey calldata key,
        ModifyLiquidityParams calldata params,
        bytes calldata hookData
    ) external returns (bytes4);

    function afterAddLiquidity(
        address sender,
        PoolKey calldata key,
        ModifyLiquidityParams calldata params,
        int256 delta,
        int256 feesAccrued,
        bytes calldata hookData
    ) external returns (bytes4, int256);

    function beforeRemoveLiquidity(
        address sender,
        PoolKey calldata key,
        ModifyLiquidityParams calldata params,
        bytes calldata hookData
    ) external returns (bytes4);

    function afterRemoveLiquidity(
        address sender,
        PoolKey calldata key,
        ModifyLiquidityParams calldata params,
        int256 delta,
        int256 feesAccrued,
        bytes calldata hookData
    ) external returns (bytes4, int256);

    /// @return The selector, what the hook takes of the specified (high half) and the other currency, and the fee of
    /// this swap with 0x400000 when the pool's is dynamic.
    function beforeSwap(address sender, PoolKey calldata key, SwapParams calldata params, bytes calldata hookData)
        external
        returns (bytes4, int256, uint24);

    /// @return The selector, and what the hook takes of the currency that was not specified.
    function afterSwap(
        address sender,
        PoolKey calldata key,
        SwapParams calldata params,
        int256 delta,
        bytes calldata hookData
    ) external returns (bytes4, int128);

    function beforeDonate(
        address sender,
        PoolKey calldata key,
        uint256 amount0,
        uint256 amount1,
        bytes calldata hookData
    ) external returns (bytes4);

    function afterDonate(
        address sender,
        PoolKey calldata key,
        uint256 amount0,
        uint256 amount1,
        bytes calldata hookData
    ) external returns (bytes4);
}
