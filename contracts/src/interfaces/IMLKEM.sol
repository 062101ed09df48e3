// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {INativeContract} from "./INativeContract.sol";

/// @title ML-KEM key encapsulation (FIPS 203) at 0x0000000000000000000000000000000000000601
/// @notice Deterministic and public: whatever is passed in or returned, secret keys and shared secrets included, can be
/// read by anybody for ever, so never use this for real secrets. It serves to check disclosed keys and ciphertexts.
/// @dev A parameter set is named by its security category, since 512, 768 and 1024 don't fit a uint8; where a key is
/// given, its length in bytes says which set it is of:
///
/// | parameterSet | name        | public key | secret key | ciphertext | shared secret |
/// |-------------:|-------------|-----------:|-----------:|-----------:|--------------:|
/// |            1 | ML-KEM-512  |        800 |       1632 |        768 |            32 |
/// |            3 | ML-KEM-768  |       1184 |       2400 |       1088 |            32 |
/// |            5 | ML-KEM-1024 |       1568 |       3168 |       1568 |            32 |
///
/// Malformed input reverts with one of the errors below. A ciphertext of the right length never fails: one that was
/// not made for the key gives a shared secret that nobody else has (implicit rejection, FIPS 203, section 6.3).
interface IMLKEM is INativeContract {
    /// @notice No such parameter set; there are 1, 3 and 5.
    error UnknownParameterSet(uint8 parameterSet);

    /// @notice No parameter set has a public key of this many bytes.
    error PublicKeyLength(uint256 length);

    /// @notice A number in the public key is not below 3329 (the modulus check of FIPS 203, section 7.2).
    error PublicKeyEncoding();

    /// @notice No parameter set has a secret key of this many bytes.
    error SecretKeyLength(uint256 length);

    /// @notice The secret key has a number not below 3329, or the hash in it is not that of the public key in it (FIPS
    /// 203, section 7.3).
    error SecretKeyEncoding();

    /// @notice The ciphertext has another length than the secret key's parameter set wants.
    error CiphertextLength(uint256 length, uint256 want);

    /// @notice Deterministic and public, never for real secrets: makes a key pair from seeds that are drawn from chain
    /// id, block number, parent hash, caller and calldata.
    /// @dev Two equal calls by one caller in one block return one key pair, and anybody can compute it.
    /// @param parameterSet 1, 3 or 5.
    function keyGen(uint8 parameterSet) external view returns (bytes memory pk, bytes memory sk);

    /// @notice Deterministic and public, never for real secrets: makes the key pair of the seeds d and z (FIPS 203,
    /// algorithm 16).
    function keyGen(uint8 parameterSet, bytes32 d, bytes32 z) external pure returns (bytes memory pk, bytes memory sk);

    /// @notice Deterministic and public, never for real secrets: encapsulates a secret that is drawn from chain id,
    /// block number, parent hash, caller and calldata.
    function encapsulate(bytes memory pk) external view returns (bytes memory ct, bytes memory ss);

    /// @notice Deterministic and public, never for real secrets: encapsulates with the randomness m (FIPS 203,
    /// algorithm 17).
    function encapsulate(bytes memory pk, bytes32 m) external pure returns (bytes memory ct, bytes memory ss);

    /// @notice Deterministic and public, never for real secrets: the shared secret in ct (FIPS 203, algorithm 21).
    function decapsulate(bytes memory sk, bytes memory ct) external pure returns (bytes memory ss);
}
