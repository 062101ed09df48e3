package packet

import (
	"crypto/ecdh"
	"fmt"
	"io"

	"github.com/pars-network/pars/crypto/kem"
)

// Hop is a node on the way.
type Hop struct {
	ID  [IDSize]byte
	Key *PublicKey
}

// Path is the way of a request: who is told it first, who passes it on, who
// answers it.
type Path [Hops]Hop

// Request is what to send: to the path's last node, or through it.
type Request struct {
	// Kind is Deliver, Cover or Forward.
	Kind Kind
	// Node is whom a Forward is for.
	Node [IDSize]byte
	// Body has at most [MaxMessage] bytes.
	Body []byte
}

// Build makes the packets of a request and the keys that open its answer. All
// packets go the same way; none has anything in common with another. It reads
// 64 bytes of random per hop and packet: for each packet, hop by hop from the
// first, an X25519 key and then what ML-KEM takes.
func Build(random io.Reader, path Path, req Request) ([]Packet, *Keys, error) {
	if len(req.Body) > MaxMessage {
		return nil, nil, fmt.Errorf("%w: %d bytes, want at most %d", ErrSize, len(req.Body), MaxMessage)
	}
	var (
		out  []Packet
		keys *Keys
	)
	for _, part := range split(req.Body) {
		c := command{kind: req.Kind, index: part.Index, of: part.Of, totalLength: part.Total, node: req.Node}
		p, k, err := build(random, path, c, part.Data)
		if err != nil {
			return nil, nil, err
		}
		out = append(out, *p)
		if keys == nil { // the answer comes under the first packet's keys
			keys = &Keys{hops: k}
		}
	}
	return out, keys, nil
}

// head is what a hop's packet begins with.
type head struct {
	id         KeyID
	share      []byte
	ciphertext []byte
}

func build(random io.Reader, path Path, last command, data []byte) (*Packet, [Hops]*HopKeys, error) {
	var (
		keys  [Hops]*HopKeys
		heads [Hops]head
	)
	for i, hop := range path {
		var err error
		if heads[i], keys[i], err = agree(random, hop.Key); err != nil {
			return nil, keys, fmt.Errorf("packet: hop %d: %w", i+1, err)
		}
	}
	// What the hops before put at the end of a packet comes out of their keys,
	// and a hop's tag covers it.
	var fill [Hops][]byte
	for i := 1; i < Hops; i++ {
		fill[i] = keys[i-1].filler(fill[i-1])
	}
	plain := make([]byte, bodySize)
	last.put(plain)
	copy(plain[commandSize:], data)
	p := keys[Hops-1].seal(heads[Hops-1], plain, fill[Hops-1])
	for i := Hops - 2; i >= 0; i-- {
		command{kind: Relay, node: path[i+1].ID}.put(plain)
		copy(plain[commandSize:], p[:]) // the end is what the hop puts there itself
		p = keys[i].seal(heads[i], plain, fill[i])
	}
	return p, keys, nil
}

// agree makes fresh secrets with the holder of a key.
func agree(random io.Reader, hop *PublicKey) (head, *HopKeys, error) {
	seed := make([]byte, kem.XSize)
	defer clear(seed)
	if _, err := io.ReadFull(random, seed); err != nil {
		return head{}, nil, fmt.Errorf("reading randomness: %w", err)
	}
	e, err := ecdh.X25519().NewPrivateKey(seed)
	if err != nil {
		return head{}, nil, fmt.Errorf("X25519: %w", err)
	}
	dh, err := e.ECDH(hop.key.X())
	if err != nil {
		return head{}, nil, kem.ErrLowOrder
	}
	ciphertext, shared, err := hop.key.Encapsulate(random)
	if err != nil {
		return head{}, nil, err
	}
	share := e.PublicKey()
	return head{id: hop.ID(), share: share.Bytes(), ciphertext: ciphertext}, deriveKeys(hop.print, share, ciphertext, dh, shared), nil
}

// filler returns what stands at the end of the packet that this hop passes on,
// if fill stood at the end of the one that it got.
func (k *HopKeys) filler(fill []byte) []byte {
	body := make([]byte, bodySize)
	copy(body[bodySize-len(fill):], fill)
	k.forward.xor(0, body)
	out := append(make([]byte, 0, len(fill)+shift), body[bodySize-len(fill):]...)
	return append(out, k.padding()...)
}

// padding is what the hop puts at the end of the packet that it passes on.
func (k *HopKeys) padding() []byte {
	pad := make([]byte, shift)
	k.pad.xor(0, pad)
	return pad
}

// seal makes the packet that the hop opens to plain, but for the end, where
// fill stands in the packet itself.
func (k *HopKeys) seal(h head, plain, fill []byte) *Packet {
	if len(fill) > 0 { // choose the plaintext whose ciphertext is fill
		end := make([]byte, bodySize)
		copy(end[bodySize-len(fill):], fill)
		k.forward.xor(0, end)
		copy(plain[bodySize-len(fill):], end[bodySize-len(fill):])
	}
	sealed := k.forward.aead.Seal(make([]byte, 0, bodySize+tagSize), k.forward.at(0), plain, nil)
	p := new(Packet)
	copy(p[:], h.id[:])
	copy(p.share(), h.share)
	copy(p.ciphertext(), h.ciphertext)
	copy(p.tag(), sealed[bodySize:])
	copy(p.body(), sealed)
	return p
}
