package load

import (
	"errors"
	"fmt"
	"math/big"
	"time"
)

// Bounds of a run.
const (
	maxAccounts     = 10_000
	maxTransactions = 10_000_000
)

// Config says what to do to which node. Fields that are 0 take their default.
type Config struct {
	// HTTP and WS are the node's addresses. Default http://127.0.0.1:8545, and
	// for WS that address with the scheme ws.
	HTTP, WS string
	// Rate is how many transactions a second are handed in, whatever becomes of
	// them (open loop). 0: each account hands in its next transaction when the
	// last one has its receipt (closed loop).
	Rate float64
	// Duration is how long transactions are handed in. Default 30 s.
	Duration time.Duration
	// Drain is how long to wait after that for the last receipts. Default 30 s.
	Drain time.Duration
	// Accounts is how many accounts send. Default 10.
	Accounts int
	// KeySeed derives the senders' keys; the first account of the development
	// mnemonic pays for them. Empty: the mnemonic's own accounts send, and the
	// first pays for those beyond the tenth.
	KeySeed string
	// Tip and FeeCap are the fees offered, in wei a gas. Default 1 gwei, and 1000
	// gwei, which a rising base fee does not reach in a short run.
	Tip, FeeCap *big.Int
	// Progress is told what happens, for people. Nil: nobody.
	Progress func(format string, args ...any)
}

func (c Config) withDefaults() (Config, error) {
	if c.HTTP == "" {
		c.HTTP = "http://127.0.0.1:8545"
	}
	if c.WS == "" {
		ws, err := webSocketOf(c.HTTP)
		if err != nil {
			return c, err
		}
		c.WS = ws
	}
	if c.Duration == 0 {
		c.Duration = 30 * time.Second
	}
	if c.Drain == 0 {
		c.Drain = 30 * time.Second
	}
	if c.Accounts == 0 {
		c.Accounts = 10
	}
	if c.Tip == nil {
		c.Tip = big.NewInt(1_000_000_000)
	}
	if c.FeeCap == nil {
		c.FeeCap = big.NewInt(1_000_000_000_000)
	}
	if c.Progress == nil {
		c.Progress = func(string, ...any) {}
	}
	switch {
	case c.Rate < 0:
		return c, fmt.Errorf("rate is %g, want transactions a second, or 0 for a closed loop", c.Rate)
	case c.Duration < 0 || c.Drain < 0:
		return c, errors.New("duration and drain must not be negative")
	case c.Accounts < 0 || c.Accounts > maxAccounts:
		return c, fmt.Errorf("accounts is %d, want 1 to %d", c.Accounts, maxAccounts)
	case c.Rate*c.Duration.Seconds() > maxTransactions:
		return c, fmt.Errorf("rate and duration make %.0f transactions, want at most %d", c.Rate*c.Duration.Seconds(), maxTransactions)
	case c.Tip.Sign() < 0 || c.FeeCap.Cmp(c.Tip) < 0:
		return c, fmt.Errorf("tip is %v and fee cap %v, want 0 <= tip <= fee cap", c.Tip, c.FeeCap)
	}
	return c, nil
}
