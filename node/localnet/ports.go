package localnet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/pars-network/pars/node"
)

// Ports are taken from below those that systems give to outgoing connections
// (RFC 6335 names 49152 and up, Linux uses 32768 and up): between the choice
// and the node's start, another node's connection could take one of those.
const (
	firstPort = 10_000
	lastPort  = 32_000
)

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// settlePorts decides every node's ports: JSON-RPC at base and the following
// ones if base isn't 0; otherwise those of last time if they are still free, and
// free ones if not.
func settlePorts(ctx context.Context, nodes []member, base uint16) error {
	if int(base)+len(nodes) > 1<<16 {
		return node.Usage(fmt.Errorf("--http.port is %d, which leaves no room for the ports of %d nodes; choose a lower one", base, len(nodes)))
	}
	// Listeners stay open until all are chosen, so that all differ.
	var held []net.Listener
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	try := func(port uint16) error {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", netip.AddrPortFrom(loopback, port).String())
		if err == nil {
			held = append(held, l)
		}
		return err
	}
	if base != 0 {
		for i := range nodes {
			port := base + uint16(i)
			if err := try(port); err != nil {
				return fmt.Errorf("%w: %w; node %d needs it, choose another with --http.port, or 0 for free ones", node.ErrPort, err, i+1)
			}
			nodes[i].HTTP = port
		}
	}
	next := firstPort + rand.IntN(lastPort-firstPort)
	free := func(last uint16) (uint16, error) {
		if last != 0 && try(last) == nil {
			return last, nil
		}
		for range lastPort - firstPort {
			port := uint16(next)
			if next++; next == lastPort {
				next = firstPort
			}
			if try(port) == nil {
				return port, nil
			}
			if err := ctx.Err(); err != nil {
				return 0, err
			}
		}
		return 0, fmt.Errorf("%w: none from %d to %d is free", node.ErrPort, firstPort, lastPort)
	}
	var err error
	for i := range nodes {
		m := &nodes[i]
		if base == 0 {
			if m.HTTP, err = free(m.HTTP); err != nil {
				return err
			}
		}
		if m.Staking, err = free(m.Staking); err != nil {
			return err
		}
		if m.API, err = free(m.API); err != nil {
			return err
		}
	}
	return nil
}

// errQuote reports a path that a TOML string can't hold as it is.
var errQuote = errors.New("the folder's path has control characters; choose another with --datadir")

// place is where a node listens.
type place struct {
	addr               netip.Addr
	http, staking, api uint16
}

// settings is the parsd.toml of node i. Every node knows all others, so that it
// finds the network whichever of them is down.
func settings(f *folder, places []place, i int, plugin bool) (string, error) {
	if err := checkPath(f.path); err != nil {
		return "", err
	}
	at := places[i]
	return fmt.Sprintf(`# Node %d of the local network in %s.
# Written at every start of parsd localnet. To start this node alone:
#
#   parsd run --config %s
datadir = %s
plugin = %t
%s
[http]
addr = %q
port = %d

[staking]
addr = %q
port = %d

[api]
port = %d
%s`, i+1, f.path, f.home(i)+"/"+settingsFile, quote(f.home(i)), plugin, f.network(places, i),
		at.addr, at.http, at.addr, at.staking, at.api, quiet(at.addr)), nil
}

// joinSettings is the join.toml with which a node on the same machine, with a
// data folder of its own, joins the network.
func joinSettings(f *folder, places []place) (string, error) {
	if err := checkPath(f.path); err != nil {
		return "", err
	}
	return fmt.Sprintf(`# For nodes that join the local network in %s.
# Written at every start of parsd localnet. To start one:
#
#   parsd run --config %s --datadir NEW-FOLDER
%s
[http]
port = 0

[staking]
addr = %q
port = 0

[api]
port = 0
%s`, f.path, f.file(joinFile), f.network(places, nobody), loopback, quiet(loopback)), nil
}

// quiet ends the settings of every node: one port for monitoring at its address,
// no session node.
func quiet(addr netip.Addr) string {
	return fmt.Sprintf(`
[metrics]
addr = %q
port = 0

[session]
enable = false
`, addr)
}

// nobody is no node's number.
const nobody = -1

// network is the settings that say which network it is, for node i.
func (f *folder) network(places []place, i int) string {
	var peers []string
	for j, m := range f.record.Nodes {
		if j != i {
			peers = append(peers, strconv.Quote(fmt.Sprintf("%s@%s", m.ID, netip.AddrPortFrom(places[j].addr, places[j].staking))))
		}
	}
	return fmt.Sprintf("network = %s\nbootstrap = [%s]\n", quote(f.file(genesisFile)), strings.Join(peers, ", "))
}

// checkPath refuses what [quote] can't quote.
func checkPath(path string) error {
	for _, r := range path {
		if r < ' ' || r == 0x7f {
			return fmt.Errorf("%w: %q", errQuote, path)
		}
	}
	return nil
}

// quote makes a TOML string of text without control characters.
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
