// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Shares} from "./Shares.sol";
import {IPoolManager, IUnlockCallback, PoolKey, ModifyLiquidityParams} from "../interfaces/IPoolManager.sol";

interface IERC20 {
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

/// @title Liquidity of a pool over all prices, as a token
/// @notice One unit is one unit of the pool's liquidity between the lowest and the highest tick. Units outside of the
/// vault earn nothing: all fees are turned into more units, for the vault, whenever units are made or redeemed, or
/// when anybody calls compound. What does not fit the pool's price waits here.
/// @dev No price is read but the pool's own in the moment of adding to it, and units are counted in liquidity, so
/// moving the price does not change what a share of the vault is worth in units.
contract FullRange is Shares, IUnlockCallback {
    IPoolManager private constant MANAGER = IPoolManager(0x0000000000000000000000000000000000000400);
    int24 private constant MAX_TICK = 887272;

    uint8 public constant decimals = 18;

    address public immutable currency0;
    address public immutable currency1;
    uint24 public immutable fee;
    int24 public immutable tickSpacing;
    address public immutable hooks;
    bytes32 public immutable poolId;

    /// @notice Whose all fees are.
    address public immutable vault;

    /// @notice Fees that wait to be added.
    uint256 public waiting0;
    uint256 public waiting1;

    bool private busy;

    error Busy();
    error OnlyPoolManager();
    error OnlyWhilePaid();
    error PaymentFailed();

    /// @notice It would take or give these amounts, which is not what the caller wants.
    error Unacceptable(uint256 amount0, uint256 amount1);

    event Compounded(uint256 units);

    modifier alone() {
        if (busy) revert Busy();
        busy = true;
        _;
        busy = false;
    }

    constructor(PoolKey memory key, address vault_) Shares("Full-range liquidity", "LIQ") {
        (currency0, currency1, fee) = (key.currency0, key.currency1, key.fee);
        (tickSpacing, hooks, vault) = (key.tickSpacing, key.hooks, vault_);
        poolId = keccak256(abi.encode(key));
    }

    function poolKey() public view returns (PoolKey memory) {
        return PoolKey(currency0, currency1, fee, tickSpacing, hooks);
    }

    /// @notice Makes units for `to`, and takes what they cost from the caller: PARS from the call, tokens by
    /// transferFrom. What is left of the PARS goes back.
    function mint(address to, uint128 units, uint256 most0, uint256 most1)
        external
        payable
        alone
        returns (uint256 amount0, uint256 amount1)
    {
        grow();
        (amount0, amount1) = change(int256(uint256(units)), msg.sender);
        if (amount0 > most0 || amount1 > most1) revert Unacceptable(amount0, amount1);
        create(to, units);
        uint256 left = currency0 == address(0) ? msg.value - amount0 : msg.value;
        if (left > 0) {
            (bool ok,) = msg.sender.call{value: left}("");
            if (!ok) revert PaymentFailed();
        }
    }

    /// @notice Gives units up for the currencies behind them.
    function redeem(address to, uint128 units, uint256 least0, uint256 least1)
        external
        alone
        returns (uint256 amount0, uint256 amount1)
    {
        grow();
        destroy(msg.sender, units);
        (amount0, amount1) = change(-int256(uint256(units)), to);
        if (amount0 < least0 || amount1 < least1) revert Unacceptable(amount0, amount1);
    }

    /// @notice Turns the fees so far into units for the vault.
    function compound() external alone returns (uint256 units) {
        return grow();
    }

    function grow() private returns (uint256 units) {
        if (totalSupply == 0) return 0;
        change(0, address(this));
        units = affordable();
        if (units == 0) return 0;
        // forge-lint: disable-next-line(unsafe-typecast) it is below 2^96
        (uint256 amount0, uint256 amount1) = change(int256(units), address(this));
        (waiting0, waiting1) = (waiting0 - amount0, waiting1 - amount1);
        create(vault, units);
        emit Compounded(units);
    }

    /// @dev The units that the waiting fees buy. A unit costs less than 2^96 / price of currency 0 and price / 2^96
    /// of currency 1, rounded up, so what is computed is never too much.
    function affordable() private view returns (uint256 units) {
        uint256 price = uint160(uint256(MANAGER.extsload(keccak256(abi.encode(poolId, 6)))));
        uint256 amount0 = waiting0 < 1 << 95 ? waiting0 : 1 << 95;
        uint256 amount1 = waiting1 < 1 << 95 ? waiting1 : 1 << 95;
        units = amount0 * price >> 96;
        uint256 other = (amount1 << 96) / price;
        if (other < units) units = other;
        if (units > type(uint96).max) units = type(uint96).max;
    }

    /// @dev Changes the position. who pays for it or is paid; fees come here in any case.
    function change(int256 liquidity, address who) private returns (uint256 amount0, uint256 amount1) {
        bytes memory back = MANAGER.unlock(abi.encode(liquidity, who));
        return abi.decode(back, (uint256, uint256));
    }

    function unlockCallback(bytes calldata data) external returns (bytes memory) {
        if (msg.sender != address(MANAGER)) revert OnlyPoolManager();
        if (!busy) revert OnlyWhilePaid();
        (int256 liquidity, address who) = abi.decode(data, (int256, address));
        int24 last = MAX_TICK / tickSpacing * tickSpacing;
        (int256 all, int256 fees) =
            MANAGER.modifyLiquidity(poolKey(), ModifyLiquidityParams(-last, last, liquidity, bytes32(0)), "");
        (int128 all0, int128 all1) = split(all);
        (int128 fees0, int128 fees1) = split(fees);
        if (fees0 > 0) waiting0 += collect(currency0, address(this), fees0);
        if (fees1 > 0) waiting1 += collect(currency1, address(this), fees1);
        return abi.encode(even(currency0, who, all0 - fees0), even(currency1, who, all1 - fees1));
    }

    function collect(address currency, address to, int128 amount) private returns (uint256 size) {
        size = magnitude(amount);
        MANAGER.take(currency, to, size);
    }

    /// @dev Takes what the manager owes to who, or pays what who owes.
    function even(address currency, address who, int128 amount) private returns (uint256 size) {
        if (amount > 0) return collect(currency, who, amount);
        if (amount == 0) return 0;
        size = magnitude(amount);
        if (currency == address(0)) {
            MANAGER.settle{value: size}();
            return size;
        }
        MANAGER.sync(currency);
        (bool ok, bytes memory back) = currency.call(
            who == address(this)
                ? abi.encodeCall(IERC20.transfer, (address(MANAGER), size))
                : abi.encodeCall(IERC20.transferFrom, (who, address(MANAGER), size))
        );
        if (!ok || (back.length > 0 && !abi.decode(back, (bool)))) revert PaymentFailed();
        MANAGER.settle();
    }

    function magnitude(int128 amount) private pure returns (uint256) {
        int256 wide = amount < 0 ? -int256(amount) : int256(amount);
        // forge-lint: disable-next-line(unsafe-typecast) it is not negative
        return uint256(wide);
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
