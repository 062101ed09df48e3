package packet

import (
	"crypto/ecdh"
	"crypto/sha3"
	"testing"

	"github.com/pars-network/pars/session/digest"
	"golang.org/x/crypto/chacha20poly1305"
)

// Each benchmark has a twin that runs only the primitives that the format can't
// do without.

func BenchmarkOpen(b *testing.B) {
	nodes, path := newPath(b)
	packets, _, err := Build(stream("bench"), path, Request{Kind: Deliver})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Open(nodes[0].key, &packets[0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenPrimitives(b *testing.B) {
	n := newNode(b, "bench")
	ct, _, err := n.key.key.Public().Encapsulate(stream("bench"))
	if err != nil {
		b.Fatal(err)
	}
	aead, err := chacha20poly1305.NewX(make([]byte, keySize))
	if err != nil {
		b.Fatal(err)
	}
	nonce, body := make([]byte, nonceSize), make([]byte, bodySize)
	sealed := aead.Seal(nil, nonce, body, nil)
	for b.Loop() {
		if _, err := n.key.key.DH(n.key.key.Public().X()); err != nil {
			b.Fatal(err)
		}
		if _, err := n.key.key.Decapsulate(ct); err != nil {
			b.Fatal(err)
		}
		_ = sha3.Sum256(ct) // who sent what, into the keys
		_ = digest.Derive(ct[:64], nil, "bench", 224)
		if _, err := aead.Open(body[:0], nonce, sealed, nil); err != nil {
			b.Fatal(err)
		}
		_ = aead.Seal(body[:0], nonce, body[:shift], nil)
	}
}

func BenchmarkBuild(b *testing.B) {
	_, path := newPath(b)
	random := stream("bench")
	for b.Loop() {
		if _, _, err := Build(random, path, Request{Kind: Deliver}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBuildPrimitives(b *testing.B) {
	_, path := newPath(b)
	random := stream("bench")
	aead, err := chacha20poly1305.NewX(make([]byte, keySize))
	if err != nil {
		b.Fatal(err)
	}
	nonce, body, out := make([]byte, nonceSize), make([]byte, bodySize), make([]byte, 0, bodySize+tagSize)
	for b.Loop() {
		for i, hop := range path {
			e, err := ecdh.X25519().GenerateKey(random)
			if err != nil {
				b.Fatal(err)
			}
			_ = e.PublicKey()
			if _, err := e.ECDH(hop.Key.key.X()); err != nil {
				b.Fatal(err)
			}
			ct, _, err := hop.Key.key.Encapsulate(random)
			if err != nil {
				b.Fatal(err)
			}
			_ = sha3.Sum256(ct)
			_ = digest.Derive(ct[:64], nil, "bench", 224)
			_ = aead.Seal(out, nonce, body, nil)
			if i > 0 { // the end of the packet, which the hops before make
				_ = aead.Seal(out, nonce, body, nil)
				_ = aead.Seal(out, nonce, body[:shift], nil)
			}
		}
	}
}

func BenchmarkPassCell(b *testing.B) {
	nodes, path := newPath(b)
	packets, _, err := Build(stream("bench"), path, Request{Kind: Deliver})
	if err != nil {
		b.Fatal(err)
	}
	o, c := walk(b, nodes, &packets[0], nil), new(Cell)
	for b.Loop() {
		o[0].Keys.Pass(0, c)
	}
}

// BenchmarkRefuseJunk is what a packet costs that names the right key and holds
// nothing: the most that a flood can ask for.
func BenchmarkRefuseJunk(b *testing.B) {
	n := newNode(b, "bench")
	p := new(Packet)
	_, _ = stream("junk").Read(p[:])
	id := n.key.Public().ID()
	copy(p[:], id[:])
	p.share()[kemShareLast] &= 0x7f
	for b.Loop() {
		if _, err := Open(n.key, p); err == nil {
			b.Fatal("junk opened")
		}
	}
}

// kemShareLast is the byte of an X25519 share whose highest bit must be clear.
const kemShareLast = 31
