package localnet

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pars-network/pars/internal/testutil"
	"github.com/pars-network/pars/node"
)

// gone reports whether no process has the id.
func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func TestLocalnetFromBannerToCleanStop(t *testing.T) {
	n := start(t, "--validators", "4")
	if len(n.banner.Nodes) != 4 || n.banner.ChainID != 1337 || len(n.banner.Accounts) != 10 || !n.banner.Temporary {
		t.Errorf("banner = %+v, want four nodes of chain 1337, ten accounts and a temporary folder", n.banner)
	}
	ids := map[string]bool{}
	for _, p := range n.nodes {
		ids[p.info.NodeID] = true
		if id, err := p.client.ChainID(t.Context()); err != nil || id.Uint64() != 1337 {
			t.Errorf("chain id at %s = %v, %v, want 1337", p.name, id, err)
		}
		if text, err := os.ReadFile(p.info.Log); err != nil || !strings.Contains(string(text), p.info.NodeID) {
			t.Errorf("log of %s = %q, %v, want one that names %s", p.name, text, err, p.info.NodeID)
		}
	}
	if len(ids) != 4 {
		t.Errorf("node ids %v, want four different ones", ids)
	}
	if code, took := n.holder.Terminate(); code != 0 {
		t.Errorf("exit code after SIGTERM = %d after %s, want 0", code, took)
	}
	for _, p := range n.nodes {
		if !gone(p.info.PID) {
			t.Errorf("%s (pid %d) still runs", p.name, p.info.PID)
		}
	}
	if _, err := os.Stat(n.banner.DataDir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the temporary folder %s is still there: %v", n.banner.DataDir, err)
	}
}

// TestSecondSignals checks that a repeated SIGTERM changes nothing, and that a
// second interrupt leaves nothing behind either.
func TestSecondSignals(t *testing.T) {
	n := start(t, "--validators", "1")
	n.holder.Signal(syscall.SIGTERM)
	n.holder.Signal(syscall.SIGTERM)
	if code := n.holder.Wait(patience); code != 0 {
		t.Errorf("exit code after two SIGTERM = %d, want 0", code)
	}
	n.run("--validators", "1")
	n.holder.Signal(os.Interrupt)
	n.until("the first interrupt to be heard", func() bool { return strings.Contains(n.holder.Stderr(), "interrupt again to kill") })
	n.holder.Signal(os.Interrupt)
	// The node may have been done already.
	if code := n.holder.Wait(patience); code != int(node.CodeForced) && code != 0 {
		t.Errorf("exit code after two interrupts = %d, want %d, or 0 if it was done already", code, node.CodeForced)
	}
	if _, err := os.Stat(n.banner.DataDir); !errors.Is(err, fs.ErrNotExist) || !gone(n.nodes[0].info.PID) {
		t.Errorf("the temporary folder %s (%v) or the node are still there", n.banner.DataDir, err)
	}
}

// TestKilledHolderLeavesNoNodes needs the death signal of Linux.
func TestKilledHolderLeavesNoNodes(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("only Linux ends the children of a killed process")
	}
	dir := t.TempDir()
	n := start(t, "--validators", "1", "--datadir", dir)
	n.holder.Kill()
	n.until("the node to end", func() bool { return gone(n.nodes[0].info.PID) })
	// And the folder is good for another start, with the same network.
	before := n.banner
	n.run("--datadir", dir)
	if n.banner.GenesisHash != before.GenesisHash || n.banner.Nodes[0].NodeID != before.Nodes[0].NodeID || n.banner.Nodes[0].HTTP != before.Nodes[0].HTTP {
		t.Errorf("banner of the second start = %+v, want genesis, node and port of the first: %+v", n.banner, before)
	}
}

func TestLocalnetRefusesWhatItCannotDo(t *testing.T) {
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "thesis.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	used := t.TempDir()
	holder := start(t, "--validators", "2", "--datadir", used)
	taken := strings.TrimPrefix(holder.banner.Nodes[0].HTTP, "http://127.0.0.1:")
	for _, c := range []struct {
		name string
		args []string
		code node.Code
		says string
	}{
		{"a folder with other files", []string{"--datadir", foreign}, node.CodeDataFolder, "is no local network's"},
		{"a folder in use", []string{"--datadir", used}, node.CodeInUse, "by another parsd localnet"},
		{"too many validators", []string{"--validators", "101"}, node.CodeUsage, "want 1 to 100"},
		{"no validators", []string{"--validators", "0"}, node.CodeUsage, "want 1 to 100"},
		{"a taken port", []string{"--validators", "1", "--http.port", taken}, node.CodePort, "choose another with --http.port"},
		{"ports beyond the last", []string{"--validators", "3", "--http.port", "65534"}, node.CodeUsage, "choose a lower one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := testutil.Start(t, testutil.Build(t, "parsd"), append([]string{"localnet"}, c.args...)...)
			if code := p.Wait(patience); code != int(c.code) {
				t.Errorf("exit code = %d, want %d", code, c.code)
			}
			if !strings.Contains(p.Stderr(), c.says) {
				t.Errorf("it says %q, want %q in it", p.Stderr(), c.says)
			}
		})
	}
	holder.holder.Terminate()
	p := testutil.Start(t, testutil.Build(t, "parsd"), "localnet", "--validators", "3", "--datadir", used)
	if code := p.Wait(patience); code != int(node.CodeUsage) || !strings.Contains(p.Stderr(), "has a network of 2") {
		t.Errorf("another number of validators: exit code %d and %q, want %d and the number there is", code, p.Stderr(), node.CodeUsage)
	}
}
