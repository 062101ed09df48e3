package avalanche

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ava-labs/avalanchego/chains"
	"github.com/ava-labs/avalanchego/config"
	"github.com/ava-labs/avalanchego/config/node"
	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/upgrade"
	"github.com/ava-labs/avalanchego/vms"
	"github.com/ava-labs/avalanchego/vms/platformvm/reward"
	"github.com/spf13/viper"

	"github.com/pars-network/pars/params"
)

// Peer is a node to connect to at the start.
type Peer struct {
	ID   ids.NodeID
	Addr netip.AddrPort
}

// Config says which chain to run and where. All fields are required unless
// they say otherwise.
type Config struct {
	// DataDir has staking keys already and receives databases and logs.
	DataDir string
	// Names of what is inside DataDir.
	KeysDir, DatabaseDir, ChainsDir, LogsDir string
	// NetworkID is the peer protocol's network number.
	NetworkID uint32
	// Genesis is the P-Chain's genesis in its own encoding, with our chain in it.
	Genesis []byte
	// AssetID is the P-Chain's staking asset.
	AssetID ids.ID
	// Rewards is how the P-Chain mints; ours doesn't. It is consensus.
	Rewards reward.Config
	// MinTerm is the shortest stay of a validator who joins later. It is
	// consensus.
	MinTerm time.Duration
	// Validators is how many validators the genesis names. With exactly one,
	// consensus needs nobody else's vote and decides at once.
	Validators int

	// ChainID is our chain's id, VMID its VM's; VM makes it and Alias is its
	// readable name. ChainConfig is handed to the VM; it may be empty.
	ChainID     ids.ID
	VMID        ids.ID
	VM          vms.Factory
	Alias       string
	ChainConfig []byte

	// Staking is where peers connect; port 0 takes a free one. PublicIP is the
	// address told to them.
	Staking  netip.AddrPort
	PublicIP netip.Addr
	// AllowPrivateIPs lets the node connect to peers on private addresses.
	AllowPrivateIPs bool
	// API is where AvalancheGo's own API listens: health, info, metrics and
	// the P-Chain. The port must not be 0.
	API netip.AddrPort
	// Bootstrap lists peers to begin with; may be empty.
	Bootstrap []Peer
	// LogLevel is the level of the files in LogsDir; empty means info.
	LogLevel string
	// FileLimit is the number of open files to ask for, already below the hard
	// limit.
	FileLimit uint64
	// OnPanic is called when our chain's goroutines panic, with the value and
	// the stack. The chain is dead then; OnPanic should end the process.
	OnPanic func(value any, stack []byte)
}

// Consensus parameters for many validators: every decision takes 12 polls in a
// row in which 42 of 60 sampled units of stake agree, and a node follows any
// majority of a sample until then (docs/adr/0005-consensus-parameters.md).
//
// Rationale: if following took 42 too, one proposer of five could halt the chain:
// with two blocks at one height, two honest nodes on either, and its own silence,
// neither side ever gets 42 of 60.
const (
	sampleSize      = 60
	majority        = 31
	quorum          = 42
	commitThreshold = 12
	repolls         = 4
)

// Quorum returns the least share of the stake, as a fraction, without which no
// poll can succeed.
func Quorum(validators int) (num, den uint64) {
	if validators == 1 {
		return 1, 1
	}
	return quorum, sampleSize
}

// args returns AvalancheGo's command line for c.
func (c Config) args() []string {
	k, prefer, alpha, beta, parallel := sampleSize, majority, quorum, commitThreshold, repolls
	if c.Validators == 1 {
		// The only validator's single vote is all the stake there is: asking
		// it again twelve times would only add delay.
		k, prefer, alpha, beta, parallel = 1, 1, 1, 1, 1
	}
	level := c.LogLevel
	if level == "" {
		level = "info"
	}
	bootIDs, bootIPs := make([]string, len(c.Bootstrap)), make([]string, len(c.Bootstrap))
	for i, p := range c.Bootstrap {
		bootIDs[i], bootIPs[i] = p.ID.String(), p.Addr.String()
	}
	args := []string{
		config.NetworkNameKey, strconv.FormatUint(uint64(c.NetworkID), 10),
		config.DataDirKey, c.DataDir,
		config.DBPathKey, filepath.Join(c.DataDir, c.DatabaseDir),
		config.ChainDataDirKey, filepath.Join(c.DataDir, c.ChainsDir),
		config.LogsDirKey, filepath.Join(c.DataDir, c.LogsDir),
		config.LogLevelKey, level,
		config.LogDisplayLevelKey, "off",
		config.LogFormatKey, "plain",
		config.LogDisableDisplayPluginLogsKey, "true",

		config.StakingTLSKeyPathKey, filepath.Join(c.DataDir, c.KeysDir, "staker.key"),
		config.StakingCertPathKey, filepath.Join(c.DataDir, c.KeysDir, "staker.crt"),
		config.StakingSignerKeyPathKey, filepath.Join(c.DataDir, c.KeysDir, "signer.key"),
		config.StakingHostKey, c.Staking.Addr().String(),
		config.StakingPortKey, strconv.Itoa(int(c.Staking.Port())),
		config.PublicIPKey, c.PublicIP.String(),
		config.NetworkAllowPrivateIPsKey, strconv.FormatBool(c.AllowPrivateIPs),
		config.BootstrapIDsKey, strings.Join(bootIDs, ","),
		config.BootstrapIPsKey, strings.Join(bootIPs, ","),

		config.HTTPHostKey, c.API.Addr().String(),
		config.HTTPPortKey, strconv.Itoa(int(c.API.Port())),
		// A web page must not be able to ask this API. An empty list would allow
		// all origins; this one can't exist (RFC 2606, section 2).
		config.HTTPAllowedOrigins, "https://nobody.invalid",
		config.HTTPShutdownTimeoutKey, "1s",
		config.ConsensusShutdownTimeoutKey, "5s",

		config.SnowSampleSizeKey, strconv.Itoa(k),
		config.SnowPreferenceQuorumSizeKey, strconv.Itoa(prefer),
		config.SnowConfidenceQuorumSizeKey, strconv.Itoa(alpha),
		config.SnowCommitThresholdKey, strconv.Itoa(beta),
		config.SnowConcurrentRepollsKey, strconv.Itoa(parallel),

		config.MinStakeDurationKey, c.MinTerm.String(),
		config.MaxStakeDurationKey, params.MaxTerm.String(),
		config.MinValidatorStakeKey, strconv.FormatUint(params.MinStake, 10),
		config.MaxValidatorStakeKey, strconv.FormatUint(params.MaxStake, 10),

		config.NetworkMinimumTimeoutKey, "250ms",
		config.NetworkInitialTimeoutKey, "1s",
		config.NetworkMaximumTimeoutKey, "5s",
		config.BenchlistHalflifeKey, "5s",
		// 60 requests a poll and up to four polls at once for each of several
		// processing blocks are normal here.
		config.RouterHealthMaxOutstandingRequestsKey, "8192",
		config.HealthCheckFreqKey, "5s",
		config.SystemTrackerRequiredAvailableDiskSpacePercentageKey, "1",
		config.SystemTrackerWarningAvailableDiskSpacePercentageKey, "3",
		config.FdLimitKey, strconv.FormatUint(c.FileLimit, 10),
	}
	flags := make([]string, 0, len(args)/2)
	for i := 0; i < len(args); i += 2 {
		flags = append(flags, "--"+args[i]+"="+args[i+1])
	}
	return flags
}

// node returns AvalancheGo's configuration for c.
func (c Config) node() (node.Config, error) {
	flags := config.BuildFlagSet()
	if err := flags.Parse(c.args()); err != nil {
		return node.Config{}, fmt.Errorf("configuring the engine: %w", err)
	}
	// Not config.BuildViper: that would let AVAGO_ variables of the
	// environment change a node that is configured elsewhere.
	v := viper.New()
	if err := v.BindPFlags(flags); err != nil {
		return node.Config{}, fmt.Errorf("configuring the engine: %w", err)
	}
	nc, err := config.GetNodeConfig(v)
	if err != nil {
		return node.Config{}, fmt.Errorf("configuring the engine: %w", err)
	}
	nc.GenesisBytes = c.Genesis
	nc.AvaxAssetID = c.AssetID
	nc.UpgradeConfig = upgrade.Default
	nc.RewardConfig = c.Rewards
	nc.ChainAliases = map[ids.ID][]string{c.ChainID: {c.Alias}}
	nc.ChainConfigs = map[string]chains.ChainConfig{c.ChainID.String(): {Config: c.ChainConfig}}
	return nc, nil
}
