// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {INativeContract} from "./INativeContract.sol";

/// @title Hybrid public-key encryption (RFC 9180) at 0x0000000000000000000000000000000000000702
/// @notice A secret key in calldata is disclosed: to everybody, for ever, also in an eth_call to somebody else's node.
/// open exists for reveals in a dispute, after which the key is burnt; seal and deriveKeyPair for tests and protocols
/// that want public determinism. Seal real messages off the chain.
/// @dev Identifiers are IANA's. KDFs: 1 HKDF-SHA256, 2 HKDF-SHA384, 3 HKDF-SHA512, 0x10 SHAKE128, 0x11 SHAKE256. AEADs:
/// 1 AES-128-GCM, 2 AES-256-GCM, 3 ChaCha20-Poly1305. KEMs, and lengths in bytes:
///
/// |    KEM | name                         | public | private | encapsulated | seed | modes  |
/// |-------:|------------------------------|-------:|--------:|-------------:|-----:|--------|
/// | 0x0010 | DHKEM(P-256, HKDF-SHA256)    |     65 |      32 |           65 |   32 | 0 to 3 |
/// | 0x0020 | DHKEM(X25519, HKDF-SHA256)   |     32 |      32 |           32 |   32 | 0 to 3 |
/// | 0x0041 | ML-KEM-768                   |   1184 |      64 |         1088 |   32 | 0, 1   |
/// | 0x0042 | ML-KEM-1024                  |   1568 |      64 |         1568 |   32 | 0, 1   |
/// | 0x0050 | MLKEM768-P256                |   1249 |      32 |         1153 |   64 | 0, 1   |
/// | 0x0051 | MLKEM1024-P384               |   1665 |      32 |         1665 |   80 | 0, 1   |
/// | 0x647a | MLKEM768-X25519 (X-Wing)     |   1216 |      32 |         1120 |   64 | 0, 1   |
///
/// The post-quantum ones are those of draft-ietf-hpke-pq. Messages are the first of their context.
interface IHPKE is INativeContract {
    /// @notice What both sides agree on.
    /// @param mode 0 base, 1 psk, 2 auth, 3 auth-psk.
    /// @param info What the message is for.
    /// @param psk In modes 1 and 3, the pre-shared key of at least 32 bytes, else empty.
    /// @param pskId In modes 1 and 3, the name of the pre-shared key, else empty.
    /// @param senderKey In modes 2 and 3, the sender's key, public to open and private to seal, else empty.
    struct Setup {
        uint8 mode;
        uint16 kem;
        uint16 kdf;
        uint16 aead;
        bytes info;
        bytes psk;
        bytes pskId;
        bytes senderKey;
    }

    /// @notice No such KEM, KDF, AEAD or mode, or a mode that the KEM doesn't have.
    error UnknownSuite();

    /// @notice A pre-shared key, its name or a sender's key that the mode doesn't have, or none where it has one, or more
    /// than 65,535 bytes for a SHAKE.
    error SetupInputs();

    /// @notice Bytes that are no usable key, encapsulated key, key material or seed of the KEM.
    error InvalidKey();

    /// @notice Wrong keys, another setup or altered bytes, never said which.
    error OpenFailed();

    /// @notice Discloses the key pair: derives it from 32 to 256 bytes of key material (RFC 9180, section 7.1.3).
    function deriveKeyPair(uint16 kem, bytes memory ikm) external pure returns (bytes memory pk, bytes memory sk);

    /// @notice Discloses all that is passed in: seals plaintext to the public key pk.
    /// @param seed What encapsulation draws from: the ephemeral key's material for a DHKEM, ML-KEM's message, or that
    /// message and the curve's ephemeral private key.
    /// @dev Reverts with UnknownSuite, SetupInputs, InvalidKey.
    function seal(Setup memory setup, bytes memory pk, bytes memory seed, bytes memory aad, bytes memory plaintext)
        external
        pure
        returns (bytes memory enc, bytes memory ciphertext);

    /// @notice Discloses the private key sk and plaintext: opens a message.
    /// @dev Reverts with UnknownSuite, SetupInputs, InvalidKey, OpenFailed.
    function open(Setup memory setup, bytes memory sk, bytes memory enc, bytes memory aad, bytes memory ciphertext)
        external
        pure
        returns (bytes memory plaintext);
}
