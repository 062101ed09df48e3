package gossip

import (
	"errors"
	"fmt"

	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/wire"
)

// Protocol is the name of the protocol when a stream is opened.
const Protocol = "/pars/gossip/1"

// Limits of frames.
const (
	// MaxVertex is the greatest vertex in bytes.
	MaxVertex = 64 << 10
	// MaxFrame is the greatest frame in bytes, without its length.
	MaxFrame = MaxVertex + 32
	// MaxIDs is how many ids one frame has at most.
	MaxIDs = 256
	// MaxSpaces is how many spaces a node announces on a link.
	MaxSpaces = 256
)

// ErrFrame reports a frame that breaks the protocol. The sender is dropped.
var ErrFrame = errors.New("gossip: protocol violation")

// frameType is the first element of a frame.
type frameType uint

const (
	frameJoin   frameType = 0
	frameLeave  frameType = 1
	frameVertex frameType = 2
	frameIDs    frameType = 3
	frameGraft  frameType = 4
	framePrune  frameType = 5
)

// joinFrame says that the sender takes part in a space and which number it
// gives it in its later frames.
type joinFrame struct {
	_     struct{} `cbor:",toarray"`
	Type  frameType
	Alias uint
	Tag   [32]byte
}

// leaveFrame takes a join back.
type leaveFrame struct {
	_     struct{} `cbor:",toarray"`
	Type  frameType
	Alias uint
}

// vertexFrame carries a vertex. Shared says that it came along the shared tree
// all the way from its author.
type vertexFrame struct {
	_      struct{} `cbor:",toarray"`
	Type   frameType
	Alias  uint
	Shared bool
	Vertex []byte
}

// idsFrame says which vertices the sender has.
type idsFrame struct {
	_      struct{} `cbor:",toarray"`
	Type   frameType
	Alias  uint
	Shared bool
	IDs    []byte // 32 bytes each
}

// graftFrame asks for the vertices, if Want is set, and to be sent whole what
// follows them in a tree.
type graftFrame struct {
	_     struct{} `cbor:",toarray"`
	Type  frameType
	Alias uint
	Tree  tree
	Want  bool
	IDs   []byte // 32 bytes each
}

// tree says what a graft is about.
type tree uint

const (
	treeNone   tree = 0 // the vertices alone
	treeAuthor tree = 1 // what the authors of the vertices write
	treeShared tree = 2 // everything
)

// pruneFrame takes such a request back: for everything, if Shared, else for
// the author of the vertex that it names.
type pruneFrame struct {
	_      struct{} `cbor:",toarray"`
	Type   frameType
	Alias  uint
	Shared bool
	ID     ID
}

// encode returns the frame without its length. What a node builds itself always
// has an encoding.
func encode(f any) []byte {
	data, err := wire.Marshal(f)
	if err != nil {
		panic(fmt.Sprintf("gossip: a frame without an encoding: %v", err))
	}
	return data
}

// decode returns one of the frame types above. data is a frame without its
// length, at most MaxFrame bytes; the result shares no memory with it.
func decode(data []byte) (any, error) {
	if len(data) < 2 || data[0]>>5 != 4 {
		return nil, fmt.Errorf("%w: %d bytes that are no array, want [type, ...]", ErrFrame, len(data))
	}
	switch frameType(data[1]) {
	case frameJoin:
		return decodeInto[joinFrame](data, 64, nil)
	case frameLeave:
		return decodeInto[leaveFrame](data, 16, nil)
	case frameVertex:
		return decodeInto(data, MaxFrame, func(f *vertexFrame) error {
			if len(f.Vertex) == 0 || len(f.Vertex) > MaxVertex {
				return fmt.Errorf("%w: a vertex of %d bytes, want 1 to %d", ErrFrame, len(f.Vertex), MaxVertex)
			}
			return nil
		})
	case frameIDs:
		return decodeInto(data, maxIDsFrame, func(f *idsFrame) error { return checkIDs(f.IDs) })
	case frameGraft:
		return decodeInto(data, maxIDsFrame, func(f *graftFrame) error {
			if f.Tree > treeShared || f.Tree == treeNone && !f.Want {
				return fmt.Errorf("%w: a graft of tree %d without a want, want 0 to 2 and some use", ErrFrame, f.Tree)
			}
			return checkIDs(f.IDs)
		})
	case framePrune:
		return decodeInto[pruneFrame](data, 64, nil)
	default:
		return nil, fmt.Errorf("%w: frame type %d, want 0 to %d", ErrFrame, data[1], framePrune)
	}
}

// maxIDsFrame bounds a frame with MaxIDs ids.
const maxIDsFrame = 32*MaxIDs + 32

func decodeInto[F any](data []byte, limit int, check func(*F) error) (any, error) {
	f := new(F)
	if err := wire.Unmarshal(data, limit, f); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	if check != nil {
		if err := check(f); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func checkIDs(b []byte) error {
	if len(b) == 0 || len(b)%len(ID{}) != 0 || len(b) > MaxIDs*len(ID{}) {
		return fmt.Errorf("%w: ids of %d bytes, want 1 to %d of %d each", ErrFrame, len(b), MaxIDs, len(ID{}))
	}
	return nil
}

// splitIDs returns the ids that are one after the other in b.
func splitIDs(b []byte) []ID {
	ids := make([]ID, 0, len(b)/len(ID{}))
	for ; len(b) > 0; b = b[len(ID{}):] {
		ids = append(ids, ID(b))
	}
	return ids
}

func joinIDs(ids []ID) []byte {
	b := make([]byte, 0, len(ids)*len(ID{}))
	for _, id := range ids {
		b = append(b, id[:]...)
	}
	return b
}

// tag is how sender names a space to receiver: who does not know the space does
// not learn it. Both are peer ids, in bytes.
func tag(sender, receiver string, s SpaceID) [32]byte {
	return digest.Sum("pars gossip space v1", []byte(sender), []byte(receiver), s[:])
}
