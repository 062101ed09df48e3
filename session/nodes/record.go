package nodes

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/transport"
	"github.com/pars-network/pars/session/wire"
)

const (
	// MaxRecord is the longest record in bytes. The keys, the signature and a
	// typical address take about 9 KiB.
	MaxRecord = 12 << 10
	// Lifetime is how long a record is valid unless its node says otherwise.
	Lifetime = 24 * time.Hour
	// MaxLifetime is how far ahead of a reader's clock a record may expire.
	MaxLifetime = 7 * 24 * time.Hour
	// MaxSkew is how wrong a reader's clock may be.
	MaxSkew = time.Hour

	recordVersion = 1
	recordContext = "pars node record v1"
	maxUnix       = 1 << 40 // seconds; keeps arithmetic on foreign times from overflowing
)

var (
	// ErrRecord reports bytes that are no record, or one beyond the limits.
	ErrRecord = errors.New("not a node record")
	// ErrSignature reports a record that its node did not sign.
	ErrSignature = errors.New("the node record's signature is wrong")
	// ErrExpired reports a record past its time.
	ErrExpired = errors.New("the node record has expired")
	// ErrLifetime reports a record that would be valid for too long: one of two
	// clocks is wrong.
	ErrLifetime = errors.New("the node record is valid for too long")
	// ErrNetwork reports a record of another network.
	ErrNetwork = errors.New("the node record is of another network")
)

// Services is what a node does for others, as a set. A node that does nothing
// more is leaving: nobody places anything at it.
type Services uint64

// The services. Bits that are not named here are of later versions and ignored.
const (
	Store Services = 1 << iota // keeps mailboxes and bundles (session/swarm)
	Relay                      // passes onion packets on (session/onion)
)

// Has reports whether all of want are in s.
func (s Services) Has(want Services) bool { return s&want == want }

// String lists the names of the services.
func (s Services) String() string {
	var names []string
	if s.Has(Store) {
		names = append(names, "store")
	}
	if s.Has(Relay) {
		names = append(names, "relay")
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ",")
}

// OnionKey is the key to which the layer of an onion for the node is sealed.
type OnionKey struct {
	Key *kem.PublicKey
	// Expires is from when on nobody may seal anything to the key. The node
	// erases the private half soon after, and so keeps the halves of earlier
	// records until their own time is over. In whole seconds.
	Expires time.Time
}

// Claims are what a node says of itself.
type Claims struct {
	// Network is the id of the network (params.Network.ID).
	Network uint32
	Onion   OnionKey
	// Addrs are where the node can be dialled, at most [MaxAddrs]: a host and a
	// TCP port each. A node behind others' relays may have none.
	Addrs    []ma.Multiaddr
	Services Services
	// Epoch is the placement that the node goes by, for those who can't ask a
	// registry for the randomness.
	Epoch Epoch
	// Seq grows with every record of a node; the greatest wins.
	Seq uint64
	// Expires is from when on the record is worth nothing. In whole seconds.
	Expires time.Time
}

// Record is a node's signed claims. The only ways to get one are [Sign] and
// [Parse], so every Record is authentic; whether it is still valid depends on
// the clock, see [Record.Check]. It is immutable.
//
// Expanded keys take seventy kilobytes; a directory of a thousand records does
// without them, so the accessors expand.
type Record struct {
	claims Claims // but for the onion key itself
	key    []byte
	onion  []byte
	id     ID
	peer   peer.ID
	raw    []byte
}

// The wire format. The signature covers the exact bytes of the body.
type recordWire struct {
	_         struct{} `cbor:",toarray"`
	Version   uint64
	Body      []byte
	Signature []byte
}

type recordBody struct {
	_            struct{} `cbor:",toarray"`
	Suite        uint64
	Network      uint64
	Key          []byte
	Onion        []byte
	OnionExpires uint64
	Addrs        [][]byte
	Services     uint64
	Epoch        uint64
	Randomness   [32]byte
	Seq          uint64
	Expires      uint64
}

// Signer is the key of a node's links; *transport.NodeKey is one.
type Signer interface {
	SignAs(context string, msg []byte) ([]byte, error)
	Composite() *sign.PublicKey
}

// Sign makes a record. Claims beyond the limits are [ErrRecord].
func Sign(key Signer, c Claims) (*Record, error) {
	if c.Onion.Key == nil {
		return nil, fmt.Errorf("%w: it has no onion key", ErrRecord)
	}
	body := recordBody{
		Suite: identity.Suite, Network: uint64(c.Network), Key: key.Composite().Bytes(),
		Onion: c.Onion.Key.Bytes(), OnionExpires: unix(c.Onion.Expires), Addrs: [][]byte{},
		Services: uint64(c.Services), Epoch: c.Epoch.Number, Randomness: c.Epoch.Randomness,
		Seq: c.Seq, Expires: unix(c.Expires),
	}
	for _, a := range c.Addrs {
		body.Addrs = append(body.Addrs, a.Bytes())
	}
	data, err := wire.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("nodes: encoding a record: %w", err)
	}
	sig, err := key.SignAs(recordContext, data)
	if err != nil {
		return nil, fmt.Errorf("nodes: signing a record: %w", err)
	}
	raw, err := wire.Marshal(recordWire{Version: recordVersion, Body: data, Signature: sig})
	if err != nil {
		return nil, fmt.Errorf("nodes: encoding a record: %w", err)
	}
	return Parse(raw) // a mistake of ours shows here, not at the reader
}

func unix(t time.Time) uint64 { return uint64(max(0, t.Unix())) }

// Parse reads a record and verifies its node's signature. Errors match
// [ErrRecord] and [ErrSignature]. The clock is not asked.
func Parse(raw []byte) (*Record, error) {
	body, data, sig, err := decode(raw)
	if err != nil {
		return nil, err
	}
	r := &Record{raw: bytes.Clone(raw)}
	key, err := sign.ParsePublicKey(body.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	// Nothing else is worth time before the signature is known to be right.
	if !key.Verify(recordContext, data, sig) {
		return nil, ErrSignature
	}
	if r.claims, err = body.claims(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if r.peer, err = transport.PeerIDOf(key); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	r.id, r.key, r.onion = IDOf(key), body.Key, body.Onion
	return r, nil
}

// decode reads the outside of a record, without any cryptography.
func decode(raw []byte) (body recordBody, data, sig []byte, err error) {
	var outer recordWire
	if err := wire.Unmarshal(raw, MaxRecord, &outer); err != nil {
		return body, nil, nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if outer.Version != recordVersion {
		return body, nil, nil, fmt.Errorf("%w: version %d, want %d; update this program", ErrRecord, outer.Version, recordVersion)
	}
	if err := wire.Unmarshal(outer.Body, MaxRecord, &body); err != nil {
		return body, nil, nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if body.Suite != identity.Suite {
		return body, nil, nil, fmt.Errorf("%w: suite %d, want %d", ErrRecord, body.Suite, identity.Suite)
	}
	return body, outer.Body, outer.Signature, nil
}

func (b recordBody) claims() (Claims, error) {
	if b.Network > 1<<32-1 || b.Expires > maxUnix || b.OnionExpires > maxUnix {
		return Claims{}, fmt.Errorf("network %d until %d with an onion key until %d, all above their limits", b.Network, b.Expires, b.OnionExpires)
	}
	if _, err := kem.ParsePublicKey(b.Onion); err != nil {
		return Claims{}, err
	}
	addrs, err := parseAddrs(b.Addrs)
	if err != nil {
		return Claims{}, err
	}
	return Claims{
		Network: uint32(b.Network), Onion: OnionKey{Expires: time.Unix(int64(b.OnionExpires), 0).UTC()},
		Addrs: addrs, Services: Services(b.Services), Epoch: Epoch{Number: b.Epoch, Randomness: b.Randomness},
		Seq: b.Seq, Expires: time.Unix(int64(b.Expires), 0).UTC(),
	}, nil
}

// Check reports whether the record is valid at now on a network. Errors match
// [ErrNetwork], [ErrExpired] and [ErrLifetime].
func (r *Record) Check(network uint32, now time.Time) error {
	c := &r.claims
	if c.Network != network {
		return fmt.Errorf("%w: %d, want %d", ErrNetwork, c.Network, network)
	}
	if !now.Before(c.Expires) {
		return fmt.Errorf("%w: at %s", ErrExpired, c.Expires.Format(time.RFC3339))
	}
	if c.Expires.After(now.Add(MaxLifetime + MaxSkew)) {
		return fmt.Errorf("%w: until %s, want at most %v; check this clock", ErrLifetime, c.Expires.Format(time.RFC3339), MaxLifetime)
	}
	return nil
}

// NewerThan reports whether r replaces o, a record of the same node or nil: the
// greater number wins, of two with one number the greater bytes.
func (r *Record) NewerThan(o *Record) bool {
	if o == nil {
		return true
	}
	if r.claims.Seq != o.claims.Seq {
		return r.claims.Seq > o.claims.Seq
	}
	return bytes.Compare(r.raw, o.raw) > 0
}

// ID returns the node's ID.
func (r *Record) ID() ID { return r.id }

// Peer returns the peer id that the node has on its links.
func (r *Record) Peer() peer.ID { return r.peer }

// Key returns the key of the node's links.
func (r *Record) Key() *sign.PublicKey {
	key, err := sign.ParsePublicKey(r.key)
	if err != nil {
		panic("nodes: the key of a verified record: " + err.Error()) // Parse read the same bytes
	}
	return key
}

// Onion returns the key for onions and its expiry.
func (r *Record) Onion() OnionKey {
	key, err := kem.ParsePublicKey(r.onion)
	if err != nil {
		panic("nodes: the onion key of a verified record: " + err.Error()) // Parse read the same bytes
	}
	return OnionKey{Key: key, Expires: r.claims.Onion.Expires}
}

// OnionExpires returns the expiry of the key for onions.
func (r *Record) OnionExpires() time.Time { return r.claims.Onion.Expires }

// Addrs returns where the node can be dialled.
func (r *Record) Addrs() []ma.Multiaddr { return append([]ma.Multiaddr(nil), r.claims.Addrs...) }

// AddrInfo returns what libp2p needs to dial the node.
func (r *Record) AddrInfo() peer.AddrInfo { return peer.AddrInfo{ID: r.peer, Addrs: r.Addrs()} }

// Services returns what the node does for others.
func (r *Record) Services() Services { return r.claims.Services }

// Epoch returns the placement that the node goes by.
func (r *Record) Epoch() Epoch { return r.claims.Epoch }

// Network returns the id of the network.
func (r *Record) Network() uint32 { return r.claims.Network }

// Seq returns the record's number.
func (r *Record) Seq() uint64 { return r.claims.Seq }

// Expires returns from when on the record is worth nothing.
func (r *Record) Expires() time.Time { return r.claims.Expires }

// Bytes returns a copy of the encoding that [Parse] reads.
func (r *Record) Bytes() []byte { return bytes.Clone(r.raw) }
