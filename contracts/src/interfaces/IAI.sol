// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {INativeContract} from "./INativeContract.sol";

/// @title Neural networks at 0x0000000000000000000000000000000000000300
/// @notice Keeps neural networks in whole numbers and runs them: every node computes the same bits.
/// @dev spec/ai.md has the encoding and every operator; `parsctl ai import` makes models of quantised ONNX networks. A
/// model is uploaded in chunks, in as many transactions as it takes, and registered once they are all there. Its id is
/// the keccak256 of its encoding, whoever registers it.
interface IAI is INativeContract {
    /// @notice A piece of a model was stored.
    event ChunkStored(bytes32 indexed chunk, address indexed by, uint256 size);

    /// @notice A model was registered.
    event ModelRegistered(bytes32 indexed model, address indexed by, uint256 size, uint256 macs);

    /// @notice A chunk is empty, longer than 24,575 bytes, or shorter although others follow it.
    error InvalidChunk(uint256 size);

    /// @notice No chunk has this hash.
    error UnknownChunk(bytes32 chunk);

    /// @notice The bytes are no model. node counts operators from 1; 0 is the input or the whole.
    /// @param reason One of "truncated", "trailing bytes", "version", "too large", "input", "operator", "operand",
    /// "field", "unused", "int32 overflow", "index out of table".
    error InvalidModel(uint256 node, string reason);

    /// @notice No model has this id.
    error UnknownModel(bytes32 model);

    /// @notice The input has size bytes instead of want, or, where both are equal, an element beyond its bounds.
    error InvalidInput(uint256 size, uint256 want, uint256 element);

    /// @notice Stores a piece of a model and returns its keccak256. All pieces have 24,575 bytes but the last. Storing
    /// one again changes nothing.
    function putChunk(bytes memory data) external returns (bytes32 chunk);

    /// @notice The size of a chunk in bytes, 0 when it is not there.
    function sizeOfChunk(bytes32 chunk) external view returns (uint256 size);

    /// @notice Checks and registers the model that the chunks make, and returns its id. Registering one again changes
    /// nothing.
    /// @dev Refuses a model in which any input within its bounds could make a sum leave int32.
    function registerModel(bytes32[] memory chunks) external returns (bytes32 model);

    /// @notice What is known of a model.
    /// @return registrant Who registered it.
    /// @return blockNumber In which block.
    /// @return size Its encoding, in bytes.
    /// @return macs The products that an inference adds up.
    /// @return inferGas What infer and classify cost beside 300 gas and 4 a word of calldata.
    /// @return inputSize The length of its input, in bytes.
    /// @return outputs How many numbers it gives.
    function modelOf(bytes32 model)
        external
        view
        returns (
            address registrant,
            uint64 blockNumber,
            uint64 size,
            uint64 macs,
            uint64 inferGas,
            uint64 inputSize,
            uint64 outputs
        );

    /// @notice The chunks of a model: their accounts' code is the model.
    function chunksOf(bytes32 model) external view returns (bytes32[] memory chunks);

    /// @notice How many models there are.
    function modelCount() external view returns (uint256 count);

    /// @notice The id of a model, in the order of registration; 0 beyond the last.
    function modelAt(uint256 index) external view returns (bytes32 model);

    /// @notice Runs a model on an input of exactly its size.
    function infer(bytes32 model, bytes memory input) external view returns (int32[] memory output);

    /// @notice Runs a model and picks the greatest number, the first of equal ones.
    /// @return label Its place.
    /// @return score The number.
    /// @return margin How far the next one is below; 0 also where there is none.
    function classify(bytes32 model, bytes memory input)
        external
        view
        returns (uint256 label, int256 score, uint256 margin);
}
