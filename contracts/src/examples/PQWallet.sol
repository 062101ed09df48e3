// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {MLDSA} from "../MLDSA.sol";

/// @title A wallet that obeys an ML-DSA-87 key
/// @notice Whoever brings a signature by the key may have it carried out; no ECDSA key has any power over the wallet.
/// @dev The wallet keeps the hash of the public key, 32 bytes instead of 2,592, and the caller brings the key along.
/// The signature covers (chain id, wallet, nonce, to, value, data), so that it is good for one call of one wallet on
/// one chain. To change keys, the wallet calls its own rotate.
contract PQWallet {
    /// @notice The context of every signature (FIPS 204, section 5.2).
    bytes public constant CONTEXT = "pars/PQWallet/v1";

    /// @notice keccak256 of the public key that the wallet obeys.
    bytes32 public keyHash;

    /// @notice The nonce that the next signature has to name.
    uint256 public nonce;

    /// @notice A signed call was carried out.
    event Executed(uint256 indexed nonce, address indexed to, uint256 value, bytes data);

    /// @notice The wallet obeys another key from now on.
    event Rotated(bytes32 indexed oldKeyHash, bytes32 indexed newKeyHash);

    /// @notice The public key is not the one the wallet obeys.
    error WrongKey(bytes32 got, bytes32 want);

    /// @notice The signature is not one by the key over this very call.
    error BadSignature();

    /// @notice Only a call that the wallet makes to itself may do this.
    error OnlySelf();

    /// @notice The key is not one of ML-DSA-87.
    error NotAKey(uint256 length);

    /// @param pk The ML-DSA-87 public key, 2,592 bytes.
    constructor(bytes memory pk) payable {
        if (pk.length != MLDSA.PUBLIC_KEY_87) revert NotAKey(pk.length);
        keyHash = keccak256(pk);
        emit Rotated(0, keyHash);
    }

    /// @notice Takes money from anybody.
    receive() external payable {}

    /// @notice What a signature has to cover for the next call.
    function messageFor(address to, uint256 value, bytes calldata data) public view returns (bytes memory) {
        return abi.encode(block.chainid, address(this), nonce, to, value, data);
    }

    /// @notice Carries out a call that the key signed. Anybody may send it.
    /// @return result What the call returned. A call that reverts makes all of it revert, nonce included.
    function execute(address to, uint256 value, bytes calldata data, bytes calldata pk, bytes calldata sig)
        external
        returns (bytes memory result)
    {
        bytes32 want = keyHash;
        bytes32 got = keccak256(pk);
        if (got != want) revert WrongKey(got, want);
        if (!MLDSA.verify(pk, messageFor(to, value, data), sig, CONTEXT)) revert BadSignature();
        emit Executed(nonce++, to, value, data);

        bool success;
        (success, result) = to.call{value: value}(data);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(result, 32), mload(result))
            }
        }
    }

    /// @notice Makes the wallet obey another key; the wallet has to call it itself.
    /// @param pk The new ML-DSA-87 public key.
    function rotate(bytes calldata pk) external {
        if (msg.sender != address(this)) revert OnlySelf();
        if (pk.length != MLDSA.PUBLIC_KEY_87) revert NotAKey(pk.length);
        bytes32 old = keyHash;
        keyHash = keccak256(pk);
        emit Rotated(old, keyHash);
    }
}
