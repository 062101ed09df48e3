package packet

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/pars-network/pars/crypto/kem"
)

// Sizes in bytes, and counts.
const (
	// Hops is how many nodes a request passes; the last one answers it.
	Hops = 3
	// IDSize is a node id.
	IDSize = 32
	// PartSize is how much of a request a packet carries, and of an answer a cell.
	PartSize = 8704
	// MaxParts is how many packets a request has at most, and an answer cells.
	MaxParts = 8
	// MaxMessage is the longest request or answer: an envelope of 64 KiB and
	// 4 KiB for what stands around it.
	MaxMessage = MaxParts * PartSize
	// Size is every packet at every hop: 13,696.
	Size = headSize + bodySize

	keyIDSize = 8
	// headSize is what a hop needs to open the rest: name of its key, X25519
	// share, ML-KEM ciphertext, authentication tag.
	headSize = keyIDSize + kem.XSize + kem.CiphertextSize + tagSize
	// commandSize says a hop what to do.
	commandSize = 8 + IDSize
	// shift is what a hop takes off and replaces at the end.
	shift    = commandSize + headSize
	bodySize = commandSize + PartSize + (Hops-1)*shift
)

var (
	// ErrKey reports a packet for a key that the node does not have: an old one,
	// or another node's. The sender needs a newer record of the node.
	ErrKey = errors.New("packet: made for an onion key that this node does not have")
	// ErrPacket reports a packet that is altered or was never made for this
	// node, never which of the two.
	ErrPacket = errors.New("packet: refused")
	// ErrSize reports a message that has no room in [MaxParts] parts.
	ErrSize = errors.New("packet: message too large")
	// ErrParts reports parts that make no message: out of order, of different
	// messages, or padded with something else than zeros.
	ErrParts = errors.New("packet: parts do not make a message")
)

// Packet is a packet between two hops.
type Packet [Size]byte

// KeyID returns the name of the key that opens the packet. Anybody on the link
// can read it.
func (p *Packet) KeyID() KeyID { return KeyID(p[:keyIDSize]) }

func (p *Packet) share() []byte      { return p[keyIDSize : keyIDSize+kem.XSize] }
func (p *Packet) ciphertext() []byte { return p[keyIDSize+kem.XSize : headSize-tagSize] }
func (p *Packet) tag() []byte        { return p[headSize-tagSize : headSize] }
func (p *Packet) body() []byte       { return p[headSize:] }

// Kind says a hop what to do with what it opened.
type Kind byte

const (
	// Relay passes a packet on to the next node.
	Relay Kind = 1
	// Deliver is a part of a request to the node itself.
	Deliver Kind = 2
	// Cover is a part of nothing: the node answers with an empty message, at
	// once, and looks no further.
	Cover Kind = 3
	// Forward is a part of a request to another node, which keeps a link to
	// this one and speaks no onion itself.
	Forward Kind = 4
)

// command is the beginning of what a hop opens. At a relay only kind and node
// are set; otherwise index counts from 0 and total is the length of the whole
// message. Node is set by Forward as well.
type command struct {
	kind        Kind
	index, of   int
	totalLength int
	node        [IDSize]byte
}

func (c command) put(b []byte) {
	b[0], b[1], b[2], b[3] = byte(c.kind), byte(c.index), byte(c.of), 0
	binary.BigEndian.PutUint32(b[4:], uint32(c.totalLength))
	copy(b[8:commandSize], c.node[:])
}

// parseCommand refuses what has more than one encoding.
func parseCommand(b []byte) (command, error) {
	c := command{kind: Kind(b[0]), index: int(b[1]), of: int(b[2])}
	total := binary.BigEndian.Uint32(b[4:])
	copy(c.node[:], b[8:commandSize])
	if b[3] != 0 || total > MaxMessage {
		return c, ErrPacket
	}
	c.totalLength = int(total)
	zero := [IDSize]byte{}
	switch c.kind {
	case Relay:
		if c.index != 0 || c.of != 0 || total != 0 || c.node == zero {
			return c, ErrPacket
		}
	case Deliver, Cover, Forward:
		if (c.node != zero) != (c.kind == Forward) || checkPart(c.index, c.of, c.totalLength) != nil {
			return c, ErrPacket
		}
	default:
		return c, ErrPacket
	}
	return c, nil
}

// Parts returns how many parts a message of n bytes has; 0 means too many.
func Parts(n int) int {
	if n < 0 || n > MaxMessage {
		return 0
	}
	return max(1, (n+PartSize-1)/PartSize)
}

func checkPart(index, of, total int) error {
	if of != Parts(total) || index >= of {
		return fmt.Errorf("%w: part %d of %d of a message of %d bytes", ErrParts, index, of, total)
	}
	return nil
}

// Part is a piece of a message, with zeros after its end.
type Part struct {
	Index, Of int
	// Total is the length of the whole message in bytes.
	Total int
	// Data has [PartSize] bytes.
	Data []byte
}

// split cuts a message.
func split(message []byte) []Part {
	n := Parts(len(message))
	out := make([]Part, n)
	for i := range out {
		data := make([]byte, PartSize)
		copy(data, message[i*PartSize:])
		out[i] = Part{Index: i, Of: n, Total: len(message), Data: data}
	}
	return out
}

// Join puts the parts of a message together, which must come in order and
// complete. Errors match [ErrParts].
func Join(parts []Part) ([]byte, error) {
	if len(parts) == 0 {
		return nil, fmt.Errorf("%w: there are none", ErrParts)
	}
	total := parts[0].Total
	if len(parts) != Parts(total) {
		return nil, fmt.Errorf("%w: %d parts of a message of %d bytes, want %d", ErrParts, len(parts), total, Parts(total))
	}
	out := make([]byte, 0, len(parts)*PartSize)
	for i, p := range parts {
		if p.Index != i || p.Of != len(parts) || p.Total != total || len(p.Data) != PartSize {
			return nil, fmt.Errorf("%w: part %d of %d of %d bytes in place %d of %d of %d", ErrParts, p.Index, p.Of, p.Total, i, len(parts), total)
		}
		out = append(out, p.Data...)
	}
	for _, c := range out[total:] {
		if c != 0 {
			return nil, fmt.Errorf("%w: padded with something else than zeros", ErrParts)
		}
	}
	return out[:total:total], nil
}
