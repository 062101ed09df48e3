package transport

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"time"

	lcrypto "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
)

// HandshakeTimeout bounds a handshake whose context has no earlier deadline.
const HandshakeTimeout = 15 * time.Second

// Transport is the security protocol of libp2p: it secures connections that
// something else made. It is safe for concurrent use.
type Transport struct {
	key    *NodeKey
	id     peer.ID
	muxers []protocol.ID
	random io.Reader
	now    func() time.Time
	limits keyLimits
}

// New returns the protocol for the node that key belongs to. A key of any other
// type than [NodeKey], such as libp2p's Ed25519, is refused. muxers are offered
// in order of preference. libp2p calls it, through [NewHost].
func New(key lcrypto.PrivKey, muxers []upgrader.StreamMuxer) (*Transport, error) {
	node, ok := key.(*NodeKey)
	if !ok {
		return nil, fmt.Errorf("%w: identity is of libp2p key type %v; make one with Fresh or Persistent", errKeyType, typeOf(key))
	}
	t := &Transport{key: node, id: node.ID(), random: rand.Reader, now: time.Now, limits: defaultKeyLimits}
	for _, m := range muxers {
		t.muxers = append(t.muxers, m.ID)
	}
	if _, err := encodeMuxers(t.muxers); err != nil {
		return nil, err
	}
	return t, nil
}

func typeOf(k lcrypto.PrivKey) any {
	if k == nil {
		return "none"
	}
	return k.Type()
}

// ID returns [ID].
func (*Transport) ID() protocol.ID { return ID }

// SecureInbound runs the responder's side on c. p is the only peer to accept,
// or "" for any. It closes c on failure.
func (t *Transport) SecureInbound(ctx context.Context, c net.Conn, p peer.ID) (sec.SecureConn, error) {
	return t.secure(ctx, c, p, (*handshake).respond)
}

// SecureOutbound runs the initiator's side on c and accepts no other peer than
// p, which must be given. It closes c on failure.
func (t *Transport) SecureOutbound(ctx context.Context, c net.Conn, p peer.ID) (sec.SecureConn, error) {
	if p == "" {
		_ = c.Close()
		return nil, fmt.Errorf("transport: dialling without a peer id; use an address that ends in /p2p/ and the node's peer id")
	}
	return t.secure(ctx, c, p, (*handshake).initiate)
}

func (t *Transport) secure(ctx context.Context, c net.Conn, p peer.ID, run func(*handshake, io.ReadWriter) (*outcome, error)) (sec.SecureConn, error) {
	s, err := t.handshake(ctx, c, p, run)
	if err != nil {
		_ = c.Close() // the reason why it is closed is the error to report
		return nil, err
	}
	return s, nil
}

func (t *Transport) handshake(ctx context.Context, c net.Conn, p peer.ID, run func(*handshake, io.ReadWriter) (*outcome, error)) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, HandshakeTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) }) // wakes reads and writes
	h := &handshake{key: t.key, muxers: t.muxers, random: t.random, want: p}
	out, err := run(h, c)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return nil, fmt.Errorf("transport: handshake ended: %w", cause)
		}
		return nil, err
	}
	return newConn(c, t.id, out, t.limits, t.now), nil
}

var _ sec.SecureTransport = (*Transport)(nil)
