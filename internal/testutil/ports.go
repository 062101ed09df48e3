package testutil

import (
	"net"
	"testing"
)

// FreePorts returns n different TCP ports of loopback that nobody used a moment
// ago. Prefer port 0 and asking the program which one it took; this is for
// programs that must know each other's ports before they start.
func FreePorts(tb testing.TB, n int) []int {
	tb.Helper()
	ports := make([]int, 0, n)
	for range n {
		l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			tb.Fatal(err)
		}
		defer func() { _ = l.Close() }() // all at the end, so that they differ
		addr, ok := l.Addr().(*net.TCPAddr)
		if !ok {
			tb.Fatalf("listening on %v, want a TCP address", l.Addr())
		}
		ports = append(ports, addr.Port)
	}
	return ports
}
