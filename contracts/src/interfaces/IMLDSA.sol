// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {INativeContract} from "./INativeContract.sol";

/// @title ML-DSA signatures (FIPS 204) at 0x0000000000000000000000000000000000000602
/// @notice Deterministic and public: whatever is passed in or returned, secret keys included, can be read by anybody
/// for ever, so never use keyGen or sign for real secrets. verify is what contracts are for.
/// @dev The parameter set follows from the length of the key in bytes:
///
/// | mode | public key | secret key | signature |
/// |-----:|-----------:|-----------:|----------:|
/// |   44 |       1312 |       2560 |      2420 |
/// |   65 |       1952 |       4032 |      3309 |
/// |   87 |       2592 |       4896 |      4627 |
///
/// Malformed input reverts with one of the errors below; a well-formed signature that is not valid is no error, it
/// makes verify return false. Prices are in docs/precompiles/gas.md.
interface IMLDSA is INativeContract {
    /// @notice No such mode; there are 44, 65 and 87.
    error UnknownMode(uint8 mode);

    /// @notice No mode has a public key of this many bytes.
    error PublicKeyLength(uint256 length);

    /// @notice No mode has a secret key of this many bytes.
    error SecretKeyLength(uint256 length);

    /// @notice A coefficient of the secret key is out of range, so no key generation made it.
    error SecretKeyEncoding();

    /// @notice The signature has another length than the public key's mode wants.
    error SignatureLength(uint256 length, uint256 want);

    /// @notice The context is longer than 255 bytes.
    error ContextLength(uint256 length);

    /// @notice The lists of a batch differ in length, or are empty.
    error BatchLength(uint256 pks, uint256 messages, uint256 sigs);

    /// @notice The secret key is such that 575 tries made no signature. Keys from keyGen never are.
    error CannotSign();

    /// @notice Deterministic and public, never for real secrets: makes a key pair from a seed that is drawn from chain
    /// id, block number, parent hash, caller and calldata.
    /// @dev Two equal calls by one caller in one block return one key pair, and anybody can compute it.
    /// @param mode 44, 65 or 87.
    function keyGen(uint8 mode) external view returns (bytes memory pk, bytes memory sk);

    /// @notice Deterministic and public, never for real secrets: makes the key pair of a seed (FIPS 204, algorithm 6).
    /// @param mode 44, 65 or 87.
    /// @param seed The seed, called xi in FIPS 204.
    function keyGen(uint8 mode, bytes32 seed) external pure returns (bytes memory pk, bytes memory sk);

    /// @notice Deterministic and public, never for real secrets: signs with an empty context and rnd = 0 (FIPS 204,
    /// algorithm 2, the deterministic variant).
    /// @param sk A secret key in the encoding of FIPS 204, algorithm 24.
    function sign(bytes memory sk, bytes memory message) external pure returns (bytes memory sig);

    /// @notice Deterministic and public, never for real secrets: signs with a context of at most 255 bytes.
    function signWithContext(bytes memory sk, bytes memory message, bytes memory context)
        external
        pure
        returns (bytes memory sig);

    /// @notice Whether sig is a signature of message by pk with an empty context (FIPS 204, algorithm 3).
    /// @dev Reverts for malformed input: PublicKeyLength, SignatureLength. False for a signature that is not valid,
    /// badly encoded hints included.
    function verify(bytes memory pk, bytes memory message, bytes memory sig) external pure returns (bool valid);

    /// @notice Whether sig is a signature of message by pk with the given context of at most 255 bytes.
    /// @dev Reverts for malformed input: PublicKeyLength, SignatureLength, ContextLength.
    function verifyWithContext(bytes memory pk, bytes memory message, bytes memory sig, bytes memory context)
        external
        pure
        returns (bool valid);

    /// @notice Whether every sigs[i] is a signature of messages[i] by pks[i] with an empty context. Modes may be mixed.
    /// @dev Costs what the single calls cost, whatever the result, and reverts for malformed input as verify does.
    function verifyBatch(bytes[] memory pks, bytes[] memory messages, bytes[] memory sigs)
        external
        pure
        returns (bool valid);
}
