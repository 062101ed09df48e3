package avalanche

import (
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/snow/consensus/snowball"
	"github.com/ava-labs/avalanchego/utils/constants"
	"github.com/ava-labs/avalanchego/utils/logging"
	"github.com/ava-labs/avalanchego/vms/platformvm/reward"

	quorumtable "github.com/pars-network/pars/internal/quorum"
	"github.com/pars-network/pars/node/keys"
	"github.com/pars-network/pars/params"
)

func testConfig(t *testing.T, validators int) Config {
	t.Helper()
	dir := t.TempDir()
	if _, err := keys.Create(filepath.Join(dir, "staking")); err != nil {
		t.Fatal(err)
	}
	loopback := netip.MustParseAddr("127.0.0.1")
	return Config{
		DataDir: dir, KeysDir: "staking", DatabaseDir: "db", ChainsDir: "chainData", LogsDir: "logs",
		NetworkID: 1337, Genesis: []byte("genesis"), AssetID: ids.ID{1}, Validators: validators,
		Rewards: reward.Config{MintingPeriod: time.Hour, SupplyCap: 7},
		MinTerm: 90 * time.Second,
		ChainID: ids.ID{2}, Alias: "pars", ChainConfig: []byte("{}"),
		Staking: netip.AddrPortFrom(loopback, 0), PublicIP: loopback, API: netip.AddrPortFrom(loopback, 1),
		Bootstrap: []Peer{{ID: ids.NodeID{3}, Addr: netip.MustParseAddrPort("10.0.0.1:9651")}},
		FileLimit: 2048,
	}
}

func TestConsensusParameters(t *testing.T) {
	for _, c := range []struct {
		validators int
		want       snowball.Parameters
	}{
		{1, snowball.Parameters{K: 1, AlphaPreference: 1, AlphaConfidence: 1, Beta: 1, ConcurrentRepolls: 1}},
		{2, snowball.Parameters{K: 60, AlphaPreference: 31, AlphaConfidence: 42, Beta: 12, ConcurrentRepolls: 4}},
		{21, snowball.Parameters{K: 60, AlphaPreference: 31, AlphaConfidence: 42, Beta: 12, ConcurrentRepolls: 4}},
	} {
		nc, err := testConfig(t, c.validators).node()
		if err != nil {
			t.Fatal(err)
		}
		subnet := nc.SubnetConfigs[constants.PrimaryNetworkID]
		got := subnet.SnowParameters
		if got.K != c.want.K || got.AlphaPreference != c.want.AlphaPreference || got.AlphaConfidence != c.want.AlphaConfidence ||
			got.Beta != c.want.Beta || got.ConcurrentRepolls != c.want.ConcurrentRepolls {
			t.Errorf("with %d validators = %+v, want %+v", c.validators, got, c.want)
		}
	}
}

func TestNodeConfiguration(t *testing.T) {
	// A node is configured by parsd's settings alone.
	t.Setenv("AVAGO_HTTP_HOST", "0.0.0.0")
	t.Setenv("AVAGO_API_ADMIN_ENABLED", "true")
	t.Setenv("AVAGO_SNOW_SAMPLE_SIZE", "1")
	c := testConfig(t, 21)
	nc, err := c.node()
	if err != nil {
		t.Fatal(err)
	}
	if nc.HTTPHost != "127.0.0.1" || nc.AdminAPIEnabled || nc.SubnetConfigs[constants.PrimaryNetworkID].SnowParameters.K != 60 {
		t.Errorf("AVAGO_ variables reached the engine: host %s, admin %t", nc.HTTPHost, nc.AdminAPIEnabled)
	}
	if string(nc.GenesisBytes) != "genesis" || nc.AvaxAssetID != c.AssetID || nc.NetworkID != 1337 || nc.RewardConfig != c.Rewards {
		t.Errorf("genesis %q, asset %s, network %d, rewards %+v, want those of the caller", nc.GenesisBytes, nc.AvaxAssetID, nc.NetworkID, nc.RewardConfig)
	}
	if nc.MinStakeDuration != 90*time.Second || nc.MaxStakeDuration != params.MaxTerm || nc.MinValidatorStake != params.MinStake || nc.MaxValidatorStake != params.MaxStake {
		t.Errorf("validators may stay %s to %s with %d to %d, want the network's bounds", nc.MinStakeDuration, nc.MaxStakeDuration, nc.MinValidatorStake, nc.MaxValidatorStake)
	}
	if nc.LoggingConfig.DisplayLevel != logging.Off || nc.LoggingConfig.Directory != filepath.Join(c.DataDir, "logs") {
		t.Errorf("logging = %+v, want files only", nc.LoggingConfig)
	}
	if len(nc.Bootstrappers) != 1 || nc.Bootstrappers[0].ID != c.Bootstrap[0].ID || nc.Bootstrappers[0].IP != c.Bootstrap[0].Addr {
		t.Errorf("bootstrappers = %+v, want %+v", nc.Bootstrappers, c.Bootstrap)
	}
	timeouts := nc.AdaptiveTimeoutConfig
	if timeouts.MinimumTimeout != 250*time.Millisecond || timeouts.InitialTimeout != time.Second || timeouts.MaximumTimeout != 5*time.Second {
		t.Errorf("timeouts = %+v, want 250 ms, 1 s, 5 s", timeouts)
	}
	if got := string(nc.ChainConfigs[c.ChainID.String()].Config); got != "{}" {
		t.Errorf("chain's configuration = %q, want the caller's", got)
	}
	if err := nc.UpgradeConfig.Validate(); err != nil || !nc.UpgradeConfig.IsGraniteActivated(time.Now()) {
		t.Errorf("upgrades = %+v, %v, want all released ones active", nc.UpgradeConfig, err)
	}
}

// The decision record computes how safe the settings are; they must be these.
func TestConsensusSettingsAreThoseOfTheDecisionRecord(t *testing.T) {
	want := quorumtable.Alternatives[0].Settings
	if got := (quorumtable.Settings{K: sampleSize, Alpha: quorum, Beta: commitThreshold}); got != want {
		t.Errorf("settings = %+v, want %+v as in docs/adr/0005-consensus-parameters.md", got, want)
	}
	if num, den := Quorum(4); num != uint64(want.Alpha) || den != uint64(want.K) {
		t.Errorf("Quorum(4) = %d/%d, want %d/%d", num, den, want.Alpha, want.K)
	}
	if num, den := Quorum(1); num != 1 || den != 1 {
		t.Errorf("Quorum(1) = %d/%d, want 1/1", num, den)
	}
}
