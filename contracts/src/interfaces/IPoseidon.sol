// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {INativeContract} from "./INativeContract.sol";

/// @title Poseidon hashes at 0x0000000000000000000000000000000000000900
/// @notice The hash that circom circuits use, over the scalar field of BN254, and Starknet's, over the STARK field.
/// @dev Results equal circomlib's Poseidon(n) and Starknet's poseidon_hash and poseidon_hash_many. Inputs are field
/// elements; a number at or above the modulus reverts rather than being reduced. Prices are in docs/precompiles/gas.md.
interface IPoseidon is INativeContract {
    /// @notice circom's Poseidon takes 1 to 16 inputs, starknetMany at most 1,024.
    error InputCount(uint256 count);

    /// @notice Input index is not below the field's modulus.
    error NotInField(uint256 index);

    /// @notice circom's Poseidon of 1 to 16 elements of BN254's scalar field.
    function bn254(uint256[] memory inputs) external pure returns (uint256 hash);

    /// @notice Starknet's Poseidon of two elements of the STARK field.
    function starknet(uint256 a, uint256 b) external pure returns (uint256 hash);

    /// @notice Starknet's Poseidon of up to 1,024 elements of the STARK field.
    function starknetMany(uint256[] memory inputs) external pure returns (uint256 hash);
}
