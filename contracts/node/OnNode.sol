// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @notice The cheat codes that tests on a node use.
interface NodeVm {
    struct FfiResult {
        int32 exitCode;
        bytes stdout;
        bytes stderr;
    }

    function envString(string calldata name) external view returns (string memory);
    function envBytes(string calldata name) external view returns (bytes memory);
    function tryFfi(string[] calldata command) external returns (FfiResult memory);
    function ffi(string[] calldata command) external returns (bytes memory);
    function toString(bytes calldata value) external pure returns (string memory);
    function toString(address value) external pure returns (string memory);
    function toString(uint256 value) external pure returns (string memory);
    function parseJsonAddress(string calldata json, string calldata key) external pure returns (address);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function rpc(string calldata url, string calldata method, string calldata params) external returns (bytes memory);
    function readFileBinary(string calldata path) external view returns (bytes memory);
}

/// @notice Tests that run on a Pars node. Forge's own EVM has no native contracts, so nothing is executed in it but the
/// test itself: contracts are deployed by transactions to the node, calls go to the node, and messages are signed by
/// tools/sign.mjs, outside of both.
/// @dev ETH_RPC_URL (the node), NODE_KEY (of a funded account) and CAST (the program) come from the environment. Run them with
/// `FOUNDRY_PROFILE=node forge test`; `go test ./e2e -run Foundry` does, with a node of its own.
abstract contract OnNode {
    NodeVm internal constant VM = NodeVm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

    /// @notice The gas that the last transaction used.
    uint256 internal gasUsed;

    function cast(string[] memory args) private returns (NodeVm.FfiResult memory) {
        string[] memory all = new string[](args.length + 1);
        all[0] = VM.envString("CAST");
        for (uint256 i; i < args.length; i++) {
            all[i + 1] = args[i];
        }
        return VM.tryFfi(all);
    }

    function transact(string[] memory args) private returns (string memory receipt) {
        string[] memory all = new string[](args.length + 4);
        all[0] = "send";
        all[1] = "--json";
        all[2] = "--private-key";
        all[3] = VM.envString("NODE_KEY");
        for (uint256 i; i < args.length; i++) {
            all[i + 4] = args[i];
        }
        NodeVm.FfiResult memory r = cast(all);
        require(r.exitCode == 0, string(r.stderr));
        receipt = string(r.stdout);
        require(VM.parseJsonUint(receipt, ".status") == 1, "the transaction failed");
        gasUsed = VM.parseJsonUint(receipt, ".gasUsed");
    }

    /// @notice Deploys a contract with a transaction.
    function deploy(bytes memory initcode, uint256 value) internal returns (address) {
        string[] memory args = new string[](4);
        args[0] = "--value";
        args[1] = VM.toString(value);
        args[2] = "--create";
        args[3] = VM.toString(initcode);
        return VM.parseJsonAddress(transact(args), ".contractAddress");
    }

    /// @notice Calls a contract with a transaction, which has to succeed.
    function send(address to, bytes memory data) internal {
        string[] memory args = new string[](2);
        args[0] = VM.toString(to);
        args[1] = VM.toString(data);
        transact(args);
    }

    /// @notice The same with money.
    function pay(address to, uint256 value, bytes memory data) internal {
        string[] memory args = new string[](4);
        args[0] = "--value";
        args[1] = VM.toString(value);
        args[2] = VM.toString(to);
        args[3] = VM.toString(data);
        transact(args);
    }

    /// @notice Calls a contract without a transaction.
    function ask(address to, bytes memory data) internal returns (bytes memory) {
        NodeVm.FfiResult memory r = call(to, data);
        require(r.exitCode == 0, string(r.stderr));
        return r.stdout;
    }

    /// @notice The call has to revert with this custom error.
    function refuses(address to, bytes memory data, bytes4 err, string memory what) internal {
        NodeVm.FfiResult memory r = call(to, data);
        require(r.exitCode != 0, string.concat(what, " was accepted"));
        bytes memory digits = bytes(VM.toString(abi.encodePacked(err)));
        require(contains(r.stderr, digits), string.concat(what, ": ", string(r.stderr)));
    }

    function call(address to, bytes memory data) private returns (NodeVm.FfiResult memory) {
        string[] memory args = new string[](3);
        args[0] = "call";
        args[1] = VM.toString(to);
        args[2] = VM.toString(data);
        return cast(args);
    }

    function contains(bytes memory text, bytes memory part) private pure returns (bool) {
        for (uint256 i; i + part.length <= text.length; i++) {
            uint256 j;
            while (j < part.length && text[i + j] == part[j]) j++;
            if (j == part.length) return true;
        }
        return false;
    }

    /// @notice The account that signs the transactions.
    function sender() internal returns (address) {
        string[] memory args = new string[](4);
        args[0] = "wallet";
        args[1] = "address";
        args[2] = "--private-key";
        args[3] = VM.envString("NODE_KEY");
        NodeVm.FfiResult memory r = cast(args);
        require(r.exitCode == 0, string(r.stderr));
        // tryFfi turns digits into bytes.
        return address(bytes20(r.stdout));
    }

    /// @notice The balance of an account on the node, in wei.
    function balance(address account) internal returns (uint256 wei_) {
        string memory params = string.concat('["', VM.toString(account), '","latest"]');
        bytes memory number = VM.rpc(VM.envString("ETH_RPC_URL"), "eth_getBalance", params);
        for (uint256 i; i < number.length; i++) {
            wei_ = (wei_ << 8) | uint8(number[i]);
        }
    }

    /// @notice What tools/sign.mjs prints for these arguments.
    function outside(string memory a, string memory b, string memory c, string memory d, string memory e)
        internal
        returns (bytes memory)
    {
        string[5] memory given = [a, b, c, d, e];
        uint256 n;
        while (n < 5 && bytes(given[n]).length > 0) n++;
        string[] memory command = new string[](n + 2);
        command[0] = "node";
        command[1] = "tools/sign.mjs";
        for (uint256 i; i < n; i++) {
            command[i + 2] = given[i];
        }
        return VM.ffi(command);
    }
}
