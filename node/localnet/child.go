package localnet

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/pars-network/pars/node"
)

// maxBanner bounds the line of JSON with which a node says that it is ready, and
// maxTail how much of a log's end is read for its last line; in bytes.
const (
	maxBanner = 1 << 20
	maxTail   = 4 << 10
)

// child is the process of one node.
type child struct {
	cmd     *exec.Cmd
	logPath string
	banner  node.Banner   // readable once ready is closed
	ready   chan struct{} // closed when the node takes transactions
	done    chan struct{} // closed when the process is gone
	err     error         // of its end, readable once done is closed
}

// starter starts processes from one thread that lives as long as it does. Linux
// sends the death signal of a child when the thread that started it ends, and
// the Go runtime ends threads as it likes.
type starter struct {
	jobs chan func()
}

func newStarter() *starter {
	s := &starter{jobs: make(chan func())}
	go func() {
		runtime.LockOSThread()
		for job := range s.jobs {
			job()
		}
		// Not unlocked: the thread ends here, and with it what it started.
	}()
	return s
}

// close kills, on Linux, what was started and still runs.
func (s *starter) close() { close(s.jobs) }

func (s *starter) start(cmd *exec.Cmd) error {
	result := make(chan error)
	s.jobs <- func() { result <- cmd.Start() }
	return <-result
}

// startChild runs args, with standard error at the end of the file logPath.
func (s *starter) startChild(args, environ []string, logPath string) (*child, error) {
	log, err := os.OpenFile(logPath, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening a node's log: %w", err)
	}
	defer func() { _ = log.Close() }() // the child has its own
	// No context: a cancelled one would kill, and nodes are to stop cleanly.
	c := &child{cmd: &exec.Cmd{Path: args[0], Args: args, Env: environ, Stderr: log}, logPath: logPath, ready: make(chan struct{}), done: make(chan struct{})}
	c.cmd.SysProcAttr = attributes()
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting a node: %w", err)
	}
	if err := s.start(c.cmd); err != nil {
		return nil, fmt.Errorf("starting a node: %w", err)
	}
	go c.watch(out)
	return c, nil
}

// watch reads the banner and waits for the end.
func (c *child) watch(out io.Reader) {
	defer close(c.done)
	r := bufio.NewReaderSize(out, maxBanner)
	if line, err := r.ReadSlice('\n'); err == nil && json.Unmarshal(line, &c.banner) == nil {
		close(c.ready)
	}
	_, _ = io.Copy(io.Discard, r) // what it writes further is nobody's
	c.err = c.cmd.Wait()
}

// isReady reports whether the node has said so.
func (c *child) isReady() bool {
	select {
	case <-c.ready:
		return true
	default:
		return false
	}
}

// running reports whether the process is still there.
func (c *child) running() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// signal sends sig, if there is still somebody to get it.
func (c *child) signal(sig os.Signal) error {
	if err := c.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// fate says how the process ended, in words; only after done.
func (c *child) fate() string {
	how := "ended with exit code 0"
	if c.err != nil {
		how = c.err.Error() // "exit status 3", "signal: killed"
	}
	if line := lastLine(c.logPath); line != "" {
		how += "; its log ends with: " + line
	}
	return how
}

// lastLine returns the last line of a file, or nothing.
func lastLine(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	text := make([]byte, min(info.Size(), maxTail))
	if _, err := f.ReadAt(text, info.Size()-int64(len(text))); err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	text = bytes.TrimRight(text, "\n")
	if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	return strings.ToValidUTF8(string(text), "?")
}

// wait waits for the end, at most for limit, and reports whether it came.
func (c *child) wait(limit <-chan time.Time) bool {
	select {
	case <-c.done:
		return true
	case <-limit:
		return false
	}
}
