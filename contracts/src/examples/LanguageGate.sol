// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {AI} from "../AI.sol";

/// @title A board for one language
/// @notice Takes posts that a network recognises as the language of the board: English, Persian in Latin letters
/// (Finglish), or Persian.
contract LanguageGate {
    /// @notice The network: 64 bytes of UTF-8 in, three numbers out.
    bytes32 public immutable model;

    /// @notice The label of the language.
    uint256 public immutable language;

    /// @notice Somebody posted.
    event Posted(address indexed by, string text);

    /// @notice The text is in another language.
    error OtherLanguage(uint256 label);

    constructor(bytes32 model_, uint256 language_) {
        model = model_;
        language = language_;
    }

    /// @notice Posts a text.
    function post(string calldata text) external {
        (uint256 label,) = AI.classifyText(model, text);
        if (label != language) revert OtherLanguage(label);
        emit Posted(msg.sender, text);
    }
}
