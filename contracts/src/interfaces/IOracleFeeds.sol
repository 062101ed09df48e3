// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {INativeContract} from "./INativeContract.sol";

/// @title Data feeds at 0x0000000000000000000000000000000000000501
/// @notice Keeps the newest value of feeds that are signed off chain. Who signs is whom a reader trusts: this contract
/// checks signatures and times, never whether a value is true. Values and signatures are public.
/// @dev A beacon is one signer's feed: its id is the hash of the signer (the Airnode) and of a template, which says what
/// the feed is about. A beacon set is the median of beacons: its id is the hash of their ids. Ids, signed bytes, median,
/// order of the checks and events are those of Api3ServerV1, whose signed data therefore works here; errors are custom
/// ones. Anybody may bring an update.
interface IOracleFeeds is INativeContract {
    /// @notice A beacon has a newer value.
    event UpdatedBeaconWithSignedData(bytes32 indexed beaconId, int224 value, uint32 timestamp);

    /// @notice A set has another median.
    event UpdatedBeaconSetWithBeacons(bytes32 indexed beaconSetId, int224 value, uint32 timestamp);

    /// @notice A signature has 65 bytes: r, s, v.
    error SignatureLength(uint256 length);

    /// @notice s is in the upper half of the group's order, so the signature has a twin.
    error SignatureS();

    /// @notice No key makes this signature.
    error InvalidSignature();

    /// @notice Another account made this signature.
    error SignatureMismatch(address signer);

    /// @notice The value is from an hour or more after this block.
    error TimestampNotValid(uint256 timestamp);

    /// @notice The data of an update is one int256, 32 bytes.
    error DataLength(uint256 length);

    /// @notice The value does not fit into 224 bits.
    error ValueRange();

    /// @notice The beacon's value is as new as this one, or newer.
    error DoesNotUpdateTimestamp(uint32 timestamp);

    /// @notice The set has this median already.
    error DoesNotUpdateBeaconSet();

    /// @notice A set has 2 to 64 beacons.
    error BeaconCount(uint256 count);

    /// @notice The feed was never updated.
    error FeedNotInitialized(bytes32 feedId);

    /// @notice The newest value is older than the reader takes.
    error StaleFeed(bytes32 feedId, uint32 timestamp);

    /// @notice Fewer beacons than an absolute majority are fresh and near the median.
    error NoMajority(uint256 agreeing, uint256 count);

    /// @notice There is no feed with this number.
    error NoSuchFeed(uint256 index);

    /// @notice Updates a beacon with data signed by its Airnode.
    /// @param timestamp When the data was signed, in Unix seconds: later than the beacon's, and less than an hour after
    /// this block.
    /// @param data abi.encode(int256 value), where value fits into int224.
    /// @param signature ECDSA over the EIP-191 hash ("personal sign") of
    /// keccak256(abi.encodePacked(templateId, timestamp, data)): r, s, v.
    function updateBeaconWithSignedData(
        address airnode,
        bytes32 templateId,
        uint256 timestamp,
        bytes memory data,
        bytes memory signature
    ) external returns (bytes32 beaconId);

    /// @notice Updates a set to the median of what its beacons have now, values and timestamps apart.
    /// @dev The mean of the middle two, rounded to zero, when their number is even. Beacons without a value count as 0.
    function updateBeaconSetWithBeacons(bytes32[] memory beaconIds) external returns (bytes32 beaconSetId);

    /// @notice The newest value; zeros for a feed without any.
    function dataFeeds(bytes32 feedId) external view returns (int224 value, uint32 timestamp);

    /// @notice The newest value, whatever its age.
    function readDataFeedWithId(bytes32 feedId) external view returns (int224 value, uint32 timestamp);

    /// @notice The newest value, if it is at most maxAge seconds old.
    function readFresh(bytes32 feedId, uint32 maxAge) external view returns (int224 value, uint32 timestamp);

    /// @notice The median of those beacons that are at most maxAge seconds old, if more than half of all beacons are that
    /// fresh and deviate by at most maxDeviation from the median.
    /// @param maxDeviation As deviation gives it: 10**8 is 100 %.
    /// @return value The median.
    /// @return timestamp The median of the times.
    /// @return agreeing How many beacons were fresh and near.
    function readBeaconSet(bytes32[] memory beaconIds, uint32 maxAge, uint256 maxDeviation)
        external
        view
        returns (int224 value, uint32 timestamp, uint256 agreeing);

    /// @notice The newest value in the shape of Chainlink's AggregatorV3Interface; rounds count a feed's updates from 1.
    /// @dev ChainlinkFeed.sol gives one feed an address of its own with that interface.
    function latestRoundData(bytes32 feedId)
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);

    /// @notice How far updated is from initial, in parts of 10**8 of the absolute initial value, rounded down; an initial
    /// value of 0 counts as 1.
    function deviation(int224 initial, int224 updated) external pure returns (uint256 parts);

    /// @notice keccak256(abi.encodePacked(airnode, templateId)).
    function deriveBeaconId(address airnode, bytes32 templateId) external pure returns (bytes32 beaconId);

    /// @notice keccak256(abi.encode(beaconIds)).
    function deriveBeaconSetId(bytes32[] memory beaconIds) external pure returns (bytes32 beaconSetId);

    /// @notice How many feeds were ever updated.
    function feedCount() external view returns (uint256 count);

    /// @notice The id of a feed, in the order of first updates.
    function feedAt(uint256 index) external view returns (bytes32 feedId);
}
