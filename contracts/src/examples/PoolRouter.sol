// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {
    IPoolManager,
    IUnlockCallback,
    PoolKey,
    ModifyLiquidityParams,
    SwapParams
} from "../interfaces/IPoolManager.sol";

interface IERC20 {
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

/// @title A small router of the pool manager
/// @notice Swaps, and keeps positions for whoever calls: the salt of a position is its owner's address. Tokens are
/// pulled from the caller, who has approved the router; PARS comes with the call and what is left goes back.
contract PoolRouter is IUnlockCallback {
    IPoolManager private constant MANAGER = IPoolManager(0x0000000000000000000000000000000000000400);
    uint160 private constant LOWEST = 4295128739 + 1;
    uint160 private constant HIGHEST = 1461446703485210103287273052203988822378723970342 - 1;

    struct Request {
        address payer;
        bool isSwap;
        PoolKey key;
        SwapParams swap;
        ModifyLiquidityParams position;
        bytes hookData;
    }

    error OnlyPoolManager();

    /// @notice The swap or position came to these amounts, which is not what the caller wants.
    error Unacceptable(int128 amount0, int128 amount1);

    error PaymentFailed();

    /// @notice Swaps amountSpecified: negative is the input, positive the output.
    /// @param limit The least output, or the greatest input.
    /// @return amount0 What the caller got of currency 0, negative for what was paid.
    function swap(PoolKey calldata key, bool zeroForOne, int256 amountSpecified, uint128 limit, bytes calldata hookData)
        external
        payable
        returns (int128 amount0, int128 amount1)
    {
        Request memory r;
        (r.payer, r.isSwap, r.key, r.hookData) = (msg.sender, true, key, hookData);
        r.swap = SwapParams(zeroForOne, amountSpecified, zeroForOne ? LOWEST : HIGHEST);
        (amount0, amount1) = unlock(r);
        bool exactIn = amountSpecified < 0;
        (int256 specified, int256 other) = zeroForOne == exactIn ? (amount0, amount1) : (amount1, amount0);
        int256 bound = int256(uint256(limit));
        bool fair = exactIn ? other >= bound : -other <= bound;
        if (!fair || specified != amountSpecified) revert Unacceptable(amount0, amount1);
    }

    /// @notice Adds liquidity to the caller's position, takes it out when it is negative, or collects fees with zero.
    /// @param least0 The least the caller gets of currency 0; negative is the most to pay.
    function modify(
        PoolKey calldata key,
        int24 tickLower,
        int24 tickUpper,
        int256 liquidityDelta,
        int128 least0,
        int128 least1,
        bytes calldata hookData
    ) external payable returns (int128 amount0, int128 amount1) {
        Request memory r;
        (r.payer, r.key, r.hookData) = (msg.sender, key, hookData);
        bytes32 salt = bytes32(uint256(uint160(msg.sender)));
        r.position = ModifyLiquidityParams(tickLower, tickUpper, liquidityDelta, salt);
        (amount0, amount1) = unlock(r);
        if (amount0 < least0 || amount1 < least1) revert Unacceptable(amount0, amount1);
    }

    function unlock(Request memory r) private returns (int128 amount0, int128 amount1) {
        int256 delta = abi.decode(MANAGER.unlock(abi.encode(r)), (int256));
        (amount0, amount1) = split(delta);
        if (address(this).balance > 0) {
            (bool ok,) = r.payer.call{value: address(this).balance}("");
            if (!ok) revert PaymentFailed();
        }
    }

    function unlockCallback(bytes calldata data) external returns (bytes memory) {
        if (msg.sender != address(MANAGER)) revert OnlyPoolManager();
        Request memory r = abi.decode(data, (Request));
        int256 delta;
        if (r.isSwap) delta = MANAGER.swap(r.key, r.swap, r.hookData);
        else (delta,) = MANAGER.modifyLiquidity(r.key, r.position, r.hookData);
        (int128 amount0, int128 amount1) = split(delta);
        even(r.key.currency0, r.payer, amount0);
        even(r.key.currency1, r.payer, amount1);
        return abi.encode(delta);
    }

    /// @dev Pays what is owed to the manager, or takes what it owes.
    function even(address currency, address payer, int128 amount) private {
        if (amount > 0) {
            // forge-lint: disable-next-line(unsafe-typecast) it is positive
            MANAGER.take(currency, payer, uint128(amount));
        } else if (amount < 0) {
            // forge-lint: disable-next-line(unsafe-typecast) its negative is positive
            uint256 owed = uint256(-int256(amount));
            if (currency == address(0)) {
                MANAGER.settle{value: owed}();
            } else {
                MANAGER.sync(currency);
                if (!IERC20(currency).transferFrom(payer, address(MANAGER), owed)) revert PaymentFailed();
                MANAGER.settle();
            }
        }
    }

    /// @dev Currency 0 is in the high half.
    function split(int256 delta) private pure returns (int128 amount0, int128 amount1) {
        assembly {
            amount0 := sar(128, delta)
            amount1 := signextend(15, delta)
        }
    }

    receive() external payable {}
}
