package onion

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/onion/packet"
)

// Protocol is the name of the protocol on links.
const Protocol = "/pars/onion/1"

// errUnknown reports a node of which no valid record is here.
var errUnknown = errors.New("onion: node is not in the directory")

// Directory is what this package wants to know of service nodes;
// *nodes.Directory is one.
type Directory interface {
	// Get returns the valid record of a node.
	Get(id nodes.ID) (*nodes.Record, bool)
	// With returns the valid records of nodes that offer all of the services.
	With(nodes.Services) []*nodes.Record
	// Changed returns a channel that is closed at the next change.
	Changed() <-chan struct{}
}

// Stream is a stream on a link; libp2p's network.Stream is one.
type Stream interface {
	io.ReadWriteCloser
	// Reset ends both directions at once and tells the other side.
	Reset() error
	SetDeadline(time.Time) error
	SetReadDeadline(time.Time) error
}

// Links opens streams to service nodes.
type Links interface {
	// Open returns a fresh stream of [Protocol]. A node that is not in the
	// directory is never dialled.
	Open(ctx context.Context, to nodes.ID) (Stream, error)
}

// Connector makes links to nodes; control.Service is one. It returns nil at once
// if there is a link.
type Connector interface {
	Connect(ctx context.Context, p peer.AddrInfo) error
}

// hostLinks are the links of a libp2p host.
type hostLinks struct {
	host  host.Host
	links Connector
	known Directory
}

// HostLinks returns the links of a libp2p host, which dials the addresses of a
// node's record if it has no connection to the node. Addresses never come out of
// a packet. links nil means the host itself, without any check of the network that
// a node belongs to.
func HostLinks(h host.Host, links Connector, known Directory) Links {
	if links == nil {
		links = h
	}
	return hostLinks{h, links, known}
}

// Open implements [Links].
func (l hostLinks) Open(ctx context.Context, to nodes.ID) (Stream, error) {
	r, ok := l.known.Get(to)
	if !ok {
		return nil, fmt.Errorf("%w: %s", errUnknown, to.Short())
	}
	if err := l.links.Connect(ctx, r.AddrInfo()); err != nil {
		return nil, fmt.Errorf("onion: no link to node %s: %w", to.Short(), err)
	}
	s, err := l.host.NewStream(network.WithNoDial(ctx, "the link stands"), r.Peer(), protocol.ID(Protocol))
	if err != nil {
		return nil, fmt.Errorf("onion: no stream to node %s: %w", to.Short(), err)
	}
	return s, nil
}

// What one side sends: a request is the number of packets in one byte, then the
// packets. An answer is the number of cells, then the cells; or refusal and a
// reason, then a cell of zeros, so that it is as long as an answer.
const refusal = 0x80

func writeRefusal(w io.Writer, r packet.Reason) error {
	_, err := w.Write(append([]byte{refusal | byte(r)}, make([]byte, packet.CellSize)...))
	return err
}

// writeCells sends a whole answer.
func writeCells(w io.Writer, cells ...packet.Cell) error {
	out := append(make([]byte, 0, 1+len(cells)*packet.CellSize), byte(len(cells)))
	for i := range cells {
		out = append(out, cells[i][:]...)
	}
	_, err := w.Write(out)
	return err
}

// refusedError is the next node's refusal of a packet.
type refusedError struct{ reason packet.Reason }

func (e refusedError) Error() string { return "onion: the node " + e.reason.String() }

// errProtocol reports a peer that doesn't follow the protocol.
var errProtocol = errors.New("onion: protocol violation")

// readCount reads the beginning of an answer.
func readCount(r io.Reader) (int, error) {
	var b [1]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, err
	}
	n := int(b[0])
	switch {
	case n >= 1 && n <= packet.MaxParts:
		return n, nil
	case n > refusal:
		return 0, refusedError{packet.Reason(n &^ refusal)}
	default:
		return 0, fmt.Errorf("%w: an answer of %d cells, want 1 to %d", errProtocol, n, packet.MaxParts)
	}
}
