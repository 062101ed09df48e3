package e2e

import (
	"encoding/json"
	"testing"

	"github.com/ava-labs/avalanchego/api/metrics"
	"github.com/ava-labs/avalanchego/snow/engine/snowman/block"
	"github.com/ava-labs/avalanchego/utils/logging"
	"github.com/ava-labs/avalanchego/vms/rpcchainvm"
	"github.com/ava-labs/avalanchego/vms/rpcchainvm/runtime"

	"github.com/pars-network/pars/internal/testutil"
)

// untracked measures nobody's use of CPU and disk.
type untracked struct{}

func (untracked) TrackProcess(int)   {}
func (untracked) UntrackProcess(int) {}

// TestParsdIsAPluginOfAvalancheGo starts parsd the way AvalancheGo starts the
// programs in its plugin folder.
func TestParsdIsAPluginOfAvalancheGo(t *testing.T) {
	plugins := runtime.NewManager()
	defer plugins.Stop(t.Context())
	made, err := rpcchainvm.NewFactory(testutil.Build(t, "parsd"), untracked{}, plugins, metrics.NewPrefixGatherer()).New(logging.NoLog{})
	if err != nil {
		t.Fatal(err)
	}
	vm, ok := made.(block.ChainVM)
	if !ok {
		t.Fatalf("the plugin is a %T, want a block.ChainVM", made)
	}
	var want struct{ Version string }
	if err := json.Unmarshal(command(t, "version", "--json"), &want); err != nil {
		t.Fatal(err)
	}
	version, err := vm.Version(t.Context())
	if err != nil || version != want.Version {
		t.Errorf("Version() = %q, %v, want %q", version, err, want.Version)
	}
	if err := vm.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown() = %v, want nil", err)
	}
}
