// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Shares} from "./Shares.sol";
import {FullRange} from "./FullRange.sol";
import {PoolKey} from "../interfaces/IPoolManager.sol";

/// @title A vault (ERC-4626) of full-range liquidity that compounds its fees
/// @notice The asset are units of FullRange, to which all fees of that liquidity come as more units.
/// @dev A million virtual shares stand against one virtual unit: who gives units to an empty vault to make its
/// shares dear loses a million times what the next depositor can lose by rounding. Rounding is in favour of the vault.
contract Vault is Shares {
    uint8 public constant decimals = 24;
    uint256 private constant VIRTUAL_SHARES = 1e6;
    uint256 private constant VIRTUAL_ASSETS = 1;

    FullRange private immutable range;

    event Deposit(address indexed sender, address indexed owner, uint256 assets, uint256 shares);
    event Withdraw(
        address indexed sender, address indexed receiver, address indexed owner, uint256 assets, uint256 shares
    );

    error NothingFor(uint256 amount);

    constructor(PoolKey memory key) Shares("Full-range vault", "vLIQ") {
        range = new FullRange(key, address(this));
    }

    /// @notice The units, an ERC-20 token.
    function asset() external view returns (address) {
        return address(range);
    }

    function totalAssets() public view returns (uint256) {
        return range.balanceOf(address(this));
    }

    function convertToShares(uint256 assets) public view returns (uint256) {
        return assets * (totalSupply + VIRTUAL_SHARES) / (totalAssets() + VIRTUAL_ASSETS);
    }

    function convertToAssets(uint256 shares) public view returns (uint256) {
        return shares * (totalAssets() + VIRTUAL_ASSETS) / (totalSupply + VIRTUAL_SHARES);
    }

    function previewDeposit(uint256 assets) external view returns (uint256) {
        return convertToShares(assets);
    }

    function previewRedeem(uint256 shares) external view returns (uint256) {
        return convertToAssets(shares);
    }

    function previewMint(uint256 shares) public view returns (uint256) {
        return up(shares * (totalAssets() + VIRTUAL_ASSETS), totalSupply + VIRTUAL_SHARES);
    }

    function previewWithdraw(uint256 assets) public view returns (uint256) {
        return up(assets * (totalSupply + VIRTUAL_SHARES), totalAssets() + VIRTUAL_ASSETS);
    }

    function maxDeposit(address) external pure returns (uint256) {
        return type(uint128).max;
    }

    function maxMint(address) external pure returns (uint256) {
        return type(uint128).max;
    }

    function maxWithdraw(address owner) external view returns (uint256) {
        return convertToAssets(balanceOf[owner]);
    }

    function maxRedeem(address owner) external view returns (uint256) {
        return balanceOf[owner];
    }

    function deposit(uint256 assets, address receiver) external returns (uint256 shares) {
        shares = convertToShares(assets);
        if (shares == 0) revert NothingFor(assets);
        take(assets, shares, receiver);
    }

    function mint(uint256 shares, address receiver) external returns (uint256 assets) {
        assets = previewMint(shares);
        take(assets, shares, receiver);
    }

    function withdraw(uint256 assets, address receiver, address owner) external returns (uint256 shares) {
        shares = previewWithdraw(assets);
        give(assets, shares, receiver, owner);
    }

    function redeem(uint256 shares, address receiver, address owner) external returns (uint256 assets) {
        assets = convertToAssets(shares);
        give(assets, shares, receiver, owner);
    }

    function take(uint256 assets, uint256 shares, address receiver) private {
        // It returns true or reverts.
        bool ok = range.transferFrom(msg.sender, address(this), assets);
        assert(ok);
        create(receiver, shares);
        emit Deposit(msg.sender, receiver, assets, shares);
    }

    function give(uint256 assets, uint256 shares, address receiver, address owner) private {
        spend(owner, shares);
        destroy(owner, shares);
        bool ok = range.transfer(receiver, assets);
        assert(ok);
        emit Withdraw(msg.sender, receiver, owner, assets, shares);
    }

    function up(uint256 a, uint256 b) private pure returns (uint256) {
        return a == 0 ? 0 : (a - 1) / b + 1;
    }
}
