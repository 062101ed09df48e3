package group

import (
	"fmt"
	"io"
	"time"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/wire"
)

// payloadVersion is the first field of every payload.
const payloadVersion = 1

type (
	epochWire struct {
		_      struct{} `cbor:",toarray"`
		Epoch  [32]byte
		Roster [32]byte
	}
	// payload is what a vertex of a group carries: a data vertex exactly one
	// sealed part and no epoch.
	payload struct {
		_       struct{} `cbor:",toarray"`
		Version uint64
		// Intro is there in the first vertex of a key, but the founder's.
		Intro  []opIDWire
		Epochs []epochWire
		Sealed []sealed
	}
	opIDWire struct {
		_      struct{} `cbor:",toarray"`
		Vertex [32]byte
		Index  uint64
	}
	// inside is the plaintext of a sealed part: ops in a control vertex, a message in
	// a data vertex.
	inside struct {
		_       struct{} `cbor:",toarray"`
		Version uint64
		Ops     []opWire
		Message []byte
	}
)

// maxInside bounds a plaintext in bytes; what is sealed must fit a data vertex.
const maxInside = dag.MaxPayload - 256

// MaxMessage bounds the encoded message of a group, in bytes: a post of the greatest text fits.
const MaxMessage = maxInside - 64

func encodePayload(kind dag.Kind, p payload) ([]byte, error) {
	p.Version = payloadVersion
	raw, err := wire.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("group: encoding a payload: %w", err)
	}
	_, err = decodePayload(kind, raw)
	return raw, err
}

func decodePayload(kind dag.Kind, raw []byte) (payload, error) {
	most := dag.MaxPayload
	if kind == dag.Control {
		most = dag.MaxControlPayload
	}
	var p payload
	if err := wire.Unmarshal(raw, most, &p); err != nil {
		return payload{}, fmt.Errorf("%w: %w", ErrOp, err)
	}
	ok := p.Version == payloadVersion && len(p.Intro) <= 1 && len(p.Epochs) <= 1 && len(p.Sealed) <= 1 && len(p.Epochs)+len(p.Sealed) > 0
	if kind != dag.Control {
		ok = ok && kind == dag.Data && len(p.Epochs) == 0
	}
	if !ok {
		return payload{}, fmt.Errorf("%w: version %d, %d epochs and %d sealed parts in a vertex of kind %d", ErrOp, p.Version, len(p.Epochs), len(p.Sealed), kind)
	}
	if len(p.Intro) == 1 && p.Intro[0].Index >= baseIndex {
		return payload{}, fmt.Errorf("%w: op %d of a vertex", ErrOp, p.Intro[0].Index)
	}
	return p, nil
}

// introduced is the op that a key says has introduced it.
func (p payload) introduced() OpID {
	if len(p.Intro) == 0 {
		return OpID{}
	}
	return OpID{p.Intro[0].Vertex, uint32(p.Intro[0].Index)}
}

func (o OpID) wire() []opIDWire {
	if o == (OpID{}) {
		return nil
	}
	return []opIDWire{{Vertex: o.Vertex, Index: uint64(o.Index)}}
}

// contents is an [inside], checked.
type contents struct {
	ops     []Op
	message *envelope.Message
}

func encodeInside(c contents) ([]byte, error) {
	w := inside{Version: payloadVersion}
	for _, op := range c.ops {
		x, err := packOp(op)
		if err != nil {
			return nil, err
		}
		w.Ops = append(w.Ops, x)
	}
	if c.message != nil {
		raw, err := c.message.Bytes()
		if err != nil {
			return nil, err
		}
		w.Message = raw
	}
	raw, err := wire.Marshal(w)
	if err == nil && len(raw) > maxInside {
		err = fmt.Errorf("%w: %d bytes, want at most %d; send it as a file", envelope.ErrTooLarge, len(raw), maxInside)
	}
	return raw, err
}

func decodeInside(kind dag.Kind, raw []byte) (contents, error) {
	var w inside
	if err := wire.Unmarshal(raw, maxInside, &w); err != nil {
		return contents{}, fmt.Errorf("%w: %w", ErrOp, err)
	}
	control := kind == dag.Control
	if w.Version != payloadVersion || len(w.Ops) > MaxOps || control != (len(w.Ops) > 0) || control != (len(w.Message) == 0) {
		return contents{}, fmt.Errorf("%w: version %d, %d ops and a message of %d bytes in a vertex of kind %d", ErrOp, w.Version, len(w.Ops), len(w.Message), kind)
	}
	var c contents
	for _, x := range w.Ops {
		op, err := x.op()
		if err != nil {
			return contents{}, err
		}
		c.ops = append(c.ops, op)
	}
	if !control {
		m, err := envelope.ParseMessage(w.Message)
		if err != nil {
			return contents{}, fmt.Errorf("%w: %w", ErrOp, err)
		}
		c.message = &m
	}
	return c, nil
}

// The indices of a vertex's ops: the sealed ones from firstOp on, then the epoch that
// opens with them.
const (
	firstOp  = 0
	epochsOp = MaxOps
)

// entries are the ops of a vertex as the membership takes them.
func entries(id dag.ID, v *dag.Vertex, intro OpID, p payload, c contents) []Entry {
	var out []Entry
	for i, op := range c.ops {
		out = append(out, Entry{ID: OpID{id, firstOp + uint32(i)}, Lamport: v.Lamport, Author: v.Author, Intro: intro, Op: op})
	}
	for _, e := range p.Epochs {
		out = append(out, Entry{ID: OpID{id, epochsOp}, Lamport: v.Lamport, Author: v.Author, Intro: intro, Op: OpenEpoch{Epoch: e.Epoch, Roster: e.Roster}})
	}
	return out
}

// wrapSalt is what an envelope's ciphertext begins with, in bytes.
const wrapSalt = 32

// Wrap makes the envelope that brings a vertex to the epoch's mailbox.
func (k *keys) envelope(rand io.Reader, now time.Time, vertex []byte) ([]byte, error) {
	box, err := k.mailboxID()
	if err != nil {
		return nil, err
	}
	e, err := envelope.New(box, now, 0, wrapSalt+overhead+envelope.PadOverhead+len(vertex))
	if err != nil {
		return nil, err
	}
	salt := e.Sealed[:wrapSalt]
	if _, err := io.ReadFull(rand, salt); err != nil {
		return nil, fmt.Errorf("group: reading randomness: %w", err)
	}
	key, nonce := k.wrapKey(salt, e.Header())
	aead(key).Seal(e.Sealed[wrapSalt:wrapSalt], nonce, envelope.Pad(vertex, len(e.Sealed)-wrapSalt-overhead), e.Header())
	return e.Bytes()
}

// unwrap returns the vertex in an envelope of the epoch's mailbox.
func (k *keys) unwrap(e envelope.Envelope) ([]byte, error) {
	if len(e.Sealed) < wrapSalt+overhead {
		return nil, ErrOpen
	}
	key, nonce := k.wrapKey(e.Sealed[:wrapSalt], e.Header())
	padded, err := aead(key).Open(nil, nonce, e.Sealed[wrapSalt:], e.Header())
	if err != nil {
		return nil, ErrOpen
	}
	vertex, ok := envelope.Unpad(padded)
	if !ok {
		return nil, ErrOpen
	}
	return vertex, nil
}

// ConversationOf is the conversation of a group. It never appears outside an envelope.
func ConversationOf(space dag.Space) envelope.ConversationID {
	return digest.Sum("pars group conversation v1", space)
}
