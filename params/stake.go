package params

// StakeUnit is how many of its smallest units make one whole STAKE, the
// P-Chain's staking asset. STAKE is weight among validators and nothing else:
// it isn't PARS, and nothing mints it.
const StakeUnit = 1_000_000_000

// Bounds of one validator's stake, in units of 10^-9 STAKE. Both are consensus
// of the P-Chain, and bind validators who join after genesis.
const (
	// MinStake is what a validator puts up at least.
	MinStake = 2_000 * StakeUnit
	// MaxStake is what it may have at most.
	MaxStake = 3_000_000 * StakeUnit
)
