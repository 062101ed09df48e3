package localnet

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/pars-network/pars/internal/testutil"
)

// floodMs is how long each flood lasts, in milliseconds.
func floodMs() string {
	if testutil.Full() {
		return "15000"
	}
	return "2000"
}

// flooded is what a hostile node says of a flood.
type flooded struct {
	Messages uint64  `json:"messages"`
	Bytes    uint64  `json:"bytes"`
	Seconds  float64 `json:"seconds"`
}

// flood has the liar send as fast as it can, while users go on.
func (l *liars) flood(liar *peer, kind string) {
	l.t.Helper()
	had, began := l.seen.count(), time.Now()
	var f flooded
	l.tell(liar, "flood", url.Values{"kind": {kind}, "ms": {floodMs()}, "packs": {"8"}}, &f)
	during, ended := l.seen.count()-had, time.Now()
	l.awaitReceipts(10)
	l.t.Logf("flood of %q: %d messages, %d MiB in %.1f s, after %.1f s of preparation; users had %d receipts meanwhile, and 10 more in %.1f s",
		kind, f.Messages, f.Bytes>>20, f.Seconds, ended.Sub(began).Seconds()-f.Seconds, during, time.Since(ended).Seconds())
	if f.Messages == 0 {
		l.t.Errorf("flood of %q: nothing was sent", kind)
	}
}

// TestFloodOfTransactions gossips transactions that no pool takes, or takes and
// never can use.
func TestFloodOfTransactions(t *testing.T) {
	l := startWithLiars(t, 5, 1)
	liar := l.bad[0]
	before := l.footprints()
	stop := l.traffic()
	l.awaitReceipts(10)
	// One message or two of each, as long as the nodes still listen.
	for _, label := range []string{"signature", "funds", "oversized", "type"} {
		l.tell(liar, "flood", url.Values{"kind": {label}, "ms": {"0"}, "packs": {"1"}}, nil)
		for p := range l.refusedGossip(label) {
			l.until(p.name+" to refuse transactions for "+label, func() bool { return l.refusedGossip(label)[p] > 0 })
		}
	}
	for _, kind := range []string{"signature", "funds", "oversized", "type", "stale", "gaps"} {
		l.flood(liar, kind)
	}
	for p, n := range l.refusedGossip("unheard") {
		if n == 0 {
			t.Errorf("%s listened to all of it", p.name)
		}
	}
	l.awaitLogged("a peer gossips what its own pool would refuse", liar.info.NodeID, `"notListeningAnyMore": true`)
	for _, p := range l.up() {
		// The least bound that applies: an account's transactions with a gap.
		if queued := l.metric(p, "pars_chain_pool_queued"); queued > 1024 {
			t.Errorf("%s keeps %v transactions with gaps, want at most 1024 of an account", p.name, queued)
		}
	}
	stop()
	l.agree()
	l.checkBounds(before)
}

func (l *liars) refusedGossip(label string) map[*peer]float64 {
	l.t.Helper()
	out := map[*peer]float64{}
	for _, p := range l.up() {
		out[p] = l.labelled(p, "pars_chain_gossip_refused_total", "reason")[label]
	}
	return out
}

// TestFloodOfJunk sends random bytes as every kind of message, answers that
// nobody asked for, blocks without ancestors, and more bytes than a message may
// have.
func TestFloodOfJunk(t *testing.T) {
	l := startWithLiars(t, 5, 1)
	liar := l.bad[0]
	before := l.footprints()
	stop := l.traffic()
	l.awaitReceipts(10)
	for _, kind := range []string{"query", "gossip", "request", "answers", "blocks"} {
		l.flood(liar, kind)
	}
	// The engine keeps what a busy peer sends waiting, so this may take a while.
	for _, p := range l.up() {
		l.until(p.name+" to count malformed blocks", func() bool { return l.refusals(p, "malformed") > 0 })
		l.until(p.name+" to count malformed gossip", func() bool { return l.refusedGossip("malformed")[p] > 0 })
	}
	l.awaitLogged("refused bytes that are no block", `"reason": "malformed"`)
	l.awaitLogged("a peer gossips what its own pool would refuse", liar.info.NodeID)

	t.Log("a chain of ancestors without a beginning")
	l.tell(liar, "strand", url.Values{"depth": {"200"}, "size": {"100000"}}, nil)
	l.awaitReceipts(20)

	t.Log("frames that claim to be larger than a message may be")
	const size = 64 << 20
	for _, p := range l.up() {
		for _, claimed := range []string{"4294967295", "2097153"} {
			var written int
			l.tell(liar, "frame", url.Values{"to": {p.info.Staking}, "claimed": {claimed}, "size": {fmt.Sprint(size)}}, &written)
			// What the systems' buffers hold is written before anybody looks.
			if written > size/2 {
				t.Errorf("%s took %d bytes of a frame of %s, want it to hang up", p.name, written, claimed)
			}
		}
	}
	l.awaitReceipts(10)
	stop()
	l.agree()
	l.checkBounds(before)
}
