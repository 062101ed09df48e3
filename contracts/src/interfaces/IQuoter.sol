// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {INativeContract} from "./INativeContract.sol";
import {PoolKey} from "./IPoolManager.sol";

/// @title Quotes of swaps at 0x0000000000000000000000000000000000000401
/// @notice What a swap by the pool manager would give or take now, over up to 16 pools. The functions have the
/// selectors of Uniswap's v4 quoter.
/// @dev Pools whose hook has no say in swaps are computed without a call and work in STATICCALL. Where a hook has,
/// the quoter swaps and undoes it, which takes a call that may write: from outside eth_call does; contracts declare
/// the function without `view`. Hooks see the quoter as the sender.
interface IQuoter is INativeContract {
    /// @param exactAmount Input or output, of the currency that is given.
    struct QuoteExactSingleParams {
        PoolKey poolKey;
        bool zeroForOne;
        uint128 exactAmount;
        bytes hookData;
    }

    /// @param intermediateCurrency The other currency of the pool: what comes out in a path of an exact input, what
    /// goes in in one of an exact output.
    struct PathKey {
        address intermediateCurrency;
        uint24 fee;
        int24 tickSpacing;
        address hooks;
        bytes hookData;
    }

    /// @param path From exactCurrency on for an exact input; the other way around for an exact output, whose last pool
    /// gives exactCurrency.
    struct QuoteExactParams {
        address exactCurrency;
        PathKey[] path;
        uint128 exactAmount;
    }

    /// @notice The pool has too little liquidity for the whole amount.
    error NotEnoughLiquidity(bytes32 poolId);

    /// @notice The pool manager, or a hook, reverted with this.
    error UnexpectedRevertBytes(bytes revertData);

    /// @notice A path has 1 to 16 pools.
    error PathLength(uint256 length);

    /// @notice This hook has a say in swaps, and the call may not write.
    error HookedPool(address hooks);

    /// @notice What an exact input gives, and the gas that the quote itself used.
    function quoteExactInputSingle(QuoteExactSingleParams memory params)
        external
        view
        returns (uint256 amountOut, uint256 gasEstimate);

    function quoteExactInput(QuoteExactParams memory params)
        external
        view
        returns (uint256 amountOut, uint256 gasEstimate);

    function quoteExactOutputSingle(QuoteExactSingleParams memory params)
        external
        view
        returns (uint256 amountIn, uint256 gasEstimate);

    function quoteExactOutput(QuoteExactParams memory params)
        external
        view
        returns (uint256 amountIn, uint256 gasEstimate);
}
