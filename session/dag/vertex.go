package dag

import (
	"bytes"
	"crypto/sha3"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/wire"
)

// Version is the version of a vertex, its first field.
const Version = 1

// idLabel is the label of a vertex's id and the context of its signature.
const idLabel = "pars vertex v1"

// MaxEncoded is the greatest encoded vertex in bytes: the greatest payload, the
// parents of the greatest witness, key and signature, and 256 bytes for
// everything else.
const MaxEncoded = MaxPayload + (MaxWitnesses+MaxParents)*34 + maxAuth + 256

var (
	// ErrEncoding reports bytes that are no encoding of a vertex.
	ErrEncoding = errors.New("dag: not a vertex")
	// ErrInvalid reports a vertex that breaks a rule and always will, with any
	// auth: whoever sent it either made it or did not check it.
	ErrInvalid = errors.New("dag: invalid vertex")
	// ErrAuth reports auth bytes that are wrong. They condemn themselves, never
	// the id: the same vertex may come with the right ones.
	ErrAuth = errors.New("dag: wrong auth")
)

// ID names a vertex: SHA3-256 over everything in it but auth (spec/dag.md,
// section 2).
type ID [32]byte

// String is the id in hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Compare orders ids by their bytes.
func (id ID) Compare(o ID) int { return bytes.Compare(id[:], o[:]) }

// Author names who wrote a vertex: a key for one device, space and epoch. In a
// signed space it is [AuthorOf] the key, elsewhere 32 random bytes.
type Author [32]byte

// String is the author in hexadecimal.
func (a Author) String() string { return hex.EncodeToString(a[:]) }

// Vertex is one entry of a space.
type Vertex struct {
	Space  Space
	Author Author
	// Seq is one more than the greatest of the author's own vertices among the
	// parents, 1 without one: it counts the author's vertices.
	Seq uint64
	// Parents are ascending and distinct. How many depends on the kind.
	Parents []ID
	// Lamport is 1 + the greatest of the parents', 1 without parents.
	Lamport uint64
	Kind    Kind
	// Payload is ciphertext in all but public spaces; its limit depends on the kind.
	Payload []byte
	// Auth is, in a signed space, the author's signature over the id, and the
	// public key before it where Seq is 1; in a vouched space it is empty.
	Auth []byte
}

// frame is the shape of an encoded vertex.
type frame struct {
	_       struct{} `cbor:",toarray"`
	V       uint64
	Space   [32]byte
	Author  [32]byte
	Seq     uint64
	Parents []ID
	Lamport uint64
	Kind    uint64
	Payload []byte
	Auth    []byte
}

// Encode returns the encoding that [Decode] reads. It fails on a vertex that no
// space would accept for its shape, as [Decode] does.
func (v *Vertex) Encode() ([]byte, error) {
	if err := v.checkShape(); err != nil {
		return nil, err
	}
	return wire.Marshal(frame{
		V: Version, Space: v.Space, Author: v.Author, Seq: v.Seq, Parents: v.Parents,
		Lamport: v.Lamport, Kind: uint64(v.Kind), Payload: v.Payload, Auth: v.Auth,
	})
}

// Decode reads a vertex of at most [MaxEncoded] bytes and checks what can be
// checked without its space: errors match [ErrEncoding] or [ErrInvalid]. The
// result shares no memory with data.
func Decode(data []byte) (*Vertex, error) {
	var f frame
	if err := wire.Unmarshal(data, MaxEncoded, &f); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	if f.V != Version {
		return nil, fmt.Errorf("%w: version %d, this program knows %d", ErrInvalid, f.V, Version)
	}
	v := &Vertex{
		Space: f.Space, Author: f.Author, Seq: f.Seq, Parents: f.Parents,
		Lamport: f.Lamport, Kind: Kind(f.Kind), Payload: f.Payload, Auth: f.Auth,
	}
	return v, v.checkShape()
}

// ID computes the vertex's id.
func (v *Vertex) ID() ID {
	return digest.Sum(idLabel, uint64(Version), v.Space, v.Author, v.Seq, parentsField(v.Parents), v.Lamport, uint64(v.Kind), payloadField(v.Payload))
}

// Absent and empty are the same in a vertex.
func parentsField(p []ID) []ID {
	if p == nil {
		return []ID{}
	}
	return p
}

func payloadField(p []byte) []byte {
	if p == nil {
		return []byte{}
	}
	return p
}

// idOf is the id of the vertex with this encoding and this length of auth. The
// hashed array and the encoded one have nine elements both, and eight in common.
func idOf(data []byte, auth int) ID {
	const hashHead = "\x89\x6e" + idLabel // an array of 9, a text of 14 bytes
	tail := auth + 1
	switch {
	case auth >= 1<<16:
		tail += 4
	case auth >= 1<<8:
		tail += 2
	case auth >= 24:
		tail++
	}
	h := sha3.New256()
	_, _ = h.Write([]byte(hashHead))
	_, _ = h.Write(data[1 : len(data)-tail])
	var id ID
	h.Sum(id[:0])
	return id
}

// checkShape checks what needs neither the space's rules nor the parents.
func (v *Vertex) checkShape() error {
	limits, ok := v.Kind.limits(MaxWitnesses)
	switch {
	case !ok:
		return fmt.Errorf("%w: kind %d, known are %d to %d", ErrInvalid, v.Kind, Data, Witness)
	case v.Seq == 0:
		return fmt.Errorf("%w: seq 0, an author's first vertex has 1", ErrInvalid)
	case len(v.Parents) > limits.Parents:
		return fmt.Errorf("%w: %d parents, want at most %d for kind %d", ErrInvalid, len(v.Parents), limits.Parents, v.Kind)
	case len(v.Payload) > limits.Payload:
		return fmt.Errorf("%w: payload of %d bytes, want at most %d for kind %d", ErrInvalid, len(v.Payload), limits.Payload, v.Kind)
	case len(v.Auth) > maxAuth:
		return fmt.Errorf("%w: %d bytes, want at most %d", ErrAuth, len(v.Auth), maxAuth)
	case len(v.Parents) == 0 && (v.Seq != 1 || v.Lamport != 1):
		return fmt.Errorf("%w: seq %d and lamport %d without parents, want 1 and 1", ErrInvalid, v.Seq, v.Lamport)
	case len(v.Parents) > 0 && v.Lamport < 2:
		return fmt.Errorf("%w: lamport %d with parents, want at least 2", ErrInvalid, v.Lamport)
	case v.Seq > v.Lamport:
		return fmt.Errorf("%w: seq %d above lamport %d", ErrInvalid, v.Seq, v.Lamport)
	}
	for i := 1; i < len(v.Parents); i++ {
		if v.Parents[i-1].Compare(v.Parents[i]) >= 0 {
			return fmt.Errorf("%w: parent %d is double or out of order", ErrInvalid, i)
		}
	}
	return nil
}

// checkRules checks what the rules of the space say, but the signature.
func (v *Vertex) checkRules(r Rules) error {
	limits, ok := v.Kind.limits(int(r.Witnesses))
	if !ok {
		return fmt.Errorf("%w: kind %d in a space without a committee", ErrInvalid, v.Kind)
	}
	if len(v.Parents) > limits.Parents {
		return fmt.Errorf("%w: %d parents, want at most %d for kind %d in this space", ErrInvalid, len(v.Parents), limits.Parents, v.Kind)
	}
	if want := r.authSize(v.Seq); len(v.Auth) != want {
		return fmt.Errorf("%w: %d bytes, want %d", ErrAuth, len(v.Auth), want)
	}
	return nil
}

// parent is what a check needs to know of one.
type parent struct {
	lamport, seq uint64
	own          bool // of the same author as the child
}

// checkParents checks the vertex against its parents, all of which the caller
// has found valid.
func (v *Vertex) checkParents(parents []parent) error {
	if len(parents) == 0 {
		return nil // checkShape has seen to it
	}
	var greatest, own uint64
	for _, p := range parents {
		greatest = max(greatest, p.lamport)
		if p.own {
			own = max(own, p.seq)
		}
	}
	if v.Lamport != greatest+1 {
		return fmt.Errorf("%w: lamport %d, want %d", ErrInvalid, v.Lamport, greatest+1)
	}
	if v.Seq != own+1 {
		return fmt.Errorf("%w: seq %d, want %d, one more than the author's last among the parents", ErrInvalid, v.Seq, own+1)
	}
	return nil
}
