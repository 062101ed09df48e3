package skew

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// clockVariable makes this test program a clock: for each line it reads, it
// writes its wall clock and its monotonic one, in nanoseconds.
const clockVariable = "PARS_TEST_SKEW_CLOCK"

func TestMain(m *testing.M) {
	if os.Getenv(clockVariable) != "" {
		tell()
		return
	}
	os.Exit(m.Run())
}

func tell() {
	began := time.Now()
	// Threads that read the clock all the time, as those of a node.
	for range 4 {
		go func() {
			for time.Since(began) < time.Minute {
				time.Sleep(time.Microsecond)
			}
		}()
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		now := time.Now()
		fmt.Println(now.UnixNano(), now.Sub(began).Nanoseconds())
	}
}

// clock is a process that tells its time.
type clock struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func startClock(t *testing.T) *clock {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &clock{t: t, cmd: exec.CommandContext(t.Context(), self)}
	c.cmd.Env = append(os.Environ(), clockVariable+"=1")
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.in.Close()
		_ = c.cmd.Wait()
	})
	return c
}

// read returns how far the process's wall clock is ahead of ours, between two
// bounds, and its monotonic time.
func (c *clock) read() (least, most, mono time.Duration) {
	c.t.Helper()
	before := time.Now()
	if _, err := io.WriteString(c.in, "\n"); err != nil {
		c.t.Fatal(err)
	}
	if !c.out.Scan() {
		c.t.Fatalf("the clock says nothing: %v", c.out.Err())
	}
	after := time.Now()
	var wall int64
	if _, err := fmt.Sscan(c.out.Text(), &wall, &mono); err != nil {
		c.t.Fatal(err)
	}
	at := time.Unix(0, wall)
	return at.Sub(after), at.Sub(before), mono
}

func TestSetMovesTheWallClockOfOneProcessAndNoOther(t *testing.T) {
	if Supported != nil {
		t.Skip(Supported)
	}
	wrong, right := startClock(t), startClock(t)
	for _, want := range []time.Duration{
		0, 80 * time.Millisecond, -80 * time.Millisecond, 5 * time.Second, -5 * time.Second,
		-time.Nanosecond, 999_999_999, -999_999_999, -time.Second, 365 * 24 * time.Hour, 0,
	} {
		_, _, before := wrong.read()
		if err := Set(wrong.cmd.Process.Pid, want); err != nil {
			if strings.Contains(err.Error(), os.ErrPermission.Error()) {
				t.Skipf("this system doesn't let a process debug its children: %v", err)
			}
			t.Fatal(err)
		}
		least, most, after := wrong.read()
		if want < least || want > most {
			t.Errorf("after Set(%s) the clock is %s to %s ahead", want, least, most)
		}
		if after < before {
			t.Errorf("after Set(%s) the monotonic clock went from %s to %s", want, before, after)
		}
		if least, most, _ := right.read(); least > 0 || most < 0 {
			t.Errorf("after Set(%s) the clock of another process is %s to %s ahead", want, least, most)
		}
	}
}

func TestSetSaysWhatIsWrong(t *testing.T) {
	if Supported != nil {
		t.Skip(Supported)
	}
	c := startClock(t)
	_ = c.in.Close()
	_ = c.cmd.Wait()
	if err := Set(c.cmd.Process.Pid, time.Second); err == nil || !strings.Contains(err.Error(), "setting the clock of process") {
		t.Errorf("Set for a process that is gone = %v, want an error", err)
	}
}
