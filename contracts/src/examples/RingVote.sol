// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IRing} from "../interfaces/IRing.sol";

/// @title A vote of known people whose single votes nobody can attribute
/// @notice Every voter has an edwards25519 key in the ring. A vote is an LSAG signature by one of them: it shows that a
/// member voted, not which, and its key image keeps that member from voting twice.
/// @dev Anybody may send a vote, and a voter should let somebody else: the sender's account is public. A key has the
/// same image wherever it signs, so use a fresh key for every vote, or two votes by one key are seen to be. How
/// somebody voted stays provable to a buyer: this is a secret vote, not a receipt-free one.
contract RingVote {
    IRing private constant RING = IRing(address(0x0700));

    /// @notice How many answers there are to choose from, from 0.
    uint256 public immutable choices;

    /// @notice Votes are taken until this block time, in seconds.
    uint256 public immutable closes;

    /// @notice Votes for each answer.
    mapping(uint256 choice => uint256 votes) public votesFor;

    bytes32[] private _members;

    /// @notice A member voted.
    event Voted(uint256 indexed choice, bytes32 indexed image);

    /// @notice The vote is over.
    error Closed();

    /// @notice There is no such answer.
    error UnknownChoice(uint256 choice);

    /// @param members_ The voters' keys, 2 to 64.
    constructor(bytes32[] memory members_, uint256 choices_, uint256 closes_) {
        _members = members_;
        choices = choices_;
        closes = closes_;
    }

    /// @notice The ring, in the order that signatures have to use.
    function members() external view returns (bytes32[] memory) {
        return _members;
    }

    /// @notice What a voter signs.
    function messageFor(uint256 choice) public view returns (bytes memory) {
        return abi.encode(block.chainid, address(this), choice);
    }

    /// @notice Counts a vote. Reverts with the errors of IRing for a signature that is wrong or a second one.
    function vote(uint256 choice, bytes32 image, bytes calldata signature) external {
        // A proposer moves the block time by a second or two, and no vote hangs on that.
        // forge-lint: disable-next-line(block-timestamp)
        if (block.timestamp >= closes) revert Closed();
        if (choice >= choices) revert UnknownChoice(choice);
        votesFor[choice]++;
        emit Voted(choice, image);
        RING.useLSAG(_members, image, messageFor(choice), signature);
    }
}
