// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @notice What names a pool; its id is keccak256(abi.encode(key)).
/// @param currency0 The lower of both currencies: a token, or zero for PARS.
/// @param fee Of the liquidity providers, in millionths of the input; 0x800000 when the hook sets it.
/// @param tickSpacing Positions end at multiples of it, 1 to 32,767.
/// @param hooks The contract that the manager calls before and after; its address says for what.
struct PoolKey {
    address currency0;
    address currency1;
    uint24 fee;
    int24 tickSpacing;
    address hooks;
}

/// @param liquidityDelta Zero collects fees alone.
/// @param salt Tells positions of one owner with equal ticks apart.
struct ModifyLiquidityParams {
    int24 tickLower;
    int24 tickUpper;
    int256 liquidityDelta;
    bytes32 salt;
}

/// @param amountSpecified Negative for an exact input, positive for an exact output.
/// @param sqrtPriceLimitX96 The root price at which the swap stops.
struct SwapParams {
    bool zeroForOne;
    int256 amountSpecified;
    uint160 sqrtPriceLimitX96;
}

/// @title The pool manager at 0x0000000000000000000000000000000000000400
/// @notice Uniswap v4's: all pools in one contract, which lends without asking between `unlock` and its end, when all
/// accounts have to be even. Selectors, errors, events, storage and transient storage are Uniswap's, so routers,
/// hooks and tools for v4 work as they are, also those compiled against Uniswap's own files.
/// @dev Deltas are two int128 in an int256, currency 0 in the high half; positive is what the caller is owed. Calldata
/// is read as Solidity reads it. DELEGATECALL and CALLCODE revert with DelegateCallNotAllowed.
interface IPoolManager {
    event Initialize(
        bytes32 indexed id,
        address indexed currency0,
        address indexed currency1,
        uint24 fee,
        int24 tickSpacing,
        address hooks,
        uint160 sqrtPriceX96,
        int24 tick
    );
    event ModifyLiquidity(
        bytes32 indexed id,
        address indexed sender,
        int24 tickLower,
        int24 tickUpper,
        int256 liquidityDelta,
        bytes32 salt
    );
    event Swap(
        bytes32 indexed id,
        address indexed sender,
        int128 amount0,
        int128 amount1,
        uint160 sqrtPriceX96,
        uint128 liquidity,
        int24 tick,
        uint24 fee
    );
    event Donate(bytes32 indexed id, address indexed sender, uint256 amount0, uint256 amount1);
    event Transfer(address caller, address indexed from, address indexed to, uint256 indexed id, uint256 amount);
    event Approval(address indexed owner, address indexed spender, uint256 indexed id, uint256 amount);
    event OperatorSet(address indexed owner, address indexed operator, bool approved);
    event OwnershipTransferred(address indexed user, address indexed newOwner);
    event ProtocolFeeControllerUpdated(address indexed protocolFeeController);
    event ProtocolFeeUpdated(bytes32 indexed id, uint24 protocolFee);

    error AlreadyUnlocked();
    error ManagerLocked();
    error CurrencyNotSettled();
    error PoolNotInitialized();
    error TickSpacingTooLarge(int24 tickSpacing);
    error TickSpacingTooSmall(int24 tickSpacing);
    error CurrenciesOutOfOrderOrEqual(address currency0, address currency1);
    error UnauthorizedDynamicLPFeeUpdate();
    error SwapAmountCannotBeZero();
    error NonzeroNativeValue();
    error MustClearExactPositiveDelta();
    error DelegateCallNotAllowed();
    error InvalidCaller();
    error ProtocolFeeTooLarge(uint24 fee);
    error ProtocolFeeCurrencySynced();

    /// @notice Calls the caller back, IUnlockCallback.unlockCallback(data), and returns what that returns. Inside, the
    /// functions below work; in the end nobody may owe or be owed anything.
    function unlock(bytes calldata data) external returns (bytes memory);

    /// @notice Makes a pool at a price. Anybody may, also outside of unlock.
    function initialize(PoolKey memory key, uint160 sqrtPriceX96) external returns (int24 tick);

    /// @notice Changes a position of the caller.
    /// @return callerDelta What the caller is owed or owes, fees and what the hook took included.
    /// @return feesAccrued The fees among it.
    function modifyLiquidity(PoolKey memory key, ModifyLiquidityParams memory params, bytes calldata hookData)
        external
        returns (int256 callerDelta, int256 feesAccrued);

    /// @notice Swaps. What is not reached before the price limit is left.
    function swap(PoolKey memory key, SwapParams memory params, bytes calldata hookData)
        external
        returns (int256 swapDelta);

    /// @notice Gives to the liquidity that is in range.
    function donate(PoolKey memory key, uint256 amount0, uint256 amount1, bytes calldata hookData)
        external
        returns (int256);

    /// @notice Remembers what the manager has of a token; settle credits what came after.
    function sync(address currency) external;

    /// @notice Pays out of the manager.
    function take(address currency, address to, uint256 amount) external;

    /// @notice Credits the caller with the PARS of this call, or with the tokens that came since sync.
    function settle() external payable returns (uint256 paid);

    /// @notice The same for somebody else.
    function settleFor(address recipient) external payable returns (uint256 paid);

    /// @notice Gives up exactly what the caller is owed.
    function clear(address currency, uint256 amount) external;

    /// @notice Turns what the caller is owed into claims, ERC-6909 tokens whose id is the currency's address.
    function mint(address to, uint256 id, uint256 amount) external;

    /// @notice Turns claims into what the caller is owed.
    function burn(address from, uint256 id, uint256 amount) external;

    /// @notice The hook of a pool with a dynamic fee sets it.
    function updateDynamicLPFee(PoolKey memory key, uint24 newDynamicLPFee) external;

    function balanceOf(address owner, uint256 id) external view returns (uint256 amount);
    function allowance(address owner, address spender, uint256 id) external view returns (uint256 amount);
    function isOperator(address owner, address operator) external view returns (bool approved);
    function transfer(address receiver, uint256 id, uint256 amount) external returns (bool);
    function transferFrom(address sender, address receiver, uint256 id, uint256 amount) external returns (bool);
    function approve(address spender, uint256 id, uint256 amount) external returns (bool);
    function setOperator(address operator, bool approved) external returns (bool);
    function supportsInterface(bytes4 interfaceId) external view returns (bool);

    function owner() external view returns (address);
    function transferOwnership(address newOwner) external;
    function protocolFeeController() external view returns (address);
    function protocolFeesAccrued(address currency) external view returns (uint256 amount);
    function setProtocolFeeController(address controller) external;
    function setProtocolFee(PoolKey memory key, uint24 newProtocolFee) external;
    function collectProtocolFees(address recipient, address currency, uint256 amount)
        external
        returns (uint256 amountCollected);

    /// @notice Any slot of storage.
    function extsload(bytes32 slot) external view returns (bytes32);
    function extsload(bytes32 startSlot, uint256 nSlots) external view returns (bytes32[] memory);
    function extsload(bytes32[] calldata slots) external view returns (bytes32[] memory);

    /// @notice Any slot of transient storage.
    function exttload(bytes32 slot) external view returns (bytes32);
    function exttload(bytes32[] calldata slots) external view returns (bytes32[] memory);
}

/// @notice What a caller of unlock has to have.
interface IUnlockCallback {
    function unlockCallback(bytes calldata data) external returns (bytes memory);
}
