// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {vm} from "./Vm.sol";
import {ChainlinkFeed} from "../src/ChainlinkFeed.sol";
import {Feeds} from "../src/Feeds.sol";
import {GraphQL} from "../src/GraphQL.sol";
import {IAggregator, PricedShop} from "../src/examples/PricedShop.sol";
import {IOracleFeeds} from "../src/interfaces/IOracleFeeds.sol";

/// @notice The libraries and the shop, with the native contracts' answers given.
contract GraphQLTest {
    function read(string memory json, string memory key) external pure returns (int256) {
        return GraphQL.number(json, key);
    }

    function test_numbersAreReadFromAnswers() public pure {
        string memory json = '{"data":{"feed":{"id":"0x00","value":"-123456789012345678901","n":7,"zero":"0"}}}';
        require(GraphQL.number(json, "value") == -123456789012345678901, "a BigInt");
        require(GraphQL.number(json, "n") == 7, "an Int");
        require(GraphQL.number(json, "zero") == 0, "zero");
    }

    function test_whatIsNoNumberIsRefused() public {
        string[4] memory answers =
            ['{"data":{"feed":null}}', '{"data":{"value":null}}', '{"data":{"value":"-"}}', '{"data":{"value":'];
        for (uint256 i; i < 4; i++) {
            vm.expectRevert(abi.encodeWithSelector(GraphQL.NoNumber.selector, "value"));
            this.read(answers[i], "value");
        }
    }

    function shop(int256 answer, uint256 updatedAt) private returns (PricedShop) {
        vm.mockCall(
            address(Feeds.NATIVE),
            abi.encodePacked(IOracleFeeds.latestRoundData.selector),
            abi.encode(uint80(5), answer, updatedAt, updatedAt, uint80(5))
        );
        ChainlinkFeed feed = new ChainlinkFeed(bytes32(uint256(1)), 18, "PARS / USD");
        return new PricedShop(IAggregator(address(feed)), 60, 250);
    }

    function test_theShopConvertsByTheFeed() public {
        // 2.50 dollars at 0.50 dollars a PARS.
        require(shop(0.5 ether, block.timestamp).price() == 5 ether, "the price");
    }

    function testFuzz_theShopRoundsUp(uint64 answer) public {
        if (answer == 0) answer = 1;
        uint256 want = shop(int256(uint256(answer)), block.timestamp).price();
        require(want * answer >= 2.5 ether * 1 ether && (want - 1) * answer < 2.5 ether * 1 ether, "not the least");
    }

    function test_theShopRefusesNoPrice() public {
        PricedShop bad = shop(0, block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(PricedShop.BadPrice.selector, int256(0), block.timestamp));
        bad.price();
    }

    function test_onlyTheNewestRoundIsKept() public {
        shop(1, 9);
        ChainlinkFeed feed = new ChainlinkFeed(bytes32(uint256(1)), 18, "PARS / USD");
        (uint80 round,,,,) = feed.getRoundData(5);
        require(round == 5, "the newest round");
        vm.expectRevert(abi.encodeWithSelector(ChainlinkFeed.NoData.selector, uint80(4)));
        feed.getRoundData(4);
    }
}
