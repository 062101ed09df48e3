package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// claim is a port that the node will need.
type claim struct {
	// flag is the setting that changes it.
	flag string
	addr netip.AddrPort
}

// claimPorts opens a listener on every claim, all at once, so that a taken port
// is found before anything is started and two claims can't be for one port.
// The caller closes them.
func claimPorts(ctx context.Context, claims []claim) (listeners []net.Listener, err error) {
	defer func() {
		if err != nil {
			closeAll(listeners)
			listeners = nil
		}
	}()
	for _, c := range claims {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.addr.String())
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			return listeners, fmt.Errorf("%w: %s; stop the program that uses it, or choose another port with --%s", ErrPort, c.addr, c.flag)
		case errors.Is(err, fs.ErrPermission):
			return listeners, Usage(fmt.Errorf("port %d needs special rights; choose one above 1023 with --%s", c.addr.Port(), c.flag))
		case errors.Is(err, syscall.EADDRNOTAVAIL):
			return listeners, Usage(fmt.Errorf("%s is no address of this machine; change it with --%s", c.addr.Addr(), strings.Replace(c.flag, ".port", ".addr", 1)))
		case err != nil:
			return listeners, fmt.Errorf("listening on %s (--%s): %w", c.addr, c.flag, err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close()
	}
}

// addrOf returns where l listens, with the port it was given.
func addrOf(l net.Listener) netip.AddrPort {
	tcp, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	at := tcp.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}
