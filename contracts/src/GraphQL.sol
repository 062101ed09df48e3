// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IGraph} from "./interfaces/IGraph.sol";

/// @title GraphQL for contracts
/// @notice Calls the native contract at 0x0500, and reads numbers out of its answers.
library GraphQL {
    /// @notice The native contract.
    IGraph internal constant NATIVE = IGraph(0x0000000000000000000000000000000000000500);

    /// @notice The schema that has the built-in types alone.
    bytes32 internal constant CHAIN = bytes32(0);

    /// @notice An answer has no number under this key.
    error NoNumber(string key);

    /// @notice Answers a query without variables over the built-in types.
    function ask(string memory query) internal view returns (string memory json) {
        return NATIVE.query(CHAIN, query, "");
    }

    /// @notice The number that stands behind a key the first time, in quotes or not.
    /// @dev Answers are canonical, so "key": is always written without spaces. Give a field an alias to make its key
    /// stand out from texts that others wrote.
    function number(string memory json, string memory key) internal pure returns (int256 value) {
        bytes memory text = bytes(json);
        bytes memory mark = abi.encodePacked('"', key, '":');
        uint256 pos = find(text, mark);
        if (pos == text.length) revert NoNumber(key);
        pos += mark.length;
        if (pos < text.length && text[pos] == '"') pos++;
        bool negative = pos < text.length && text[pos] == "-";
        if (negative) pos++;
        uint256 from = pos;
        while (pos < text.length && text[pos] >= "0" && text[pos] <= "9") {
            value = negative
                ? value * 10 - int256(uint256(uint8(text[pos]) - 48))
                : value * 10 + int256(uint256(uint8(text[pos]) - 48));
            pos++;
        }
        if (pos == from) revert NoNumber(key);
    }

    /// @notice The same for a number that is not negative.
    function natural(string memory json, string memory key) internal pure returns (uint256) {
        int256 value = number(json, key);
        if (value < 0) revert NoNumber(key);
        // forge-lint: disable-next-line(unsafe-typecast) it is not negative
        return uint256(value);
    }

    /// @dev Where part starts in text; text.length when it is not there.
    function find(bytes memory text, bytes memory part) private pure returns (uint256) {
        for (uint256 i; i + part.length <= text.length; i++) {
            uint256 j;
            while (j < part.length && text[i + j] == part[j]) j++;
            if (j == part.length) return i;
        }
        return text.length;
    }
}
