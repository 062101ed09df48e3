// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {MLDSA} from "../MLDSA.sol";

/// @title A register of signed documents
/// @notice Keeps, for each document, who has put an ML-DSA signature under it and in which block.
contract Notary {
    /// @notice The block in which signer's signature of a document was recorded, 0 if it was not.
    /// @dev By keccak256 of the public key, then keccak256 of the document.
    mapping(bytes32 signer => mapping(bytes32 document => uint256 blockNumber)) public recordedIn;

    /// @notice A valid signature was recorded.
    event Recorded(bytes32 indexed signer, bytes32 indexed document);

    /// @notice The signature is not valid.
    error BadSignature();

    /// @notice Records that the holder of pk signed document, with an empty context. Any mode will do.
    function record(bytes calldata pk, bytes calldata document, bytes calldata sig) external {
        if (!MLDSA.verify(pk, document, sig, "")) revert BadSignature();
        bytes32 signer = keccak256(pk);
        bytes32 hash = keccak256(document);
        if (recordedIn[signer][hash] == 0) recordedIn[signer][hash] = block.number;
        emit Recorded(signer, hash);
    }
}
