// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IAI} from "./interfaces/IAI.sol";

/// @title Neural networks for contracts
/// @notice Wraps the native contract at 0x0300.
library AI {
    IAI internal constant NATIVE = IAI(0x0000000000000000000000000000000000000300);

    /// @notice The first bytes of an input, filled up with zeros to exactly so many.
    function fitted(bytes memory input, uint256 size) internal pure returns (bytes memory out) {
        out = new bytes(size);
        uint256 length = input.length < size ? input.length : size;
        for (uint256 i; i < length; i++) {
            out[i] = input[i];
        }
    }

    /// @notice Classifies a text by a model whose input is bytes: cut off behind its size, filled up with zeros.
    function classifyText(bytes32 model, string memory text) internal view returns (uint256 label, uint256 margin) {
        (,,,,, uint64 size,) = NATIVE.modelOf(model);
        (label,, margin) = NATIVE.classify(model, fitted(bytes(text), size));
    }
}
