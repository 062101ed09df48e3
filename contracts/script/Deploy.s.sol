// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {vm} from "../test/Vm.sol";
import {MLDSA} from "../src/MLDSA.sol";
import {Notary} from "../src/examples/Notary.sol";
import {IMLDSA} from "../src/interfaces/IMLDSA.sol";

/// @title Deploys the notary and records a signature that another implementation made
/// @notice Takes public key, message and signature from the environment, where `eval "$(node tools/signature.mjs)"` puts
/// them. Run it with `forge script script/Deploy.s.sol --rpc-url URL --private-key KEY --broadcast --skip-simulation
/// --slow`.
/// @dev Forge runs a script in its own EVM first, which has no native contracts, so the answer is given for that run
/// alone. What counts is the broadcast transaction: the chain's own contract decides, and a bad signature reverts it.
contract Deploy {
    function run() external returns (Notary notary) {
        bytes memory pk = vm.envBytes("MLDSA_PK");
        bytes memory message = vm.envBytes("MLDSA_MESSAGE");
        bytes memory sig = vm.envBytes("MLDSA_SIG");
        vm.mockCall(address(MLDSA.NATIVE), abi.encodePacked(IMLDSA.verifyWithContext.selector), abi.encode(true));

        vm.startBroadcast();
        notary = new Notary();
        notary.record(pk, message, sig);
        vm.stopBroadcast();
    }
}
