package nodes

import (
	"bytes"
	"fmt"

	ma "github.com/multiformats/go-multiaddr"
)

const (
	// MaxAddrs is how many addresses a record lists at most.
	MaxAddrs = 8
	// MaxAddr is the longest address in bytes of its binary form.
	MaxAddr = 128
)

// checkAddr accepts what a link can be dialled at: /ip4, /ip6, /dns, /dns4 or
// /dns6, then /tcp with a port other than 0, and nothing after it.
func checkAddr(a ma.Multiaddr) error {
	if n := len(a.Bytes()); n == 0 || n > MaxAddr {
		return fmt.Errorf("an address of %d bytes, want 1 to %d", n, MaxAddr)
	}
	if len(a) != 2 {
		return fmt.Errorf("address %s has %d parts, want a host and /tcp", a, len(a))
	}
	switch a[0].Protocol().Code {
	case ma.P_IP4, ma.P_IP6, ma.P_DNS, ma.P_DNS4, ma.P_DNS6:
	default:
		return fmt.Errorf("address %s begins with /%s, want /ip4, /ip6 or /dns", a, a[0].Protocol().Name)
	}
	if a[1].Protocol().Code != ma.P_TCP || a[1].Value() == "0" {
		return fmt.Errorf("address %s, want a host and a TCP port", a)
	}
	return nil
}

func parseAddrs(raw [][]byte) ([]ma.Multiaddr, error) {
	if len(raw) > MaxAddrs {
		return nil, fmt.Errorf("%d addresses, want at most %d", len(raw), MaxAddrs)
	}
	var out []ma.Multiaddr
	for i, b := range raw {
		if len(b) > MaxAddr {
			return nil, fmt.Errorf("an address of %d bytes, want at most %d", len(b), MaxAddr)
		}
		a, err := ma.NewMultiaddrBytes(b)
		if err != nil {
			return nil, fmt.Errorf("address %d: %w", i+1, err)
		}
		if err := checkAddr(a); err != nil {
			return nil, err
		}
		if !bytes.Equal(a.Bytes(), b) {
			return nil, fmt.Errorf("address %s in another encoding than the one that is allowed", a)
		}
		for _, o := range out {
			if o.Equal(a) {
				return nil, fmt.Errorf("address %s twice", a)
			}
		}
		out = append(out, a)
	}
	return out, nil
}
