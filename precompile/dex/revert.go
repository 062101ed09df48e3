package dex

import (
	"encoding/binary"
	"fmt"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"
	"github.com/holiman/uint256"
)

// selector is the first four bytes of the hash of a signature.
type selector [4]byte

func selectorOf(signature string) selector {
	return selector(crypto.Keccak256([]byte(signature))[:4])
}

// The errors of the interface and of its libraries.
var (
	errAlreadyUnlocked           = selectorOf("AlreadyUnlocked()")
	errManagerLocked             = selectorOf("ManagerLocked()")
	errCurrencyNotSettled        = selectorOf("CurrencyNotSettled()")
	errPoolNotInitialized        = selectorOf("PoolNotInitialized()")
	errPoolAlreadyInitialized    = selectorOf("PoolAlreadyInitialized()")
	errTickSpacingTooLarge       = selectorOf("TickSpacingTooLarge(int24)")
	errTickSpacingTooSmall       = selectorOf("TickSpacingTooSmall(int24)")
	errCurrenciesOutOfOrder      = selectorOf("CurrenciesOutOfOrderOrEqual(address,address)")
	errUnauthorizedDynamicUpdate = selectorOf("UnauthorizedDynamicLPFeeUpdate()")
	errSwapAmountZero            = selectorOf("SwapAmountCannotBeZero()")
	errNonzeroNativeValue        = selectorOf("NonzeroNativeValue()")
	errMustClearExact            = selectorOf("MustClearExactPositiveDelta()")
	errDelegateCall              = selectorOf("DelegateCallNotAllowed()")
	errInvalidCaller             = selectorOf("InvalidCaller()")
	errProtocolFeeTooLarge       = selectorOf("ProtocolFeeTooLarge(uint24)")
	errProtocolFeeSynced         = selectorOf("ProtocolFeeCurrencySynced()")
	errLPFeeTooLarge             = selectorOf("LPFeeTooLarge(uint24)")
	errHookAddress               = selectorOf("HookAddressNotValid(address)")
	errHookResponse              = selectorOf("InvalidHookResponse()")
	errHookCallFailed            = selectorOf("HookCallFailed()")
	errHookDeltaExceeds          = selectorOf("HookDeltaExceedsSwapAmount()")
	errWrapped                   = selectorOf("WrappedError(address,bytes4,bytes,bytes)")
	errNativeTransfer            = selectorOf("NativeTransferFailed()")
	errERC20Transfer             = selectorOf("ERC20TransferFailed()")
	errTicksMisordered           = selectorOf("TicksMisordered(int24,int24)")
	errTickLowerOutOfBounds      = selectorOf("TickLowerOutOfBounds(int24)")
	errTickUpperOutOfBounds      = selectorOf("TickUpperOutOfBounds(int24)")
	errTickLiquidityOverflow     = selectorOf("TickLiquidityOverflow(int24)")
	errTickMisaligned            = selectorOf("TickMisaligned(int24,int24)")
	errNoLiquidity               = selectorOf("NoLiquidityToReceiveFees()")
	errEmptyPosition             = selectorOf("CannotUpdateEmptyPosition()")
	errLimitExceeded             = selectorOf("PriceLimitAlreadyExceeded(uint160,uint160)")
	errLimitOutOfBounds          = selectorOf("PriceLimitOutOfBounds(uint160)")
	errFeeForExactOut            = selectorOf("InvalidFeeForExactOut()")
	errInvalidSqrtPrice          = selectorOf("InvalidSqrtPrice(uint160)")
	errInvalidPriceOrLiquidity   = selectorOf("InvalidPriceOrLiquidity()")
	errInvalidPrice              = selectorOf("InvalidPrice()")
	errPriceOverflow             = selectorOf("PriceOverflow()")
	errNotEnoughLiquidity        = selectorOf("NotEnoughLiquidity()")
	errSafeCast                  = selectorOf("SafeCastOverflow()")
	errPanic                     = selectorOf("Panic(uint256)")
	errString                    = selectorOf("Error(string)")
)

// Codes of Solidity's Panic.
const (
	panicArithmetic = 0x11
	panicMemory     = 0x41
)

// revertError makes a call revert with data.
type revertError struct{ data []byte }

func (e *revertError) Error() string { return fmt.Sprintf("reverted with %x", e.data) }

// errEmpty is a revert without data: what solc makes of calldata that is no
// encoding of the arguments, and of a failed require without a reason.
var errEmpty = &revertError{}

// fail reverts with an error and its arguments, one word each.
func fail(s selector, args ...uint256.Int) error {
	data := make([]byte, 4, 4+32*len(args))
	copy(data, s[:])
	for i := range args {
		data = appendWord(data, &args[i])
	}
	return &revertError{data: data}
}

func panicked(code uint64) error { return fail(errPanic, *uint256.NewInt(code)) }

// wrapped is how a revert of another contract is passed on: whose it was, the
// function that was called, its data, and what the call was for.
func wrapped(target common.Address, function selector, reason []byte, details selector) error {
	data := append([]byte(nil), errWrapped[:]...)
	data = appendAddress(data, target)
	data = appendSelector(data, function)
	data = appendNumber(data, 0x80)
	data = appendNumber(data, 0xa0+padded(len(reason)))
	data = appendBytes(data, reason)
	data = appendNumber(data, 4)
	data = appendSelector(data, details)
	return &revertError{data: data}
}

func padded(n int) uint64 { return (uint64(n) + 31) / 32 * 32 }

func appendWord(b []byte, w *uint256.Int) []byte {
	word := w.Bytes32()
	return append(b, word[:]...)
}

func appendNumber(b []byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, make([]byte, 24)...), n)
}

func appendAddress(b []byte, a common.Address) []byte {
	return append(append(b, make([]byte, 12)...), a[:]...)
}

func appendSelector(b []byte, s selector) []byte {
	return append(append(b, s[:]...), make([]byte, 28)...)
}

// appendBytes writes a length and the bytes, padded to whole words.
func appendBytes(b, data []byte) []byte {
	b = append(appendNumber(b, uint64(len(data))), data...)
	return append(b, make([]byte, padded(len(data))-uint64(len(data)))...)
}
