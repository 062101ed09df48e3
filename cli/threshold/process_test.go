package threshold

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pars-network/pars/internal/testutil"
)

func TestMain(m *testing.M) { os.Exit(testutil.Main(m)) }

// patience bounds what a process may take; nothing is measured by it.
const patience = 2 * time.Minute

// bench is a folder for the processes of a test.
type bench struct {
	t   *testing.T
	bin string
	dir string
}

func newBench(t *testing.T, names ...string) *bench {
	b := &bench{t, testutil.Build(t, "parsctl"), t.TempDir()}
	for _, n := range names {
		b.must(n, "init", "--name", n)
		b.must(n, "card", "--file", filepath.Join(b.dir, n+".member"))
	}
	return b
}

func (b *bench) folder() string { return filepath.Join(b.dir, "shared") }

func (b *bench) command(ctx context.Context, who string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, b.bin, append([]string{"threshold", "--json", "--home", filepath.Join(b.dir, who)}, args...)...)
	cmd.Env = append(testutil.Environ(), thresholdPassphrase+"=of "+who)
	return cmd
}

const thresholdPassphrase = "PARS_THRESHOLD_PASSPHRASE"

// result is what the commands print with --json.
type result struct {
	code      int
	stderr    string
	State     string
	Round     int
	Missing   []string
	Blamed    []string
	Proven    bool
	Signature string
	GroupKey  string `json:"group_key"`
	Group     struct {
		ID       string
		GroupKey string `json:"group_key"`
	}
}

func (b *bench) run(who string, args ...string) (r result) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := b.command(ctx, who, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Errorf("%s: %v", who, err)
		return result{code: -1}
	}
	if len(out) > 0 {
		if err := json.Unmarshal(out, &r); err != nil {
			b.t.Errorf("%s printed %q: %v", who, out, err)
		}
	}
	r.code, r.stderr = cmd.ProcessState.ExitCode(), stderr.String()
	return r
}

func (b *bench) must(who string, args ...string) result {
	b.t.Helper()
	r := b.run(who, args...)
	if r.code != 0 {
		b.t.Fatalf("%s %s: exit %d: %s", who, strings.Join(args, " "), r.code, r.stderr)
	}
	return r
}

// together runs a command for several people at once.
func (b *bench) together(who []string, args ...string) map[string]result {
	b.t.Helper()
	type answer struct {
		who string
		result
	}
	answers := make(chan answer)
	for _, w := range who {
		go func() { answers <- answer{w, b.run(w, args...)} }()
	}
	out := map[string]result{}
	for range who {
		a := <-answers
		out[a.who] = a.result
	}
	return out
}

func (b *bench) dkg(label string, members ...string) []string {
	args := []string{"dkg", "--label", label, "--threshold", "2", "--suite", "secp256k1", "--folder", b.folder(), "--wait", "--timeout", "1m"}
	for _, m := range members {
		args = append(args, "--member", filepath.Join(b.dir, m+".member"))
	}
	return args
}

func (b *bench) signing(attempt int, signers ...string) []string {
	args := []string{"sign", "--group", "key", "--folder", b.folder(), "--message", "salaam", "--attempt", fmt.Sprint(attempt)}
	for _, s := range signers {
		args = append(args, "--signer", s)
	}
	return args
}

// Three processes make a key. One of the three then sends a wrong share of a
// signature: the other names it, and signs with the third.
func TestProcessesNameTheCheatAndSignWithoutIt(t *testing.T) {
	b := newBench(t, "sara", "reza", "nima")
	made := b.together([]string{"sara", "reza", "nima"}, b.dkg("key", "sara", "reza", "nima")...)
	for who, r := range made {
		if r.code != 0 || r.State != "done" || r.Group.ID != made["sara"].Group.ID {
			t.Fatalf("%s: %+v, want a group, the same as the others'", who, r)
		}
	}
	if r := b.run("sara", b.signing(1, "sara", "nima")...); r.code != 7 || r.State != "waiting" || !slices.Equal(r.Missing, []string{"nima"}) {
		t.Errorf("the first signer alone: %+v, want exit 7, waiting for nima", r)
	}
	nima, err := Open(Config{Dir: filepath.Join(b.dir, "nima"), Passphrase: []byte("of nima"), Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	g, err := nima.Group("key")
	if err != nil {
		t.Fatal(err)
	}
	s, err := nima.StartSign(Folder(b.folder()), g, Order{Message: []byte("salaam"), Signers: []string{"sara", "nima"}, Attempt: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Step(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(b.folder(), FileName(s.ceremony, KindSigShare, g.Self))
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := openMessage(raw, s.ceremony, KindSigShare, g.Self, nima.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	var w sigShareWire
	decode(t, msg.payload, &w)
	w.Share[31] ^= 1
	if raw, err = nima.message(s.ceremony, KindSigShare, g.Self, w); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := nima.Close(); err != nil {
		t.Fatal(err)
	}
	if r := b.run("sara", b.signing(1, "sara", "nima")...); r.code != 6 || r.State != "failed" || !slices.Equal(r.Blamed, []string{"nima"}) || !r.Proven {
		t.Errorf("after a wrong share: %+v, want exit 6 and nima blamed", r)
	}
	again := b.together([]string{"sara", "reza"}, append(b.signing(2, "sara", "reza"), "--wait", "--timeout", "1m")...)
	if again["sara"].Signature == "" || again["sara"].Signature != again["reza"].Signature || again["sara"].GroupKey != made["sara"].Group.GroupKey {
		t.Errorf("the next attempt: %+v, want one signature by the group", again)
	}
}

// One machine dies again and again, at any moment. What it has shown to the
// others never changes, and in the end there is a signature.
func TestKilledProcessesNeverContradictThemselves(t *testing.T) {
	b := newBench(t, "sara", "reza")
	seen := map[string]string{}
	look := func() {
		entries, err := os.ReadDir(b.folder())
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") {
				continue // a file that was not finished
			}
			raw, err := os.ReadFile(filepath.Join(b.folder(), e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			if old, ok := seen[e.Name()]; ok && old != string(raw) {
				t.Errorf("%s has another content than before", e.Name())
			}
			seen[e.Name()] = string(raw)
		}
	}
	kills := 8
	if testutil.Full() {
		kills = 60
	}
	run := func(args []string, others func()) {
		began := time.Now()
		b.must("reza", "list")
		whole := time.Since(began) * 2
		for i := range kills {
			cmd := b.command(context.Background(), "sara", args...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(whole*time.Duration(i+1)/time.Duration(kills), func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
			_ = cmd.Wait()
			timer.Stop()
			look()
			if i == kills/2 {
				others()
				look()
			}
		}
	}
	step := func(args []string) []string {
		return slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == "--wait" })
	}
	dkg := b.dkg("key", "sara", "reza")
	run(step(dkg), func() { b.run("reza", step(dkg)...) })
	for _, r := range b.together([]string{"sara", "reza"}, dkg...) {
		if r.code != 0 {
			t.Fatalf("after the kills: %+v", r)
		}
	}
	look()
	sign := b.signing(1, "sara", "reza")
	run(sign, func() { b.run("reza", sign...) })
	done := b.together([]string{"sara", "reza"}, append(sign, "--wait", "--timeout", "1m")...)
	look()
	if done["sara"].code != 0 || done["sara"].Signature == "" || done["sara"].Signature != done["reza"].Signature {
		t.Errorf("after the kills: %+v, want one signature", done)
	}
}
