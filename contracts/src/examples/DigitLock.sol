// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {AI} from "../AI.sol";

/// @title A box that opens for a hand-written digit
/// @notice Pays its balance to whoever shows a picture in which the network reads a certain digit clearly.
/// @dev Anybody can find a picture that a public network reads as any digit: this shows how to call a model, and is no
/// proof that somebody can write.
contract DigitLock {
    /// @notice The network: 28 by 28 bytes of grey in, ten numbers out.
    bytes32 public immutable model;

    /// @notice The digit that opens the box.
    uint256 public immutable digit;

    /// @notice How far the second-best digit has to be behind.
    uint256 public immutable margin;

    /// @notice The box was opened.
    event Opened(address indexed by, uint256 amount);

    /// @notice The network reads another digit, or not clearly enough.
    error NotTheDigit(uint256 read, uint256 margin);

    /// @notice The money could not be paid.
    error NotPaid();

    constructor(bytes32 model_, uint256 digit_, uint256 margin_) payable {
        model = model_;
        digit = digit_;
        margin = margin_;
    }

    /// @notice Which digit the network reads, and how clearly.
    function read(bytes calldata picture) public view returns (uint256 label, uint256 clear) {
        (label,, clear) = AI.NATIVE.classify(model, picture);
    }

    /// @notice Opens the box.
    function open(bytes calldata picture) external {
        (uint256 label, uint256 clear) = read(picture);
        if (label != digit || clear < margin) revert NotTheDigit(label, clear);
        uint256 amount = address(this).balance;
        emit Opened(msg.sender, amount);
        (bool ok,) = msg.sender.call{value: amount}("");
        if (!ok) revert NotPaid();
    }
}
