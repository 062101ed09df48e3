// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {INativeContract} from "./INativeContract.sol";

/// @title FROST threshold signatures (RFC 9591) at 0x0000000000000000000000000000000000000800
/// @notice Checks what t of n people signed together under one group key. Signing happens off chain; nothing here takes
/// a secret.
/// @dev Suites, and lengths in bytes of elements and scalars:
///
/// | suite | name                         | element | scalar |
/// |------:|------------------------------|--------:|-------:|
/// |     1 | FROST(Ed25519, SHA-512)      |      32 |     32 |
/// |     2 | FROST(ristretto255, SHA-512) |      32 |     32 |
/// |     3 | FROST(Ed448, SHAKE256)       |      57 |     57 |
/// |     4 | FROST(P-256, SHA-256)        |      33 |     32 |
/// |     5 | FROST(secp256k1, SHA-256)    |      33 |     32 |
///
/// A signature is an element and a scalar. Elements must be canonical, of prime order and not the identity, which is
/// stricter than RFC 8032 for suites 1 and 3. Malformed input reverts; a well-formed signature that is not valid is no
/// error. Prices are in docs/precompiles/gas.md.
interface IFROST is INativeContract {
    /// @notice What a signer published in round one.
    /// @param id The signer, from 1.
    /// @param hiding The hiding nonce's commitment, an element.
    /// @param binding The binding nonce's commitment, an element.
    struct Commitment {
        uint16 id;
        bytes hiding;
        bytes binding;
    }

    /// @notice No such suite; there are 1 to 5.
    error UnknownSuite(uint8 suite);

    /// @notice A key, signature, commitment or share is not the one encoding of an element or scalar of the suite.
    error Encoding();

    /// @notice The signers can't sign together: none or more than 64, an id of zero or twice the same, a share too few
    /// or too many, or the one that is asked for is not among them.
    error SignerSet();

    /// @notice The shares don't add up to a signature; verifyShare tells whose is wrong.
    error WrongShare();

    /// @notice Whether signature is the group's over message (RFC 9591, section 6).
    /// @dev Reverts for malformed input: UnknownSuite, Encoding.
    function verify(uint8 suite, bytes memory groupKey, bytes memory message, bytes memory signature)
        external
        pure
        returns (bool valid);

    /// @notice Whether share is signer id's part of the signature that the signers of commitments make over message
    /// (RFC 9591, section 5.4). False names the one who spoils the signature.
    /// @param publicKey The signer's verification key from the key generation.
    /// @dev Reverts for malformed input: UnknownSuite, Encoding, SignerSet.
    function verifyShare(
        uint8 suite,
        bytes memory groupKey,
        bytes memory message,
        Commitment[] memory commitments,
        uint16 id,
        bytes memory publicKey,
        bytes memory share
    ) external pure returns (bool valid);

    /// @notice Adds shares up to a signature (RFC 9591, section 5.3).
    /// @param shares One for each commitment, in the same order.
    /// @dev Reverts with WrongShare when they don't add up, for malformed input with UnknownSuite, Encoding, SignerSet.
    function aggregate(
        uint8 suite,
        bytes memory groupKey,
        bytes memory message,
        Commitment[] memory commitments,
        bytes[] memory shares
    ) external pure returns (bytes memory signature);
}
