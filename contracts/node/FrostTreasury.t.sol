// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {OnNode} from "./OnNode.sol";
import {FrostTreasury} from "../src/examples/FrostTreasury.sol";

contract FrostTreasuryOnNode is OnNode {
    address private constant TO = address(0x70_0002);
    address private treasury;

    function signed(uint8 suite, string memory a, string memory b, uint256 value, address to, bytes memory data)
        private
        returns (bytes memory)
    {
        bytes memory message =
            abi.decode(ask(treasury, abi.encodeCall(FrostTreasury.messageFor, (to, value, data))), (bytes));
        return outside("frost", VM.toString(uint256(suite)), VM.toString(message), a, b);
    }

    function test_twoOfThreeTrusteesSpendInEverySuite() public {
        bytes memory first = outside("frost-key", "1", "", "", "");
        treasury = deploy(abi.encodePacked(type(FrostTreasury).creationCode, abi.encode(uint8(1), first)), 1 ether);
        uint256 before = balance(TO);
        for (uint8 suite = 1; suite <= 5; suite++) {
            bytes memory sig = signed(suite, "1", "3", 300, TO, "");
            bytes memory right = abi.encodeCall(FrostTreasury.execute, (TO, 300, "", sig));
            refuses(
                treasury,
                abi.encodeCall(FrostTreasury.execute, (TO, 301, "", sig)),
                FrostTreasury.BadSignature.selector,
                "another amount"
            );
            send(treasury, right);
            require(balance(TO) == before + 300 * uint256(suite), "the money did not move");
            refuses(treasury, right, FrostTreasury.BadSignature.selector, "the same signature again");
            if (suite == 5) break;

            // The trustees move on to a key in the next suite.
            bytes memory next = outside("frost-key", VM.toString(uint256(suite) + 1), "", "", "");
            bytes memory set = abi.encodeCall(FrostTreasury.setKey, (suite + 1, next));
            refuses(treasury, set, FrostTreasury.OnlySelf.selector, "a stranger's key");
            sig = signed(suite, "2", "3", 0, treasury, set);
            send(treasury, abi.encodeCall(FrostTreasury.execute, (treasury, 0, set, sig)));
        }
    }
}
