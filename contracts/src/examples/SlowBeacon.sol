// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ISTARK} from "../interfaces/ISTARK.sol";

/// @title A number that takes time to compute and none to check
/// @notice Holds the outcome of a long chain of steps from a start that was fixed before, such as x to x^3 + 42. Whoever
/// computes it brings a STARK proof, and the contract checks the proof instead of the steps.
/// @dev The outcome is one function of the start: it is no choice of who brings it, so copying somebody's transaction
/// gains nothing. The AIR asserts public input 0 at the first step and public input 1 at the last.
contract SlowBeacon {
    ISTARK private constant STARK = ISTARK(address(0x0902));

    /// @notice The AIR of a step, registered with ISTARK.
    bytes32 public immutable air;

    /// @notice Rows of the execution: one more than the steps.
    uint256 public immutable length;

    /// @notice Where the chain starts.
    uint64 public immutable start;

    /// @notice Where it ends, once known.
    uint64 public outcome;

    /// @notice Whether the outcome is known.
    bool public known;

    bytes private _options;

    /// @notice The outcome became known.
    event Known(uint64 outcome);

    /// @notice The outcome was known before.
    error KnownBefore();

    /// @notice The proof is not one of this outcome.
    error BadProof();

    /// @param options_ The ten option bytes that proofs have to use.
    constructor(bytes32 air_, uint256 length_, bytes memory options_, uint64 start_) {
        air = air_;
        length = length_;
        _options = options_;
        start = start_;
    }

    /// @notice Takes the outcome with its proof, from anybody.
    function publish(uint64 outcome_, bytes calldata proof) external {
        if (known) revert KnownBefore();
        bytes memory inputs = abi.encodePacked(_littleEndian(start), _littleEndian(outcome_));
        if (!STARK.verify(air, length, _options, inputs, proof)) revert BadProof();
        known = true;
        outcome = outcome_;
        emit Known(outcome_);
    }

    /// @dev A field element as ISTARK wants it.
    function _littleEndian(uint64 n) private pure returns (bytes8) {
        uint64 out;
        for (uint256 i; i < 8; i++) {
            out = (out << 8) | (n & 0xff);
            n >>= 8;
        }
        return bytes8(out);
    }
}
