// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @notice The part of Chainlink's AggregatorV3Interface that the shop reads.
interface IAggregator {
    function decimals() external view returns (uint8);
    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80);
}

/// @title A shop whose prices are in dollars and which is paid in PARS
/// @notice It was written for any feed with Chainlink's interface; on Pars that is a ChainlinkFeed.
contract PricedShop {
    /// @notice Where a PARS's price in dollars is read.
    IAggregator public immutable feed;

    /// @notice How old that price may be, in seconds.
    uint256 public immutable maxAge;

    /// @notice What an item costs, in cents.
    uint256 public immutable cents;

    /// @notice Items bought by an account.
    mapping(address buyer => uint256 count) public bought;

    /// @notice The price is too old, or no price.
    error BadPrice(int256 answer, uint256 updatedAt);

    /// @notice The payment is too small.
    error TooLittle(uint256 got, uint256 want);

    constructor(IAggregator feed_, uint256 maxAge_, uint256 cents_) {
        feed = feed_;
        maxAge = maxAge_;
        cents = cents_;
    }

    /// @notice What an item costs now, in wei, rounded up.
    function price() public view returns (uint256) {
        (, int256 answer,, uint256 updatedAt,) = feed.latestRoundData();
        // Minutes matter here, not seconds, and proposers hold the clock within those.
        // forge-lint: disable-next-line(block-timestamp)
        if (answer <= 0 || updatedAt + maxAge < block.timestamp) revert BadPrice(answer, updatedAt);
        // forge-lint: disable-next-line(unsafe-typecast) it is positive
        uint256 dollars = uint256(answer);
        return (cents * 1 ether * 10 ** feed.decimals() + 100 * dollars - 1) / (100 * dollars);
    }

    /// @notice Buys an item. What is paid beyond the price is a tip.
    function buy() external payable {
        uint256 want = price();
        if (msg.value < want) revert TooLittle(msg.value, want);
        bought[msg.sender]++;
    }
}
