// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IFROST} from "../interfaces/IFROST.sol";

/// @title A treasury that obeys a quorum
/// @notice Carries out what t of n trustees signed together with FROST (RFC 9591). The chain sees one key and one
/// signature: who the trustees are, how many, and which of them signed stays among them.
/// @dev A signature covers (chain id, treasury, nonce, to, value, data). When trustees come and go they share the same
/// group key anew, or the treasury calls its own setKey.
contract FrostTreasury {
    IFROST private constant FROST = IFROST(address(0x0800));

    /// @notice The suite of IFROST, 1 to 5.
    uint8 public suite;

    /// @notice The group's key.
    bytes public groupKey;

    /// @notice The nonce that the next signature has to name.
    uint256 public nonce;

    /// @notice A signed call was carried out.
    event Executed(uint256 indexed nonce, address indexed to, uint256 value, bytes data);

    /// @notice Another group commands from now on.
    event KeySet(uint8 suite, bytes groupKey);

    /// @notice The signature is not one by the group over this very call.
    error BadSignature();

    /// @notice Only a call that the treasury makes to itself may do this.
    error OnlySelf();

    constructor(uint8 suite_, bytes memory groupKey_) payable {
        suite = suite_;
        groupKey = groupKey_;
        emit KeySet(suite_, groupKey_);
    }

    /// @notice Takes money from anybody.
    receive() external payable {}

    /// @notice What the trustees sign for the next call.
    function messageFor(address to, uint256 value, bytes calldata data) public view returns (bytes memory) {
        return abi.encode(block.chainid, address(this), nonce, to, value, data);
    }

    /// @notice Carries out a call that the group signed. Anybody may send it.
    /// @return result What the call returned. A call that reverts makes all of it revert, nonce included.
    function execute(address to, uint256 value, bytes calldata data, bytes calldata signature)
        external
        returns (bytes memory result)
    {
        if (!FROST.verify(suite, groupKey, messageFor(to, value, data), signature)) revert BadSignature();
        emit Executed(nonce++, to, value, data);

        bool success;
        (success, result) = to.call{value: value}(data);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(result, 32), mload(result))
            }
        }
    }

    /// @notice Makes the treasury obey another group; the treasury has to call it itself.
    function setKey(uint8 suite_, bytes calldata groupKey_) external {
        if (msg.sender != address(this)) revert OnlySelf();
        suite = suite_;
        groupKey = groupKey_;
        emit KeySet(suite_, groupKey_);
    }
}
