// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {INativeContract} from "./INativeContract.sol";

/// @title Linkable ring signatures at 0x0000000000000000000000000000000000000700
/// @notice Shows that one of 2 to 64 members signed, and never which. A key image is the same for every signature by one
/// key, so a second vote or spend is recognised. Ring, image, message and signature are public; a ring whose other
/// members are known not to have signed hides nobody.
/// @dev Members, images, commitments and offsets are encoded edwards25519 points (RFC 8032, 5.1.2): canonical, not of
/// small order, images of prime order. Hash to the curve and CLSAG are Monero's. LSAG is described in spec/ring.md.
/// Members of a ring are compared in the order given. Malformed input reverts; a signature that is not valid is no error
/// for verify, and reverts in use.
interface IRing is INativeContract {
    /// @notice account used a key image.
    event KeyImageUsed(address indexed account, bytes32 indexed image);

    /// @notice A ring has 2 to 64 distinct members.
    error RingMembers();

    /// @notice Bytes that are not the one encoding of a usable point.
    error Point();

    /// @notice A signature has another length than the ring wants, or a scalar at or above the group's order.
    error SignatureEncoding();

    /// @notice There is not one commitment for each member.
    error CommitmentCount(uint256 count, uint256 want);

    /// @notice The signature to be used is not valid.
    error InvalidSignature();

    /// @notice The caller has used this key image before.
    error ImageUsed(bytes32 image);

    /// @notice Whether signature is an LSAG signature of message by a member of ring, with this key image.
    function verifyLSAG(bytes32[] memory ring, bytes32 image, bytes memory message, bytes memory signature)
        external
        pure
        returns (bool valid);

    /// @notice Whether signature is a CLSAG signature of message by a member of ring whose commitment minus offset opens
    /// to zero.
    /// @param signature Responses, challenge, key image, auxiliary image: 32 bytes each, n + 3 of them.
    function verifyCLSAG(
        bytes32[] memory ring,
        bytes32[] memory commitments,
        bytes32 offset,
        bytes32 message,
        bytes memory signature
    ) external pure returns (bool valid);

    /// @notice Verifies an LSAG signature and remembers its key image for the caller, once and for ever.
    /// @dev Images are kept for each calling contract apart. Reverts with InvalidSignature or ImageUsed.
    function useLSAG(bytes32[] memory ring, bytes32 image, bytes memory message, bytes memory signature) external;

    /// @notice Verifies a CLSAG signature and remembers its key image for the caller, once and for ever.
    function useCLSAG(
        bytes32[] memory ring,
        bytes32[] memory commitments,
        bytes32 offset,
        bytes32 message,
        bytes memory signature
    ) external returns (bytes32 image);

    /// @notice Whether account has used this key image.
    function isUsed(address account, bytes32 image) external view returns (bool used);
}
