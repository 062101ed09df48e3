// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {OnNode} from "./OnNode.sol";
import {SlowBeacon} from "../src/examples/SlowBeacon.sol";
import {ISTARK} from "../src/interfaces/ISTARK.sol";

/// @dev A real proof by Winterfell of 1,023 steps; BEACON_AIR is the AIR of a step, which the Go test compiles.
contract SlowBeaconOnNode is OnNode {
    address private constant STARK = address(0x0902);
    uint64 private constant START = 123456789;
    uint64 private constant OUTCOME = 14937727457433415529;

    function test_theProofAndNothingElseMakesTheOutcomeKnown() public {
        bytes memory air = VM.envBytes("BEACON_AIR");
        send(STARK, abi.encodeCall(ISTARK.registerAIR, (air)));
        bytes memory stored = abi.decode(ask(STARK, abi.encodeCall(ISTARK.airOf, (keccak256(air)))), (bytes));
        require(keccak256(stored) == keccak256(air), "the AIR is not there");

        address beacon = deploy(
            abi.encodePacked(
                type(SlowBeacon).creationCode,
                abi.encode(keccak256(air), uint256(1024), bytes(hex"2a081002081f00000101"), START)
            ),
            0
        );
        bytes memory proof = VM.readFileBinary("../crypto/stark/testdata/winterfell/vdf3_n1024_blake3_256_q42f8.bin");
        bytes memory right = abi.encodeCall(SlowBeacon.publish, (OUTCOME, proof));
        refuses(
            beacon,
            abi.encodeCall(SlowBeacon.publish, (OUTCOME + 1, proof)),
            SlowBeacon.BadProof.selector,
            "another outcome"
        );
        proof[proof.length - 1] ^= 0x01;
        refuses(
            beacon, abi.encodeCall(SlowBeacon.publish, (OUTCOME, proof)), SlowBeacon.BadProof.selector, "a flipped bit"
        );
        send(beacon, right);
        require(
            abi.decode(ask(beacon, abi.encodeCall(SlowBeacon(beacon).outcome, ())), (uint64)) == OUTCOME, "the outcome"
        );
        refuses(beacon, right, SlowBeacon.KnownBefore.selector, "the proof again");
    }
}
