package dex

import (
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"
	"github.com/holiman/uint256"
)

// The owner names a controller, which sets the protocol's fee of each pool and
// collects it.

const (
	// maxProtocolFee is 0.1 %, in millionths, in each direction.
	maxProtocolFee = 1000
)

var (
	topicOwner      = crypto.Keccak256Hash([]byte("OwnershipTransferred(address,address)"))
	topicController = crypto.Keccak256Hash([]byte("ProtocolFeeControllerUpdated(address)"))
	topicFee        = crypto.Keccak256Hash([]byte("ProtocolFeeUpdated(bytes32,uint24)"))
)

// addressAt reads an address from a variable.
func (c *call) addressAt(variable uint64) (common.Address, error) {
	v, err := c.Load(slotNumber(variable))
	return common.BytesToAddress(v[:]), err
}

func (c *call) readAddress(variable uint64) ([]byte, error) {
	a, err := c.addressAt(variable)
	return appendAddress(nil, a), err
}

func owner(c *call) ([]byte, error)                 { return c.readAddress(slotOwner) }
func protocolFeeController(c *call) ([]byte, error) { return c.readAddress(slotFeeController) }
func protocolFeesAccrued(c *call) ([]byte, error)   { return c.read(slotFeesAccrued, 1, false) }

// byOwner reads the one address that is the argument of the owner's functions.
func (c *call) byOwner() (a common.Address, err error) {
	if err := c.heads(1); err != nil {
		return a, err
	}
	a = c.address(0)
	if err := c.ok(); err != nil {
		return a, err
	}
	is, err := c.addressAt(slotOwner)
	if err == nil && is != c.sender {
		reason := appendBytes(appendNumber(append([]byte(nil), errString[:]...), 32), []byte("UNAUTHORIZED"))
		err = &revertError{data: reason}
	}
	return a, err
}

func transferOwnership(c *call) ([]byte, error) {
	to, err := c.byOwner()
	if err != nil {
		return nil, err
	}
	if err := c.Store(slotNumber(slotOwner), addressKey(to)); err != nil {
		return nil, err
	}
	return nil, c.Log([]common.Hash{topicOwner, addressKey(c.sender), addressKey(to)}, nil)
}

func setProtocolFeeController(c *call) ([]byte, error) {
	to, err := c.byOwner()
	if err != nil {
		return nil, err
	}
	if err := c.Store(slotNumber(slotFeeController), addressKey(to)); err != nil {
		return nil, err
	}
	return nil, c.Log([]common.Hash{topicController, addressKey(to)}, nil)
}

func (c *call) onlyController() error {
	is, err := c.addressAt(slotFeeController)
	if err == nil && is != c.sender {
		err = fail(errInvalidCaller)
	}
	return err
}

func setProtocolFee(c *call) ([]byte, error) {
	if err := c.heads(poolKeyWords + 1); err != nil {
		return nil, err
	}
	key, fee := c.poolKey(), c.uint24(poolKeyWords)
	if err := c.ok(); err != nil {
		return nil, err
	}
	if err := c.onlyController(); err != nil {
		return nil, err
	}
	if fee&0xfff > maxProtocolFee || fee>>12 > maxProtocolFee {
		return nil, fail(errProtocolFeeTooLarge, number(int64(fee)))
	}
	p, id, err := c.pool(&key)
	if err != nil {
		return nil, err
	}
	if err := p.setFees(func(s *slot0) { s.protocol = fee }); err != nil {
		return nil, err
	}
	return nil, c.Log([]common.Hash{topicFee, id}, appendNumber(nil, uint64(fee)))
}

// collectProtocolFees pays out what the protocol earned in a currency; zero is
// all of it.
func collectProtocolFees(c *call) ([]byte, error) {
	if err := c.heads(3); err != nil {
		return nil, err
	}
	to, currency, amount := c.address(0), c.address(1), c.word(2)
	if err := c.ok(); err != nil {
		return nil, err
	}
	if err := c.onlyController(); err != nil {
		return nil, err
	}
	if currency != (common.Address{}) {
		synced, err := c.synced()
		if err != nil {
			return nil, err
		}
		if synced == currency {
			return nil, fail(errProtocolFeeSynced)
		}
	}
	slot, err := c.slot(slotFeesAccrued, addressKey(currency))
	if err != nil {
		return nil, err
	}
	if amount.IsZero() {
		if amount, err = c.load(slot); err != nil {
			return nil, err
		}
	}
	if err := c.move(slot, &amount, true); err != nil {
		return nil, err
	}
	return result(amount), c.pay(currency, to, &amount)
}

// accrue adds to what the protocol earned.
func (c *call) accrue(currency common.Address, amount *uint256.Int) error {
	if amount.IsZero() {
		return nil
	}
	slot, err := c.slot(slotFeesAccrued, addressKey(currency))
	if err != nil {
		return err
	}
	w, err := c.load(slot)
	if err != nil {
		return err
	}
	w.Add(&w, amount)
	return c.store(slot, &w)
}

// updateDynamicLPFee lets the hook of a pool with a dynamic fee set it.
func updateDynamicLPFee(c *call) ([]byte, error) {
	if err := c.heads(poolKeyWords + 1); err != nil {
		return nil, err
	}
	key, fee := c.poolKey(), c.uint24(poolKeyWords)
	if err := c.ok(); err != nil {
		return nil, err
	}
	if key.fee != dynamicFee || c.sender != key.hooks {
		return nil, fail(errUnauthorizedDynamicUpdate)
	}
	if fee > feeUnit {
		return nil, fail(errLPFeeTooLarge, number(int64(fee)))
	}
	p, _, err := c.pool(&key)
	if err != nil {
		return nil, err
	}
	return nil, p.setFees(func(s *slot0) { s.lp = fee })
}
