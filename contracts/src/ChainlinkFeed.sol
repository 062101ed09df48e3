// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Feeds} from "./Feeds.sol";

/// @title One feed under an address of its own, with Chainlink's AggregatorV3Interface
/// @notice For contracts that were written for that interface. Deploy one for a feed; nobody owns it.
contract ChainlinkFeed {
    /// @notice The feed.
    bytes32 public immutable feedId;

    /// @notice How many decimals answers have.
    uint8 public immutable decimals;

    /// @notice The version of this adapter.
    uint256 public constant version = 1;

    /// @notice What the feed is about.
    string public description;

    /// @notice Only the newest round is kept.
    error NoData(uint80 roundId);

    constructor(bytes32 feedId_, uint8 decimals_, string memory description_) {
        feedId = feedId_;
        decimals = decimals_;
        description = description_;
    }

    /// @notice The newest value. Its age is for the caller to judge, as with any such feed.
    function latestRoundData()
        public
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        return Feeds.NATIVE.latestRoundData(feedId);
    }

    /// @notice The newest round, by its number.
    function getRoundData(uint80 wanted)
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        (roundId, answer, startedAt, updatedAt, answeredInRound) = latestRoundData();
        if (roundId != wanted) revert NoData(wanted);
    }
}
