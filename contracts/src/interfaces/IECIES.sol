// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {INativeContract} from "./INativeContract.sol";

/// @title ECIES on secp256k1 (SEC 1, section 5.1) at 0x0000000000000000000000000000000000000701
/// @notice A secret key in calldata is disclosed: to everybody, for ever, also in an eth_call to somebody else's node.
/// open exists for reveals in a dispute, after which the key is burnt; seal and publicKey for tests and protocols that
/// want public determinism. Seal real messages off the chain.
/// @dev The profile is in spec/ecies.md: compressed points of 33 bytes, ANSI-X9.63-KDF with SHA-256, AES-256 in counter
/// mode, HMAC-SHA-256. A sealed message is ephemeral point, ciphertext, 32-byte tag.
interface IECIES is INativeContract {
    /// @notice Not a private key of 1 to the order less 1, or not the compressed encoding of a point.
    error InvalidKey();

    /// @notice A sealed message has at least 65 bytes.
    error MessageLength(uint256 length);

    /// @notice Wrong key, wrong info or altered bytes, never said which.
    error OpenFailed();

    /// @notice Discloses privateKey: its compressed public key.
    function publicKey(bytes32 privateKey) external pure returns (bytes memory key);

    /// @notice Discloses ephemeral and plaintext: seals plaintext to the public key to, bound to info.
    /// @param ephemeral A private key that serves for this message and never again.
    /// @dev Reverts with InvalidKey.
    function seal(bytes memory to, bytes32 ephemeral, bytes memory info, bytes memory plaintext)
        external
        pure
        returns (bytes memory sealedMessage);

    /// @notice Discloses privateKey and plaintext: opens a message that was sealed to its owner under info.
    /// @dev Reverts with InvalidKey, MessageLength, OpenFailed.
    function open(bytes32 privateKey, bytes memory info, bytes memory sealedMessage)
        external
        pure
        returns (bytes memory plaintext);
}
