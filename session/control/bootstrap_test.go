package control

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// fakeNet answers dials with what the test says and remembers when they came.
type fakeNet struct {
	start   time.Time
	dials   []time.Duration
	answers func(n int) error         // of dial n, from 0
	lasts   func(n int) time.Duration // how long link n stands
	gone    chan struct{}
}

func (f *fakeNet) Connect(context.Context, peer.AddrInfo) error {
	n := len(f.dials)
	f.dials = append(f.dials, time.Since(f.start))
	if err := f.answers(n); err != nil {
		return err
	}
	gone := make(chan struct{})
	f.gone = gone
	time.AfterFunc(f.lasts(n), func() { close(gone) })
	return nil
}

func (f *fakeNet) Gone(peer.ID) <-chan struct{} { return f.gone }

const bootAddr = "/ip4/192.0.2.1/tcp/9000/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"

func multiaddrs(t *testing.T, list ...string) (out []ma.Multiaddr) {
	t.Helper()
	for _, s := range list {
		a, err := ma.NewMultiaddr(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

// run lets a dialler run for a while of fake time. Without jitter a delay is
// half of its nominal length.
func run(t *testing.T, f *fakeNet, random func(int64) int64, span time.Duration) []Target {
	t.Helper()
	b, err := NewBootstrap(f, multiaddrs(t, bootAddr), nil, random)
	if err != nil {
		t.Fatal(err)
	}
	f.start = time.Now()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { b.Run(ctx); close(done) }()
	time.Sleep(span)
	synctest.Wait()
	state := b.Targets()
	cancel()
	<-done
	return state
}

func least(int64) int64      { return 0 }
func greatest(n int64) int64 { return n - 1 }

func TestBackoffDoublesAndIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("down")
		f := &fakeNet{answers: func(int) error { return down }}
		state := run(t, f, greatest, 40*time.Minute)
		want := []time.Duration{0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1111}
		for i, w := range want {
			if f.dials[i] != w*time.Second {
				t.Errorf("dial %d after %v, want %v", i, f.dials[i], w*time.Second)
			}
		}
		if s := state[0]; s.Connected || s.Failures != len(f.dials) || !errors.Is(s.LastError, down) || !s.NextTry.After(time.Now()) {
			t.Errorf("state %+v, want %d failures and the last error", s, len(f.dials))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f := &fakeNet{answers: func(int) error { return errors.New("down") }}
		run(t, f, least, 4*time.Second)
		if f.dials[1] != 500*time.Millisecond || f.dials[2] != 1500*time.Millisecond {
			t.Errorf("dials after %v, want the least jitter to halve the delay", f.dials)
		}
	})
}

func TestALinkThatStandsIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeNet{answers: func(int) error { return nil }, lasts: func(int) time.Duration { return 24 * time.Hour }}
		state := run(t, f, least, time.Hour)
		if len(f.dials) != 1 || !state[0].Connected || state[0].LastError != nil {
			t.Errorf("%d dials, state %+v, want one and connected", len(f.dials), state[0])
		}
		<-f.gone // the bubble ends with its timers
	})
}

func TestAStableLinkResetsTheBackoffAndAFlappingOneDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeNet{answers: func(int) error { return nil }, lasts: func(int) time.Duration { return 2 * time.Minute }}
		run(t, f, greatest, 10*time.Minute)
		for i, at := range f.dials {
			if want := time.Duration(i) * 121 * time.Second; at != want {
				t.Errorf("dial %d after %v, want %v", i, at, want)
			}
		}
		<-f.gone
	})
	synctest.Test(t, func(t *testing.T) {
		f := &fakeNet{answers: func(int) error { return nil }, lasts: func(int) time.Duration { return 0 }}
		run(t, f, greatest, time.Minute)
		if len(f.dials) != 6 { // at 0, 1, 3, 7, 15, 31 s
			t.Errorf("%d dials of a flapping node in a minute, want 6", len(f.dials))
		}
	})
}

func TestARefusalWaitsLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeNet{answers: func(int) error {
			return &RefusedError{Refusal: Refusal{Code: RefusedNetwork, Reason: "other network"}, ByPeer: true}
		}}
		state := run(t, f, greatest, 6*time.Minute)
		if len(f.dials) != 2 || f.dials[1] != maxDelay {
			t.Errorf("dials after %v, want 0 and %v", f.dials, maxDelay)
		}
		if !strings.Contains(state[0].LastError.Error(), "refused this node: other network") {
			t.Errorf("last error %v, want the reason", state[0].LastError)
		}
	})
}

func TestBootstrapAddressesNeedAPeerID(t *testing.T) {
	for _, bad := range []string{"/ip4/192.0.2.1/tcp/9000", "/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"} {
		if _, err := NewBootstrap(nil, multiaddrs(t, bad), nil, nil); err == nil || !strings.Contains(err.Error(), "Qm") {
			t.Errorf("NewBootstrap(%s) = %v, want an error with an example", bad, err)
		}
	}
	b, err := NewBootstrap(nil, multiaddrs(t, bootAddr, strings.Replace(bootAddr, "192.0.2.1", "192.0.2.2", 1)), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.Targets(); len(got) != 1 || len(got[0].Addrs) != 2 {
		t.Errorf("targets %+v, want one with two addresses", got)
	}
}
