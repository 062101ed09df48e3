package dex

import (
	"github.com/ava-labs/libevm/common"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/precompile/contract"
)

// Between unlock and its end everybody may owe the manager or be owed by it, in
// transient storage; a count of the accounts that are not even has to be zero in
// the end.

var selUnlockCallback = selectorOf("unlockCallback(bytes)")

func (c *call) isUnlocked() (bool, error) {
	v, err := c.LoadTransient(transientUnlocked)
	return v != common.Hash{}, err
}

// begin ends the reading of the arguments of a function that works between unlock
// and its end only.
func (c *call) begin() error {
	if err := c.ok(); err != nil {
		return err
	}
	open, err := c.isUnlocked()
	if err == nil && !open {
		err = fail(errManagerLocked)
	}
	return err
}

// unlock calls the sender back and sees to it that all accounts are even then.
func unlock(c *call) ([]byte, error) {
	if err := c.heads(1); err != nil {
		return nil, err
	}
	data := c.bytes(0)
	if err := c.ok(); err != nil {
		return nil, err
	}
	open, err := c.isUnlocked()
	if err != nil {
		return nil, err
	}
	if open {
		return nil, fail(errAlreadyUnlocked)
	}
	if err := c.StoreTransient(transientUnlocked, one.Bytes32()); err != nil {
		return nil, err
	}
	if err := c.Charge(wordGas * contract.Words(len(data))); err != nil {
		return nil, err
	}
	input := append([]byte(nil), selUnlockCallback[:]...)
	input = appendBytes(appendNumber(input, 32), data)
	back, err := c.Call(c.sender, input, nil)
	if err != nil {
		return nil, err
	}
	if !back.OK {
		return nil, &revertError{data: back.Data}
	}
	answer, err := returnedBytes(back.Data)
	if err != nil {
		return nil, err
	}
	uneven, err := c.LoadTransient(transientDeltas)
	if err != nil {
		return nil, err
	}
	if uneven != (common.Hash{}) {
		return nil, fail(errCurrencyNotSettled)
	}
	if err := c.StoreTransient(transientUnlocked, common.Hash{}); err != nil {
		return nil, err
	}
	if err := c.Charge(wordGas * contract.Words(len(answer))); err != nil {
		return nil, err
	}
	return appendBytes(appendNumber(nil, 32), answer), nil
}

// returnedBytes decodes a byte string as solc decodes what a call returned.
func returnedBytes(data []byte) ([]byte, error) {
	d := calldata{data: data}
	if err := d.heads(1); err != nil {
		return nil, err
	}
	end, at := uint64(len(data)), d.word(0)
	if !at.IsUint64() || at.Uint64() >= end || end-at.Uint64() < 32 {
		return nil, errEmpty
	}
	from := at.Uint64() + 32
	var n uint256.Int
	n.SetBytes32(data[from-32 : from])
	if !n.IsUint64() {
		return nil, panicked(panicMemory)
	}
	if n.Uint64() > end-from {
		return nil, errEmpty
	}
	return data[from : from+n.Uint64()], nil
}

// account adds to what target is owed in a currency.
func (c *call) account(currency, target common.Address, amount *uint256.Int) error {
	if amount.IsZero() {
		return nil
	}
	if err := c.Charge(slotGas); err != nil {
		return err
	}
	slot := c.transientDelta(target, currency)
	v, err := c.LoadTransient(slot)
	if err != nil {
		return err
	}
	before := wordOf(v)
	after, err := addSigned(&before, amount)
	if err != nil {
		return err
	}
	if err := c.StoreTransient(slot, after.Bytes32()); err != nil {
		return err
	}
	if !after.IsZero() && !before.IsZero() {
		return nil
	}
	count, err := c.LoadTransient(transientDeltas)
	if err != nil {
		return err
	}
	n := wordOf(count)
	if after.IsZero() {
		n.SubUint64(&n, 1)
	} else {
		n.AddUint64(&n, 1)
	}
	return c.StoreTransient(transientDeltas, n.Bytes32())
}

// accountPair accounts for both currencies of a pool.
func (c *call) accountPair(key *poolKey, d delta, target common.Address) error {
	if err := c.account(key.currency0, target, &d.amount0); err != nil {
		return err
	}
	return c.account(key.currency1, target, &d.amount1)
}

// owed adds a positive 128-bit amount to what the sender is owed, or takes it off.
func (c *call) owed(currency common.Address, amount *uint256.Int, less bool) error {
	a, err := unsignedInt128(amount)
	if err != nil {
		return err
	}
	if less {
		a.Neg(&a)
	}
	return c.account(currency, c.sender, &a)
}

// sync remembers what the manager owns of a token, so that settle sees what came.
func sync(c *call) ([]byte, error) {
	if err := c.heads(1); err != nil {
		return nil, err
	}
	currency := c.address(0)
	if err := c.ok(); err != nil {
		return nil, err
	}
	if currency == (common.Address{}) {
		return nil, c.StoreTransient(transientCurrency, common.Hash{})
	}
	reserves, err := c.tokenBalance(currency)
	if err != nil {
		return nil, err
	}
	if err := c.StoreTransient(transientCurrency, addressKey(currency)); err != nil {
		return nil, err
	}
	return nil, c.StoreTransient(transientReserves, reserves.Bytes32())
}

// synced is the token of the last sync, or zero.
func (c *call) synced() (common.Address, error) {
	v, err := c.LoadTransient(transientCurrency)
	return common.BytesToAddress(v[:]), err
}

func settle(c *call) ([]byte, error) { return c.settle(c.sender) }

func settleFor(c *call) ([]byte, error) {
	if err := c.heads(1); err != nil {
		return nil, err
	}
	return c.settle(c.address(0))
}

// settle credits recipient with the money of this call, or with the tokens that
// came since sync.
func (c *call) settle(recipient common.Address) ([]byte, error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	currency, err := c.synced()
	if err != nil {
		return nil, err
	}
	paid := *c.value
	if currency != (common.Address{}) {
		if !paid.IsZero() {
			return nil, fail(errNonzeroNativeValue)
		}
		v, err := c.LoadTransient(transientReserves)
		if err != nil {
			return nil, err
		}
		before := wordOf(v)
		now, err := c.tokenBalance(currency)
		if err != nil {
			return nil, err
		}
		if _, overflow := paid.SubOverflow(&now, &before); overflow {
			return nil, panicked(panicArithmetic)
		}
		if err := c.StoreTransient(transientCurrency, common.Hash{}); err != nil {
			return nil, err
		}
	}
	amount, err := unsignedInt128(&paid)
	if err != nil {
		return nil, err
	}
	if err := c.account(currency, recipient, &amount); err != nil {
		return nil, err
	}
	return result(paid), nil
}

func take(c *call) ([]byte, error) {
	if err := c.heads(3); err != nil {
		return nil, err
	}
	currency, to, amount := c.address(0), c.address(1), c.word(2)
	if err := c.begin(); err != nil {
		return nil, err
	}
	if err := c.owed(currency, &amount, true); err != nil {
		return nil, err
	}
	return nil, c.pay(currency, to, &amount)
}

// clearDelta gives up what the sender is owed, if it is exactly amount.
func clearDelta(c *call) ([]byte, error) {
	if err := c.heads(2); err != nil {
		return nil, err
	}
	currency, amount := c.address(0), c.word(1)
	if err := c.begin(); err != nil {
		return nil, err
	}
	if err := c.Charge(slotGas); err != nil {
		return nil, err
	}
	v, err := c.LoadTransient(c.transientDelta(c.sender, currency))
	if err != nil {
		return nil, err
	}
	d, err := unsignedInt128(&amount)
	if err != nil {
		return nil, err
	}
	if current := wordOf(v); !current.Eq(&d) {
		return nil, fail(errMustClearExact)
	}
	d.Neg(&d)
	return nil, c.account(currency, c.sender, &d)
}
