// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title What all native contracts of Pars have in common
/// @notice Native contracts take calldata in Solidity's ABI, and only in its canonical form: arguments in order, no
/// gap, no overlap, zero padding, nothing left over. They refuse value. They revert with the errors below or with
/// their own, and then leave the caller the gas they did not use.
interface INativeContract {
    /// @notice The first four bytes of the calldata are no function of this contract, or there are fewer than four.
    error UnknownFunction(bytes4 selector);

    /// @notice The calldata is not the canonical encoding of the function's arguments.
    /// @param offset Where, in bytes after the selector.
    /// @param reason One of "short", "offset", "length", "padding", "range", "trailing bytes".
    error MalformedCalldata(uint256 offset, string reason);

    /// @notice The call carried value, which no native contract can give back.
    error NotPayable();

    /// @notice A contract with state of its own was reached by DELEGATECALL or CALLCODE.
    error DirectCallOnly();

    /// @notice A function that writes was called inside a STATICCALL.
    error ReadOnlyCall();
}
