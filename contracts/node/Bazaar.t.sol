// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {OnNode} from "./OnNode.sol";
import {Bazaar} from "../src/examples/Bazaar.sol";
import {GraphQL} from "../src/GraphQL.sol";
import {IGraph} from "../src/interfaces/IGraph.sol";

contract BazaarOnNode is OnNode {
    address private bazaar;
    bytes32 private schema;

    function setUp() public {
        bazaar = deploy(type(Bazaar).creationCode, 0);
        schema = abi.decode(ask(bazaar, abi.encodeCall(Bazaar(bazaar).schema, ())), (bytes32));
    }

    function query(string memory text) private returns (bytes32) {
        bytes memory out = ask(address(GraphQL.NATIVE), abi.encodeCall(IGraph.query, (schema, text, "")));
        return keccak256(bytes(abi.decode(out, (string))));
    }

    function test_offersAreFoundByContractsAndByPeople() public {
        send(bazaar, abi.encodeCall(Bazaar.offer, ("a carpet from Tabriz", 900)));
        send(bazaar, abi.encodeCall(Bazaar.offer, ("saffron", 30)));
        send(bazaar, abi.encodeCall(Bazaar.offer, ("a samovar", 0)));
        (uint256 number, uint256 price) =
            abi.decode(ask(bazaar, abi.encodeCall(Bazaar.cheapest, ())), (uint256, uint256));
        require(number == 3 && price == 0, "the cheapest is another one");
        send(bazaar, abi.encodeCall(Bazaar.buy, (3)));
        (number, price) = abi.decode(ask(bazaar, abi.encodeCall(Bazaar.cheapest, ())), (uint256, uint256));
        require(number == 2 && price == 30, "a sold offer is still there");
        require(
            query(
                "{ offers(orderBy: price, where: {price_gt: 30}) { nodes { title seller { offers { nodes { id } } } } } }"
            )
                == keccak256(
                    '{"data":{"offers":{"nodes":[{"title":"a carpet from Tabriz","seller":{"offers":{"nodes":[{"id":"1"},{"id":"2"}]}}}]}}}'
                ),
            "the query's answer"
        );
        refuses(
            address(GraphQL.NATIVE),
            abi.encodeCall(IGraph.put, (schema, "Offer", "9", abi.encode("", "mine", int256(1)))),
            IGraph.NotOwner.selector,
            "an entity of another's type"
        );
        refuses(
            address(GraphQL.NATIVE),
            abi.encodeCall(IGraph.query, (schema, "{ offers { nodes { size } } }", "")),
            IGraph.QueryRefused.selector,
            "an unknown field"
        );
    }
}
