// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {INativeContract} from "./INativeContract.sol";

/// @title STARK verifier at 0x0000000000000000000000000000000000000902
/// @notice Verifies proofs in the format of Winterfell 0.13.1 over the 64-bit field: that some execution satisfies a
/// registered AIR with given public inputs. Post-quantum, without trusted set-up. Proofs are not zero-knowledge unless
/// the prover hides its trace: rows that queries open are public.
/// @dev spec/stark.md has the encodings and every step. options are the ten option bytes of the proof; publicInputs are
/// 8-byte little-endian elements. Proofs with auxiliary segments are not supported and revert with MalformedProof.
interface ISTARK is INativeContract {
    /// @notice An AIR was registered.
    event AIRRegistered(bytes32 indexed air, address indexed by, uint256 size);

    /// @notice No AIR has this id.
    error UnknownAIR(bytes32 air);

    /// @notice The description is not an AIR, or is longer than 24,575 bytes.
    error InvalidAIR();

    /// @notice The options, trace length or public inputs don't fit the AIR or each other.
    error InvalidStatement();

    /// @notice The options give fewer than 100 conjectured bits.
    error WeakOptions(uint256 conjecturedBits);

    /// @notice The bytes don't have the shape of a proof of this statement.
    error MalformedProof();

    /// @notice Stores an AIR and returns its id, keccak256 of the description. Registering one again changes nothing.
    function registerAIR(bytes memory air) external returns (bytes32 id);

    /// @notice The description of a registered AIR; empty when there is none.
    function airOf(bytes32 id) external view returns (bytes memory air);

    /// @notice Whether proof shows the statement: a trace of traceLength steps of the AIR with these public inputs, under
    /// exactly these options.
    /// @dev False for a well-formed proof that is wrong. Reverts for anything malformed and for weak options.
    function verify(
        bytes32 air,
        uint256 traceLength,
        bytes memory options,
        bytes memory publicInputs,
        bytes memory proof
    ) external view returns (bool valid);

    /// @notice How strong options are for a trace of traceLength steps, in bits: by the conjecture that verify asks 100
    /// bits of (ePrint 2021/582), and proven in the unique-decoding and the list-decoding regime (ePrint 2024/1553),
    /// for AIRs of any registrable size.
    function security(bytes memory options, uint256 traceLength)
        external
        pure
        returns (uint256 conjectured, uint256 uniqueDecoding, uint256 listDecoding);
}
