package packet

import (
	"errors"
	"testing"
)

// FuzzOpen changes a packet anywhere. Nothing but the packet itself opens.
func FuzzOpen(f *testing.F) {
	nodes, path := newPath(f)
	packets, _, err := Build(stream("fuzz"), path, Request{Kind: Deliver, Body: []byte("salaam")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint16(0), []byte{})
	f.Add(uint16(8), []byte{1})
	f.Add(uint16(headSize), []byte{0, 0, 0, 1})
	f.Add(uint16(Size-1), []byte{0xff, 0xff})
	f.Fuzz(func(t *testing.T, at uint16, patch []byte) {
		p := packets[0]
		copy(p[int(at)%Size:], patch)
		o, err := Open(nodes[0].key, &p)
		switch same := p == packets[0]; {
		case same && err == nil && o.Kind == Relay && o.Node == nodes[1].id:
		case !same && o == nil && (errors.Is(err, ErrPacket) || errors.Is(err, ErrKey)):
		default:
			t.Fatalf("Open = %v, %v, packet unchanged = %v", o, err, same)
		}
	})
}

// FuzzCommand seals what a sender with real keys may put where a hop looks for
// its command.
func FuzzCommand(f *testing.F) {
	n := newNode(f, "fuzz")
	h, keys, err := agree(stream("fuzz command"), n.key.Public())
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range []command{
		{kind: Relay, node: [IDSize]byte{1}},
		{kind: Deliver, of: 1},
		{kind: Cover, index: 1, of: 2, totalLength: PartSize + 1},
		{kind: Forward, of: MaxParts, totalLength: MaxMessage, node: [IDSize]byte{2}},
	} {
		b := make([]byte, commandSize)
		c.put(b)
		f.Add(b)
	}
	f.Add([]byte{})
	f.Add([]byte{2, 0, 1, 0, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		plain := make([]byte, bodySize)
		copy(plain[:commandSize], b)
		o, err := Open(n.key, keys.seal(h, plain, nil))
		if err != nil {
			if !errors.Is(err, ErrPacket) {
				t.Fatalf("Open = %v, want ErrPacket", err)
			}
			return
		}
		again := make([]byte, commandSize)
		command{kind: o.Kind, index: o.Part.Index, of: o.Part.Of, totalLength: o.Part.Total, node: o.Node}.put(again)
		if string(again) != string(plain[:commandSize]) {
			t.Fatalf("command %x was read as %x", plain[:commandSize], again)
		}
		if (o.Kind == Relay) != (o.Packet != nil) || o.Packet == nil && (len(o.Part.Data) != PartSize || o.Part.Index >= o.Part.Of || o.Part.Of > MaxParts) {
			t.Fatalf("Open = %+v", o)
		}
	})
}

// FuzzCell seals what a hop with real keys may put into a cell.
func FuzzCell(f *testing.F) {
	nodes, path := newPath(f)
	packets, keys, err := Build(stream("fuzz cell"), path, Request{Kind: Deliver})
	if err != nil {
		f.Fatal(err)
	}
	o := walk(f, nodes, &packets[0], nil)
	f.Add(uint8(2), uint8(0), []byte{0, 0, 0, 1, 0, 0, 0, 0})
	f.Add(uint8(0), uint8(0), []byte{1, 3, 0, 1, 0, 0, 0, 0})
	f.Add(uint8(1), uint8(0), []byte{1, 200, 0, 1, 0, 0, 0, 0})
	f.Add(uint8(2), uint8(7), []byte{0, 0, 7, 8, 0, 1, 16, 0})
	f.Add(uint8(2), uint8(1), []byte{0, 0, 1, 2, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, hop, index uint8, head []byte) {
		at, i := int(hop)%Hops, int(index)%MaxParts
		plain := make([]byte, cellHead+PartSize)
		copy(plain[:cellHead], head)
		var c Cell
		k := o[at].Keys
		k.origin.aead.Seal(c[:0], k.origin.at(i), plain, nil)
		for j := at - 1; j >= 0; j-- {
			o[j].Keys.Pass(i, &c)
		}
		r, err := keys.OpenCell(i, &c)
		if err != nil {
			if !errors.Is(err, ErrCell) {
				t.Fatalf("OpenCell = %v, want ErrCell", err)
			}
			return
		}
		if r.From != at || r.Failure == 0 && (at != Hops-1 || r.Part.Index != i || r.Part.Of != Parts(r.Part.Total)) || r.Failure != 0 && i != 0 {
			t.Fatalf("OpenCell = %+v from hop %d, cell %d", r, at, i)
		}
	})
}
