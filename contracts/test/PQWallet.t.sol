// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {vm} from "./Vm.sol";
import {MLDSA} from "../src/MLDSA.sol";
import {PQWallet} from "../src/examples/PQWallet.sol";
import {IMLDSA} from "../src/interfaces/IMLDSA.sol";

/// @notice The wallet's own logic. Forge's EVM has no native contracts, so their answers are given here; the Go test
/// beside these contracts runs the wallet against the real one.
contract PQWalletTest {
    PQWallet private wallet;
    bytes private pk = new bytes(2592);

    function setUp() public {
        pk[0] = 0x01;
        wallet = new PQWallet(pk);
        vm.deal(address(wallet), 10 ether);
        vm.mockCall(address(MLDSA.NATIVE), abi.encodePacked(IMLDSA.verifyWithContext.selector), abi.encode(false));
    }

    /// @dev From here on sig is valid for message, and for nothing else.
    function allow(bytes memory message, bytes memory sig) private {
        vm.mockCall(
            address(MLDSA.NATIVE),
            abi.encodeCall(IMLDSA.verifyWithContext, (pk, message, sig, wallet.CONTEXT())),
            abi.encode(true)
        );
    }

    function testFuzz_signedCallIsCarriedOutOnce(uint256 salt, uint256 value, bytes calldata sig) public {
        address to = address(uint160(uint256(keccak256(abi.encode(salt))))); // nobody's address
        value %= 10 ether;
        allow(wallet.messageFor(to, value, ""), sig);
        uint256 before = to.balance;
        wallet.execute(to, value, "", pk, sig);
        require(to.balance == before + value, "the money did not move");
        require(wallet.nonce() == 1, "the nonce did not rise");

        vm.expectRevert(abi.encodeWithSelector(PQWallet.BadSignature.selector));
        wallet.execute(to, value, "", pk, sig);
    }

    function testFuzz_anotherKeyIsRefused(bytes calldata other) public {
        if (keccak256(other) == keccak256(pk)) return;
        vm.expectRevert(abi.encodeWithSelector(PQWallet.WrongKey.selector, keccak256(other), keccak256(pk)));
        wallet.execute(address(this), 0, "", other, "sig");
    }

    function testFuzz_messagesNeverCollide(address to, uint256 value, bytes calldata data, uint64 chain) public {
        if (chain == 0 || chain == block.chainid) return;
        bytes32 here = keccak256(wallet.messageFor(to, value, data));
        unchecked {
            require(here != keccak256(wallet.messageFor(to, value + 1, data)), "value");
        }
        require(here != keccak256(wallet.messageFor(address(uint160(to) ^ 1), value, data)), "to");
        require(here != keccak256(wallet.messageFor(to, value, bytes.concat(data, hex"00"))), "data");
        require(here != keccak256(new PQWallet(pk).messageFor(to, value, data)), "wallet");
        vm.chainId(chain);
        require(here != keccak256(wallet.messageFor(to, value, data)), "chain");
    }

    function test_onlyTheWalletRotatesItsKey() public {
        vm.expectRevert(abi.encodeWithSelector(PQWallet.OnlySelf.selector));
        wallet.rotate(pk);

        bytes memory next = new bytes(2592);
        next[0] = 0x02;
        bytes memory data = abi.encodeCall(PQWallet.rotate, (next));
        allow(wallet.messageFor(address(wallet), 0, data), "sig");
        wallet.execute(address(wallet), 0, data, pk, "sig");
        require(wallet.keyHash() == keccak256(next), "the key did not change");
    }

    function test_aKeyOfAnotherLengthIsRefused() public {
        vm.expectRevert(abi.encodeWithSelector(PQWallet.NotAKey.selector, 1952));
        new PQWallet(new bytes(1952));
    }

    function fail() external pure {
        revert("no");
    }

    function test_aFailingCallRevertsAll() public {
        bytes memory data = abi.encodeCall(this.fail, ());
        allow(wallet.messageFor(address(this), 0, data), "sig");
        vm.expectRevert(abi.encodeWithSignature("Error(string)", "no"));
        wallet.execute(address(this), 0, data, pk, "sig");
        require(wallet.nonce() == 0, "the nonce rose");
    }
}
