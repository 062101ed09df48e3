package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

// envChild makes this test binary a writer in a process of its own.
const envChild = "PARS_TEST_STORE_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(envChild); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func childConfig(dir string) Config {
	return Config{Dir: dir, NetworkID: 1337, Passphrase: []byte("p"), Argon2: cheap, Region: 1 << 20}
}

// child writes for ever and prints what was acknowledged: message i is erasable, and
// erases message i-3; "state" says i and replaces itself.
func child(dir string) error {
	go func() { // the test process is gone
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	s, err := Open(childConfig(dir))
	if err != nil {
		return err
	}
	from, _, err := s.Last(secretKind, []byte("m"))
	if err != nil {
		return err
	}
	for i := from + 1; ; i++ {
		var b Batch
		b.Put(secretKind, []byte("m"), i, fmt.Appendf(make([]byte, 2000), "%d", i))
		b.Put(secretKind, []byte("state"), 0, fmt.Append(nil, i))
		b.Put(plainKind, []byte("log"), i, fmt.Append(nil, i))
		if i > 3 {
			b.Delete(secretKind, []byte("m"), i-3)
		}
		if err := s.Commit(&b); err != nil {
			return err
		}
		fmt.Println(i)
	}
}

// A process is killed in the middle of its writing and erasing, again and again; what
// it had acknowledged is there, what it had erased is gone.
func TestKilledProcess(t *testing.T) {
	dir := t.TempDir()
	acked := uint64(0)
	for round := range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), envChild+"="+dir)
		if _, err := cmd.StdinPipe(); err != nil { // open as long as this process lives
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		n := 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var i uint64
			if _, err := fmt.Sscanf(lines.Text(), "%d", &i); err != nil || i <= acked {
				continue // the last line of a killed process may be cut off
			}
			acked = i
			if n++; n == 60+17*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
		cancel()
		if n < 60 {
			t.Fatalf("the child ended by itself after %d", n)
		}
		s, err := Open(childConfig(dir))
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		state, err := s.Get(secretKind, []byte("state"), 0)
		var at uint64
		if _, e := fmt.Sscan(string(state), &at); err != nil || e != nil || at < acked || at > acked+1 {
			t.Fatalf("round %d: the state says %s, %v after %d was acknowledged", round, state, err, acked)
		}
		for i := uint64(1); i <= at; i++ {
			wantValue(t, s, plainKind, "log", i, fmt.Sprint(i))
			if _, err := s.Get(secretKind, []byte("m"), i); (i+2 < at) != errors.Is(err, ErrNotFound) {
				t.Errorf("round %d: message %d of %d: %v", round, i, at, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			t.FailNow()
		}
	}
}
