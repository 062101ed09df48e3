package dag

import (
	"bytes"
	"fmt"

	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/session/digest"
)

// AuthorOf is the author of signed vertices that a key makes (spec/dag.md,
// section 4).
func AuthorOf(key *sign.PublicKey) Author { return authorOf(key.Bytes()) }

func authorOf(key []byte) Author { return digest.Sum("pars vertex author v1", key) }

// Writer is who writes vertices of their own: an author and, in signed spaces, the
// key. It prints as nothing.
type Writer struct {
	author Author
	key    *sign.PrivateKey
}

// NewWriter returns the writer of a signed space.
func NewWriter(key *sign.PrivateKey) Writer {
	return Writer{author: AuthorOf(key.Public()), key: key}
}

// NewVouchedWriter returns the writer of a vouched space, whose author is a name
// that the ratchet has introduced.
func NewVouchedWriter(author Author) Writer { return Writer{author: author} }

// Author is who the writer's vertices are by.
func (w Writer) Author() Author { return w.author }

// String hides the key from logs and error messages.
func (w Writer) String() string { return "dag.Writer(" + w.author.String() + ")" }

// GoString hides the key from %#v.
func (w Writer) GoString() string { return w.String() }

// Seal sets the author and the auth of a vertex whose other fields are final.
func (w Writer) Seal(v *Vertex) error {
	v.Author, v.Auth = w.author, nil
	if w.key == nil {
		return nil
	}
	id := v.ID()
	sig, err := w.key.Sign(idLabel, id[:])
	if err != nil {
		return fmt.Errorf("dag: signing a vertex: %w", err)
	}
	if v.Seq == 1 {
		sig = append(w.key.Public().Bytes(), sig...)
	}
	v.Auth = sig
	return nil
}

// carriedKey returns the public key that an author's first signed vertex carries.
func (v *Vertex) carriedKey() ([]byte, error) {
	key := v.Auth[:sign.PublicKeySize]
	if authorOf(key) != v.Author {
		return nil, fmt.Errorf("%w: the carried key is not the author's", ErrAuth)
	}
	return bytes.Clone(key), nil
}

// verify checks the signature of a signed vertex.
func (v *Vertex) verify(id ID, key *sign.PublicKey) error {
	sig := v.Auth[len(v.Auth)-sign.SignatureSize:]
	if !key.Verify(idLabel, id[:], sig) {
		return fmt.Errorf("%w: the signature does not verify", ErrAuth)
	}
	return nil
}
