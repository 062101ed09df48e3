package ratchet

import (
	"crypto/ecdh"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/session/digest"
	"golang.org/x/crypto/chacha20poly1305"
)

var hundred = strings.Repeat("x", 100)

// alternate is 1,000 messages of 100 characters, in turns.
func alternate(t failer, a, b *side, each func(raw []byte)) {
	for i := range 1000 {
		from, to := a, b
		if i%2 == 1 {
			from, to = b, a
		}
		raw, next, err := from.state.Encrypt(from.rand, start, from.to, 0, []byte(hundred))
		must(t, err)
		from.state = next
		each(raw)
		_, next, err = to.state.Decrypt(start, raw)
		must(t, err)
		to.state = next
	}
}

func TestBytesOnTheWire(t *testing.T) {
	a, b := pair(t, "wire")
	total := 0
	alternate(t, a, b, func(raw []byte) { total += len(raw) })
	if total != 1000*(8<<10) {
		t.Errorf("1,000 alternating messages of 100 characters take %d bytes, want 8 KiB each", total)
	}
}

// BenchmarkMessage times alternating messages of 100 characters, KEM steps
// included, and beside each, in the same moment, the primitives that it can't do
// without.
func BenchmarkMessage(b *testing.B) {
	x, y := pair(b, "bench")
	p := newPrimitives(b)
	var spent [4]time.Duration
	n, bytes := 0, 0
	for b.Loop() {
		from, to := x, y
		if n++; n%2 == 0 {
			from, to = y, x
		}
		t0 := time.Now()
		raw, next, err := from.state.Encrypt(from.rand, start, from.to, 0, []byte(hundred))
		t1 := time.Now()
		must(b, err)
		from.state = next
		withKEM := len(next.send.kem) > 0 && next.send.number == 1
		bytes += len(raw)
		t2 := time.Now()
		_, next, err = to.state.Decrypt(start, raw)
		t3 := time.Now()
		must(b, err)
		to.state = next
		p.send(withKEM)
		t4 := time.Now()
		p.receive(withKEM)
		t5 := time.Now()
		for i, d := range []time.Duration{t1.Sub(t0), t3.Sub(t2), t4.Sub(t3), t5.Sub(t4)} {
			spent[i] += d
		}
	}
	per := func(i int) float64 { return float64(spent[i].Nanoseconds()) / float64(n) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(bytes)/float64(n), "B/message")
	b.ReportMetric(per(0), "ns/sent")
	b.ReportMetric(per(1), "ns/received")
	b.ReportMetric(per(0)/per(2), "sent/primitives")
	b.ReportMetric(per(1)/per(3), "received/primitives")
}

// primitives does what every message of an alternating conversation needs: an
// X25519 step, now and then a KEM step, the three or four boxes, and the
// derivations of a step, a message and a marker.
type primitives struct {
	b              *testing.B
	seed           []byte
	pq             *kem.PQPrivateKey
	cipher         []byte
	peer           *ecdh.PublicKey
	rand           io.Reader
	data, k, nonce []byte
	out            []byte
	n              byte
}

func newPrimitives(b *testing.B) *primitives {
	p := &primitives{
		b: b, seed: make([]byte, kem.PQSeedSize), rand: stream("primitives"), data: make([]byte, 8<<10),
		k: make([]byte, keySize), nonce: make([]byte, nonceSize), out: make([]byte, 0, 9<<10),
	}
	var err error
	p.pq, err = kem.NewPQPrivateKey(p.seed)
	must(b, err)
	p.cipher, _, err = p.parse().Encapsulate(p.rand)
	must(b, err)
	peer, err := ecdh.X25519().NewPrivateKey(slices.Repeat([]byte{7}, 32))
	must(b, err)
	p.peer = peer.PublicKey()
	return p
}

func (p *primitives) parse() *kem.PQPublicKey {
	k, err := kem.ParsePQPublicKey(p.pq.Public())
	must(p.b, err)
	return k
}

func (p *primitives) x25519() *ecdh.PrivateKey {
	p.n++
	own, err := ecdh.X25519().NewPrivateKey(slices.Repeat([]byte{p.n}, 32))
	must(p.b, err)
	_, err = own.ECDH(p.peer)
	must(p.b, err)
	return own
}

func (p *primitives) derive() {
	digest.Sum(labelStep, p.k, p.k, nil)
	digest.Derive(p.k, p.k, labelRoot, 3*keySize)
	digest.Derive(p.k, nil, labelChain, 2*keySize)
}

func (p *primitives) box(open bool, plain, data int) {
	aead, err := chacha20poly1305.NewX(p.k)
	must(p.b, err)
	if open { // in vain: the tag is wrong
		_, _ = aead.Open(p.out, p.nonce, p.data[:plain+tagSize], p.data[:data])
		return
	}
	aead.Seal(p.out, p.nonce, p.data[:plain], p.data[:data])
}

func (p *primitives) send(withKEM bool) {
	_ = p.x25519().PublicKey().Bytes()
	if withKEM {
		_, _, err := p.parse().Encapsulate(p.rand)
		must(p.b, err)
		_, err = kem.NewPQPrivateKey(p.seed)
		must(p.b, err)
		digest.Derive(p.k, p.nonce, labelKEM, keySize)
	}
	p.derive()
	digest.Derive(p.k, nil, labelMarker, keySize)
	p.box(false, headerPlain, offHeader)
	p.box(false, markerPlain, offMarker)
	p.box(false, len(p.data)-offRest-tagSize, offRest)
}

func (p *primitives) receive(withKEM bool) {
	p.x25519()
	if withKEM {
		own, err := kem.NewPQPrivateKey(p.seed)
		must(p.b, err)
		_, err = own.Decapsulate(p.cipher)
		must(p.b, err)
		p.parse()
		digest.Derive(p.k, p.nonce, labelKEM, keySize)
	}
	p.derive()
	p.box(true, headerPlain, offHeader) // with the chain's key, in vain
	p.box(false, headerPlain, offHeader)
	p.box(false, len(p.data)-offRest-tagSize, offRest)
}

// What a device sees most: an envelope of somebody else.
func BenchmarkDecryptForeign(b *testing.B) {
	x, _ := pair(b, "foreign one")
	y, _ := pair(b, "foreign two")
	raw := y.say(start, hundred)
	for b.Loop() {
		if _, _, err := x.state.Decrypt(start, raw); err == nil {
			b.Fatal("opened")
		}
	}
}

// What a store adds: the state as bytes and back.
func BenchmarkStoreState(b *testing.B) {
	x, y := pair(b, "store")
	y.hear(start, x.say(start, "x"), "x")
	for b.Loop() {
		raw, err := y.state.Bytes()
		must(b, err)
		_, err = Parse(raw)
		must(b, err)
	}
}

// The longest gap that is put up with.
func BenchmarkSkip(b *testing.B) {
	for _, n := range []int{1, MaxSkipped, MaxJump} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x, y := pair(b, "skip")
			y.hear(start, x.say(start, "x"), "x")
			s := x.state.clone()
			for range n {
				s.send.chain, _ = advance(s.send.chain)
				s.send.number++
			}
			x.state = s
			raw := x.say(start, "far")
			for b.Loop() {
				if _, _, err := y.state.Decrypt(start.Add(time.Second), raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
