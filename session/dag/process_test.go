package dag

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// The variables that make this test binary a writer in a process of its own.
const (
	envDir    = "PARS_TEST_DAG_DIR"
	envRefuse = "PARS_TEST_DAG_REFUSE" // from which change on, and with what; or tablesRefused
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envDir); dir != "" {
		if err := child(dir, os.Getenv(envRefuse)); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// childTime is after how long a writer that hangs is made to print its stacks.
const childTime = 2 * time.Minute

// tablesRefused stands for a disk that takes the log and nothing else.
const tablesRefused = "tables"

// child writes to a store in dir and prints what was acknowledged: for ever, or on
// a disk that refuses changes, until its work is done.
func child(dir, refuse string) error {
	go func() { // the test process is gone
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	w := &workload{tell: func(id ID) { fmt.Println("ack", id) }}
	if refuse == "" {
		s, err := Open(Config{Dir: dir, memTable: 64 << 10})
		if err != nil {
			return err
		}
		return forever(s, w)
	}
	if refuse == tablesRefused {
		fs := errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if changes(op) && strings.HasSuffix(op.Path, ".sst") {
				return &diskError{op.Path, syscall.ENOSPC}
			}
			return nil
		}))
		s, err := Open(Config{FS: fs, Dir: dir, memTable: 64 << 10})
		if err != nil {
			return err
		}
		return forever(s, w)
	}
	from, errno, _ := strings.Cut(refuse, " ")
	k, err := strconv.ParseInt(from, 10, 64)
	if err != nil {
		return err
	}
	fault, err := strconv.Atoi(errno)
	if err != nil {
		return err
	}
	var count atomic.Int64
	fs := errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if !changes(op) || count.Add(1) < k {
			return nil
		}
		if count.Load() == k {
			fmt.Println("refused", op.Kind)
		}
		return &diskError{op.Path, syscall.Errno(fault)}
	}))
	s, err := Open(Config{FS: fs, Dir: dir, memTable: 32 << 10})
	if err != nil {
		return err
	}
	err = w.run(context.Background(), s)
	if errors.Is(err, ErrFailed) {
		if _, _, again := s.Append(context.Background(), vouched.Space(), NewVouchedWriter(Author{1}), Data, nil); !errors.Is(again, ErrFailed) {
			fmt.Println("broken: after a failure Append =", again)
		}
	}
	return errors.Join(err, s.Close())
}

// forever appends from four goroutines.
func forever(s *Store, w *workload) error {
	if _, err := s.Join(vouched); err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make(chan error, 4)
	for g := range byte(4) {
		wg.Go(func() {
			for i := 0; ; i++ {
				_, id, err := s.Append(context.Background(), vouched.Space(), NewVouchedWriter(Author{10 + g}), Data, make([]byte, 2000))
				if err != nil {
					errs <- err
					return
				}
				w.ack(id)
			}
		})
	}
	wg.Wait()
	return <-errs
}

// diskError is what a disk says.
type diskError struct {
	path string
	err  error
}

func (e *diskError) Error() string { return e.path + ": " + e.err.Error() }
func (e *diskError) Unwrap() error { return e.err }

// spawn starts the child and returns what it prints, line by line.
func spawn(t *testing.T, dir, refuse string) (*exec.Cmd, *bufio.Scanner, *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), childTime)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), envDir+"="+dir, envRefuse+"="+refuse)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGQUIT) } // it prints its stacks
	if _, err := cmd.StdinPipe(); err != nil {                               // open as long as this process lives
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr := new(bytes.Buffer)
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out), stderr
}

func parseAck(t *testing.T, line string) (ID, bool) {
	t.Helper()
	text, ok := strings.CutPrefix(line, "ack ")
	if !ok {
		return ID{}, false
	}
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(ID{}) {
		return ID{}, false // the last line of a killed process may be cut off
	}
	return ID(b), true
}

// A process is killed in the middle of its writing, again and again; what it had
// acknowledged is there, and it goes on from there without a fork.
func TestKilledProcess(t *testing.T) {
	dir := t.TempDir()
	var acked []ID
	for round := range 4 {
		cmd, lines, stderr := spawn(t, dir, "")
		for n := 0; lines.Scan(); {
			id, ok := parseAck(t, lines.Text())
			if !ok {
				continue
			}
			acked = append(acked, id)
			if n++; n == 40 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
		if len(acked) < 40*(round+1) {
			t.Fatalf("the child ended by itself: %s", stderr)
		}
		audit(t, vfs.Default, acked, dir)
	}
	s := open(t, Config{FS: vfs.Default, Dir: dir})
	if forks, err := s.Forks(vouched.Space()); err != nil || len(forks) > 0 {
		t.Errorf("%d forks, %v, after kills", len(forks), err)
	}
}

// The disk refuses the k-th write or sync, and all after it, as a full or broken
// one does. The process says so or ends; nothing acknowledged is lost, and it
// goes on when the disk works again. A process, since pebble ends it on some faults.
func TestTheDiskRefuses(t *testing.T) {
	const step = 7
	for fault, name := range []string{syscall.ENOSPC: "full", syscall.EIO: "broken"} {
		if name == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			failed := 0
			for k := 1 + fault%step; ; k += step {
				dir := t.TempDir()
				cmd, lines, stderr := spawn(t, dir, fmt.Sprintf("%d %d", k, fault))
				var acked []ID
				reached := ""
				for lines.Scan() {
					if id, ok := parseAck(t, lines.Text()); ok {
						acked = append(acked, id)
					} else {
						reached = lines.Text()
					}
				}
				err := cmd.Wait()
				if strings.HasPrefix(reached, "broken") {
					t.Fatalf("change %d: %s", k, reached)
				}
				audit(t, vfs.Default, acked, dir)
				if reached == "" {
					if err != nil {
						t.Fatalf("without a fault: %v\n%s", err, stderr)
					}
					break
				}
				if err != nil {
					failed++
				}
			}
			if failed < 5 {
				t.Errorf("only %d refusals were noticed", failed)
			}
		})
	}
}

// The disk takes the log but no tables, so that pebble makes writers wait for room
// that never comes. The process says so and ends instead of waiting for ever, and
// nothing acknowledged is lost.
func TestTheDiskRefusesTables(t *testing.T) {
	dir := t.TempDir()
	cmd, lines, stderr := spawn(t, dir, tablesRefused)
	var acked []ID
	for lines.Scan() {
		if id, ok := parseAck(t, lines.Text()); ok {
			acked = append(acked, id)
		}
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(stderr.String(), "no space left on device") {
		t.Fatalf("the child ended with %v: %s", err, stderr)
	}
	if len(acked) == 0 {
		t.Fatal("nothing was acknowledged before")
	}
	audit(t, vfs.Default, acked, dir)
}
