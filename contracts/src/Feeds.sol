// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IOracleFeeds} from "./interfaces/IOracleFeeds.sol";

/// @title Data feeds for contracts
/// @notice Calls the native contract at 0x0501.
library Feeds {
    /// @notice The native contract.
    IOracleFeeds internal constant NATIVE = IOracleFeeds(0x0000000000000000000000000000000000000501);

    /// @notice A price has to be above zero.
    error NotAPrice(int224 value);

    /// @notice The id of the feed that an account signs under a name, as `parsctl oracle push --feed NAME` makes it.
    function idOf(address airnode, string memory name) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(airnode, keccak256(bytes(name))));
    }

    /// @notice The newest value as a price: above zero, and at most maxAge seconds old.
    function price(bytes32 feedId, uint32 maxAge) internal view returns (uint256) {
        (int224 value,) = NATIVE.readFresh(feedId, maxAge);
        if (value <= 0) revert NotAPrice(value);
        // forge-lint: disable-next-line(unsafe-typecast) it is positive
        return uint256(int256(value));
    }
}
