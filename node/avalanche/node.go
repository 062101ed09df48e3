package avalanche

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/node"
	"github.com/ava-labs/avalanchego/snow/networking/sender"
	"github.com/ava-labs/avalanchego/utils/logging"
	"github.com/ava-labs/avalanchego/utils/ulimit"
	"github.com/prometheus/client_golang/prometheus"
)

var (
	// ErrDatabase reports that the engine's database can't be opened: damaged,
	// or not a database.
	ErrDatabase = errors.New("engine database can't be opened")
	// ErrEnded reports that the engine ended by itself.
	ErrEnded = errors.New("engine ended")
)

// Node is a running engine.
type Node struct {
	inner *node.Node
	gate  *gate
	log   logging.Logger
	api   netip.AddrPort
	done  chan struct{}
	err   error // readable once done is closed
}

// Start runs the engine. It returns once the engine is built; our chain is
// created and bootstrapped after that, and the VM sees when.
func Start(cfg Config) (*Node, error) {
	nc, err := cfg.node()
	if err != nil {
		return nil, err
	}
	g := newGate(logging.NewFactory(nc.LoggingConfig), cfg.Alias, cfg.OnPanic)
	// Whatever fails below, nobody may wait at a closed gate.
	defer g.open()
	log, err := g.Make("main")
	if err != nil {
		g.Close()
		return nil, fmt.Errorf("opening the engine's log: %w", err)
	}
	if err := ulimit.Set(nc.FdLimit, log); err != nil {
		g.Close()
		return nil, err
	}
	inner, err := node.New(&nc, g, log)
	if err != nil {
		g.Close()
		// The engine has no sentinel for this; a test holds the wording.
		if strings.Contains(err.Error(), "problem initializing database") {
			return nil, fmt.Errorf("%w: %w", ErrDatabase, err)
		}
		return nil, fmt.Errorf("starting the engine: %w", err)
	}
	n := &Node{inner: inner, gate: g, log: log, api: cfg.API, done: make(chan struct{})}
	err = errors.Join(
		inner.VMManager.RegisterFactory(context.Background(), cfg.VMID, cfg.VM),
		inner.APIServer.AddAliases("bc/"+cfg.ChainID.String(), "bc/"+cfg.Alias),
	)
	if err != nil {
		inner.Shutdown(1)
		g.Close()
		return nil, fmt.Errorf("adding the chain to the engine: %w", err)
	}
	g.open()
	go n.run()
	return n, nil
}

func (n *Node) run() {
	defer close(n.done)
	// Dispatch's own error only says that listeners were closed.
	dispatchErr := n.inner.Dispatch()
	if n.inner.ExitCode() != 0 {
		if said := n.gate.said(); said != "" {
			n.err = fmt.Errorf("%w: %s", ErrEnded, said)
		} else {
			n.err = fmt.Errorf("%w: %w", ErrEnded, dispatchErr)
		}
	}
	n.log.Stop()
	n.gate.Close()
}

// ID is the node's id between peers.
func (n *Node) ID() ids.NodeID { return n.inner.ID }

// StakingAddr is where peers reach this node.
func (n *Node) StakingAddr() netip.AddrPort { return n.inner.Config.NetworkConfig.MyIPPort.Get() }

// APIAddr is where the engine's own API listens.
func (n *Node) APIAddr() netip.AddrPort { return n.api }

// Peers is how many nodes this one is connected to.
func (n *Node) Peers() int { return len(n.inner.Net.PeerInfo(nil)) }

// LastHeard returns when each of the nodes that this one is connected to last said
// anything, in whole seconds. A node that froze or was cut off stays connected
// for up to a minute.
func (n *Node) LastHeard() map[ids.NodeID]time.Time {
	out := map[ids.NodeID]time.Time{}
	for _, p := range n.inner.Net.PeerInfo(nil) {
		out[p.ID] = p.LastReceived
	}
	return out
}

// Sender sends messages to peers past the engine, for programs that test how
// other nodes take what no engine sends.
func (n *Node) Sender() sender.ExternalSender { return n.inner.Net }

// Metrics returns the series of the whole engine, about 1,500.
func (n *Node) Metrics() prometheus.Gatherer { return n.inner.MetricsGatherer }

// Said returns the first fatal line of the engine's log, or nothing: the
// reason when our chain was stopped.
func (n *Node) Said() string { return n.gate.said() }

// Done is closed when the engine has ended; Err then says why.
func (n *Node) Done() <-chan struct{} { return n.done }

// Err returns nil after [Node.Stop] and an ErrEnded when the engine ended by
// itself. It must be called after Done is closed.
func (n *Node) Err() error { return n.err }

// Stop ends the engine and waits until databases are closed. It may be called
// more than once.
func (n *Node) Stop() {
	n.inner.Shutdown(0)
	<-n.done
}
