package transport

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"
	lcrypto "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"

	"github.com/pars-network/pars/crypto/sign"
)

func TestBothSidesAgree(t *testing.T) {
	m1, m2, m3, i, r := record(t)
	if !bytes.Equal(i.send, r.recv) || !bytes.Equal(i.recv, r.send) || bytes.Equal(i.send, i.recv) {
		t.Error("the sides derived different secrets, or one for both directions")
	}
	if i.id != nodeKey(t, 2).ID() || r.id != nodeKey(t, 1).ID() || i.muxer != yamuxOnly[0] || r.muxer != yamuxOnly[0] {
		t.Errorf("initiator got %s over %s, responder %s over %s", i.id, i.muxer, r.id, r.muxer)
	}
	if got := len(m1) + len(m2) + len(m3); got > 18_100 {
		t.Errorf("the handshake has %d bytes, want at most 18,100", got)
	}
	for name, secret := range map[string][]byte{"initiator's": nodeKey(t, 1).key.Public().Bytes(), "responder's": nodeKey(t, 2).key.Public().Bytes()} {
		if bytes.Contains(bytes.Join([][]byte{m1, m2, m3}, nil), secret[:32]) {
			t.Errorf("the %s identity crosses the wire in clear", name)
		}
	}
}

// The initiator's identity is not sent before the responder has proved the
// wanted one: who answers for another peer learns nothing.
func TestInitiatorStaysUnknownToImpostors(t *testing.T) {
	first := reading()
	_, _ = side(t, 1, nodeKey(t, 9).ID()).initiate(first)
	answer := reading(first.Bytes())
	_, _ = side(t, 2, "").respond(answer)
	again := reading(answer.Bytes())
	_, err := side(t, 1, nodeKey(t, 9).ID()).initiate(again)
	var mismatch sec.ErrPeerIDMismatch
	if !errors.As(err, &mismatch) || mismatch.Actual != nodeKey(t, 2).ID() {
		t.Errorf("initiate towards another peer = %v, want ErrPeerIDMismatch", err)
	}
	if len(again.Bytes()) != len(first.Bytes()) {
		t.Error("the initiator sent its proof to an impostor")
	}
}

// Every flipped bit is refused. By default one bit of every byte of the
// headers and of every fifth byte elsewhere; with PARS_TEST_FULL=1 every bit.
func TestEveryFlippedBitIsRefused(t *testing.T) {
	m1, m2, m3, _, _ := record(t)
	full := os.Getenv("PARS_TEST_FULL") != ""
	flips := func(m []byte, refused func([]byte) error) {
		for i := range m {
			if !full && i > 40 && i%5 != 0 {
				continue
			}
			for bit := range 8 {
				if !full && i > headerSize && bit != i%8 {
					continue
				}
				bad := bytes.Clone(m)
				bad[i] ^= 1 << bit
				if err := refused(bad); err == nil {
					t.Errorf("bit %d of byte %d was flipped and nobody noticed", bit, i)
				}
			}
		}
	}
	want := nodeKey(t, 2).ID()
	key1, key2 := nodeKey(t, 1), nodeKey(t, 2)
	initiator := func() *handshake { return &handshake{key: key1, muxers: yamuxOnly, random: fixed(101), want: want} }
	responder := func() *handshake { return &handshake{key: key2, muxers: yamuxOnly, random: fixed(102)} }

	flips(m1, func(bad []byte) error {
		answer := reading(bad)
		_, err := responder().respond(answer)
		if answer.Len() == 0 {
			return err // the responder itself refused
		}
		_, err = initiator().initiate(reading(answer.Bytes()))
		return err
	})
	flips(m2, func(bad []byte) error {
		_, err := initiator().initiate(reading(bad))
		return err
	})
	flips(m3, func(bad []byte) error {
		_, err := responder().respond(reading(m1, bad))
		return err
	})
}

func TestCutMessagesAreRefused(t *testing.T) {
	m1, m2, m3, _, _ := record(t)
	for _, n := range []int{0, 1, 2, 3, 4, 35, 1000, len(m1) - 1} {
		if _, err := side(t, 2, "").respond(reading(m1[:n])); !errors.Is(err, ErrHandshake) {
			t.Errorf("respond to %d bytes of message 1 = %v, want ErrHandshake", n, err)
		}
	}
	for _, n := range []int{0, 1, 2, 3, 1603, 5000, len(m2) - 1} {
		if _, err := side(t, 1, nodeKey(t, 2).ID()).initiate(reading(m2[:n])); !errors.Is(err, ErrHandshake) {
			t.Errorf("initiate with %d bytes of message 2 = %v, want ErrHandshake", n, err)
		}
	}
	for _, n := range []int{0, 1, 2, 3, 100, len(m3) - 1} {
		if _, err := side(t, 2, "").respond(reading(m1, m3[:n])); !errors.Is(err, ErrHandshake) {
			t.Errorf("respond to %d bytes of message 3 = %v, want ErrHandshake", n, err)
		}
	}
}

func TestReplaysAreRefused(t *testing.T) {
	m1, m2, m3, _, _ := record(t)
	fresh := func(h *handshake) *handshake { h.random = rand.Reader; return h }
	if _, err := fresh(side(t, 2, "")).respond(reading(m1, m3)); !errors.Is(err, ErrHandshake) {
		t.Errorf("replaying an initiator = %v, want ErrHandshake", err)
	}
	if _, err := fresh(side(t, 1, nodeKey(t, 2).ID())).initiate(reading(m2)); !errors.Is(err, ErrHandshake) {
		t.Errorf("replaying a responder = %v, want ErrHandshake", err)
	}
	if _, err := side(t, 2, "").respond(reading(m1, m1)); !errors.Is(err, ErrHandshake) {
		t.Errorf("message 1 twice = %v, want ErrHandshake", err)
	}
	if _, err := side(t, 3, "").respond(reading(m1, m3)); !errors.Is(err, ErrHandshake) {
		t.Errorf("the same messages to another responder = %v, want ErrHandshake", err)
	}
}

func TestReflectionIsRefused(t *testing.T) {
	m1, m2, m3, _, _ := record(t)
	initiate := func(answer ...[]byte) error {
		_, err := side(t, 1, nodeKey(t, 2).ID()).initiate(reading(answer...))
		return err
	}
	if err := initiate(m1); !errors.Is(err, ErrHandshake) {
		t.Errorf("message 1 mirrored = %v, want ErrHandshake", err)
	}
	// The same, dressed up as message 2.
	dressed := append(header(typeAnswer, len(m2)-headerSize), m1[headerSize:]...)
	dressed = append(dressed, m2[len(dressed):]...)
	if err := initiate(dressed); !errors.Is(err, ErrHandshake) || !strings.Contains(err.Error(), "our own share") {
		t.Errorf("our share mirrored in a message 2 = %v, want ErrHandshake", err)
	}
	// The responder's own proof as the initiator's: other key, other context.
	mirrored := append(header(typeProof, len(m2)-headerSize-shareSize), m2[headerSize+shareSize:]...)
	if _, err := side(t, 2, "").respond(reading(m1, mirrored)); !errors.Is(err, ErrHandshake) {
		t.Errorf("the responder's proof mirrored = %v, want ErrHandshake", err)
	}
	if err := initiate(append(header(typeAnswer, len(m3)-headerSize), m3[headerSize:]...)); !errors.Is(err, ErrHandshake) {
		t.Errorf("message 3 as message 2 = %v, want ErrHandshake", err)
	}
}

// A forwarder between a node's dialling and its listening side, or a node that
// dials its own address: both ends prove the same key.
func TestANodeRefusesItself(t *testing.T) {
	a, b := transportOf(t, 1), transportOf(t, 1)
	a.random, b.random = rand.Reader, rand.Reader
	c1, c2 := net.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := b.SecureInbound(t.Context(), c2, "")
		done <- err
	}()
	if _, err := a.SecureOutbound(t.Context(), c1, a.id); !errors.Is(err, ErrHandshake) || !strings.Contains(err.Error(), "itself") {
		t.Errorf("a node linked to itself: %v", err)
	}
	if err := <-done; err == nil {
		t.Error("the responder accepted its own identity")
	}
}

func TestLowOrderSharesAreRefused(t *testing.T) {
	// Points of small order on Curve25519 and its twist, canonical and not.
	for _, hexByte := range [][]byte{
		make([]byte, 32),
		append([]byte{1}, make([]byte, 31)...),
		{0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
		{0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
		append(append([]byte{0xec}, bytes.Repeat([]byte{0xff}, 30)...), 0x7f), // p-1
		append(append([]byte{0xed}, bytes.Repeat([]byte{0xff}, 30)...), 0x7f), // p
		append(append([]byte{0xee}, bytes.Repeat([]byte{0xff}, 30)...), 0x7f), // p+1
	} {
		m1, m2, _, _, _ := record(t)
		copy(m1[headerSize:], hexByte)
		answer := reading(m1)
		if _, err := side(t, 2, "").respond(answer); !errors.Is(err, ErrHandshake) || answer.Len() != 0 {
			t.Errorf("respond to the share %x = %v and %d bytes, want ErrHandshake and silence", hexByte, err, answer.Len())
		}
		copy(m2[headerSize:], hexByte)
		if _, err := side(t, 1, nodeKey(t, 2).ID()).initiate(reading(m2)); !errors.Is(err, ErrHandshake) {
			t.Errorf("initiate with the share %x = %v, want ErrHandshake", hexByte, err)
		}
	}
}

// FIPS 203, section 7.2: coefficients that are not reduced modulo q.
func TestUnreducedKEMKeysAreRefused(t *testing.T) {
	m1, _, _, _, _ := record(t)
	m1[headerSize+x25519Size], m1[headerSize+x25519Size+1] = 0xff, 0x0f // first coefficient 4095
	answer := reading(m1)
	if _, err := side(t, 2, "").respond(answer); !errors.Is(err, ErrHandshake) || answer.Len() != 0 {
		t.Errorf("respond = %v and %d bytes, want ErrHandshake and silence", err, answer.Len())
	}
}

func TestMuxersMustMeet(t *testing.T) {
	m1, _, _, _, _ := record(t)
	other := side(t, 2, "")
	other.muxers = []protocol.ID{"/mplex/6.7.0"}
	answer := reading(m1)
	_, _ = other.respond(answer)
	if _, err := side(t, 1, nodeKey(t, 2).ID()).initiate(reading(answer.Bytes())); err == nil || !strings.Contains(err.Error(), "no common stream multiplexer") {
		t.Errorf("initiate = %v, want no common stream multiplexer", err)
	}
	got, err := chooseMuxer([]protocol.ID{"/b", "/a"}, []protocol.ID{"/a", "/b"})
	if err != nil || got != "/b" {
		t.Errorf("chooseMuxer = %s, %v, want the initiator's first, /b", got, err)
	}
}

// forgeProof makes the initiator's message with the identity and signature that
// are given, as a peer would that runs this protocol with another kind of key.
func forgeProof(h *handshake, identity []byte, sign func(th []byte) []byte) ([]byte, error) {
	mux, err := encodeMuxers(yamuxOnly)
	if err != nil {
		return nil, err
	}
	size := len(sign(make([]byte, hashSize)))
	head := header(typeProof, len(identity)+len(mux)+size+hashSize+tagSize)
	h.tr.add(head, identity, mux)
	sig := sign(h.tr.sum())
	h.tr.add(sig)
	mac := finished(expand(h.secret, labelInitiatorFinished, h.th1, hashSize), h.tr.sum())
	body := bytes.Join([][]byte{identity, mux, sig, mac}, nil)
	return append(head, seal(expand(h.secret, labelInitiatorHandshake, h.th1, keySize), body, head)...), nil
}

// ed25519Peer runs the initiator's side correctly but for its identity, which
// is a libp2p Ed25519 key, alone or padded to the size of ours.
func ed25519Peer(t *testing.T, rw io.ReadWriter, padded bool) {
	t.Helper()
	pub, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Error(err)
		return
	}
	lp, err := lcrypto.UnmarshalEd25519PublicKey(pub)
	if err != nil {
		t.Error(err)
		return
	}
	identity, err := lcrypto.MarshalPublicKey(lp)
	if err != nil {
		t.Error(err)
		return
	}
	h := &handshake{key: nodeKey(t, 3), muxers: yamuxOnly, random: rand.Reader, tr: newTranscript()}
	dh, err := newX25519(h.random)
	if err != nil {
		t.Error(err)
		return
	}
	ek, dk := mlkem1024.NewKeyFromSeed(make([]byte, mlkem1024.KeySeedSize))
	hello := append(header(typeHello, helloSize), dh.PublicKey().Bytes()...)
	packed := make([]byte, mlkem1024.PublicKeySize)
	ek.Pack(packed)
	hello = append(hello, packed...)
	h.tr.add(hello)
	if _, err := rw.Write(hello); err != nil {
		t.Error(err)
		return
	}
	head, body, err := readMessage(rw, typeAnswer, shareSize+minSealed, shareSize+maxSealed)
	if err != nil {
		t.Error(err)
		return
	}
	h.tr.add(head, body[:shareSize])
	kem := make([]byte, sharedSize)
	dk.DecapsulateTo(kem, body[x25519Size:shareSize])
	if err := h.agree(dh, body[:x25519Size], kem); err != nil {
		t.Error(err)
		return
	}
	if _, _, err := h.check(contextResponder, labelResponderHandshake, labelResponderFinished, body[shareSize:], head); err != nil {
		t.Error(err)
		return
	}
	if padded {
		identity = append(identity, make([]byte, sign.PublicKeySize-len(identity))...)
	}
	msg, err := forgeProof(h, identity, func(th []byte) []byte {
		sig := ed25519.Sign(priv, append([]byte(contextInitiator), th...))
		if padded {
			sig = append(sig, make([]byte, sign.SignatureSize-len(sig))...)
		}
		return sig
	})
	if err != nil {
		t.Error(err)
		return
	}
	_, _ = rw.Write(msg) // the other side may hang up in the middle
}

func TestEd25519IdentityOnTheWireIsRefused(t *testing.T) {
	for name, padded := range map[string]bool{"as it is": false, "padded to our size": true} {
		c1, c2 := net.Pipe()
		done := make(chan error, 1)
		go func() {
			tr := transportOf(t, 2)
			_, err := tr.SecureInbound(t.Context(), c2, "")
			done <- err
		}()
		ed25519Peer(t, c1, padded)
		if err := <-done; !errors.Is(err, ErrHandshake) {
			t.Errorf("an Ed25519 identity %s: %v, want ErrHandshake", name, err)
		}
		_ = c1.Close()
	}
}

func TestEd25519IdentityInConfigIsRefused(t *testing.T) {
	k, _, err := lcrypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(k, nil); !errors.Is(err, errKeyType) {
		t.Errorf("New with an Ed25519 key = %v, want errKeyType", err)
	}
	if _, err := New(nil, nil); !errors.Is(err, errKeyType) {
		t.Errorf("New without a key = %v, want errKeyType", err)
	}
}

func TestHandshakeEndsWithItsContext(t *testing.T) {
	c1, c2 := net.Pipe()
	defer func() { _ = c2.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		tr := transportOf(t, 1)
		_, err := tr.SecureInbound(ctx, c1, "")
		done <- err
	}()
	if _, err := c2.Write([]byte{typeHello}); err != nil { // it is waiting for more now
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("SecureInbound = %v, want context.Canceled", err)
	}
	if _, err := c2.Write([]byte{0}); err == nil {
		t.Error("the connection is still open")
	}
}

func TestDiallingNeedsAPeerID(t *testing.T) {
	c1, c2 := net.Pipe()
	defer func() { _ = c2.Close() }()
	tr := transportOf(t, 1)
	if _, err := tr.SecureOutbound(t.Context(), c1, ""); err == nil {
		t.Error("SecureOutbound without a peer id succeeded")
	}
}

func FuzzRespond(f *testing.F) {
	m1, _, m3, _, _ := record(f)
	f.Add(m1)
	f.Add(append(bytes.Clone(m1), m3...))
	key := nodeKey(f, 2)
	f.Fuzz(func(t *testing.T, in []byte) {
		h := &handshake{key: key, muxers: yamuxOnly, random: fixed(102)}
		out, err := h.respond(reading(in))
		if err == nil && !bytes.HasPrefix(in, append(bytes.Clone(m1), m3...)) {
			t.Fatalf("accepted %x as %s", in, out.id)
		}
	})
}

func FuzzInitiate(f *testing.F) {
	_, m2, _, _, _ := record(f)
	f.Add(m2)
	f.Add(m2[:100])
	key, want := nodeKey(f, 1), nodeKey(f, 2).ID()
	f.Fuzz(func(t *testing.T, in []byte) {
		h := &handshake{key: key, muxers: yamuxOnly, random: fixed(101), want: want}
		if _, err := h.initiate(reading(in)); err == nil && !bytes.HasPrefix(in, m2) {
			t.Fatalf("accepted %x", in)
		}
	})
}

func FuzzProof(f *testing.F) {
	mux, err := encodeMuxers([]protocol.ID{"/yamux/1.0.0", "/x"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(proof{key: make([]byte, sign.PublicKeySize), muxers: mux, sig: make([]byte, sign.SignatureSize), mac: make([]byte, hashSize)}.bytes())
	f.Add(make([]byte, proofOverhead+minMuxerList))
	f.Fuzz(func(t *testing.T, in []byte) {
		p, list, err := parseProof(in)
		if err != nil {
			return
		}
		if !bytes.Equal(p.bytes(), in) {
			t.Fatal("the parts are not the whole")
		}
		if again, err := encodeMuxers(list); err != nil || !bytes.Equal(again, p.muxers) {
			t.Fatalf("%q is encoded as %x, %v, came as %x", list, again, err, p.muxers)
		}
	})
}
