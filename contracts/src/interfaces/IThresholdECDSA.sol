// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {INativeContract} from "./INativeContract.sol";

/// @title Threshold ECDSA at 0x0000000000000000000000000000000000000802
/// @notice Checks ECDSA signatures on secp256k1 that a group made, with any protocol, and policies over the group keys
/// registered at 0x0801. A signature is r and s of 32 bytes each, and only the lower s is valid, so that nobody makes a
/// second one of it.
/// @dev Malformed input reverts; a well-formed signature that is not valid is no error. How many signed can't be read from
/// an ECDSA signature: a threshold is what the key's registrant declared, so choose registrants.
interface IThresholdECDSA is INativeContract {
    /// @notice No key at 0x0801 has this id.
    error UnknownKey(bytes32 key);

    /// @notice A public key that is not a compressed point, or a signature of another length, or with numbers of zero or
    /// from the order on.
    error Encoding();

    /// @notice The key is registered for fewer signers than asked for.
    error ThresholdTooLow(uint16 threshold, uint16 want);

    /// @notice There are 1 to 16 rising key ids, as many signatures, and a quorum of 1 to that many.
    error Quorum();

    /// @notice Whether signature is publicKey's of digest.
    function verify(bytes memory publicKey, bytes32 digest, bytes memory signature) external pure returns (bool valid);

    /// @notice Whether signature is the registered key's of digest; reverts when its threshold is below minThreshold.
    function verifyPolicy(bytes32 key, uint16 minThreshold, bytes32 digest, bytes memory signature)
        external
        view
        returns (bool valid);

    /// @notice Whether at least quorum of the registered keys signed digest.
    /// @param keys Ids, rising, so that no key counts twice.
    /// @param signatures One for each key, empty where there is none.
    function verifyQuorum(bytes32[] memory keys, uint16 quorum, bytes32 digest, bytes[] memory signatures)
        external
        view
        returns (bool valid);

    /// @notice The account that transactions signed by the group act for.
    function accountOf(bytes memory publicKey) external pure returns (address account);
}
