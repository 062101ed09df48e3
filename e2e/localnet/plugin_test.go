package localnet

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/ava-labs/libevm/common/hexutil"

	"github.com/pars-network/pars/internal/testutil"
	"github.com/pars-network/pars/node"
)

// hosted returns the process of a node's chain, or 0 if it has none.
func hosted(t *testing.T, parent int) int {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Fatal(err)
		}
		status, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(status), fmt.Sprintf("\nPPid:\t%d\n", parent)) {
			continue // of somebody else, or gone by now
		}
		args, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err == nil && slices.ContainsFunc(bytes.Split(args, []byte{0}), func(a []byte) bool { return string(a) == node.HostedArg }) {
			return pid
		}
	}
	return 0
}

// residentKiB is a process's memory.
func residentKiB(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "\nVmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		t.Fatalf("process %d has no memory", pid)
	}
	kib, err := strconv.Atoi(fields[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib
}

// fetch asks a node's monitoring port.
func fetch(t *testing.T, url string) (code int, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// needsProc skips a test that looks at other processes.
func needsProc(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skipf("processes are looked up in /proc, which only Linux has: %v", err)
	}
}

// TestPluginMode runs every chain in a process of its own, kills nodes and
// chains, and looks for processes that are left behind.
func TestPluginMode(t *testing.T) {
	needsProc(t)
	n := start(t, "--validators", "4", "--plugin")
	chains := make([]int, len(n.nodes))
	for i, p := range n.nodes {
		if chains[i] = hosted(t, p.info.PID); chains[i] == 0 {
			t.Fatalf("%s (pid %d) has no process for its chain", p.name, p.info.PID)
		}
	}
	stop := n.traffic()
	n.awaitReceipts(20)
	n.agree()

	if code, body := fetch(t, n.nodes[0].info.Metrics+"/readyz"); code != http.StatusOK {
		t.Errorf("/readyz of a node with a plugin = %d, %s, want 200", code, body)
	}
	// The first is of the chain, the second of JSON-RPC, both in the other process.
	_, series := fetch(t, n.nodes[0].info.Metrics+"/metrics")
	for _, want := range []string{"\npars_chain_height ", "\npars_rpc_http_requests_total{", "\npars_node_peers 3\n"} {
		if !strings.Contains(series, want) {
			t.Errorf("/metrics of a node with a plugin has no %q", want)
		}
	}
	var peers hexutil.Uint64
	if err := n.nodes[0].client.Client().CallContext(t.Context(), &peers, "net_peerCount"); err != nil || peers != 3 {
		t.Errorf("net_peerCount = %d, %v, want 3", peers, err)
	}

	t.Log("a node is killed: its chain's process ends by itself, and both come back")
	n.kill(1)
	n.until("the chain's process to end", func() bool { return gone(chains[1]) })
	n.awaitReceipts(10)
	n.restart(1)
	n.awaitReceipts(10)
	n.agree()

	t.Log("a chain's process is killed: its node ends with code 8, and both come back")
	n.nodes[2].setDown(true)
	if err := syscall.Kill(chains[2], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	n.until("the node to end", func() bool { return gone(n.nodes[2].info.PID) })
	n.until("the holder to name the cause", func() bool {
		return strings.Contains(n.holder.Stderr(), fmt.Sprintf("node3 exit status %d; its log ends with: parsd: chain died: its process (pid %d) ended", node.CodeChain, chains[2]))
	})
	n.restart(2)
	n.awaitReceipts(10)
	stop()
	n.agree()

	t.Log("all stop cleanly, and nothing is left")
	for i, p := range n.nodes {
		chains[i] = hosted(t, p.info.PID)
	}
	for _, i := range []int{1, 2} {
		if code, took := n.nodes[i].alone.Terminate(); code != 0 {
			t.Errorf("exit code of %s after SIGTERM = %d after %s, want 0", n.nodes[i].name, code, took)
		}
	}
	if code, took := n.holder.Terminate(); code != 0 {
		t.Errorf("exit code after SIGTERM = %d after %s, want 0", code, took)
	}
	for i, pid := range chains {
		if pid == 0 || !gone(pid) {
			t.Errorf("the chain's process of node %d (pid %d) is still there, or was not", i+1, pid)
		}
	}
}

// TestKilledHolderLeavesNoChains kills parsd localnet itself.
func TestKilledHolderLeavesNoChains(t *testing.T) {
	needsProc(t)
	n := start(t, "--validators", "1", "--plugin", "--datadir", t.TempDir())
	pid := hosted(t, n.nodes[0].info.PID)
	n.holder.Kill()
	n.until("node and chain to end", func() bool { return pid != 0 && gone(n.nodes[0].info.PID) && gone(pid) })
}

// processorSeconds is how much processor time a process has used, in itself and
// in the kernel. It depends less on what else the machine does than times do.
func processorSeconds(t *testing.T, pid int) float64 {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	// After the name, which may have spaces: state is field 3 of proc_pid_stat(5),
	// utime and stime are 14 and 15, in ticks of 1/100 s.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		t.Fatalf("process %d has %d fields in stat, want more", pid, len(fields))
	}
	var sum float64
	for _, f := range fields[11:13] {
		ticks, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += float64(ticks) / 100
	}
	return sum
}

// TestMeasurePluginMode measures with chains in the nodes' processes and with
// chains in their own, in turn, so that what else the machine does hits both.
func TestMeasurePluginMode(t *testing.T) {
	needsProc(t)
	if !testutil.Full() {
		t.Skip("takes five minutes; PARS_TEST_FULL=1 runs it")
	}
	for range 2 {
		for _, mode := range []string{"--plugin=false", "--plugin"} {
			n := start(t, "--validators", "5", mode)
			used := func() (sum float64) {
				for _, p := range n.nodes {
					sum += processorSeconds(t, p.info.PID)
					if pid := hosted(t, p.info.PID); pid != 0 {
						sum += processorSeconds(t, pid)
					}
				}
				return sum
			}
			before := used()
			n.measure("five validators with "+mode, 100)
			t.Logf("%s: %.1f s of processor time for 6,000 transfers on five nodes", mode, used()-before)
			for _, p := range n.nodes[:2] { // they are alike
				own := 0
				if pid := hosted(t, p.info.PID); pid != 0 {
					own = residentKiB(t, pid)
				}
				t.Logf("%s: %s has %d MiB, its chain's own process %d MiB", mode, p.name, residentKiB(t, p.info.PID)>>10, own>>10)
			}
			n.holder.Terminate()
		}
	}
}
