// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {vm} from "./Vm.sol";
import {MLDSA} from "../src/MLDSA.sol";
import {Notary} from "../src/examples/Notary.sol";
import {IMLDSA} from "../src/interfaces/IMLDSA.sol";

/// @notice The library and the notary, with the native contract's answers given.
contract MLDSATest {
    function answer(bool valid) private {
        vm.mockCall(address(MLDSA.NATIVE), abi.encodePacked(IMLDSA.verifyWithContext.selector), abi.encode(valid));
    }

    function test_tryVerifySaysWhatTheContractSays() public {
        answer(true);
        require(MLDSA.tryVerify("pk", "message", "sig", "context"), "a valid signature");
        answer(false);
        require(!MLDSA.tryVerify("pk", "message", "sig", "context"), "a bad signature");
    }

    function testFuzz_notaryRecordsOnce(bytes calldata pk, bytes calldata document, bytes calldata sig) public {
        Notary notary = new Notary();
        answer(false);
        vm.expectRevert(abi.encodeWithSelector(Notary.BadSignature.selector));
        notary.record(pk, document, sig);

        answer(true);
        notary.record(pk, document, sig);
        require(notary.recordedIn(keccak256(pk), keccak256(document)) == block.number, "not recorded");
    }
}
