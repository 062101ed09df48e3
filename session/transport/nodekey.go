package transport

import (
	"errors"
	"fmt"
	"io"
	"slices"

	lcrypto "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/crypto/pb"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/pars-network/pars/crypto/sign"
)

// KeyType is the number of composite keys in libp2p's key envelope. libp2p
// assigns 0 to 3; this one is ours ("PQ" in ASCII) and never changes, because
// peer ids are hashes over it.
const KeyType pb.KeyType = 0x5051

// contextLibp2p separates what libp2p signs with a node key (peer records)
// from what the handshake signs with it.
const contextLibp2p = "pars libp2p v1"

// ErrSecret is what asking a [NodeKey] for its raw bytes returns. libp2p hands
// private keys around, to peer stores among others; this one stays inside.
var ErrSecret = errors.New("transport: a node's private key is never given out")

// errKeyType reports a libp2p key that is not ours.
var errKeyType = errors.New("transport: not a composite ML-DSA-87 and Ed25519 key")

// libp2p finds the decoder of a key type in a map that it reads without a lock,
// so this is the one moment to extend it.
func init() {
	lcrypto.PubKeyUnmarshallers[KeyType] = func(b []byte) (lcrypto.PubKey, error) { return parsePublicKey(b) }
}

// NodeKey is the key of a node on its links. It implements libp2p's private
// key, but for Raw, which refuses. It prints as nothing.
type NodeKey struct {
	key *sign.PrivateKey
}

// NewNodeKey derives a key from a seed of [sign.SeedSize] bytes.
func NewNodeKey(seed []byte) (*NodeKey, error) {
	k, err := sign.NewPrivateKey(seed)
	if err != nil {
		return nil, fmt.Errorf("transport: node key: %w", err)
	}
	return &NodeKey{key: k}, nil
}

// Fresh makes a key that exists only in memory, as a light node does at every
// start, so that its link identity follows nobody. random is crypto/rand.Reader
// but in tests.
func Fresh(random io.Reader) (*NodeKey, error) {
	seed := make([]byte, sign.SeedSize)
	defer clear(seed)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, fmt.Errorf("transport: reading randomness for a node key: %w", err)
	}
	return NewNodeKey(seed)
}

// ID is the peer id: the SHA2-256 multihash of the public key, "Qm..." in text.
func (k *NodeKey) ID() peer.ID {
	id, err := peer.IDFromPublicKey(k.public())
	if err != nil {
		panic("transport: peer id of a composite key: " + err.Error()) // only a broken protobuf can fail
	}
	return id
}

// Sign signs what libp2p asks for. Handshakes sign under other contexts.
func (k *NodeKey) Sign(msg []byte) ([]byte, error) { return k.key.Sign(contextLibp2p, msg) }

// SignAs signs msg under a context of the caller's, such as that of node records.
// Contexts that this package signs under itself are refused, so that nothing
// signed here can stand in for a handshake.
func (k *NodeKey) SignAs(context string, msg []byte) ([]byte, error) {
	if slices.Contains([]string{contextLibp2p, contextInitiator, contextResponder}, context) {
		return nil, fmt.Errorf("transport: %q is a context of links; sign records under one of their own", context)
	}
	return k.key.Sign(context, msg)
}

// Composite returns the public half as package sign has it.
func (k *NodeKey) Composite() *sign.PublicKey { return k.key.Public() }

// PeerIDOf returns the peer id of the node whose links key signs.
func PeerIDOf(key *sign.PublicKey) (peer.ID, error) {
	id, err := peer.IDFromPublicKey(&PublicKey{key: key})
	if err != nil {
		return "", fmt.Errorf("transport: peer id of a composite key: %w", err)
	}
	return id, nil
}

// CompositeOf returns the key of the node that has a link under this libp2p
// key, and false for a key of another type.
func CompositeOf(key lcrypto.PubKey) (*sign.PublicKey, bool) {
	p, ok := key.(*PublicKey)
	if !ok {
		return nil, false
	}
	return p.key, true
}

// GetPublic returns the public half.
func (k *NodeKey) GetPublic() lcrypto.PubKey { return k.public() }

func (k *NodeKey) public() *PublicKey { return &PublicKey{key: k.key.Public()} }

// Raw returns [ErrSecret].
func (*NodeKey) Raw() ([]byte, error) { return nil, ErrSecret }

// Type returns [KeyType].
func (*NodeKey) Type() pb.KeyType { return KeyType }

// Equals reports whether o is the same node key.
func (k *NodeKey) Equals(o lcrypto.Key) bool {
	other, ok := o.(*NodeKey)
	return ok && k.key.Public().Equal(other.key.Public())
}

// String hides the key from logs and error messages.
func (*NodeKey) String() string { return "transport.NodeKey(hidden)" }

// GoString hides the key from %#v.
func (k *NodeKey) GoString() string { return k.String() }

// Format hides the key from every verb of package fmt.
func (k *NodeKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }

// PublicKey is the public half of a [NodeKey]: [sign.PublicKeySize] bytes,
// ML-DSA-87 first. It implements libp2p's public key.
type PublicKey struct {
	key *sign.PublicKey
}

func parsePublicKey(b []byte) (*PublicKey, error) {
	k, err := sign.ParsePublicKey(b)
	if err != nil {
		return nil, fmt.Errorf("transport: node's public key: %w", err)
	}
	return &PublicKey{key: k}, nil
}

// Verify reports whether sig is what [NodeKey.Sign] gives for msg.
func (p *PublicKey) Verify(msg, sig []byte) (bool, error) {
	return p.key.Verify(contextLibp2p, msg, sig), nil
}

// Raw returns the encoding without libp2p's envelope.
func (p *PublicKey) Raw() ([]byte, error) { return p.key.Bytes(), nil }

// Type returns [KeyType].
func (*PublicKey) Type() pb.KeyType { return KeyType }

// Equals reports whether o is the same public key.
func (p *PublicKey) Equals(o lcrypto.Key) bool {
	other, ok := o.(*PublicKey)
	return ok && p.key.Equal(other.key)
}

var (
	_ lcrypto.PrivKey = (*NodeKey)(nil)
	_ lcrypto.PubKey  = (*PublicKey)(nil)
)
