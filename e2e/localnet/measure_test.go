package localnet

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pars-network/pars/internal/load"
	"github.com/pars-network/pars/internal/testutil"
)

// TestMeasureFiveValidators puts 100 transactions a second on one of five
// validators: with all of them well, with one killed and with one frozen. Times
// depend on the machine and what else it does, so they are logged and not
// judged; docs/results/localnet.md has those of one day. That nothing is lost
// and all nodes agree is judged.
func TestMeasureFiveValidators(t *testing.T) {
	if !testutil.Full() {
		t.Skip("takes four minutes; PARS_TEST_FULL=1 runs it")
	}
	n := start(t, "--validators", "5")
	for _, c := range []struct {
		name    string
		breakIt func()
		heal    func()
	}{
		{"all well", func() {}, func() {}},
		{"one killed", func() { n.kill(4) }, func() { n.restart(4) }},
		{"one frozen", func() { n.freeze(3) }, func() { n.thaw(3) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.breakIt()
			before := loadAverage(t)
			r, err := load.Run(t.Context(), load.Config{
				HTTP: n.banner.Nodes[0].HTTP, WS: n.banner.Nodes[0].WebSocket, Rate: 100, Duration: time.Minute, Drain: time.Minute,
			})
			if err != nil {
				t.Fatal(err)
			}
			var table strings.Builder
			if err := r.WriteTable(&table); err != nil {
				t.Fatal(err)
			}
			t.Logf("%s; load average %s before, %s after\n%s", c.name, before, loadAverage(t), table.String())
			if r.Done != r.Sent || r.Sent != 6000 {
				t.Errorf("%d sent and %d done, want 6000 of each; refused: %v", r.Sent, r.Done, r.Refusals)
			}
			c.heal()
			n.agree()
		})
	}
}

// loadAverage is the system's, over the last minute: how many programs want a
// processor at a time.
func loadAverage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(text))[0]
}
