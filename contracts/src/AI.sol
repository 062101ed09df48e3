// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IAI} from "./interfaces/IAI.sol";

/// @title Neural networks for contracts
/// @notice Wraps the native contract at 0x0300.
library AI {
    IAI internal constant NATIVE = IAI(0x0000000000000000000000000000000000000300);

    /// @notice The input is longer than the model's.
    error InputTooLong(uint256 size, uint256 want);

    /// @notice The beginning of an input of so many bytes, filled up with zeros.
    function padded(bytes memory input, uint256 size) internal pure returns (bytes memory out) {
        if (input.length > size) revert InputTooLong(input.length, size);
        out = new bytes(size);
        for (uint256 i; i < input.length; i++) {
            out[i] = input[i];
        }
    }

    /// @notice Classifies a text by a model whose input is bytes: cut off behind its size, filled up with zeros.
    function classifyText(bytes32 model, string memory text) internal view returns (uint256 label, uint256 margin) {
        (,,,,, uint64 size,) = NATIVE.modelOf(model);
        bytes memory input = bytes(text);
        if (input.length > size) {
            assembly ("memory-safe") {
                mstore(input, size)
            }
        }
        (label,, margin) = NATIVE.classify(model, padded(input, size));
    }
}
