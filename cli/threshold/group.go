package threshold

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"crypto/sha3"

	"github.com/pars-network/pars/crypto/frost"
	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/session/digest"
)

// Group is a key that threshold of its members sign with.
type Group struct {
	Label     string
	Suite     *frost.Suite
	Threshold int
	// Members are in the order of their identifiers, from 1.
	Members []Member
	// Self is this person's identifier.
	Self uint16
	// Key is the group's public key, PublicKeys each member's verification key.
	Key        []byte
	PublicKeys [][]byte
	share      *frost.Share
}

// ID is 16 hexadecimal digits of a hash over everything about the group that is
// public. People compare it before they trust the key.
func (g *Group) ID() string { return fmt.Sprintf("%x", g.hash()) }

func (g *Group) hash() []byte {
	fields := []any{g.Label, uint64(g.Suite.ID()), uint64(g.Threshold), g.Key}
	for i, m := range g.Members {
		fields = append(fields, m.Name, m.Key.Bytes(), g.PublicKeys[i])
	}
	sum := digest.Sum("pars threshold group v1", fields...)
	return sum[:8]
}

type memberWire struct {
	_    struct{} `cbor:",toarray"`
	Name string
	Key  []byte
}

type groupWire struct {
	_          struct{} `cbor:",toarray"`
	Label      string
	Suite      uint64
	Threshold  uint64
	Members    []memberWire
	Self       uint64
	Key        []byte
	PublicKeys [][]byte
	Secret     []byte
}

func groupFile(c Ceremony) string { return "groups/" + c.String() + ".pars" }

// groupOf decodes what a home keeps of a group.
func groupOf(w groupWire) (*Group, error) {
	suite, err := frost.SuiteByID(frost.SuiteID(min(w.Suite, 255)))
	if err != nil {
		return nil, err
	}
	g := &Group{Label: w.Label, Suite: suite, Threshold: int(w.Threshold), Self: uint16(w.Self), Key: w.Key, PublicKeys: w.PublicKeys}
	for _, m := range w.Members {
		key, err := sign.ParsePublicKey(m.Key)
		if err != nil {
			return nil, err
		}
		g.Members = append(g.Members, Member{m.Name, key})
	}
	if n := len(g.Members); n < 2 || n > MaxMembers || len(g.PublicKeys) != n || w.Threshold < 2 || w.Threshold > uint64(n) || w.Self < 1 || w.Self > uint64(n) {
		return nil, fmt.Errorf("%w: a group of %d", ErrDamaged, n)
	}
	if g.share, err = frost.NewShare(suite, g.Self, w.Secret, w.Key); err != nil {
		return nil, fmt.Errorf("%w: the share of a group", ErrDamaged)
	}
	return g, nil
}

func membersWire(members []Member) []memberWire {
	var out []memberWire
	for _, m := range members {
		out = append(out, memberWire{Name: m.Name, Key: m.Key.Bytes()})
	}
	return out
}

// Groups lists the groups of this person.
func (h *Home) Groups() ([]*Group, error) {
	names, err := h.disk.List("groups")
	if err != nil {
		return nil, fmt.Errorf("threshold: listing groups: %w", err)
	}
	var out []*Group
	for _, name := range names {
		var w groupWire
		if found, err := h.load("groups/"+name, &w); err != nil || !found {
			return nil, fmt.Errorf("threshold: group %s: %w", name, err)
		}
		g, err := groupOf(w)
		clear(w.Secret)
		if err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *Group) int { return strings.Compare(a.Label+a.ID(), b.Label+b.ID()) })
	return out, nil
}

// Group finds a group by its label or ID. Errors match [ErrSetup].
func (h *Home) Group(which string) (*Group, error) {
	all, err := h.Groups()
	if err != nil {
		return nil, err
	}
	var found *Group
	for _, g := range all {
		if g.ID() == which || g.Label == which {
			if found != nil {
				return nil, fmt.Errorf("%w: two groups are called %s; give the ID, %s or %s", ErrSetup, which, found.ID(), g.ID())
			}
			found = g
		}
	}
	if found == nil {
		return nil, fmt.Errorf("%w: no group is called %s; parsctl threshold list shows all", ErrSetup, which)
	}
	return found, nil
}

// expand is a stream of secret bytes from a seed, another one for every ceremony
// and purpose: what has to come out the same when a ceremony is resumed.
func expand(seed []byte, c Ceremony, purpose string) io.Reader {
	x := sha3.NewSHAKE256()
	sum := digest.Sum("pars threshold seed v1", seed, c[:], purpose)
	_, _ = x.Write(sum[:])
	return x
}
