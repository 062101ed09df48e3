package localnet

import (
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pars-network/pars/node"
	"github.com/pars-network/pars/node/config"
	"github.com/pars-network/pars/node/datadir"
)

func TestFolderComesBackAsItWas(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "net")
	f, err := openFolder(dir, 3, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := settlePorts(t.Context(), f.record.Nodes, 0); err != nil {
		t.Fatal(err)
	}
	if err := f.save(); err != nil {
		t.Fatal(err)
	}
	if _, err := openFolder(dir, 0, time.Now()); !errors.Is(err, datadir.ErrInUse) {
		t.Errorf("opening it twice: %v, want %v", err, datadir.ErrInUse)
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := openFolder(dir, 4, time.Now()); !errors.Is(err, node.ErrUsage) {
		t.Errorf("opening it with another number of validators: %v, want %v", err, node.ErrUsage)
	}
	again, err := openFolder(dir, 0, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.close() }()
	want, got := f.record, again.record
	if len(got.Nodes) != 3 || got.Nodes[0] != want.Nodes[0] || got.Nodes[2] != want.Nodes[2] {
		t.Errorf("record = %+v, want %+v", got, want)
	}
	if len(again.genesis.Validators) != 3 {
		t.Errorf("genesis has %d validators, want 3", len(again.genesis.Validators))
	}
	// Ports stay while they are free.
	if err := settlePorts(t.Context(), again.record.Nodes, 0); err != nil {
		t.Fatal(err)
	}
	if again.record.Nodes[1] != want.Nodes[1] {
		t.Errorf("ports of the second start = %+v, want %+v", again.record.Nodes[1], want.Nodes[1])
	}
}

func TestTakenPortsAreReplaced(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).AddrPort().Port()
	nodes := []member{{HTTP: taken, Staking: taken, API: taken}, {}}
	if err := settlePorts(t.Context(), nodes, 0); err != nil {
		t.Fatal(err)
	}
	seen := map[uint16]bool{taken: true}
	for _, m := range nodes {
		for _, p := range []uint16{m.HTTP, m.Staking, m.API} {
			if seen[p] || p < firstPort || p >= lastPort {
				t.Errorf("ports = %+v, want six different ones from %d to %d without %d", nodes, firstPort, lastPort, taken)
			}
			seen[p] = true
		}
	}
	if err := settlePorts(t.Context(), nodes, taken); !errors.Is(err, node.ErrPort) {
		t.Errorf("a base that is taken: %v, want %v", err, node.ErrPort)
	}
}

// TestSettingsAreWhatParsdReads reads a node's file the way parsd run does,
// from a folder whose name TOML could misread.
func TestSettingsAreWhatParsdReads(t *testing.T) {
	f, err := openFolder(filepath.Join(t.TempDir(), `a "b" \ ش`), 3, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.close() }()
	places := []place{{loopback, 1, 2, 3}, {loopback, 4, 5, 6}, {netip.MustParseAddr("198.18.0.3"), 7, 8, 9}}
	text, err := settings(f, places, 2, false)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), settingsFile)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var s node.Settings
	flags := s.Flags(node.Run)
	if err := flags.Parse(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(flags, node.SettingNames(), config.Source{File: path}); err != nil {
		t.Fatalf("reading %s: %v", text, err)
	}
	if s.DataDir != f.home(2) || s.Network != f.file(genesisFile) || s.HTTPAddr != "198.18.0.3" || s.HTTPPort != 7 || s.StakingPort != 8 || s.APIPort != 9 || s.Session {
		t.Errorf("settings = %+v, want those of the third place", s)
	}
	peers := strings.Join(s.Bootstrap, " ")
	if want := f.record.Nodes[0].ID.String() + "@127.0.0.1:2 " + f.record.Nodes[1].ID.String() + "@127.0.0.1:5"; peers != want {
		t.Errorf("bootstrap = %s, want %s", peers, want)
	}
}

func TestLinksThatMakeNoSenseAreRefused(t *testing.T) {
	for _, l := range []Links{{RoundTrip: -1}, {RoundTrip: time.Hour}, {Loss: -0.1}, {Loss: 0.95}, {Regions: true, RoundTrip: time.Second}} {
		if err := l.check(); !errors.Is(err, node.ErrUsage) {
			t.Errorf("check of %+v = %v, want %v", l, err, node.ErrUsage)
		}
	}
	if err := (Links{Regions: true, Loss: 0.3}).check(); err != nil {
		t.Errorf("check of regions with loss = %v, want nil", err)
	}
}

func TestLastLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for text, want := range map[string]string{
		"": "", "one": "one", "one\n": "one", "one\ntwo\n\n": "two", strings.Repeat("x", 3*maxTail) + "\nend\n": "end", "\xff\n": "?",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := lastLine(path); got != want {
			t.Errorf("last line of %.20q = %q, want %q", text, got, want)
		}
	}
	if got := lastLine(path + ".no"); got != "" {
		t.Errorf("last line of a missing file = %q, want nothing", got)
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add([]byte(`{"format":1,"nodes":[{"nodeId":"NodeID-7Xhw2mDxuDS44j42TCB6U5579esbSt3Lg","http":1,"staking":2,"api":3}]}`))
	f.Add([]byte(`{"format":2,"nodes":[]}`))
	f.Add([]byte(`{"format":1,"nodes":[{},{}]} x`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseRecord(text)
		if err != nil {
			return
		}
		if len(r.Nodes) < 1 || len(r.Nodes) > MaxValidators {
			t.Fatalf("parseRecord(%q) has %d nodes", text, len(r.Nodes))
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := parseRecord(again); err != nil || len(back.Nodes) != len(r.Nodes) || back.Nodes[0] != r.Nodes[0] {
			t.Fatalf("parseRecord of what it read = %+v, %v, want %+v", back, err, r)
		}
	})
}
