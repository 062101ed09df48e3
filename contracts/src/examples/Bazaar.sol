// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {GraphQL} from "../GraphQL.sol";

/// @title A market place whose offers anybody can query
/// @notice Offers are entities of the Graph contract: this contract keeps no list and no index of its own, and still finds
/// the cheapest offer, on chain. People read the same offers at /graphql/0x and the schema's id.
contract Bazaar {
    /// @notice The schema that this contract registered.
    bytes32 public immutable schema;

    /// @notice How many offers were ever made.
    uint256 public offers;

    /// @notice The price of an offer that is open, in wei, plus one.
    mapping(uint256 offer => uint256 price) private _price;

    mapping(uint256 offer => address seller) private _seller;

    /// @notice Only a price that fits is one.
    error BadPrice(uint256 price);

    /// @notice The offer is not open.
    error NotOpen(uint256 offer);

    /// @notice The payment is not the price.
    error WrongPayment(uint256 got, uint256 want);

    /// @notice The seller takes no money.
    error NotPaid(address seller);

    constructor() {
        schema = GraphQL.NATIVE
            .registerSchema(
                "type Seller { id: ID! account: Address! @index offers: [Offer!]! @derivedFrom(field: \"seller\") } "
                "type Offer { id: ID! seller: Seller @index title: String! price: BigInt! @index }"
            );
    }

    /// @notice Offers something for sale.
    function offer(string calldata title, uint256 price) external returns (uint256 number) {
        if (price > type(uint128).max) revert BadPrice(price);
        number = ++offers;
        _price[number] = price + 1;
        _seller[number] = msg.sender;
        string memory seller = hexOf(msg.sender);
        GraphQL.NATIVE.put(schema, "Seller", seller, abi.encode(msg.sender));
        // forge-lint: disable-next-line(unsafe-typecast) it has at most 128 bits
        GraphQL.NATIVE.put(schema, "Offer", decimal(number), abi.encode(seller, title, int256(price)));
    }

    /// @notice Buys what is on offer, and takes the offer away.
    function buy(uint256 number) external payable {
        uint256 price = _price[number];
        if (price == 0) revert NotOpen(number);
        if (msg.value != price - 1) revert WrongPayment(msg.value, price - 1);
        delete _price[number];
        GraphQL.NATIVE.remove(schema, "Offer", decimal(number));
        (bool paid,) = _seller[number].call{value: msg.value}("");
        if (!paid) revert NotPaid(_seller[number]);
    }

    /// @notice The number and the price of the cheapest offer, by a query. Reverts when there is none.
    function cheapest() external view returns (uint256 number, uint256 price) {
        string memory json =
            GraphQL.NATIVE.query(schema, "{ offers(orderBy: price, first: 1) { nodes { id price } } }", "");
        return (GraphQL.natural(json, "id"), GraphQL.natural(json, "price"));
    }

    /// @notice The newest value of an oracle's feed, by a query.
    function feedValue(bytes32 feedId) external view returns (int256 value) {
        return GraphQL.number(
            GraphQL.ask(string.concat("{ feed(id: \"", hexOf(abi.encodePacked(feedId)), "\") { value } }")), "value"
        );
    }

    /// @notice Price and liquidity of a pool of the DEX, by a query. Reverts when there is no such pool.
    function poolPrice(bytes32 poolId) external view returns (uint256 sqrtPriceX96, uint256 liquidity) {
        string memory json = GraphQL.ask(
            string.concat("{ pool(id: \"", hexOf(abi.encodePacked(poolId)), "\") { sqrtPriceX96 liquidity } }")
        );
        return (GraphQL.natural(json, "sqrtPriceX96"), GraphQL.natural(json, "liquidity"));
    }

    function hexOf(address account) private pure returns (string memory) {
        return hexOf(abi.encodePacked(account));
    }

    function hexOf(bytes memory data) private pure returns (string memory) {
        bytes16 digits = "0123456789abcdef";
        bytes memory out = new bytes(2 + 2 * data.length);
        (out[0], out[1]) = ("0", "x");
        for (uint256 i; i < data.length; i++) {
            out[2 + 2 * i] = digits[uint8(data[i]) >> 4];
            out[3 + 2 * i] = digits[uint8(data[i]) & 15];
        }
        return string(out);
    }

    function decimal(uint256 n) private pure returns (string memory) {
        bytes10 digits = "0123456789";
        bytes memory out;
        do {
            out = abi.encodePacked(digits[n % 10], out);
            n /= 10;
        } while (n > 0);
        return string(out);
    }
}
