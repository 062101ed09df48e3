package transport

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hmac"
	"fmt"
	"io"

	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
)

// handshake is one run of the protocol by one side.
type handshake struct {
	key    *NodeKey
	muxers []protocol.ID
	random io.Reader
	want   peer.ID // "" accepts any; only a responder may
	tr     transcript
	secret []byte // of the ephemeral exchange
	th1    []byte // transcript up to the exchange, for the handshake keys
}

// outcome is what a completed handshake leaves. The secrets are erased by who
// takes them.
type outcome struct {
	key        *PublicKey
	id         peer.ID
	muxer      protocol.ID
	send, recv []byte // traffic secrets
}

// initiate runs the side that dialled. It sends its identity only after the
// responder has proved its own, so no one but the wanted peer learns it.
func (h *handshake) initiate(rw io.ReadWriter) (*outcome, error) {
	h.tr = newTranscript()
	defer h.erase()

	dh, err := newX25519(h.random)
	if err != nil {
		return nil, err
	}
	seed, err := readRandom(h.random, mlkem1024.KeySeedSize)
	if err != nil {
		return nil, err
	}
	defer clear(seed)
	ek, dk := mlkem1024.NewKeyFromSeed(seed)
	defer func() { *dk = mlkem1024.PrivateKey{} }()

	hello := header(typeHello, helloSize)
	hello = append(hello, dh.PublicKey().Bytes()...)
	hello = append(hello, make([]byte, mlkem1024.PublicKeySize)...)
	ek.Pack(hello[headerSize+x25519Size:])
	if _, err := rw.Write(hello); err != nil {
		return nil, fmt.Errorf("transport: sending handshake message 1: %w", err)
	}
	h.tr.add(hello)

	head, body, err := readMessage(rw, typeAnswer, shareSize+minSealed, shareSize+maxSealed)
	if err != nil {
		return nil, err
	}
	share, sealed := body[:shareSize], body[shareSize:]
	h.tr.add(head, share)
	if bytes.Equal(share[:x25519Size], hello[headerSize:headerSize+x25519Size]) {
		return nil, fmt.Errorf("%w: our own share came back", ErrHandshake)
	}
	kem := make([]byte, sharedSize)
	dk.DecapsulateTo(kem, share[x25519Size:])
	if err := h.agree(dh, share[:x25519Size], kem); err != nil {
		return nil, err
	}

	theirs, muxers, err := h.check(contextResponder, labelResponderHandshake, labelResponderFinished, sealed, head)
	if err != nil {
		return nil, err
	}
	out := &outcome{key: theirs}
	if out.id, err = h.identify(theirs); err != nil {
		return nil, err
	}
	if out.muxer, err = chooseMuxer(h.muxers, muxers); err != nil {
		return nil, err
	}

	mine, err := encodeMuxers(h.muxers)
	if err != nil {
		return nil, err
	}
	head = header(typeProof, proofOverhead+len(mine)+tagSize)
	h.tr.add(head)
	sealed, err = h.prove(contextInitiator, labelInitiatorHandshake, labelInitiatorFinished, mine, head)
	if err != nil {
		return nil, err
	}
	if _, err := rw.Write(append(head, sealed...)); err != nil {
		return nil, fmt.Errorf("transport: sending handshake message 3: %w", err)
	}
	th := h.tr.sum()
	out.send = expand(h.secret, labelInitiatorTraffic, th, hashSize)
	out.recv = expand(h.secret, labelResponderTraffic, th, hashSize)
	return out, nil
}

// respond runs the side that was dialled.
func (h *handshake) respond(rw io.ReadWriter) (*outcome, error) {
	h.tr = newTranscript()
	defer h.erase()

	head, hello, err := readMessage(rw, typeHello, helloSize, helloSize)
	if err != nil {
		return nil, err
	}
	h.tr.add(head, hello)
	var ek mlkem1024.PublicKey
	// Refuses a key whose coefficients are not reduced (FIPS 203, section 7.2).
	if err := ek.Unpack(hello[x25519Size:]); err != nil {
		return nil, fmt.Errorf("%w: invalid ML-KEM-1024 key", ErrHandshake)
	}
	dh, err := newX25519(h.random)
	if err != nil {
		return nil, err
	}
	coin, err := readRandom(h.random, mlkem1024.EncapsulationSeedSize)
	if err != nil {
		return nil, err
	}
	defer clear(coin)
	mine, err := encodeMuxers(h.muxers)
	if err != nil {
		return nil, err
	}

	share := make([]byte, shareSize)
	copy(share, dh.PublicKey().Bytes())
	kem := make([]byte, sharedSize)
	ek.EncapsulateTo(share[x25519Size:], kem, coin)
	answer := header(typeAnswer, shareSize+proofOverhead+len(mine)+tagSize)
	h.tr.add(answer, share)
	if err := h.agree(dh, hello[:x25519Size], kem); err != nil {
		return nil, err
	}
	sealed, err := h.prove(contextResponder, labelResponderHandshake, labelResponderFinished, mine, answer)
	if err != nil {
		return nil, err
	}
	if _, err := rw.Write(append(append(answer, share...), sealed...)); err != nil {
		return nil, fmt.Errorf("transport: sending handshake message 2: %w", err)
	}

	head, sealed, err = readMessage(rw, typeProof, minSealed, maxSealed)
	if err != nil {
		return nil, err
	}
	h.tr.add(head)
	theirs, muxers, err := h.check(contextInitiator, labelInitiatorHandshake, labelInitiatorFinished, sealed, head)
	if err != nil {
		return nil, err
	}
	out := &outcome{key: theirs}
	if out.id, err = h.identify(theirs); err != nil {
		return nil, err
	}
	if out.muxer, err = chooseMuxer(muxers, h.muxers); err != nil {
		return nil, err
	}
	th := h.tr.sum()
	out.send = expand(h.secret, labelResponderTraffic, th, hashSize)
	out.recv = expand(h.secret, labelInitiatorTraffic, th, hashSize)
	return out, nil
}

// agree turns both shared secrets into the secret of this exchange. It erases
// kem. A low-order X25519 share, whose result is zero, is refused (RFC 7748,
// section 6.1).
func (h *handshake) agree(dh *ecdh.PrivateKey, theirs, kem []byte) error {
	defer clear(kem)
	pub, err := ecdh.X25519().NewPublicKey(theirs)
	if err != nil {
		return fmt.Errorf("%w: invalid X25519 share", ErrHandshake)
	}
	shared, err := dh.ECDH(pub)
	if err != nil {
		return fmt.Errorf("%w: invalid X25519 share", ErrHandshake)
	}
	defer clear(shared)
	h.th1 = h.tr.sum()
	h.secret = extract(kem, shared, h.th1)
	return nil
}

// prove makes this side's sealed proof and takes it into the transcript.
func (h *handshake) prove(context, keyLabel, finLabel string, muxers, head []byte) ([]byte, error) {
	p := proof{key: h.key.key.Public().Bytes(), muxers: muxers}
	h.tr.add(p.key, p.muxers)
	var err error
	if p.sig, err = h.key.key.Sign(context, h.tr.sum()); err != nil {
		return nil, fmt.Errorf("transport: signing the handshake: %w", err)
	}
	h.tr.add(p.sig)
	fin := expand(h.secret, finLabel, h.th1, hashSize)
	defer clear(fin)
	p.mac = finished(fin, h.tr.sum())
	h.tr.add(p.mac)
	key := expand(h.secret, keyLabel, h.th1, keySize)
	defer clear(key)
	return seal(key, p.bytes(), head), nil
}

// check opens and verifies the other side's proof and takes it into the
// transcript.
func (h *handshake) check(context, keyLabel, finLabel string, sealed, head []byte) (*PublicKey, []protocol.ID, error) {
	key := expand(h.secret, keyLabel, h.th1, keySize)
	defer clear(key)
	plain, err := open(key, sealed, head)
	if err != nil {
		return nil, nil, ErrHandshake
	}
	p, muxers, err := parseProof(plain)
	if err != nil {
		return nil, nil, err
	}
	pub, err := parsePublicKey(p.key)
	if err != nil {
		return nil, nil, ErrHandshake
	}
	h.tr.add(p.key, p.muxers)
	if !pub.key.Verify(context, h.tr.sum(), p.sig) {
		return nil, nil, ErrHandshake
	}
	h.tr.add(p.sig)
	fin := expand(h.secret, finLabel, h.th1, hashSize)
	defer clear(fin)
	if !hmac.Equal(finished(fin, h.tr.sum()), p.mac) {
		return nil, nil, ErrHandshake
	}
	h.tr.add(p.mac)
	return pub, muxers, nil
}

// identify returns the peer id of a proved key, which must be the wanted one
// and not our own.
func (h *handshake) identify(k *PublicKey) (peer.ID, error) {
	id, err := peer.IDFromPublicKey(k)
	if err != nil {
		return "", fmt.Errorf("transport: peer id of the other side: %w", err)
	}
	if k.key.Equal(h.key.key.Public()) {
		return "", fmt.Errorf("%w: the other side is this node itself (%s)", ErrHandshake, id)
	}
	if h.want != "" && id != h.want {
		return "", sec.ErrPeerIDMismatch{Expected: h.want, Actual: id}
	}
	return id, nil
}

func (h *handshake) erase() {
	clear(h.secret)
	h.secret = nil
}

// newX25519 makes an ephemeral key from 32 bytes of random. The standard
// library keeps its own copy, which can't be erased from here.
func newX25519(random io.Reader) (*ecdh.PrivateKey, error) {
	scalar, err := readRandom(random, x25519Size)
	if err != nil {
		return nil, err
	}
	defer clear(scalar)
	k, err := ecdh.X25519().NewPrivateKey(scalar)
	if err != nil {
		return nil, fmt.Errorf("transport: making an X25519 key: %w", err)
	}
	return k, nil
}

func readRandom(random io.Reader, n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(random, b); err != nil {
		return nil, fmt.Errorf("transport: reading randomness: %w", err)
	}
	return b, nil
}
