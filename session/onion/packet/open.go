package packet

import "github.com/pars-network/pars/crypto/kem"

// Opened is what a hop finds in a packet.
type Opened struct {
	Kind Kind
	// Keys are the hop's, for the way back.
	Keys *HopKeys
	// Node is the next hop of a Relay, or whom a Forward is for.
	Node [IDSize]byte
	// Packet is what to pass on to Node; nil unless Kind is Relay.
	Packet *Packet
	// Part is a piece of the request; empty if Kind is Relay.
	Part Part
}

// Open takes the layer of key off a packet. Whoever calls it must refuse a
// packet whose [HopKeys.Tag] it has seen under the same key. Errors
// are [ErrKey] and, whatever is wrong, [ErrPacket].
func Open(key *PrivateKey, p *Packet) (*Opened, error) {
	if key.public.ID() != p.KeyID() {
		return nil, ErrKey
	}
	share, err := kem.ParseX(p.share())
	if err != nil {
		return nil, ErrPacket
	}
	dh, err := key.key.DH(share)
	if err != nil {
		return nil, ErrPacket
	}
	shared, err := key.key.Decapsulate(p.ciphertext())
	if err != nil {
		return nil, ErrPacket
	}
	k := deriveKeys(key.public.print, share, p.ciphertext(), dh, shared)
	sealed := make([]byte, bodySize+tagSize, bodySize+shift)
	copy(sealed, p.body())
	copy(sealed[bodySize:], p.tag())
	plain, err := k.forward.aead.Open(sealed[:0], k.forward.at(0), sealed, nil)
	if err != nil {
		return nil, ErrPacket
	}
	c, err := parseCommand(plain)
	if err != nil {
		return nil, err
	}
	out := &Opened{Kind: c.kind, Keys: k, Node: c.node}
	if c.kind == Relay {
		out.Packet = new(Packet)
		n := copy(out.Packet[:], plain[commandSize:])
		copy(out.Packet[n:], k.padding())
		return out, nil
	}
	out.Part = Part{Index: c.index, Of: c.of, Total: c.totalLength, Data: plain[commandSize : commandSize+PartSize : commandSize+PartSize]}
	return out, nil
}
