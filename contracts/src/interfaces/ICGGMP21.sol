// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {INativeContract} from "./INativeContract.sol";

/// @title CGGMP21 group keys and blame at 0x0000000000000000000000000000000000000801
/// @notice Keeps group keys of threshold ECDSA on secp256k1 with their participants, checks group signatures, and finds
/// who spoils one: with its partial signature, against commitments that it made itself before. Key generation,
/// presigning and signing (ePrint 2021/060) happen off chain; nothing here takes a secret.
/// @dev Points are compressed, 33 bytes. After presigning, participant i has k_i and chi_i, everybody has R = (1/k) G. It
/// commits to R, K = k_i R and S = chi_i R. Its partial signature of m is sigma = k_i m + r chi_i, which is the only number
/// with sigma R = m K + r S. docs/precompiles/cggmp21.md derives this and says what it doesn't find.
///
/// Anybody may register any public key with any participants: a key's id says who registered it, so trust the
/// registrant, or have the participants compare. A commitment is not proof that k_i and chi_i are right, only what a
/// partial signature is measured by; isConsistent shows that all of them together sign.
interface ICGGMP21 is INativeContract {
    /// @notice A group key was registered.
    event KeyRegistered(bytes32 indexed key, address indexed registrant, bytes publicKey, uint16 threshold);

    /// @notice A participant committed to its part of a presignature.
    event Committed(bytes32 indexed key, bytes32 indexed presignature, address indexed participant);

    /// @notice A participant signed a partial signature that its own commitment refutes.
    event Blamed(bytes32 indexed key, bytes32 indexed presignature, address indexed participant);

    /// @notice No key has this id.
    error UnknownKey(bytes32 key);

    /// @notice There are 2 to 64 participants, rising by address, none zero, and a threshold of 2 to that many.
    error Participants();

    /// @notice The account is not a participant of the key.
    error NotParticipant(address account);

    /// @notice This participant has committed to this presignature before.
    error CommittedBefore();

    /// @notice The participant has not committed to these points for this presignature.
    error NotCommitted();

    /// @notice Bytes that are not the one encoding of a point, a scalar or a signature.
    error Encoding();

    /// @notice Lists of different length, or fewer signers than the threshold.
    error Signers();

    /// @notice The attestation is not the participant's signature of attestationDigest.
    error Attestation();

    /// @notice The partial signature fits the commitment: nobody is to blame.
    error PartialIsRight();

    /// @notice Registers a group key. The id is keccak256 of the tag "pars cggmp21 key v1", the caller, salt, threshold
    /// (2 bytes), publicKey and participants (20 bytes each). Registering the same again changes nothing.
    function registerKey(bytes memory publicKey, uint16 threshold, address[] memory participants, bytes32 salt)
        external
        returns (bytes32 key);

    /// @notice What was registered under an id.
    function keyOf(bytes32 key)
        external
        view
        returns (address registrant, bytes memory publicKey, uint16 threshold, address[] memory participants);

    /// @notice Commits the caller, a participant, to its part of a presignature; once for each.
    function commit(bytes32 key, bytes32 presignature, bytes memory R, bytes memory K, bytes memory S) external;

    /// @notice keccak256 of R, K and S of a participant's commitment; zero when there is none.
    function commitmentOf(bytes32 key, bytes32 presignature, address participant)
        external
        view
        returns (bytes32 commitment);

    /// @notice Whether the commitments of signers, with one R, add up so that right partial signatures make a signature
    /// of the group key: the sum of K is G, the sum of S is the key. Ask before revealing a partial signature.
    function isConsistent(
        bytes32 key,
        bytes32 presignature,
        address[] memory signers,
        bytes memory R,
        bytes[] memory K,
        bytes[] memory S
    ) external view returns (bool consistent);

    /// @notice Whether sigma is the participant's partial signature of digest under its commitment.
    function checkPartial(
        bytes32 key,
        bytes32 presignature,
        address participant,
        bytes memory R,
        bytes memory K,
        bytes memory S,
        bytes32 digest,
        bytes32 sigma
    ) external view returns (bool right);

    /// @notice What a participant signs with its account's key beside each partial signature: keccak256 of the tag
    /// "pars cggmp21 partial v1", chain id, key, presignature, digest and sigma, 32 bytes each but the tag.
    function attestationDigest(bytes32 key, bytes32 presignature, bytes32 digest, bytes32 sigma)
        external
        view
        returns (bytes32 toSign);

    /// @notice Records that a participant attested a partial signature that its own commitment refutes.
    /// @param attestation r, s and v (27 or 28), 65 bytes, with the lower s.
    function blame(
        bytes32 key,
        bytes32 presignature,
        address participant,
        bytes memory R,
        bytes memory K,
        bytes memory S,
        bytes32 digest,
        bytes32 sigma,
        bytes memory attestation
    ) external;

    /// @notice Whether the participant was ever blamed under the key.
    function isBlamed(bytes32 key, address participant) external view returns (bool blamed);

    /// @notice Whether signature, r and s of 32 bytes each, is the group's of digest, with the lower s.
    /// @dev Reverts with UnknownKey, and with Encoding for another length and for numbers of zero or from the order on.
    function verify(bytes32 key, bytes32 digest, bytes memory signature) external view returns (bool valid);
}
