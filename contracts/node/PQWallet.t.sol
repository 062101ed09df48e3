// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {OnNode} from "./OnNode.sol";
import {PQWallet} from "../src/examples/PQWallet.sol";

contract PQWalletOnNode is OnNode {
    address private constant TO = address(0x70_0001);
    address private wallet;
    bytes private pk;

    function setUp() public {
        pk = outside("mldsa-key", "owner", "", "", "");
        wallet = deploy(abi.encodePacked(type(PQWallet).creationCode, abi.encode(pk)), 1 ether);
    }

    function signed(string memory who, address to, uint256 value, bytes memory data) private returns (bytes memory) {
        bytes memory message = abi.decode(ask(wallet, abi.encodeCall(PQWallet.messageFor, (to, value, data))), (bytes));
        return outside("mldsa", who, VM.toString(message), VM.toString(bytes("pars/PQWallet/v1")), "");
    }

    function test_theKeyMovesMoneyOnceAndIsReplaced() public {
        bytes memory sig = signed("owner", TO, 400, "");
        bytes memory right = abi.encodeCall(PQWallet.execute, (TO, 400, "", pk, sig));
        bytes memory next = outside("mldsa-key", "heir", "", "", "");

        refuses(
            wallet,
            abi.encodeCall(PQWallet.execute, (TO, 401, "", pk, sig)),
            PQWallet.BadSignature.selector,
            "another amount"
        );
        refuses(
            wallet,
            abi.encodeCall(PQWallet.execute, (TO, 400, "", next, sig)),
            PQWallet.WrongKey.selector,
            "another key"
        );
        uint256 before = balance(TO);
        send(wallet, right);
        require(balance(TO) == before + 400, "the money did not move");
        refuses(wallet, right, PQWallet.BadSignature.selector, "the same signature again");

        bytes memory rotate = abi.encodeCall(PQWallet.rotate, (next));
        send(wallet, abi.encodeCall(PQWallet.execute, (wallet, 0, rotate, pk, signed("owner", wallet, 0, rotate))));
        refuses(
            wallet,
            abi.encodeCall(PQWallet.execute, (TO, 1, "", pk, signed("owner", TO, 1, ""))),
            PQWallet.WrongKey.selector,
            "the old key"
        );
        send(wallet, abi.encodeCall(PQWallet.execute, (TO, 1, "", next, signed("heir", TO, 1, ""))));
        require(balance(TO) == before + 401, "the new key did not move money");
    }
}
