package transport

import (
	"bufio"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	lcrypto "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// ErrRecord reports a record that was altered, replayed, reordered or not made
// by the peer, or that breaks the limits of a key. The link is closed.
var ErrRecord = errors.New("transport: damaged record")

// Kinds of records, the last byte of the sealed text.
const (
	recordData   = 0 // 1 to maxData bytes of the stream
	recordUpdate = 1 // empty; the next record is under the next key
)

// Sizes of records in bytes.
const (
	lengthSize = 2     // length of the sealed text, big-endian
	maxSealedR = 65535 // greatest sealed text
	minSealedR = 1 + tagSize
	maxData    = maxSealedR - minSealedR // 65518
)

// keyLimits is how much one traffic key may protect. The sender moves on to
// the next key before any is exceeded; the receiver refuses more than the
// first two.
type keyLimits struct {
	records uint64        // including the update
	bytes   uint64        // of data
	age     time.Duration // of a key that has been used
}

// defaultKeyLimits are those of spec/link.md.
var defaultKeyLimits = keyLimits{records: 1 << 32, bytes: 64 << 30, age: time.Hour}

// half is one direction: a chain of secrets, each with one key.
type half struct {
	aead    cipher.AEAD
	iv      [nonceSize]byte
	secret  []byte
	records uint64 // under this key; also the nonce
	bytes   uint64 // of data under this key
	since   time.Time
}

// start takes over secret as the current traffic secret.
func (h *half) start(secret []byte, now time.Time) {
	key := expand(secret, labelRecordKey, nil, keySize)
	defer clear(key)
	*h = half{aead: newAEAD(key), secret: secret, since: now}
	copy(h.iv[:], expand(secret, labelRecordIV, nil, nonceSize))
}

// advance replaces the traffic secret by the next and erases it, so that what
// was sent so far can't be read with what is in memory from now on.
func (h *half) advance(now time.Time) {
	old := h.secret
	h.start(expand(old, labelNext, nil, hashSize), now)
	clear(old)
}

// nonce returns the nonce of the next record and counts it.
func (h *half) nonce() []byte {
	n := h.iv
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], h.records)
	for i, b := range counter {
		n[nonceSize-8+i] ^= b
	}
	h.records++
	return n[:]
}

// conn is a secured link. Read and Write may be called at the same time.
type conn struct {
	net.Conn
	local     peer.ID
	remote    peer.ID
	remoteKey *PublicKey
	muxer     protocol.ID
	limits    keyLimits
	now       func() time.Time

	wm   sync.Mutex
	out  half
	wbuf []byte
	werr error

	rm      sync.Mutex
	in      half
	r       *bufio.Reader
	pending []byte // opened data inside the reader's buffer, not yet returned
	hold    int    // bytes of the reader's buffer to discard once pending is empty
	rerr    error
}

func newConn(c net.Conn, local peer.ID, o *outcome, limits keyLimits, now func() time.Time) *conn {
	s := &conn{
		Conn: c, local: local, remote: o.id, remoteKey: o.key, muxer: o.muxer, limits: limits, now: now,
		r: bufio.NewReaderSize(c, lengthSize+maxSealedR),
	}
	t := now()
	s.out.start(o.send, t)
	s.in.start(o.recv, t)
	return s
}

// Write sends p in one or more records. After an error the link is useless.
func (c *conn) Write(p []byte) (int, error) {
	c.wm.Lock()
	defer c.wm.Unlock()
	sent := 0
	for len(p) > 0 {
		n := int(min(uint64(len(p)), maxData, c.limits.bytes))
		if c.due(n) {
			if err := c.writeRecord(recordUpdate, nil); err != nil {
				return sent, err
			}
			c.out.advance(c.now())
		}
		if err := c.writeRecord(recordData, p[:n]); err != nil {
			return sent, err
		}
		sent += n
		p = p[n:]
	}
	return sent, nil
}

// due reports whether the key must change before n more bytes of data. A key
// that protected nothing yet is never changed.
func (c *conn) due(n int) bool {
	if c.out.records == 0 {
		return false
	}
	return c.out.records+1 >= c.limits.records || // the last one is the update
		c.out.bytes+uint64(n) > c.limits.bytes ||
		c.now().Sub(c.out.since) >= c.limits.age
}

func (c *conn) writeRecord(kind byte, data []byte) error {
	if c.werr != nil {
		return c.werr
	}
	c.wbuf = binary.BigEndian.AppendUint16(c.wbuf[:0], uint16(len(data)+minSealedR))
	c.wbuf = append(append(c.wbuf, data...), kind)
	c.out.bytes += uint64(len(data))
	c.wbuf = c.out.aead.Seal(c.wbuf[:lengthSize], c.out.nonce(), c.wbuf[lengthSize:], c.wbuf[:lengthSize])
	if _, err := c.Conn.Write(c.wbuf); err != nil {
		c.werr = fmt.Errorf("transport: writing a record: %w", err)
		return c.werr
	}
	return nil
}

// Read returns data of one record. A deadline leaves the link whole: Read may
// be called again. Any other error is final.
func (c *conn) Read(p []byte) (int, error) {
	c.rm.Lock()
	defer c.rm.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	for len(c.pending) == 0 {
		n, err := c.readRecord(p)
		if n > 0 || err != nil {
			return n, err
		}
	}
	n := copy(p, c.pending)
	c.pending = c.pending[n:]
	c.release()
	return n, nil
}

// readRecord opens the next record, into p if it fits and returns how much that
// is, else into pending.
func (c *conn) readRecord(p []byte) (int, error) {
	if c.rerr != nil {
		return 0, c.rerr
	}
	head, err := c.r.Peek(lengthSize)
	if err != nil {
		return 0, c.readError(err, len(head))
	}
	size := int(binary.BigEndian.Uint16(head))
	if size < minSealedR {
		return 0, c.fail(fmt.Errorf("%w: %d bytes, want at least %d", ErrRecord, size, minSealedR))
	}
	rec, err := c.r.Peek(lengthSize + size)
	if err != nil {
		return 0, c.readError(err, len(rec))
	}
	into, direct := rec[lengthSize:lengthSize], false
	if len(p) >= size-tagSize {
		into, direct = p[:0], true
	}
	plain, err := c.in.aead.Open(into, c.in.nonce(), rec[lengthSize:], rec[:lengthSize])
	if err != nil {
		return 0, c.fail(ErrRecord)
	}
	data, kind := plain[:len(plain)-1], plain[len(plain)-1]
	c.in.bytes += uint64(len(data))
	if c.in.records > c.limits.records || c.in.bytes > c.limits.bytes {
		return 0, c.fail(fmt.Errorf("%w: the peer used one key for more than it may", ErrRecord))
	}
	c.hold = lengthSize + size
	switch {
	case kind == recordUpdate && len(data) == 0 && c.in.records > 1:
		c.in.advance(c.now())
	case kind == recordData && len(data) > 0 && direct:
		c.release()
		return len(data), nil
	case kind == recordData && len(data) > 0:
		c.pending = data
		return 0, nil
	default:
		return 0, c.fail(fmt.Errorf("%w: kind %d with %d bytes of data", ErrRecord, kind, len(data)))
	}
	c.release()
	return 0, nil
}

// release gives the reader's buffer back once its record was returned whole.
func (c *conn) release() {
	if len(c.pending) == 0 && c.hold > 0 {
		_, _ = c.r.Discard(c.hold) // it is in the buffer: can't fail
		c.pending, c.hold = nil, 0
	}
}

// readError keeps deadlines apart from the end of the link. have is how much of
// a record had arrived.
func (c *conn) readError(err error, have int) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case errors.Is(err, io.EOF) && have == 0:
		c.rerr = io.EOF
	case errors.Is(err, io.EOF):
		c.rerr = io.ErrUnexpectedEOF
	default:
		c.rerr = fmt.Errorf("transport: reading a record: %w", err)
	}
	return c.rerr
}

// fail ends the link: nothing after a damaged record can be trusted.
func (c *conn) fail(err error) error {
	c.rerr = err
	_ = c.Conn.Close()
	return err
}

// Close ends the link and erases its traffic secrets, unless a Read or Write
// is still on its way out.
func (c *conn) Close() error {
	err := c.Conn.Close()
	if c.wm.TryLock() {
		if c.werr == nil {
			c.werr = fmt.Errorf("transport: writing a record: %w", net.ErrClosed)
		}
		clear(c.out.secret)
		c.wm.Unlock()
	}
	if c.rm.TryLock() {
		if c.rerr == nil {
			c.rerr = fmt.Errorf("transport: reading a record: %w", net.ErrClosed)
		}
		clear(c.in.secret)
		c.rm.Unlock()
	}
	return err
}

// LocalPeer returns this node's peer id.
func (c *conn) LocalPeer() peer.ID { return c.local }

// RemotePeer returns the proved peer id of the other side.
func (c *conn) RemotePeer() peer.ID { return c.remote }

// RemotePublicKey returns the key of the other side.
func (c *conn) RemotePublicKey() lcrypto.PubKey { return c.remoteKey }

// ConnState names the security protocol and the multiplexer of the handshake.
func (c *conn) ConnState() network.ConnectionState {
	return network.ConnectionState{Security: ID, StreamMultiplexer: c.muxer, UsedEarlyMuxerNegotiation: true}
}
