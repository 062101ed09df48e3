package dex

import (
	"github.com/ava-labs/libevm/common"
	"github.com/holiman/uint256"
)

// A currency is the address of an ERC-20 token, or zero for the chain's own.

var (
	selBalanceOf = selectorOf("balanceOf(address)")
	selTransfer  = selectorOf("transfer(address,uint256)")
)

// tokenBalance asks a token what the manager owns of it, by STATICCALL.
func (c *call) tokenBalance(token common.Address) (w uint256.Int, err error) {
	input := appendAddress(append([]byte(nil), selBalanceOf[:]...), c.Self())
	out, err := c.StaticCall(token, input)
	switch {
	case err != nil:
		return w, err
	case !out.OK:
		return w, &revertError{data: out.Data}
	case len(out.Data) < 32:
		return w, errEmpty
	}
	w.SetBytes32(out.Data)
	return w, nil
}

// pay sends what the manager owns. A token that returns nothing is believed when
// it doesn't revert, one that returns something has to return true.
func (c *call) pay(currency, to common.Address, amount *uint256.Int) error {
	if currency == (common.Address{}) {
		out, err := c.Call(to, nil, amount)
		if err == nil && !out.OK {
			err = wrapped(to, selector{}, out.Data, errNativeTransfer)
		}
		return err
	}
	input := appendAddress(append([]byte(nil), selTransfer[:]...), to)
	out, err := c.Call(currency, appendWord(input, amount), nil)
	if err != nil {
		return err
	}
	if !out.OK || len(out.Data) > 0 && !isTrue(out.Data) {
		return wrapped(currency, selTransfer, out.Data, errERC20Transfer)
	}
	return nil
}

// isTrue reports whether the first word is one.
func isTrue(data []byte) bool {
	return len(data) >= 32 && common.Hash(data[:32]) == one.Bytes32()
}
