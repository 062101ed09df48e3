package sync

import (
	"crypto/sha3"
	"errors"
	"fmt"

	"github.com/pars-network/pars/session/wire"
)

// Protocol is the name of the protocol on links.
const Protocol = "/pars/sync/1"

const version = 1

// Limits of the protocol. A peer that goes beyond one is dropped.
const (
	// MaxFrame is the greatest payload of a frame in bytes.
	MaxFrame = 512 << 10
	// MaxVertex is the greatest encoding of a vertex in bytes.
	MaxVertex = 96 << 10
	// MaxBatch is how many vertices a frame holds at most.
	MaxBatch = 128
	// MaxVertices is how many vertices go in one direction in one pass at most;
	// another session moves the rest.
	MaxVertices = 1 << 18

	// batchBytes ends a batch that has reached it.
	batchBytes = 256 << 10
	// window is how many batches may be on their way without an answer.
	window = 4
	// maxHeads is how many heads a hello lists. A greater frontier is only
	// compared as a whole.
	maxHeads = 16
	// maxTags is how many tags one want frame holds.
	maxTags = 16 << 10
	// maxList is how many tags the list of one range holds; writers stop at
	// listBelow.
	maxList, listBelow = 64, 32
	// fan is in how many a range is split.
	fan = 16
	// maxFrameRanges is how many ranges one frame holds.
	maxFrameRanges = 1024
	// maxTurn is how many bytes of ranges a side sends in one turn, maxTurns how
	// many turns it has in one pass, and maxSpans how many of its ranges in one pass
	// may need an answer.
	maxTurn, maxTurns, maxSpans = 4 << 20, 12, 1 << 16
	// maxHello and maxSmall bound the frames of the types with little in them.
	maxHello, maxSmall = 1024, 64
)

// Message types: the first element of each message's array.
const (
	typeHello    = 0
	typeRefuse   = 1
	typeSymbols  = 2
	typeMore     = 3
	typeWant     = 4
	typeVertices = 5
	typeAck      = 6
	typeRanges   = 7
	typeFinal    = 8
)

// limits is the greatest payload by message type, in bytes.
var limits = [...]int{
	typeHello:    maxHello,
	typeRefuse:   maxSmall,
	typeSymbols:  maxSymbols*symbolSize + 16,
	typeMore:     maxSmall,
	typeWant:     maxTags*8 + 16,
	typeVertices: MaxFrame,
	typeAck:      maxSmall,
	typeRanges:   MaxFrame,
	typeFinal:    maxSmall,
}

// Plans: what the responder does next, and that its hello announces.
const (
	planYours    = 0 // the initiator's next message decides
	planEqual    = 1 // the frontiers are equal: both send their final
	planVertices = 2 // the responder has all that the initiator has
	planSymbols  = 3
	planRanges   = 4
)

// Ends of a batch.
const (
	endNo   = 0 // another batch follows
	endAll  = 1 // this was the last
	endMore = 2 // the last of this session: MaxVertices were sent, there are more
)

// Statuses of a final.
const (
	statusWhole = 0 // all that was sent is stored
	statusPart  = 1 // something could not be stored
	statusMore  = 2 // a limit of the session left something behind
)

// Codes of a refusal.
const (
	refuseUnknown = 1 // no such space here, or not for you
	refuseBusy    = 2
)

// Modes of a range.
const (
	modeSkip  = 0 // nothing to do
	modePrint = 1 // a fingerprint of what the sender has
	modeList  = 2 // the tags of what the sender has
)

type hello struct {
	_        struct{} `cbor:",toarray"`
	Type     uint64
	Version  uint64
	Space    ID
	Nonce    [nonceSize]byte
	Line     uint64
	Count    uint64
	Frontier []byte // SHA3-256 of all heads, or empty
	Heads    []head
	Plan     uint64
}

type head struct {
	_       struct{} `cbor:",toarray"`
	ID      ID
	Lamport uint64
}

type refuse struct {
	_    struct{} `cbor:",toarray"`
	Type uint64
	Code uint64
}

type symbols struct {
	_       struct{} `cbor:",toarray"`
	Type    uint64
	Symbols []byte
}

type more struct {
	_    struct{} `cbor:",toarray"`
	Type uint64
	Have uint64
}

type want struct {
	_    struct{} `cbor:",toarray"`
	Type uint64
	Last bool
	Tags []byte
}

type vertices struct {
	_        struct{} `cbor:",toarray"`
	Type     uint64
	End      uint64
	Vertices [][]byte
}

type ack struct {
	_       struct{} `cbor:",toarray"`
	Type    uint64
	Batches uint64
}

type ranges struct {
	_      struct{} `cbor:",toarray"`
	Type   uint64
	Last   bool
	Ranges []span
}

// span is one range: the ids from the bound of the one before it up to, not
// including, Bound, which is an id without its trailing zeros; empty is the end
// of all ids.
type span struct {
	_     struct{} `cbor:",toarray"`
	Bound []byte
	Mode  uint64
	Data  []byte
}

type final struct {
	_      struct{} `cbor:",toarray"`
	Type   uint64
	Status uint64
	Digest []byte // SHA3-256 of all ids, empty unless Status is whole
}

var errMessage = errors.New("not a message of this protocol")

// typeOf returns the type of a message from its first two bytes and checks its
// length.
func typeOf(frame []byte) (uint64, error) {
	if len(frame) < 2 || frame[0]>>5 != 4 || int(frame[1]) >= len(limits) {
		return 0, fmt.Errorf("%w: it starts with %x", errMessage, frame[:min(len(frame), 2)])
	}
	t := uint64(frame[1])
	if len(frame) > limits[t] {
		return 0, fmt.Errorf("%w: %d bytes of type %d, want at most %d", errMessage, len(frame), t, limits[t])
	}
	return t, nil
}

// decode reads a message of type t and checks all that needs no other message.
func decode(t uint64, frame []byte) (any, error) {
	switch t {
	case typeHello:
		return read(frame, (*hello).check)
	case typeRefuse:
		return read(frame, func(*refuse) bool { return true })
	case typeSymbols:
		return read(frame, func(m *symbols) bool { return len(m.Symbols) > 0 && len(m.Symbols)%symbolSize == 0 })
	case typeMore:
		return read(frame, func(*more) bool { return true })
	case typeWant:
		return read(frame, func(m *want) bool { return len(m.Tags)%8 == 0 && len(m.Tags) <= 8*maxTags })
	case typeVertices:
		return read(frame, (*vertices).check)
	case typeAck:
		return read(frame, func(*ack) bool { return true })
	case typeRanges:
		return read(frame, (*ranges).check)
	default:
		return read(frame, (*final).check)
	}
}

func read[T any](frame []byte, check func(*T) bool) (any, error) {
	m := new(T)
	if err := wire.Unmarshal(frame, MaxFrame, m); err != nil {
		return nil, err
	}
	if !check(m) {
		return nil, fmt.Errorf("%w: a field of %T is out of its limits", errMessage, *m)
	}
	return m, nil
}

func (m *hello) check() bool {
	return m.Version == version && len(m.Heads) <= maxHeads && m.Plan <= planRanges &&
		(len(m.Frontier) == 0 || len(m.Frontier) == IDSize)
}

func (m *vertices) check() bool {
	if m.End > endMore || len(m.Vertices) > MaxBatch || len(m.Vertices) == 0 && m.End == endNo {
		return false
	}
	for _, v := range m.Vertices {
		if len(v) > MaxVertex {
			return false
		}
	}
	return true
}

func (m *ranges) check() bool {
	if len(m.Ranges) == 0 || len(m.Ranges) > maxFrameRanges {
		return false
	}
	for i, s := range m.Ranges {
		ok := len(s.Bound) <= IDSize
		if n := len(s.Bound); n > 0 {
			ok = ok && s.Bound[n-1] != 0
		} else {
			ok = m.Last && i == len(m.Ranges)-1
		}
		switch s.Mode {
		case modeSkip:
			ok = ok && len(s.Data) == 0
		case modePrint:
			ok = ok && len(s.Data) == printSize
		case modeList:
			ok = ok && len(s.Data)%8 == 0 && len(s.Data) <= 8*maxList
		default:
			ok = false
		}
		if !ok {
			return false
		}
	}
	return !m.Last || len(m.Ranges[len(m.Ranges)-1].Bound) == 0
}

func (m *final) check() bool {
	return m.Status == statusWhole && len(m.Digest) == IDSize ||
		(m.Status == statusPart || m.Status == statusMore) && len(m.Digest) == 0
}

// frontierDigest is the SHA3-256 of the ids of heads, which ascend.
func frontierDigest(heads []Head) []byte {
	h := sha3.New256()
	for i := range heads {
		_, _ = h.Write(heads[i].ID[:]) // never fails
	}
	return h.Sum(nil)
}
