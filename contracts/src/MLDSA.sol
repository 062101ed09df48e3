// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IMLDSA} from "./interfaces/IMLDSA.sol";

/// @title ML-DSA for contracts
/// @notice Calls the native contract at 0x0602.
library MLDSA {
    /// @notice The native contract.
    IMLDSA internal constant NATIVE = IMLDSA(0x0000000000000000000000000000000000000602);

    /// @notice Bytes of a public key of ML-DSA-87.
    uint256 internal constant PUBLIC_KEY_87 = 2592;

    /// @notice Whether sig is a signature of message by pk under context. Malformed input reverts.
    function verify(bytes memory pk, bytes memory message, bytes memory sig, bytes memory context)
        internal
        pure
        returns (bool)
    {
        return NATIVE.verifyWithContext(pk, message, sig, context);
    }

    /// @notice The same, but malformed input is false, for callers who must not revert.
    /// @dev Running out of gas inside is false too, so a caller has to leave enough: see docs/precompiles/gas.md.
    function tryVerify(bytes memory pk, bytes memory message, bytes memory sig, bytes memory context)
        internal
        pure
        returns (bool)
    {
        try NATIVE.verifyWithContext(pk, message, sig, context) returns (bool valid) {
            return valid;
        } catch {
            return false;
        }
    }
}
