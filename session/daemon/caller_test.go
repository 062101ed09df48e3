package daemon

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/onion"
	"github.com/pars-network/pars/session/swarm"
)

// A light node asks service nodes through three of them, keeps its guard over a
// restart, and with --direct says what that gives up.
func TestServiceNodesAreAskedOverTheOnion(t *testing.T) {
	var services []*Daemon
	for range 4 {
		cfg := config(t)
		cfg.Service = true
		if len(services) > 0 {
			cfg.Bootstrap = services[0].Multiaddrs()
		}
		services = append(services, start(t, cfg))
	}
	cfg := config(t)
	cfg.Bootstrap = services[0].Multiaddrs()
	d, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(d *Daemon) {
		t.Helper()
		for d.directory.Len() < len(services) {
			select {
			case <-d.directory.Changed():
			case <-time.After(30 * time.Second):
				t.Fatalf("%d service nodes are known after 30 s, want %d", d.directory.Len(), len(services))
			}
		}
		c := swarm.NewClient(swarm.ClientConfig{Maps: swarm.NewMaps(d.directory, time.Now), Caller: d.caller})
		defer c.Close()
		if found, err := c.GetBundle(t.Context(), [32]byte{7}); err != nil || len(found) != 0 {
			t.Fatalf("GetBundle = %d, %v, want none", len(found), err)
		}
	}
	ask(d)
	// The second guard is for when the first is the one to ask; it may come late.
	first := func(d *Daemon) nodes.ID {
		t.Helper()
		g, err := onion.NewGuards(guardKeeper{d.store}, d.cfg.Rand, nil)
		if err != nil || len(g.List()) < 1 || len(g.List()) > 2 {
			t.Fatalf("guards on disk: %v, %v, want 1 or 2", g, err)
		}
		return g.List()[0]
	}
	guard := first(d)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = start(t, cfg)
	ask(d)
	if again := first(d); again != guard {
		t.Errorf("after a restart the guard is %s, want %s", again, guard)
	}

	var log bytes.Buffer
	cfg = config(t)
	cfg.Direct, cfg.Bootstrap = true, services[0].Multiaddrs()
	cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	direct := start(t, cfg)
	ask(direct)
	if !strings.Contains(log.String(), "who talks with whom") {
		t.Errorf("direct mode does not say what it gives up: %q", log.String())
	}
	if _, err := direct.caller.Call(t.Context(), nodes.ID{1}, nil); !errors.Is(err, swarm.ErrNoNodes) {
		t.Errorf("direct Call of a stranger = %v", err)
	}
}

func TestCoverSettings(t *testing.T) {
	for _, edit := range []func(*Config){
		func(c *Config) { c.Cover = time.Millisecond },
		func(c *Config) { c.Cover = 48 * time.Hour },
		func(c *Config) { c.Cover = -time.Second },
		func(c *Config) { c.Cover, c.Direct = time.Second, true },
	} {
		cfg := config(t)
		edit(&cfg)
		if _, err := Start(t.Context(), cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("--cover %v --direct=%v: %v, want ErrConfig", cfg.Cover, cfg.Direct, err)
		}
	}
	cfg := config(t)
	cfg.Cover = time.Second // without any node there is nowhere to send to, and no harm
	start(t, cfg)
}
