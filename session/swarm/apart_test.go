package swarm

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pars-network/pars/session/nodes"
)

// apartCaller looks at what calls ask of their way.
type apartCaller struct {
	*swarmNet
	calls, wrong atomic.Int32
	replicas     []nodes.ID
}

func (a *apartCaller) Call(ctx context.Context, to nodes.ID, raw []byte) ([]byte, error) {
	a.calls.Add(1)
	got := nodes.Avoided(ctx)
	if slices.ContainsFunc(a.replicas, func(id nodes.ID) bool { return !slices.Contains(got, id) }) {
		a.wrong.Add(1)
	}
	return a.swarmNet.Call(ctx, to, raw)
}

// No replica is asked through another of the same mailbox or slot.
func TestReplicasAreKeptApart(t *testing.T) {
	w := newNetwork(t, 12)
	key, mailbox := mailboxOf(t, 1)
	a := &apartCaller{swarmNet: w}
	for _, m := range w.holders(mailbox) {
		a.replicas = append(a.replicas, m.id)
	}
	c := NewClient(ClientConfig{Maps: w.maps, Caller: a, Now: w.clock.now})
	defer c.Close()
	put(t, c, mailbox, 1, w.clock.now())
	found, _, err := c.Poll(t.Context(), key, Cursor{}, time.Second)
	if err != nil || len(found) != 1 {
		t.Fatalf("Poll = %d, %v", len(found), err)
	}
	if _, _, err := c.Delete(t.Context(), key, found); err != nil {
		t.Fatal(err)
	}
	if _, err := c.GetBundle(t.Context(), [32]byte(mailbox)); err != nil {
		t.Fatal(err)
	}
	if a.calls.Load() < 4*4 || a.wrong.Load() != 0 || len(a.replicas) != Replicas {
		t.Errorf("%d of %d calls may go through other replicas of %d", a.wrong.Load(), a.calls.Load(), len(a.replicas))
	}
}
