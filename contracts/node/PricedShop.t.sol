// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {OnNode} from "./OnNode.sol";
import {ChainlinkFeed} from "../src/ChainlinkFeed.sol";
import {Feeds} from "../src/Feeds.sol";
import {Bazaar} from "../src/examples/Bazaar.sol";
import {IAggregator, PricedShop} from "../src/examples/PricedShop.sol";
import {IOracleFeeds} from "../src/interfaces/IOracleFeeds.sol";

contract PricedShopOnNode is OnNode {
    bytes32 private constant TEMPLATE = keccak256("PARS/USD");
    // A value from the future by less than an hour is not possible here, and time passes: any age will do.
    uint32 private constant MAX_AGE = type(uint32).max;

    /// @dev An update that tools/sign.mjs signs, with the account that signed it.
    function update(uint256 timestamp, uint256 value) private returns (address airnode, bytes memory call) {
        bytes memory made =
            outside("feed", "node", VM.toString(abi.encodePacked(TEMPLATE)), VM.toString(timestamp), VM.toString(value));
        bytes memory signature = new bytes(65);
        assembly ("memory-safe") {
            airnode := shr(96, mload(add(made, 32)))
        }
        for (uint256 i; i < 65; i++) {
            signature[i] = made[20 + i];
        }
        call = abi.encodeCall(
            IOracleFeeds.updateBeaconWithSignedData, (airnode, TEMPLATE, timestamp, abi.encode(value), signature)
        );
    }

    function test_aSignedPriceReachesAConsumerOfChainlinks() public {
        address native = address(Feeds.NATIVE);
        (address airnode, bytes memory first) = update(1_700_000_000, 0.5 ether);
        bytes32 feedId = Feeds.idOf(airnode, "PARS/USD");
        address feed =
            deploy(abi.encodePacked(type(ChainlinkFeed).creationCode, abi.encode(feedId, uint8(18), "PARS / USD")), 0);
        address shop = deploy(
            abi.encodePacked(type(PricedShop).creationCode, abi.encode(IAggregator(feed), uint256(MAX_AGE), 250)), 0
        );
        refuses(
            shop, abi.encodeCall(PricedShop.price, ()), IOracleFeeds.FeedNotInitialized.selector, "a feed without value"
        );
        send(native, first);
        require(abi.decode(ask(shop, abi.encodeCall(PricedShop.price, ())), (uint256)) == 5 ether, "the first price");
        refuses(native, first, IOracleFeeds.DoesNotUpdateTimestamp.selector, "the same update again");
        (, bytes memory second) = update(1_700_000_001, 2 ether);
        second[second.length - 40] ^= 0x01; // inside of s
        refuses(native, second, IOracleFeeds.SignatureMismatch.selector, "an altered signature");
        (, second) = update(1_700_000_001, 2 ether);
        send(native, second);
        require(abi.decode(ask(shop, abi.encodeCall(PricedShop.price, ())), (uint256)) == 1.25 ether, "the new price");
        address bazaar = deploy(type(Bazaar).creationCode, 0);
        int256 value = abi.decode(ask(bazaar, abi.encodeCall(Bazaar.feedValue, (feedId))), (int256));
        require(value == 2 ether, "the price by GraphQL");
    }
}
