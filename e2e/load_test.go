package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/pars-network/pars/internal/load"
	"github.com/pars-network/pars/internal/testutil"
)

// TestLoadOfOneNode puts 100 transactions a second on a node and logs what a
// user would see. Times depend on the machine and are not judged here; that
// every transaction is final at the end, and no block came too soon, is.
func TestLoadOfOneNode(t *testing.T) {
	p := startDev(t)
	c := load.Config{HTTP: p.banner.HTTP, WS: p.banner.WebSocket, Rate: 100, Duration: 5 * time.Second, Drain: time.Minute}
	if testutil.Full() {
		c.Duration = 30 * time.Second
	}
	r, err := load.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := r.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", table.String())
	if want := int(c.Rate * c.Duration.Seconds()); r.Sent != want || r.Done != want {
		t.Errorf("%d sent and %d done, want %d of each; refused: %v", r.Sent, r.Done, want, r.Refusals)
	}
	if r.GapFrom != "header" || (r.Gap.P50 != 0 && r.Gap.P50 < 400) {
		t.Errorf("block gap %+v from %s, want at least 400 ms from headers", r.Gap, r.GapFrom)
	}
}
