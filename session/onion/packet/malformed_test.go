package packet

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// Malformed packets, commands and cells, made by somebody with real keys as often
// as without, are refused one and all: 10^6 of them in full mode, of which a
// tenth cost a KEM operation each.
func TestMalformed(t *testing.T) {
	n := 20_000
	if os.Getenv("PARS_TEST_FULL") == "1" {
		n = 1_000_000
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	nodes, path := newPath(t)
	packets, keys, err := Build(stream("malformed"), path, Request{Kind: Deliver, Body: []byte("salaam")})
	if err != nil {
		t.Fatal(err)
	}
	o := walk(t, nodes, &packets[0], nil)
	cells, err := o[2].Keys.Answer([]byte("answer"))
	if err != nil {
		t.Fatal(err)
	}
	good := bytes.Clone(cells[0][:])
	k := o[2].Keys
	mutate := func(b []byte) (changed bool) {
		before := bytes.Clone(b)
		for range 1 + r.IntN(8) {
			b[r.IntN(len(b))] = byte(r.Uint32())
		}
		return !bytes.Equal(b, before)
	}
	command := make([]byte, commandSize)
	for range n {
		switch r.IntN(20) {
		case 0, 1: // a packet
			p := packets[0]
			if r.IntN(4) == 0 { // junk for the right key
				_, _ = stream("junk").Read(p[keyIDSize:])
			}
			if !mutate(p[r.IntN(Size-64):][:64]) {
				continue
			}
			if _, err := Open(nodes[0].key, &p); !errors.Is(err, ErrPacket) && !errors.Is(err, ErrKey) {
				t.Fatalf("a malformed packet: %v", err)
			}
		case 2, 3, 4: // a cell, changed on its way
			c := Cell(good)
			if !mutate(c[:]) {
				continue
			}
			o[1].Keys.Pass(0, &c)
			o[0].Keys.Pass(0, &c)
			if _, err := keys.OpenCell(0, &c); !errors.Is(err, ErrCell) {
				t.Fatalf("a malformed cell: %v", err)
			}
		case 5, 6: // a cell that the last node means badly
			head := make([]byte, cellHead, cellHead+PartSize)
			for i := range head {
				head[i] = byte(r.Uint32N(4))
			}
			c := new(Cell)
			k.origin.aead.Seal(c[:0], k.origin.at(0), head[:cellHead+PartSize], nil)
			o[1].Keys.Pass(0, c)
			o[0].Keys.Pass(0, c)
			if reply, err := keys.OpenCell(0, c); err == nil && reply.Failure == 0 && (reply.Part.Of != Parts(reply.Part.Total) || head[1] != 0) {
				t.Fatalf("a badly meant cell %x is read as %+v", head, reply)
			}
		default: // a command
			clear(command)
			command[0], command[1], command[2], command[3] = byte(r.Uint32N(7)), byte(r.Uint32N(10)), byte(r.Uint32N(10)), byte(r.Uint32N(8)/7)
			for i := 4; i < 8; i++ {
				command[i] = byte(r.Uint32()) >> r.Uint32N(9)
			}
			command[8+r.IntN(IDSize)] = byte(r.Uint32N(3))
			c, err := parseCommand(command)
			if err != nil {
				if !errors.Is(err, ErrPacket) {
					t.Fatalf("command %x: %v", command, err)
				}
				continue
			}
			again := make([]byte, commandSize)
			if c.put(again); !bytes.Equal(again, command) {
				t.Fatalf("command %x is read as %x", command, again)
			}
		}
	}
}
