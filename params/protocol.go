package params

import "math/big"

// Timing of blocks, in milliseconds. All of it is consensus: a node that
// differs in one of these refuses the others' blocks.
const (
	// BlockSpacingMs is the least time between a block and its parent.
	BlockSpacingMs = 400
	// WindowMs is how much later each further rank of the proposer schedule
	// may propose.
	WindowMs = 250
	// ClockToleranceMs is how far ahead of a node's clock a block may be
	// before the node calls it too early and tries it again later. It is
	// checked against local clocks, so it delays a block but never condemns it.
	ClockToleranceMs = 100
	// HeartbeatMs is the age of the parent from which an empty block is valid.
	HeartbeatMs = 10_000
	// BaseFeePeriodMs is the time over which the base fee may move by at most
	// one eighth: EIP-1559's step for one 12-second block, scaled to time.
	BaseFeePeriodMs = 2_000
)

// Gas and fees of blocks, in gas and in wei.
const (
	// GenesisGasLimit is the gas limit of a block.
	GenesisGasLimit = 30_000_000
	// MinBaseFee is the floor of the base fee.
	MinBaseFee = 1_000_000_000
)

// Default ports. All of them are bound to loopback unless a flag says otherwise,
// but for the two that peers must reach: StakingPort and SessionPort.
const (
	// RPCPort serves Ethereum JSON-RPC over HTTP and WebSocket.
	RPCPort = 8545
	// NodeAPIPort serves the engine's own API: info, health, P-Chain.
	NodeAPIPort = 9650
	// MetricsPort serves the node's health and metrics.
	MetricsPort = 6060
	// StakingPort is where validators talk to each other.
	StakingPort = 9651
	// SessionPort is the session layer's peer port.
	SessionPort = 9000
)

// SupplyPARS is the whole supply in whole tokens. All of it exists at genesis
// and nothing mints.
const SupplyPARS = 1_000_000_000

// Supply returns the whole supply in wei (10^-18 PARS): 10^27.
func Supply() *big.Int {
	return new(big.Int).Mul(big.NewInt(SupplyPARS), big.NewInt(1_000_000_000_000_000_000))
}

// Version and Commit name the build; the Makefile sets both with -ldflags.
var (
	Version = "dev"
	Commit  = "unknown"
)
