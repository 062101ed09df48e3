// Package systemd tells systemd how a service of Type=notify is doing, as
// sd_notify(3) describes: datagrams of NAME=VALUE lines to the unix socket in
// NOTIFY_SOCKET. Without that variable everything here does nothing.
package systemd

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// maxStatus bounds a status line, in bytes; systemd itself takes more.
const maxStatus = 1024

// Notifier is a connection to systemd. The nil Notifier does nothing.
type Notifier struct {
	conn net.Conn
	// watchdog is how often systemd wants a sign of life; 0 means never.
	watchdog time.Duration
}

// Open returns the notifier that the environment asks for, or nil if it asks for
// none. lookup is os.Getenv; pid is this process's id.
func Open(ctx context.Context, lookup func(string) string, pid int) (*Notifier, error) {
	path := lookup("NOTIFY_SOCKET")
	if path == "" {
		return nil, nil
	}
	if strings.HasPrefix(path, "@") {
		path = "\x00" + path[1:] // abstract, see unix(7)
	} else if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("NOTIFY_SOCKET is %q, want an absolute path or @name; unset it when not under systemd", path)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unixgram", path)
	if err != nil {
		return nil, fmt.Errorf("connecting to systemd: %w", err)
	}
	n := &Notifier{conn: conn}
	if usec, err := strconv.ParseInt(lookup("WATCHDOG_USEC"), 10, 64); err == nil && usec > 0 {
		if of := lookup("WATCHDOG_PID"); of == "" || of == strconv.Itoa(pid) {
			n.watchdog = time.Duration(usec) * time.Microsecond
		}
	}
	return n, nil
}

// Ready says that the service is up, with a status for people.
func (n *Notifier) Ready(status string) error { return n.send("READY=1\nSTATUS=" + oneLine(status)) }

// Status changes the status for people.
func (n *Notifier) Status(status string) error { return n.send("STATUS=" + oneLine(status)) }

// Stopping says that the service is ending.
func (n *Notifier) Stopping() error { return n.send("STOPPING=1\nSTATUS=stopping") }

// Watch gives signs of life until ctx ends, twice as often as systemd wants
// them. Before each it calls alive, which should block if the program hangs; its
// sign then stays away and systemd restarts the service. Watch returns at once
// if systemd wants none.
func (n *Notifier) Watch(ctx context.Context, alive func()) {
	if n == nil || n.watchdog == 0 {
		return
	}
	tick := time.NewTicker(n.watchdog / 2)
	defer tick.Stop()
	for {
		alive()
		if ctx.Err() != nil {
			return
		}
		// If it is lost, the next one comes in time.
		_ = n.send("WATCHDOG=1")
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Close ends the connection.
func (n *Notifier) Close() error {
	if n == nil {
		return nil
	}
	return n.conn.Close()
}

func (n *Notifier) send(text string) error {
	if n == nil {
		return nil
	}
	if _, err := n.conn.Write([]byte(text)); err != nil {
		return fmt.Errorf("telling systemd: %w", err)
	}
	return nil
}

func oneLine(s string) string {
	s = strings.ReplaceAll(s, "\n", "; ")
	return s[:min(len(s), maxStatus)]
}
