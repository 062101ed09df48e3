// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {INativeContract} from "./INativeContract.sol";

/// @title Pedersen hash and commitment at 0x0000000000000000000000000000000000000901
/// @notice Starknet's Pedersen hash, and commitments value x G + blinding x H on BN254 (EIP-196's curve). What is passed
/// in is public: compute a commitment on chain only to open it, and off chain to make it.
/// @dev G is (1, 2). H is the RFC 9380 hash to the curve, suite BN254G1_XMD:SHA-256_SVDW_RO_, of "pars pedersen
/// commitment: blinding generator" under the tag "PARS-V01-CS01-with-BN254G1_XMD:SHA-256_SVDW_RO_", so nobody knows its
/// logarithm. Commitments add up with EIP-196's ecAdd as their openings do. The point at infinity is (0, 0).
interface IPedersen is INativeContract {
    /// @notice Argument index is not below the field's modulus or the group's order.
    error NotInField(uint256 index);

    /// @notice Starknet's Pedersen hash of two elements of the STARK field.
    function starknet(uint256 a, uint256 b) external pure returns (uint256 hash);

    /// @notice The commitment to value with the given blinding, both below BN254's group order.
    function commit(uint256 value, uint256 blinding) external pure returns (uint256 x, uint256 y);

    /// @notice Whether (x, y) is the commitment to value with the given blinding.
    function opens(uint256 x, uint256 y, uint256 value, uint256 blinding) external pure returns (bool valid);

    /// @notice The two generators, G and H.
    function generators() external pure returns (uint256 gx, uint256 gy, uint256 hx, uint256 hy);
}
