// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @notice The functions of a pool manager that a puppet needs to get even.
interface Manager {
    function sync(address currency) external;
    function settle() external payable returns (uint256);
    function take(address currency, address to, uint256 amount) external;
    function clear(address currency, uint256 amount) external;
    function mint(address to, uint256 id, uint256 amount) external;
    function burn(address from, uint256 id, uint256 amount) external;
    function balanceOf(address owner, uint256 id) external view returns (uint256);
    function exttload(bytes32 slot) external view returns (bytes32);
}

interface Transferable {
    function transfer(address to, uint256 amount) external;
}

/// @notice Does what a test tells it, as a router, as a hook and from inside a token, and logs all that it is given.
contract Puppet {
    /// @dev The test writes it, slot 0.
    address internal manager;

    struct Op {
        uint8 kind;
        address target;
        uint256 value;
        bytes data;
    }

    struct Answer {
        bool reverts;
        bytes data;
        Op[] ops;
    }

    uint8 internal constant CALL = 0;
    uint8 internal constant EVEN = 1;
    uint8 internal constant REVERT = 2;

    mapping(bytes4 function_ => bytes encoded) private answers;

    event Did(bool ok, bytes data);
    event Called(bytes data);
    /// @dev Shows what happened when the logs of it are lost.
    error Outcomes(bytes outcomes);

    /// @notice How the puppet answers a call of a function that it doesn't have.
    function program(bytes4 function_, Answer calldata answer) external {
        answers[function_] = abi.encode(answer);
    }

    function run(Op[] calldata ops) external payable {
        for (uint256 i; i < ops.length; i++) {
            act(ops[i]);
        }
    }

    function unlockCallback(bytes calldata data) external returns (bytes memory) {
        emit Called(data);
        Op[] memory ops = abi.decode(data, (Op[]));
        bytes memory outcomes;
        for (uint256 i; i < ops.length; i++) {
            if (ops[i].kind == REVERT) revert Outcomes(outcomes);
            outcomes = bytes.concat(outcomes, act(ops[i]));
        }
        return abi.encode(ops.length);
    }

    function act(Op memory op) internal returns (bytes memory data) {
        if (op.kind == EVEN) {
            (address currency, uint8 how) = abi.decode(op.data, (address, uint8));
            even(currency, how);
            return "";
        }
        address target = op.target == address(0) ? manager : op.target;
        bool ok;
        (ok, data) = target.call{value: op.value}(op.data);
        emit Did(ok, data);
    }

    /// @notice Pays what the puppet owes, or takes what it is owed: out, as claims, or not at all.
    // forge-lint: disable-start(unsafe-typecast)
    function even(address currency, uint8 how) internal {
        Manager m = Manager(manager);
        int256 owed = int256(uint256(m.exttload(keccak256(abi.encode(address(this), currency)))));
        if (owed < 0) {
            uint256 amount = uint256(-owed);
            if (how == 1 && m.balanceOf(address(this), uint160(currency)) >= amount) {
                m.burn(address(this), uint160(currency), amount);
            } else if (currency == address(0)) {
                m.sync(currency);
                m.settle{value: amount}();
            } else {
                m.sync(currency);
                Transferable(currency).transfer(manager, amount);
                m.settle();
            }
        } else if (owed > 0) {
            if (how == 1) m.mint(address(this), uint160(currency), uint256(owed));
            else if (how == 2) m.clear(currency, uint256(owed));
            else m.take(currency, address(this), uint256(owed));
        }
    }
    // forge-lint: disable-end(unsafe-typecast)

    receive() external payable {}

    fallback(bytes calldata data) external payable returns (bytes memory) {
        emit Called(data);
        bytes memory encoded = answers[msg.sig];
        if (encoded.length == 0) {
            // The answer of a hook that wants nothing: beforeSwap's has three words.
            if (msg.sig == 0x575e24b4) return abi.encode(msg.sig, 0, 0);
            return abi.encode(msg.sig, 0);
        }
        Answer memory answer = abi.decode(encoded, (Answer));
        for (uint256 i; i < answer.ops.length; i++) {
            act(answer.ops[i]);
        }
        if (!answer.reverts) return answer.data;
        bytes memory reason = answer.data;
        assembly {
            revert(add(reason, 32), mload(reason))
        }
    }
}

/// @notice An ERC-20 token that can misbehave, and do as a puppet does while it moves money.
contract PuppetToken is Puppet {
    /// @dev The test writes them, slots 2 and 3.
    uint256 private mode;
    mapping(address owner => uint256) private balances;

    uint256 private constant TAKES_A_FEE = 1;
    uint256 private constant RETURNS_NOTHING = 2;
    uint256 private constant RETURNS_FALSE = 4;
    uint256 private constant RETURNS_TWO = 8;
    uint256 private constant BALANCE_WRITES = 16;
    uint256 private constant BALANCE_REVERTS = 32;
    uint256 private constant BALANCE_IS_SHORT = 64;
    uint256 private constant TRANSFER_REVERTS = 128;
    uint256 private constant TRANSFER_CALLS = 256;
    uint256 private constant SENDER_MATTERS = 512;
    uint256 private constant RETURNS_A_BYTE_LESS = 1024;

    uint256 private asked;

    error No(address who);
    event Moved(address indexed from, address indexed to, uint256 amount);

    function setMode(uint256 mode_) external {
        mode = mode_;
    }

    function balanceOf(address owner) external returns (uint256 amount) {
        if (mode & BALANCE_WRITES != 0) asked++;
        if (mode & BALANCE_REVERTS != 0) revert No(owner);
        if (mode & SENDER_MATTERS != 0 && msg.sender != owner) revert No(msg.sender);
        amount = balances[owner];
        if (mode & BALANCE_IS_SHORT != 0) {
            assembly {
                mstore(0, amount)
                return(0, 31)
            }
        }
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        if (mode & TRANSFER_REVERTS != 0) revert No(to);
        if (mode & TRANSFER_CALLS != 0) {
            // In a call: what it does may fail without failing the transfer.
            (bool ok,) = address(this).call(abi.encodeWithSelector(0xca11ca11));
            emit Did(ok, "");
        }
        balances[msg.sender] -= amount;
        uint256 arrives = mode & TAKES_A_FEE != 0 ? amount - amount / 100 : amount;
        balances[to] += arrives;
        emit Moved(msg.sender, to, arrives);
        uint256 answer = mode & RETURNS_FALSE != 0 ? 0 : mode & RETURNS_TWO != 0 ? 2 : 1;
        uint256 size = mode & RETURNS_NOTHING != 0 ? 0 : mode & RETURNS_A_BYTE_LESS != 0 ? 31 : 32;
        assembly {
            mstore(0, answer)
            return(0, size)
        }
    }
}
