package dex

import (
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"
	"github.com/holiman/uint256"
)

// Claims are what the manager owes outside of unlock: ERC-6909 tokens whose id is
// the address of the currency.

var (
	topicTransfer    = crypto.Keccak256Hash([]byte("Transfer(address,address,address,uint256,uint256)"))
	topicApproval    = crypto.Keccak256Hash([]byte("Approval(address,address,uint256,uint256)"))
	topicOperatorSet = crypto.Keccak256Hash([]byte("OperatorSet(address,address,bool)"))

	idERC165  = [4]byte{0x01, 0xff, 0xc9, 0xa7}
	idERC6909 = [4]byte{0x0f, 0x63, 0x2f, 0xb3}
)

// move changes a balance, or an allowance, and panics where it would leave the
// numbers of 256 bits.
func (c *call) move(slot common.Hash, amount *uint256.Int, less bool) error {
	w, err := c.load(slot)
	if err != nil {
		return err
	}
	var overflow bool
	if less {
		_, overflow = w.SubOverflow(&w, amount)
	} else {
		_, overflow = w.AddOverflow(&w, amount)
	}
	if overflow {
		return panicked(panicArithmetic)
	}
	return c.store(slot, &w)
}

func (c *call) moveClaim(owner common.Address, id common.Hash, amount *uint256.Int, less bool) error {
	slot, err := c.slot(slotClaims, addressKey(owner), id)
	if err != nil {
		return err
	}
	return c.move(slot, amount, less)
}

func (c *call) logTransfer(from, to common.Address, id common.Hash, amount *uint256.Int) error {
	return c.Log([]common.Hash{topicTransfer, addressKey(from), addressKey(to), id}, appendWord(appendAddress(nil, c.sender), amount))
}

// spend takes amount off the sender's allowance from owner, unless the sender is
// the owner, its operator, or allowed everything.
func (c *call) spend(owner common.Address, id common.Hash, amount *uint256.Int) error {
	if c.sender == owner {
		return nil
	}
	slot, err := c.slot(slotOperators, addressKey(owner), addressKey(c.sender))
	if err != nil {
		return err
	}
	operator, err := c.Load(slot)
	if err != nil || operator[31] != 0 {
		return err
	}
	if slot, err = c.slot(slotAllowances, addressKey(owner), addressKey(c.sender), id); err != nil {
		return err
	}
	allowed, err := c.load(slot)
	if err != nil {
		return err
	}
	var all uint256.Int
	if allowed.Eq(all.SetAllOne()) {
		return nil
	}
	if _, overflow := allowed.SubOverflow(&allowed, amount); overflow {
		return panicked(panicArithmetic)
	}
	return c.store(slot, &allowed)
}

// currencyID is an id cut down to a currency.
func (c *call) currencyID(i int) (common.Address, common.Hash) {
	id := c.word(i)
	currency := common.Address(id.Bytes20())
	return currency, addressKey(currency)
}

func mint(c *call) ([]byte, error) {
	if err := c.heads(3); err != nil {
		return nil, err
	}
	to, amount := c.address(0), c.word(2)
	if err := c.begin(); err != nil {
		return nil, err
	}
	currency, id := c.currencyID(1)
	if err := c.owed(currency, &amount, true); err != nil {
		return nil, err
	}
	if err := c.moveClaim(to, id, &amount, false); err != nil {
		return nil, err
	}
	return nil, c.logTransfer(common.Address{}, to, id, &amount)
}

func burn(c *call) ([]byte, error) {
	if err := c.heads(3); err != nil {
		return nil, err
	}
	from, amount := c.address(0), c.word(2)
	if err := c.begin(); err != nil {
		return nil, err
	}
	currency, id := c.currencyID(1)
	if err := c.owed(currency, &amount, false); err != nil {
		return nil, err
	}
	if err := c.spend(from, id, &amount); err != nil {
		return nil, err
	}
	if err := c.moveClaim(from, id, &amount, true); err != nil {
		return nil, err
	}
	return nil, c.logTransfer(from, common.Address{}, id, &amount)
}

func transfer(c *call) ([]byte, error) {
	if err := c.heads(3); err != nil {
		return nil, err
	}
	return c.transferClaim(c.sender, 0)
}

func transferFrom(c *call) ([]byte, error) {
	if err := c.heads(4); err != nil {
		return nil, err
	}
	return c.transferClaim(c.address(0), 1)
}

// transferClaim reads receiver, id and amount from word i on.
func (c *call) transferClaim(from common.Address, i int) ([]byte, error) {
	to, id, amount := c.address(i), c.hash32(i+1), c.word(i+2)
	if err := c.ok(); err != nil {
		return nil, err
	}
	if err := c.spend(from, id, &amount); err != nil {
		return nil, err
	}
	if err := c.moveClaim(from, id, &amount, true); err != nil {
		return nil, err
	}
	if err := c.moveClaim(to, id, &amount, false); err != nil {
		return nil, err
	}
	return result(one), c.logTransfer(from, to, id, &amount)
}

func approve(c *call) ([]byte, error) {
	if err := c.heads(3); err != nil {
		return nil, err
	}
	spender, id, amount := c.address(0), c.hash32(1), c.word(2)
	if err := c.ok(); err != nil {
		return nil, err
	}
	slot, err := c.slot(slotAllowances, addressKey(c.sender), addressKey(spender), id)
	if err != nil {
		return nil, err
	}
	if err := c.store(slot, &amount); err != nil {
		return nil, err
	}
	return result(one), c.Log([]common.Hash{topicApproval, addressKey(c.sender), addressKey(spender), id}, appendWord(nil, &amount))
}

func setOperator(c *call) ([]byte, error) {
	if err := c.heads(2); err != nil {
		return nil, err
	}
	operator, approved := c.address(0), boolWord(c.bool(1))
	if err := c.ok(); err != nil {
		return nil, err
	}
	slot, err := c.slot(slotOperators, addressKey(c.sender), addressKey(operator))
	if err != nil {
		return nil, err
	}
	if err := c.store(slot, &approved); err != nil {
		return nil, err
	}
	return result(one), c.Log([]common.Hash{topicOperatorSet, addressKey(c.sender), addressKey(operator)}, appendWord(nil, &approved))
}

func supportsInterface(c *call) ([]byte, error) {
	if err := c.heads(1); err != nil {
		return nil, err
	}
	id := c.hash32(0)
	if id != common.BytesToHash(append(id[:4:4], make([]byte, 28)...)) {
		return nil, errEmpty
	}
	known := [4]byte(id[:4]) == idERC165 || [4]byte(id[:4]) == idERC6909
	return result(boolWord(known)), nil
}

// read returns the value of a mapping whose keys are n addresses, and an id when
// there is one.
func (c *call) read(variable uint64, addresses int, id bool) ([]byte, error) {
	words := addresses
	if id {
		words++
	}
	if err := c.heads(words); err != nil {
		return nil, err
	}
	keys := make([]common.Hash, words)
	for i := range keys {
		keys[i] = c.hash32(i)
		if i < addresses {
			c.address(i)
		}
	}
	if err := c.ok(); err != nil {
		return nil, err
	}
	slot, err := c.slot(variable, keys...)
	if err != nil {
		return nil, err
	}
	v, err := c.Load(slot)
	return v[:], err
}

func balanceOf(c *call) ([]byte, error)  { return c.read(slotClaims, 1, true) }
func allowance(c *call) ([]byte, error)  { return c.read(slotAllowances, 2, true) }
func isOperator(c *call) ([]byte, error) { return c.read(slotOperators, 2, false) }
