// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Vault} from "./Vault.sol";
import {IVaultFactory} from "../interfaces/IVaultFactory.sol";
import {IPoolManager, PoolKey} from "../interfaces/IPoolManager.sol";

/// @title The factory of vaults, whose code genesis puts at 0x0402
contract VaultFactory is IVaultFactory {
    IPoolManager private constant MANAGER = IPoolManager(0x0000000000000000000000000000000000000400);

    mapping(bytes32 poolId => address) public vaultOf;

    function create(PoolKey calldata key) external returns (address vault) {
        bytes32 id = keccak256(abi.encode(key));
        vault = vaultOf[id];
        if (vault != address(0)) return vault;
        if (uint160(uint256(MANAGER.extsload(keccak256(abi.encode(id, 6))))) == 0) revert NoSuchPool(id);
        Vault made = new Vault{salt: id}(key);
        vault = address(made);
        vaultOf[id] = vault;
        emit VaultCreated(id, vault, made.asset());
    }
}
