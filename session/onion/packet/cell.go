package packet

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	// CellSize is every cell of an answer at every hop: 8,728 bytes.
	CellSize = tagSize + cellHead + PartSize
	// cellHead is type, reason, index and count, then the message's length.
	cellHead = 8
)

// Types of a cell.
const (
	cellAnswer  = 0
	cellFailure = 1
)

// ErrCell reports a cell that no hop of the path made, or that was altered.
var ErrCell = errors.New("packet: cell refused")

// Cell is a piece of an answer between two hops.
type Cell [CellSize]byte

// Reason is what a hop says when it can't do what a packet asks.
type Reason byte

// Reasons. A number that is not among these is read as [ReasonFailed].
const (
	// ReasonUnreachable: the hop has no link to the next node and got none.
	ReasonUnreachable Reason = 1
	// ReasonBusy: the hop, or the next node, has no room now.
	ReasonBusy Reason = 2
	// ReasonKey: the next node does not have the key that the packet is for.
	ReasonKey Reason = 3
	// ReasonRefused: the next node refused the packet: altered, or seen before.
	ReasonRefused Reason = 4
	// ReasonTimeout: the next node was given the packet and never answered.
	ReasonTimeout Reason = 5
	// ReasonBroken: the link to the next node broke while its answer was waited for.
	ReasonBroken Reason = 6
	// ReasonFailed: the node that was asked could not answer.
	ReasonFailed Reason = 7
	// ReasonUnknown: the hop does not know the next node.
	ReasonUnknown Reason = 8
)

var reasonText = [...]string{
	ReasonUnreachable: "could not be reached",
	ReasonBusy:        "has no room now",
	ReasonKey:         "no longer has the onion key of its record",
	ReasonRefused:     "refused the packet",
	ReasonTimeout:     "did not answer in time",
	ReasonBroken:      "went away while its answer was waited for",
	ReasonFailed:      "could not answer the request",
	ReasonUnknown:     "is not known to the node before it",
}

// String tells what happened to the node in question.
func (r Reason) String() string {
	if r == 0 || int(r) >= len(reasonText) {
		return fmt.Sprintf("failed (reason %d)", byte(r))
	}
	return reasonText[r]
}

// NotDelivered reports whether the reason rules out that the next node worked
// on the packet.
func (r Reason) NotDelivered() bool {
	switch r {
	case ReasonUnreachable, ReasonBusy, ReasonKey, ReasonRefused, ReasonUnknown:
		return true
	default:
		return false
	}
}

// Answer makes the cells of an answer, at the hop that answers. It may be
// called once for the keys of a packet, and not together with [HopKeys.Failure].
func (k *HopKeys) Answer(body []byte) ([]Cell, error) {
	if len(body) > MaxMessage {
		return nil, fmt.Errorf("%w: an answer of %d bytes, want at most %d", ErrSize, len(body), MaxMessage)
	}
	parts := split(body)
	out := make([]Cell, len(parts))
	for i, p := range parts {
		k.sealCell(&out[i], cellAnswer, 0, p)
	}
	return out, nil
}

// Failure makes the one cell that says why there is no answer, at the hop where
// it went wrong.
func (k *HopKeys) Failure(r Reason) *Cell {
	c := new(Cell)
	k.sealCell(c, cellFailure, r, Part{Of: 1, Data: make([]byte, PartSize)})
	return c
}

func (k *HopKeys) sealCell(c *Cell, kind byte, r Reason, p Part) {
	plain := make([]byte, 0, CellSize)
	plain = append(plain, kind, byte(r), byte(p.Index), byte(p.Of))
	plain = binary.BigEndian.AppendUint32(plain, uint32(p.Total))
	plain = append(plain, p.Data...)
	k.origin.aead.Seal(c[:0], k.origin.at(p.Index), plain, nil)
}

// Pass encrypts the i-th cell of an answer in place, at a hop that passes it on.
func (k *HopKeys) Pass(i int, c *Cell) { k.layer.xor(i, c[:]) }

// Keys open the answer to a request. They print as nothing.
type Keys struct {
	hops [Hops]*HopKeys
}

// String hides the keys from logs and error messages.
func (*Keys) String() string { return "packet.Keys(hidden)" }

// GoString hides the keys from %#v.
func (k *Keys) GoString() string { return k.String() }

// Format hides the keys from every verb of package fmt.
func (k *Keys) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }

// Reply is an opened cell.
type Reply struct {
	// From is the hop that made it, 0 for the first.
	From int
	// Failure is why there is no answer; 0 if this is one.
	Failure Reason
	// Part is a piece of the answer, unless there is a failure.
	Part Part
}

// OpenCell opens the i-th cell of an answer. Only the last hop answers, but every
// one may report a failure, in the first cell. The error is [ErrCell].
func (k *Keys) OpenCell(i int, c *Cell) (Reply, error) {
	work := *c
	for from, hop := range k.hops {
		plain, err := hop.origin.aead.Open(nil, hop.origin.at(i), work[:], nil)
		if err != nil {
			hop.layer.xor(i, work[:])
			continue
		}
		return parseCell(from, i, plain)
	}
	return Reply{}, ErrCell
}

func parseCell(from, i int, b []byte) (Reply, error) {
	kind, reason, data := b[0], Reason(b[1]), b[cellHead:]
	total := binary.BigEndian.Uint32(b[4:])
	if total > MaxMessage {
		return Reply{}, ErrCell
	}
	p := Part{Index: int(b[2]), Of: int(b[3]), Total: int(total), Data: data}
	if p.Index != i || checkPart(p.Index, p.Of, p.Total) != nil {
		return Reply{}, ErrCell
	}
	switch {
	case kind == cellAnswer && reason == 0 && from == Hops-1:
		return Reply{From: from, Part: p}, nil
	case kind == cellFailure && reason != 0 && i == 0 && p.Total == 0:
		if int(reason) >= len(reasonText) {
			reason = ReasonFailed
		}
		return Reply{From: from, Failure: reason}, nil
	default:
		return Reply{}, ErrCell
	}
}
