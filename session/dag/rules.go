package dag

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/session/digest"
)

// Space names a space. It commits to the space's [Rules], so that two nodes can't
// hold one space under different rules.
type Space [32]byte

// String is the space in hexadecimal.
func (s Space) String() string { return hex.EncodeToString(s[:]) }

// AuthKind says how the vertices of a space prove who wrote them. Its numbers are
// part of the wire format.
type AuthKind uint64

const (
	// Signed vertices carry a hybrid signature of their author: groups, public
	// spaces.
	Signed AuthKind = 1
	// Vouched vertices carry nothing. The ratchet authenticates them, whoever
	// has opened its message says so with [Store.Vouch], and no trace of who wrote
	// them convinces a third party: spaces of two.
	Vouched AuthKind = 2
)

// Rules are what a space's vertices are judged by, fixed when the space is made.
type Rules struct {
	Auth AuthKind
	// Witnesses is the size of the largest committee, 0 for a space without
	// witness vertices, at most [MaxWitnesses].
	Witnesses uint32
	// Seed makes the space unique: random, or derived from what its members share.
	Seed [32]byte
}

// ErrRules reports rules that no space can have.
var ErrRules = errors.New("dag: impossible rules")

// Space is the name of the space with these rules (spec/dag.md, section 1).
func (r Rules) Space() Space {
	return digest.Sum("pars space v1", uint64(r.Auth), r.Witnesses, r.Seed)
}

func (r Rules) check() error {
	if r.Auth != Signed && r.Auth != Vouched {
		return fmt.Errorf("%w: kind of auth %d, want %d or %d", ErrRules, r.Auth, Signed, Vouched)
	}
	if r.Witnesses > MaxWitnesses {
		return fmt.Errorf("%w: a committee of %d, want at most %d", ErrRules, r.Witnesses, MaxWitnesses)
	}
	return nil
}

// maxAuth is the length in bytes of the longest auth: an author's first vertex
// carries the public key too.
const maxAuth = sign.PublicKeySize + sign.SignatureSize

// authSize is the length in bytes of the auth of a vertex with this seq.
func (r Rules) authSize(seq uint64) int {
	switch {
	case r.Auth == Vouched:
		return 0
	case seq == 1:
		return maxAuth
	default:
		return sign.SignatureSize
	}
}
