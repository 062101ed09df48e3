package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/message"
	"github.com/ava-labs/avalanchego/network/peer"
	"github.com/ava-labs/avalanchego/snow"
	"github.com/ava-labs/avalanchego/snow/engine/common"
	"github.com/ava-labs/avalanchego/snow/networking/sender"
	"github.com/ava-labs/avalanchego/staking"
	"github.com/ava-labs/avalanchego/subnets"
	"github.com/ava-labs/avalanchego/utils/compression"
	"github.com/ava-labs/avalanchego/utils/set"
	"github.com/prometheus/client_golang/prometheus"
)

// answerTime is the deadline in requests; nobody here waits for the answers.
const answerTime = 2 * time.Second

// firstRequest keeps our request numbers apart from the engine's own, so that
// answers to them are nobody's.
const firstRequest = 1 << 31

// wire sends messages of our choice as the validator this node is.
type wire struct {
	message.OutboundMsgBuilder
	to      sender.ExternalSender
	sctx    *snow.Context
	request atomic.Uint32
	sent    atomic.Uint64
}

func newWire(to sender.ExternalSender, sctx *snow.Context) (*wire, error) {
	// Uncompressed, so that sizes are what they look like.
	creator, err := message.NewCreator(prometheus.NewRegistry(), compression.TypeNone, answerTime)
	if err != nil {
		return nil, err
	}
	w := &wire{OutboundMsgBuilder: creator, to: to, sctx: sctx}
	w.request.Store(firstRequest)
	return w, nil
}

// send hands m to the peers and returns how many took it.
func (w *wire) send(m *message.OutboundMessage, err error, peers ...ids.NodeID) (int, error) {
	if err != nil {
		return 0, err
	}
	n := w.to.Send(m, common.SendConfig{NodeIDs: set.Of(peers...)}, w.sctx.SubnetID, subnets.NoOpAllower).Len()
	w.sent.Add(uint64(n))
	return n, nil
}

// push sends a block as a proposer does, with a query.
func (w *wire) push(raw []byte, height uint64, peers ...ids.NodeID) error {
	m, err := w.PushQuery(w.sctx.ChainID, w.request.Add(1), answerTime, raw, height)
	n, err := w.send(m, err, peers...)
	if err != nil {
		return err
	}
	if n != len(peers) {
		return fmt.Errorf("%d of %d peers took a message", n, len(peers))
	}
	return nil
}

// frame connects to a peer as somebody unknown and sends size bytes after a
// length of claimed bytes. It returns how many bytes the peer let it write: who
// looks at the length first hangs up early.
func frame(ctx context.Context, addr string, claimed uint32, size int) (int, error) {
	cert, err := staking.NewTLSCert()
	if err != nil {
		return 0, err
	}
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return 0, err
	}
	defer func() { _ = raw.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := raw.SetDeadline(deadline); err != nil {
			return 0, err
		}
	}
	conn := tls.Client(raw, peer.TLSConfig(*cert, nil))
	if err := conn.HandshakeContext(ctx); err != nil {
		return 0, err
	}
	if _, err := conn.Write(binary.BigEndian.AppendUint32(nil, claimed)); err != nil {
		return 0, err
	}
	go func() { _, _ = io.Copy(io.Discard, conn) }() // the peer's handshake
	junk := make([]byte, 64<<10)
	if _, err := rand.Read(junk); err != nil {
		return 0, err
	}
	written := 0
	for written < size {
		n, err := conn.Write(junk)
		written += n
		if err != nil {
			return written, nil //nolint:nilerr // hung up, which is the answer
		}
	}
	return written, nil
}
