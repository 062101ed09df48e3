// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {OnNode} from "./OnNode.sol";
import {RingVote} from "../src/examples/RingVote.sol";
import {IRing} from "../src/interfaces/IRing.sol";

contract RingVoteOnNode is OnNode {
    uint256 private constant VOTERS = 4;
    address private ballot;

    function setUp() public {
        bytes memory joined = outside("ring", VM.toString(VOTERS), "", "", "");
        bytes32[] memory members = new bytes32[](VOTERS);
        for (uint256 i; i < VOTERS; i++) {
            bytes32 member;
            assembly ("memory-safe") {
                member := mload(add(add(joined, 32), mul(i, 32)))
            }
            members[i] = member;
        }
        ballot = deploy(abi.encodePacked(type(RingVote).creationCode, abi.encode(members, 2, type(uint64).max)), 0);
    }

    function votes(uint256 choice) private returns (uint256) {
        return abi.decode(ask(ballot, abi.encodeCall(RingVote(ballot).votesFor, (choice))), (uint256));
    }

    /// @dev voter signs for one choice, and the call names the other one or the same.
    function vote(uint256 voter, uint256 signedFor, uint256 sent) private returns (bytes memory) {
        bytes memory message = abi.decode(ask(ballot, abi.encodeCall(RingVote.messageFor, (signedFor))), (bytes));
        bytes memory made = outside("lsag", VM.toString(VOTERS), VM.toString(voter), VM.toString(message), "");
        bytes32 image;
        assembly ("memory-safe") {
            image := mload(add(made, 32))
        }
        bytes memory sig = new bytes(made.length - 32);
        for (uint256 i; i < sig.length; i++) {
            sig[i] = made[i + 32];
        }
        return abi.encodeCall(RingVote.vote, (sent, image, sig));
    }

    function test_everyMemberVotesOnceAndNobodyChangesAVote() public {
        refuses(ballot, vote(0, 0, 1), IRing.InvalidSignature.selector, "a vote changed on its way");
        send(ballot, vote(0, 1, 1));
        send(ballot, vote(3, 0, 0));
        refuses(ballot, vote(0, 0, 0), IRing.ImageUsed.selector, "a second vote");
        refuses(ballot, vote(1, 2, 2), RingVote.UnknownChoice.selector, "an unknown choice");
        send(ballot, vote(2, 1, 1));
        require(votes(0) == 1 && votes(1) == 2, "the count is wrong");
    }
}
