package chain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/txpool/legacypool"
)

// Defaults of [Config].
const (
	// DefaultCommitEvery bounds how many blocks a restart executes again.
	DefaultCommitEvery = 128
	// DefaultCommitGas bounds how much gas a restart executes again: some four
	// seconds of one core at 12.65 ns a gas.
	DefaultCommitGas = 300_000_000
	// DefaultCacheMiB is the memory for the database's block cache, and the same
	// again for trie nodes.
	DefaultCacheMiB = 64
	// DefaultFileHandles is how many files the database may hold open.
	DefaultFileHandles = 256
)

// Config is the chain's JSON configuration. Its zero value works; unknown names
// are refused. None of it is consensus.
type Config struct {
	// Archive keeps the state of every block instead of pruning it.
	Archive bool `json:"archive"`
	// CommitEvery is after how many accepted blocks the state is written to disk.
	CommitEvery uint64 `json:"commitEvery"`
	// CommitGas is after how much accepted gas the state is written, if sooner.
	CommitGas uint64 `json:"commitGas"`
	// FeeRecipient receives the tips of the blocks this node builds.
	FeeRecipient common.Address `json:"feeRecipient"`
	// GuardDir is the guard directory beside the BLS key, see [CreateGuard].
	// Empty means "guard" in the chain's data directory.
	GuardDir string `json:"guardDir"`
	// CacheMiB and FileHandles size the database.
	CacheMiB    int `json:"cacheMiB"`
	FileHandles int `json:"fileHandles"`
	// LogLevel is the least level at which libevm's messages reach the chain's
	// log: debug, info, warn (the default) or error.
	LogLevel string `json:"logLevel"`
	// Pool sizes the transaction pool.
	Pool PoolConfig `json:"pool"`
}

// PoolConfig sizes the transaction pool. Zero means the default.
type PoolConfig struct {
	// NoJournal forgets local transactions on restart.
	NoJournal bool `json:"noJournal"`
	// NoLocals treats transactions submitted here like everybody's: no journal
	// and no exemption from the limits below. For public endpoints.
	NoLocals bool `json:"noLocals"`
	// AccountSlots (512) and GlobalSlots (65,536) bound executable transactions.
	AccountSlots uint64 `json:"accountSlots"`
	GlobalSlots  uint64 `json:"globalSlots"`
	// AccountQueue (1,024) and GlobalQueue (16,384) bound those with a gap in
	// their nonces.
	AccountQueue uint64 `json:"accountQueue"`
	GlobalQueue  uint64 `json:"globalQueue"`
	// LifetimeSeconds (10,800) is how long a transaction may wait for its gap to
	// be filled.
	LifetimeSeconds uint64 `json:"lifetimeSeconds"`
	// PriceLimit (1) is the least tip in wei.
	PriceLimit uint64 `json:"priceLimit"`
}

// ParseConfig reads the JSON configuration; nothing at all is the zero value.
func ParseConfig(data []byte) (Config, error) {
	var c Config
	if len(bytes.TrimSpace(data)) == 0 {
		return c, nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return c, fmt.Errorf("reading the chain configuration: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return c, errors.New("reading the chain configuration: text after the JSON object")
	}
	if _, err := parseLevel(c.LogLevel); err != nil {
		return c, err
	}
	if c.CacheMiB < 0 || c.FileHandles < 0 {
		return c, fmt.Errorf("reading the chain configuration: cacheMiB %d and fileHandles %d must not be negative", c.CacheMiB, c.FileHandles)
	}
	return c, nil
}

// withDefaults fills what was left out; dir is the chain's data directory.
func (c Config) withDefaults(dir string) Config {
	c.CommitEvery = orDefault(c.CommitEvery, DefaultCommitEvery)
	c.CommitGas = orDefault(c.CommitGas, DefaultCommitGas)
	c.CacheMiB = orDefault(c.CacheMiB, DefaultCacheMiB)
	c.FileHandles = orDefault(c.FileHandles, DefaultFileHandles)
	if c.GuardDir == "" {
		c.GuardDir = filepath.Join(dir, "guard")
	}
	return c
}

// legacy translates to libevm's pool, with its journal in dir.
func (c PoolConfig) legacy(dir string) legacypool.Config {
	p := legacypool.DefaultConfig
	p.NoLocals = c.NoLocals
	p.Journal = ""
	if !c.NoJournal && !c.NoLocals {
		p.Journal = filepath.Join(dir, "transactions.rlp")
	}
	p.PriceLimit = orDefault(c.PriceLimit, 1)
	p.AccountSlots = orDefault(c.AccountSlots, 512)
	p.GlobalSlots = orDefault(c.GlobalSlots, 65_536)
	p.AccountQueue = orDefault(c.AccountQueue, 1_024)
	p.GlobalQueue = orDefault(c.GlobalQueue, 16_384)
	if c.LifetimeSeconds > 0 {
		p.Lifetime = time.Duration(c.LifetimeSeconds) * time.Second
	}
	return p
}

func orDefault[T int | uint64](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}
