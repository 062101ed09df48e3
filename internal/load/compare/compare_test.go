package compare

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pars-network/pars/internal/testutil"
)

func TestMain(m *testing.M) { os.Exit(testutil.Main(m)) }

// TestMeasureOneNode starts a real parsd twice, loads it, and finds each
// transaction again in the table and in the JSON.
func TestMeasureOneNode(t *testing.T) {
	r, err := Measure(t.Context(), Config{
		Programs: Programs{"parsd": testutil.Build(t, "parsd")}, Rate: 20, Accounts: 12, Duration: 2 * time.Second,
		Progress: t.Logf,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Runs) != 2 {
		t.Fatalf("%d runs, want an open and a closed loop", len(r.Runs))
	}
	open, closed := r.Runs[0], r.Runs[1]
	if open.Sent != 40 || open.Done != 40 || open.Mode != "open" || open.GapFrom != "header" {
		t.Errorf("open loop: %+v, want 40 sent and done", open.Result)
	}
	if closed.Done < 12 || closed.Done != closed.Sent || closed.Mode != "closed" {
		t.Errorf("closed loop: %+v, want one at least of each sender, and none lost", closed.Result)
	}
	if open.CPU <= 0 || closed.CPU <= 0 {
		t.Errorf("processor time %g and %g s, want some", open.CPU, closed.CPU)
	}
	var table, text bytes.Buffer
	if err := r.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", table.String())
	if lines := strings.Split(strings.TrimSpace(table.String()), "\n"); len(lines) != 3 || !strings.Contains(lines[1], "open, 20/s") || !strings.Contains(lines[2], "closed, 12 senders") {
		t.Errorf("want a head and two lines")
	}
	if err := r.WriteJSON(&text); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(text.Bytes(), &back); err != nil || len(back.Runs) != 2 || back.Runs[0].Done != 40 || back.Runs[1].Target != "one" {
		t.Errorf("JSON came back as %+v (%v)", back, err)
	}
}

func TestStartSaysWhatWentWrong(t *testing.T) {
	dying := filepath.Join(t.TempDir(), "dying")
	if err := os.WriteFile(dying, []byte("#!/bin/sh\necho no room on the disk >&2\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ kind, program, want string }{
		{"besu", "", `no target is called "besu"`},
		{"one", "", "its program was not named"},
		{"geth", filepath.Join(t.TempDir(), "none"), "no such file"},
		{"one", dying, "no room on the disk"},
		{"anvil", dying, "no room on the disk"},
	} {
		_, err := start(t.Context(), c.kind, Programs{c.kind: c.program, "parsd": c.program})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %q: error %v, want %q", c.kind, c.program, err, c.want)
		}
	}
	if _, err := Measure(t.Context(), Config{Targets: []string{"one", "two"}}); err == nil || !strings.Contains(err.Error(), `"two"`) {
		t.Errorf("error %v, want one that names the target", err)
	}
}
