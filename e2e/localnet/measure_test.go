package localnet

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pars-network/pars/internal/load"
	"github.com/pars-network/pars/internal/testutil"
)

// Times depend on the machine and what else it does, so the tests here log them
// and don't judge them; docs/results/localnet.md has those of one day. That
// nothing is lost and all nodes agree is judged.

// TestMeasureFiveValidators measures with all of them well, with one killed and
// with one frozen.
func TestMeasureFiveValidators(t *testing.T) {
	if !testutil.Full() {
		t.Skip("takes four minutes; PARS_TEST_FULL=1 runs it")
	}
	n := start(t, "--validators", "5")
	n.measure("five validators", 100)
	n.kill(4)
	n.measure("one of five killed", 100)
	n.restart(4)
	n.freeze(3)
	n.measure("one of five frozen", 100)
	n.thaw(3)
	n.agree()
}

// TestMeasureFourRegions measures with 80 to 250 ms between the nodes.
func TestMeasureFourRegions(t *testing.T) {
	if !testutil.Full() {
		t.Skip("takes two minutes; PARS_TEST_FULL=1 runs it")
	}
	needsNamespaces(t)
	n := start(t, "--validators", "5", "--regions")
	n.measure("five validators in four regions", 100)
}

// TestMeasureTwentyOneValidators measures what two processors still carry.
func TestMeasureTwentyOneValidators(t *testing.T) {
	if !testutil.Full() {
		t.Skip("takes three minutes; PARS_TEST_FULL=1 runs it")
	}
	n := start(t, "--validators", "21")
	n.measure("21 validators", 5)
	for i := 17; i < 21; i++ {
		n.kill(i)
	}
	n.measure("4 of 21 killed", 5)
}

// measure puts rate transactions a second on the first node for a minute.
func (n *network) measure(name string, rate float64) {
	n.t.Helper()
	before := loadAverage()
	at := n.nodes[0].info
	r, err := load.Run(n.t.Context(), load.Config{HTTP: at.HTTP, WS: at.WebSocket, Rate: rate, Duration: time.Minute, Drain: time.Minute})
	if err != nil {
		n.t.Fatal(err)
	}
	var table strings.Builder
	if err := r.WriteTable(&table); err != nil {
		n.t.Fatal(err)
	}
	n.t.Logf("%s; load average %s before, %s after\n%s", name, before, loadAverage(), table.String())
	if want := int(60 * rate); r.Sent != want || r.Done != want {
		n.t.Errorf("%s: %d sent and %d done, want %d of each; refused: %v", name, r.Sent, r.Done, want, r.Refusals)
	}
	n.agree()
}

// loadAverage is the system's, over the last minute: how many threads want a
// processor at a time.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(text))[0]
}

// needsNamespaces skips a test where nodes can't have links with delays.
func needsNamespaces(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil || os.Geteuid() != 0 {
		t.Skipf("network namespaces need root and TUN: uid %d, %v", os.Geteuid(), err)
	}
	f.Close()
}
