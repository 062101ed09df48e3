// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {OnNode} from "./OnNode.sol";
import {ExampleToken} from "../src/examples/ExampleToken.sol";
import {HookDeployer} from "../src/examples/HookDeployer.sol";
import {PoolRouter} from "../src/examples/PoolRouter.sol";
import {SurgeFeeHook} from "../src/examples/SurgeFeeHook.sol";
import {IPoolManager, PoolKey} from "../src/interfaces/IPoolManager.sol";
import {IQuoter} from "../src/interfaces/IQuoter.sol";

contract PoolsOnNode is OnNode {
    address private constant MANAGER = address(0x0400);
    address private constant QUOTER = address(0x0401);
    uint160 private constant ONE = 1 << 96;

    address private me;
    address private token;
    address private router;
    address private hook;
    PoolKey private plain;
    PoolKey private hooked;

    function setUp() public {
        me = sender();
        token = deploy(abi.encodePacked(type(ExampleToken).creationCode, abi.encode(me, 1e30)), 0);
        router = deploy(type(PoolRouter).creationCode, 0);
        send(token, abi.encodeCall(ExampleToken.approve, (router, type(uint256).max)));

        address deployer = deploy(type(HookDeployer).creationCode, 0);
        bytes memory code = type(SurgeFeeHook).creationCode;
        bytes memory found =
            ask(deployer, abi.encodeCall(HookDeployer.find, (keccak256(code), 0x0080, uint256(uint160(deployer)))));
        uint256 salt;
        (salt, hook) = abi.decode(found, (uint256, address));
        send(deployer, abi.encodeCall(HookDeployer.deploy, (code, salt)));

        plain = PoolKey(address(0), token, 3000, 60, address(0));
        hooked = PoolKey(address(0), token, 0x800000, 60, hook);
        open(plain);
        open(hooked);
    }

    /// @dev Makes a pool at a price of one, with liquidity.
    function open(PoolKey memory key) private {
        send(MANAGER, abi.encodeCall(IPoolManager.initialize, (key, ONE)));
        pay(router, 1 ether, abi.encodeCall(PoolRouter.modify, (key, -6000, 6000, 1e18, -0.5 ether, -0.5 ether, "")));
    }

    function tokens() private returns (uint256) {
        return abi.decode(ask(token, abi.encodeWithSignature("balanceOf(address)", me)), (uint256));
    }

    function quoted(PoolKey memory key, bool exactOut, uint128 amount) private returns (uint128 other) {
        IQuoter.QuoteExactSingleParams memory p = IQuoter.QuoteExactSingleParams(key, true, amount, "");
        bytes memory call_ = exactOut
            ? abi.encodeCall(IQuoter.quoteExactOutputSingle, (p))
            : abi.encodeCall(IQuoter.quoteExactInputSingle, (p));
        (other,) = abi.decode(ask(QUOTER, call_), (uint128, uint256));
    }

    function swap(PoolKey memory key, int256 amount, uint128 limit) private pure returns (bytes memory) {
        return abi.encodeCall(PoolRouter.swap, (key, true, amount, limit, ""));
    }

    function test_aSwapGivesWhatWasQuoted() public {
        uint128 want = quoted(plain, false, 0.01 ether);
        require(want > 0.0098 ether && want < 0.01 ether, "an odd quote");
        uint256 before = tokens();
        pay(router, 0.02 ether, swap(plain, -0.01 ether, want));
        require(tokens() == before + want, "not what was quoted");

        uint128 price = quoted(plain, true, 0.005 ether);
        before = tokens();
        uint256 money = balance(router);
        pay(router, 0.02 ether, swap(plain, 0.005 ether, price));
        require(tokens() == before + 0.005 ether, "not the output that was asked for");
        require(balance(router) == money, "the router kept money");
    }

    function test_aHookSetsTheFee() public {
        uint128 cheap = quoted(hooked, false, 0.01 ether);
        require(cheap == quoted(plain, false, 0.01 ether), "the first swap in a block does not cost 0.3 %");
        uint256 before = tokens();
        pay(router, 0.01 ether, swap(hooked, -0.01 ether, cheap));
        require(tokens() == before + cheap, "not what was quoted");
    }

    function test_liquidityComesBackWithItsFees() public {
        pay(router, 0.1 ether, swap(plain, -0.1 ether, 0));
        uint256 before = tokens();
        send(router, abi.encodeCall(PoolRouter.modify, (plain, -6000, 6000, 0, 0, 0, "")));
        send(router, abi.encodeCall(PoolRouter.modify, (plain, -6000, 6000, -1e18, 0.3 ether, 0.1 ether, "")));
        require(tokens() > before, "no tokens came back");
        bytes memory again = abi.encodeCall(PoolRouter.modify, (plain, -6000, 6000, -1, 0, 0, ""));
        refuses(router, again, bytes4(keccak256("SafeCastOverflow()")), "liquidity that was taken out");
    }
}
