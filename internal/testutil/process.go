package testutil

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// stopTime is how long a program may take to end after SIGTERM.
const stopTime = 30 * time.Second

// Process is a running program.
type Process struct {
	tb    testing.TB
	cmd   *exec.Cmd
	lines chan string // of standard output; closed at its end
	done  chan struct{}
	err   error // of Wait, readable once done is closed

	mu     sync.Mutex
	stderr bytes.Buffer
}

// Start runs a program. It is killed when the test ends, if it hasn't by then,
// and what it wrote to standard error is logged if the test failed.
func Start(tb testing.TB, path string, args ...string) *Process {
	tb.Helper()
	// Ended by Cleanup, not by the context: a test's context ends before that.
	p := &Process{tb: tb, cmd: exec.CommandContext(context.Background(), path, args...), lines: make(chan string, 1024), done: make(chan struct{})}
	p.cmd.Env = Environ()
	p.cmd.Stderr = p
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		tb.Fatalf("starting %s: %v", path, err)
	}
	go func() {
		p.read(out)
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	tb.Cleanup(func() {
		p.Kill()
		if tb.Failed() {
			tb.Logf("%s wrote:\n%s", strings.Join(p.cmd.Args, " "), p.Stderr())
		}
	})
	return p
}

// Environ is the environment without settings of ours, so that those of
// whoever runs the tests don't matter.
func Environ() []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "PARS_") {
			env = append(env, e)
		}
	}
	return env
}

func (p *Process) read(out io.Reader) {
	defer close(p.lines)
	scan := bufio.NewScanner(out)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		p.lines <- scan.Text()
	}
}

// Write implements [io.Writer] for standard error.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.Write(b)
}

// Stderr returns what the program has written to standard error so far.
func (p *Process) Stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// Line returns the next line of standard output, or fails the test if the
// program ends or takes longer than limit.
func (p *Process) Line(limit time.Duration) string {
	p.tb.Helper()
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case line, ok := <-p.lines:
		if !ok {
			<-p.done
			p.tb.Fatalf("%s ended (%v) before it said anything:\n%s", p.cmd.Path, p.err, p.Stderr())
		}
		return line
	case <-late.C:
		p.tb.Fatalf("%s said nothing in %s:\n%s", p.cmd.Path, limit, p.Stderr())
	}
	return ""
}

// JSON decodes the next line of standard output.
func (p *Process) JSON(limit time.Duration, into any) {
	p.tb.Helper()
	line := p.Line(limit)
	if err := json.Unmarshal([]byte(line), into); err != nil {
		p.tb.Fatalf("%s printed %q, want one line of JSON: %v", p.cmd.Path, line, err)
	}
}

// Signal sends sig.
func (p *Process) Signal(sig os.Signal) {
	p.tb.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.tb.Fatal(err)
	}
}

// Terminate sends SIGTERM and returns the exit code and how long it took.
func (p *Process) Terminate() (code int, took time.Duration) {
	p.tb.Helper()
	began := time.Now()
	p.Signal(syscall.SIGTERM)
	code = p.Wait(stopTime)
	return code, time.Since(began)
}

// Wait returns the exit code of a program that is about to end.
func (p *Process) Wait(limit time.Duration) int {
	p.tb.Helper()
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-p.done:
	case <-late.C:
		p.tb.Fatalf("%s still runs after %s:\n%s", p.cmd.Path, limit, p.Stderr())
	}
	return p.cmd.ProcessState.ExitCode()
}

// Kill ends the program as a power cut would, and waits until it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	// Nobody reads the rest of the output; let the reader get to its end.
	go func() {
		for range p.lines {
		}
	}()
	<-p.done
}
