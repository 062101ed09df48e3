package daemon

import (
	"errors"
	"os"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/pars-network/pars/session/api"
	"github.com/pars-network/pars/session/store"
)

// handClock is a clock that a test moves; whoever waits hears of each minute.
type handClock struct {
	now   chan time.Time
	ticks chan time.Time
}

func newHandClock(at time.Time) *handClock {
	c := &handClock{now: make(chan time.Time, 1), ticks: make(chan time.Time)}
	c.now <- at
	return c
}

func (c *handClock) Now() time.Time {
	t := <-c.now
	c.now <- t
	return t
}

func (c *handClock) set(t time.Time) {
	<-c.now
	c.now <- t
}

func (c *handClock) After(d time.Duration) <-chan time.Time {
	if d == keepEvery {
		return c.ticks
	}
	return nil
}

// Ephemeral records go when their time comes, and the keys when the deadline passes.
func TestKeeping(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	clock := newHandClock(start)
	cfg := config(t)
	cfg.Clock = clock
	d, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	clock.ticks <- start // it has looked once
	const kind = store.Erasable | 0x60
	var b store.Batch
	b.PutUntil(kind, []byte("soon"), 0, []byte("x"), start.Add(time.Hour))
	b.Put(kind, []byte("stays"), 0, []byte("y"))
	if err := d.store.Commit(&b); err != nil {
		t.Fatal(err)
	}
	c := dial(t, d)
	if _, err := c.Vault.SetDeadline(t.Context(), connect.NewRequest(&api.SetDeadlineRequest{WithinS: 7200})); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Vault.SetDeadline(t.Context(), connect.NewRequest(&api.SetDeadlineRequest{WithinS: maxDeadline + 1})); connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("a deadline in a hundred years: %v", err)
	}
	if _, err := c.Vault.WipeVault(t.Context(), connect.NewRequest(&api.WipeVaultRequest{})); connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("a wipe that is not sure: %v", err)
	}
	clock.set(start.Add(61 * time.Minute))
	clock.ticks <- start
	clock.ticks <- start // the sweep before is over
	if _, err := d.store.Get(kind, []byte("soon"), 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after its time: %v, want ErrNotFound", err)
	}
	if _, err := d.store.Get(kind, []byte("stays"), 0); err != nil {
		t.Error(err)
	}
	if res, err := c.Vault.CheckIn(t.Context(), connect.NewRequest(&api.CheckInRequest{})); err != nil || res.Msg.GetDeadline().GetAliveAtMs() != start.Add(61*time.Minute).UnixMilli() {
		t.Errorf("check-in: %v, %v", res, err)
	}
	clock.set(start.Add(3 * time.Hour)) // an hour and 59 minutes after the check-in
	clock.ticks <- start
	clock.ticks <- start
	clock.set(start.Add(4 * time.Hour))
	clock.ticks <- start
	<-d.Done()
	if !errors.Is(d.Err(), errMissed) {
		t.Errorf("after the deadline: %v, want errMissed", d.Err())
	}
	if _, err := Start(t.Context(), cfg); !errors.Is(err, store.ErrPassphraseNeeded) {
		t.Errorf("a start after that: %v: something opens", err)
	}
}

// A wipe ends the daemon and leaves nothing that opens.
func TestWipeEndsTheDaemon(t *testing.T) {
	cfg := config(t)
	cfg.HTTP = "127.0.0.1:0"
	d, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t, d).Vault.WipeVault(t.Context(), connect.NewRequest(&api.WipeVaultRequest{Sure: true})); err != nil {
		t.Fatal(err)
	}
	<-d.Done()
	if !errors.Is(d.Err(), errWiped) {
		t.Errorf("after the wipe: %v, want errWiped", d.Err())
	}
	if _, err := os.Stat(d.TokenFile()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the token is left: %v", err)
	}
	if _, err := Start(t.Context(), cfg); !errors.Is(err, store.ErrPassphraseNeeded) {
		t.Errorf("a start after that: %v: something opens", err)
	}
}
