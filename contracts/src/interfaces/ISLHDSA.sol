// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {INativeContract} from "./INativeContract.sol";

/// @title SLH-DSA signatures (FIPS 205) at 0x0000000000000000000000000000000000000603
/// @notice Deterministic and public: whatever is passed in or returned, secret keys included, can be read by anybody
/// for ever, so never use keyGen or sign for real secrets. verify is what contracts are for.
/// @dev Keys of different sets have equal lengths, so every function takes the set, numbered as in FIPS 205, table 2:
///
/// |               set | name     | seed | public key | secret key | signature |
/// |------------------:|----------|-----:|-----------:|-----------:|----------:|
/// |   1 SHA2, 2 SHAKE | 128s     |   48 |         32 |         64 |      7856 |
/// |   3 SHA2, 4 SHAKE | 128f     |   48 |         32 |         64 |     17088 |
/// |   5 SHA2, 6 SHAKE | 192s     |   72 |         48 |         96 |     16224 |
/// |   7 SHA2, 8 SHAKE | 192f     |   72 |         48 |         96 |     35664 |
/// |  9 SHA2, 10 SHAKE | 256s     |   96 |         64 |        128 |     29792 |
/// | 11 SHA2, 12 SHAKE | 256f     |   96 |         64 |        128 |     49856 |
///
/// Malformed input reverts with one of the errors below; a well-formed signature that is not valid is no error, it
/// makes verify return false. Prices are in docs/precompiles/gas.md; sign of the small sets (s) costs more gas than a block
/// has.
interface ISLHDSA is INativeContract {
    /// @notice No such parameter set; there are 1 to 12.
    error UnknownParameterSet(uint8 parameterSet);

    /// @notice The seed has another length than the parameter set wants.
    error SeedLength(uint256 length, uint256 want);

    /// @notice The public key has another length than the parameter set wants.
    error PublicKeyLength(uint256 length, uint256 want);

    /// @notice The secret key has another length than the parameter set wants.
    error SecretKeyLength(uint256 length, uint256 want);

    /// @notice The signature has another length than the parameter set wants.
    error SignatureLength(uint256 length, uint256 want);

    /// @notice The context is longer than 255 bytes.
    error ContextLength(uint256 length);

    /// @notice Deterministic and public, never for real secrets: makes a key pair from a seed that is drawn from chain
    /// id, block number, parent hash, caller and calldata.
    /// @dev Two equal calls by one caller in one block return one key pair, and anybody can compute it.
    /// @param parameterSet 1 to 12.
    function keyGen(uint8 parameterSet) external view returns (bytes memory pk, bytes memory sk);

    /// @notice Deterministic and public, never for real secrets: makes the key pair of a seed (FIPS 205, algorithm 18).
    /// @param seed SK.seed, SK.prf and PK.seed, one after the other.
    function keyGen(uint8 parameterSet, bytes memory seed) external pure returns (bytes memory pk, bytes memory sk);

    /// @notice Deterministic and public, never for real secrets: signs with an empty context (FIPS 205, algorithm 22,
    /// the deterministic variant).
    function sign(uint8 parameterSet, bytes memory sk, bytes memory message) external pure returns (bytes memory sig);

    /// @notice Deterministic and public, never for real secrets: signs with a context of at most 255 bytes.
    function signWithContext(uint8 parameterSet, bytes memory sk, bytes memory message, bytes memory context)
        external
        pure
        returns (bytes memory sig);

    /// @notice Whether sig is a signature of message by pk with an empty context (FIPS 205, algorithm 24).
    /// @dev Reverts for malformed input: UnknownParameterSet, PublicKeyLength, SignatureLength.
    function verify(uint8 parameterSet, bytes memory pk, bytes memory message, bytes memory sig)
        external
        pure
        returns (bool valid);

    /// @notice Whether sig is a signature of message by pk with the given context of at most 255 bytes.
    /// @dev Reverts for malformed input: UnknownParameterSet, PublicKeyLength, SignatureLength, ContextLength.
    function verifyWithContext(
        uint8 parameterSet,
        bytes memory pk,
        bytes memory message,
        bytes memory sig,
        bytes memory context
    ) external pure returns (bool valid);
}
