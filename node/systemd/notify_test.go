package systemd

import (
	"context"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const longest = time.Minute

// manager is the side of systemd.
func manager(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(longest)); err != nil {
		t.Fatal(err)
	}
	return c
}

func received(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	buf := make([]byte, 4096)
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestMessages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n")
	abstract := "@pars-notify-test-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	for _, name := range []string{path, abstract} {
		c := manager(t, name)
		n, err := Open(t.Context(), env("NOTIFY_SOCKET", name), 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			send func() error
			want string
		}{
			{func() error { return n.Ready("catching\nup") }, "READY=1\nSTATUS=catching; up"},
			{func() error { return n.Status("at height 7") }, "STATUS=at height 7"},
			{func() error { return n.Status(strings.Repeat("x", 5000)) }, "STATUS=" + strings.Repeat("x", maxStatus)},
			{n.Stopping, "STOPPING=1\nSTATUS=stopping"},
		} {
			if err := step.send(); err != nil {
				t.Fatal(err)
			}
			if got := received(t, c); got != step.want {
				t.Errorf("systemd got %q, want %q", got, step.want)
			}
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestWatchdogStopsWhenTheProgramHangs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n")
	c := manager(t, path)
	n, err := Open(t.Context(), env("NOTIFY_SOCKET", path, "WATCHDOG_USEC", "2000", "WATCHDOG_PID", "7"), 7)
	if err != nil {
		t.Fatal(err)
	}
	hang, hung, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	calls := 0
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(done)
		n.Watch(ctx, func() {
			if calls++; calls == 3 {
				close(hung)
				<-hang
			}
		})
	}()
	for range 2 {
		if got := received(t, c); got != "WATCHDOG=1" {
			t.Errorf("systemd got %q, want a sign of life", got)
		}
	}
	<-hung
	cancel()
	close(hang)
	<-done
	// The third sign was never sent: the next datagram is ours.
	if err := n.Status("after"); err != nil {
		t.Fatal(err)
	}
	if got := received(t, c); got != "STATUS=after" {
		t.Errorf("a program that hung sent %q", got)
	}
}

func TestWithoutSystemdNothingHappens(t *testing.T) {
	n, err := Open(t.Context(), env(), 1)
	if n != nil || err != nil {
		t.Fatalf("Open = %v, %v, want nothing", n, err)
	}
	for _, err := range []error{n.Ready("x"), n.Status("x"), n.Stopping(), n.Close()} {
		if err != nil {
			t.Error(err)
		}
	}
	n.Watch(t.Context(), func() { t.Error("a watchdog without systemd") })

	path := filepath.Join(t.TempDir(), "n")
	manager(t, path)
	for _, vars := range [][]string{{}, {"WATCHDOG_USEC", "0"}, {"WATCHDOG_USEC", "x"}, {"WATCHDOG_USEC", "1000", "WATCHDOG_PID", "8"}} {
		n, err := Open(t.Context(), env(append(vars, "NOTIFY_SOCKET", path)...), 7)
		if err != nil {
			t.Fatal(err)
		}
		n.Watch(t.Context(), func() { t.Errorf("a watchdog with %v", vars) })
	}
}

func TestBadSocketsAreNamed(t *testing.T) {
	for _, name := range []string{"relative", filepath.Join(t.TempDir(), "none")} {
		if _, err := Open(t.Context(), env("NOTIFY_SOCKET", name), 1); err == nil {
			t.Errorf("Open with %q succeeded, want an error", name)
		}
	}
}
