// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {INativeContract} from "./INativeContract.sol";

/// @title Entities and GraphQL at 0x0000000000000000000000000000000000000500
/// @notice Keeps entities under schemas in GraphQL's language and answers GraphQL queries, from contracts and from
/// outside alike. What is put here is public.
/// @dev spec/graph.md describes the subset of GraphQL, the order of results and the storage. Schemas also have the
/// built-in types: Block, the last 256 blocks; Feed, of the oracle at 0x0501; Pool and Position, of the DEX at 0x0400.
interface IGraph is INativeContract {
    /// @notice owner registered a schema.
    event SchemaRegistered(bytes32 indexed schema, address indexed owner);

    /// @notice A type has a new owner.
    event TypeTransferred(bytes32 indexed schema, string indexed typeName, address indexed owner);

    /// @notice An entity was written.
    event EntityPut(bytes32 indexed schema, string indexed typeName, string id);

    /// @notice An entity was removed.
    event EntityRemoved(bytes32 indexed schema, string indexed typeName, string id);

    /// @notice The schema is refused at a byte.
    error InvalidSchema(uint256 offset, string reason);

    /// @notice Nobody registered this schema.
    error UnknownSchema(bytes32 schema);

    /// @notice The schema declares no such type.
    error UnknownType(bytes32 schema, string typeName);

    /// @notice Another account owns the type, or an account that can't be one was named.
    error NotOwner(address owner);

    /// @notice The fields are not what the type wants; an empty field stands for their encoding.
    error InvalidFields(string field, string reason);

    /// @notice There is no entity with this id.
    error NoEntity(string id);

    /// @notice The query is refused at a byte.
    error QueryRefused(uint256 offset, string reason);

    /// @notice The variables are refused at a byte.
    error VariablesRefused(uint256 offset, string reason);

    /// @notice The result would be longer than 262,144 bytes.
    error ResultTooLarge();

    /// @notice Registers a schema of at most 4,096 bytes. Its types are the caller's. Doing it again changes nothing.
    /// @return schema keccak256 of "pars graph schema v1", the caller and sdl.
    function registerSchema(string memory sdl) external returns (bytes32 schema);

    /// @notice Who registered a schema, and its text.
    function schemaOf(bytes32 schema) external view returns (address owner, string memory sdl);

    /// @notice Gives a type away. Only its owner may.
    function transferType(bytes32 schema, string memory typeName, address to) external;

    /// @notice Who may put and remove entities of a type.
    function ownerOf(bytes32 schema, string memory typeName) external view returns (address owner);

    /// @notice Writes an entity, new or not. Only the type's owner may.
    /// @param fields abi.encode of the values of all fields but id and lists, in the order of the schema: String, Bytes,
    /// Int (int32), BigInt (int256), Boolean, Address as they are in Solidity, a reference as the id (string) of an
    /// entity that is there, or an empty string for none.
    function put(bytes32 schema, string memory typeName, string memory id, bytes memory fields) external;

    /// @notice Removes an entity. References to it read as null from then on. Only the type's owner may.
    function remove(bytes32 schema, string memory typeName, string memory id) external;

    /// @notice Answers a query of at most 2,048 bytes.
    /// @param schema The zero id has the built-in types alone.
    /// @param variables A JSON object of scalars, or an empty string.
    /// @return json {"data":{...}} as JSON.stringify writes it.
    function query(bytes32 schema, string memory query, string memory variables)
        external
        view
        returns (string memory json);
}
