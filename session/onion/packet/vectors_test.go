package packet

import (
	"bytes"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write spec/vectors anew")

// hexText is bytes that are hex in JSON.
type hexText []byte

func (h hexText) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexText) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// tee keeps what was read through it.
type tee struct {
	from io.Reader
	read []byte
}

func (r *tee) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.read = append(r.read, p[:n]...)
	return n, err
}

// text is a message of which the vectors only give a pattern and a length.
type text struct {
	Pattern hexText `json:"pattern"`
	Length  int     `json:"length"`
}

func (m text) bytes() []byte { return fill(m.Pattern, m.Length) }

type hopVector struct {
	ID    hexText `json:"node_id"`
	Seed  hexText `json:"key_seed"`
	KeyID hexText `json:"key_id"`
}

type failureVector struct {
	Hop    int     `json:"hop"`
	Reason int     `json:"reason"`
	Cell   hexText `json:"cell_at_client_sha3"`
}

type vector struct {
	Name   string      `json:"name"`
	Hops   []hopVector `json:"hops"`
	Kind   int         `json:"kind"`
	Node   hexText     `json:"node,omitempty"`
	Body   text        `json:"request"`
	Random hexText     `json:"random"`
	First  hexText     `json:"first_packet"`
	// Packets and Tags are by packet and hop.
	Packets [][]hexText `json:"packets_sha3"`
	Tags    [][]hexText `json:"tags"`
	Answer  text        `json:"answer"`
	Cell    hexText     `json:"first_cell_at_client,omitempty"`
	// Cells are by cell and hop, in the order in which they come: third, second,
	// first.
	Cells    [][]hexText     `json:"cells_sha3"`
	Failures []failureVector `json:"failures"`
}

// refusedVector is a packet that one hop must refuse: made from the randomness for
// it with this command, zeros after it and no filler, then with one byte changed.
type refusedVector struct {
	Name    string  `json:"name"`
	Command hexText `json:"command"`
	At      int     `json:"at"`
	Xor     int     `json:"xor"`
	Packet  hexText `json:"packet_sha3"`
}

func digestOf(b []byte) hexText {
	d := sha3.Sum256(b)
	return d[:]
}

func makeVector(t *testing.T, name string, request Request, body, answer text) vector {
	t.Helper()
	nodes, path := newPath(t)
	request.Body = body.bytes()
	random := &tee{from: stream("vector " + name)}
	packets, keys, err := Build(random, path, request)
	if err != nil {
		t.Fatal(err)
	}
	v := vector{Name: name, Kind: int(request.Kind), Body: body, Random: random.read, First: bytes.Clone(packets[0][:]), Answer: answer}
	if request.Kind == Forward {
		v.Node = request.Node[:]
	}
	for i := range nodes {
		id := nodes[i].key.Public().ID()
		v.Hops = append(v.Hops, hopVector{ID: nodes[i].id[:], Seed: nodes[i].key.key.Seed(), KeyID: id[:]})
	}
	var first [Hops]*Opened
	for i := range packets {
		var sums, tags []hexText
		o := walk(t, nodes, &packets[i], func(_ int, p *Packet) { sums = append(sums, digestOf(p[:])) })
		for _, h := range o {
			tag := h.Keys.Tag()
			tags = append(tags, tag[:])
		}
		if v.Packets, v.Tags = append(v.Packets, sums), append(v.Tags, tags); i == 0 {
			first = o
		}
	}
	cells, err := first[Hops-1].Keys.Answer(answer.bytes())
	if err != nil {
		t.Fatal(err)
	}
	for i := range cells {
		sums := []hexText{digestOf(cells[i][:])}
		for hop := Hops - 2; hop >= 0; hop-- {
			first[hop].Keys.Pass(i, &cells[i])
			sums = append(sums, digestOf(cells[i][:]))
		}
		v.Cells = append(v.Cells, sums)
		if _, err := keys.OpenCell(i, &cells[i]); err != nil {
			t.Fatal(err)
		}
	}
	v.Cell = bytes.Clone(cells[0][:])
	for hop, r := range []Reason{ReasonKey, ReasonUnreachable, ReasonFailed} {
		c := first[hop].Keys.Failure(r)
		for j := hop - 1; j >= 0; j-- {
			first[j].Keys.Pass(0, c)
		}
		v.Failures = append(v.Failures, failureVector{Hop: hop + 1, Reason: int(r), Cell: digestOf(c[:])})
	}
	return v
}

// makeRefused returns packets that must be refused, all but two because of what
// their sender sealed, and the randomness that makes their keys.
func makeRefused(t *testing.T) ([]refusedVector, hexText) {
	t.Helper()
	n := newNode(t, "node 0")
	random := &tee{from: stream("vector refused")}
	h, keys, err := agree(random, n.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	good := func() []byte {
		b := make([]byte, commandSize)
		command{kind: Deliver, of: 1, totalLength: 5}.put(b)
		return b
	}
	var out []refusedVector
	for _, c := range []struct {
		name string
		edit func(command []byte)
		at   int
		xor  byte
	}{
		{name: "a changed body", at: Size - 1, xor: 1},
		{name: "a share that is not canonical", at: keyIDSize + 31, xor: 0x80},
		{name: "kind 0", edit: func(b []byte) { b[0] = 0 }},
		{name: "kind 5", edit: func(b []byte) { b[0] = 5 }},
		{name: "byte 3 is not zero", edit: func(b []byte) { b[3] = 1 }},
		{name: "a message above 69,632 bytes", edit: func(b []byte) { b[5], b[2] = 2, 9 }},
		{name: "more parts than the length needs", edit: func(b []byte) { b[2] = 2 }},
		{name: "a part after the last", edit: func(b []byte) { b[1] = 1 }},
		{name: "relay to no node", edit: func(b []byte) { clear(b[:8]); b[0] = 1 }},
		{name: "relay with a length", edit: func(b []byte) { b[0], b[1], b[2], b[8] = 1, 0, 0, 1 }},
		{name: "deliver that names a node", edit: func(b []byte) { b[8] = 1 }},
		{name: "forward to no node", edit: func(b []byte) { b[0] = 4 }},
	} {
		head := good()
		if c.edit != nil {
			c.edit(head)
		}
		p := keys.seal(h, append(bytes.Clone(head), make([]byte, bodySize-commandSize)...), nil)
		p[c.at] ^= c.xor
		if _, err := Open(n.key, p); !errors.Is(err, ErrPacket) {
			t.Errorf("%s: Open = %v, want ErrPacket", c.name, err)
		}
		out = append(out, refusedVector{Name: c.name, Command: head, At: c.at, Xor: int(c.xor), Packet: digestOf(p[:])})
	}
	return out, random.read
}

func TestVectors(t *testing.T) {
	v := struct {
		Requests []vector        `json:"requests"`
		Random   hexText         `json:"refused_random"`
		Refused  []refusedVector `json:"refused"`
	}{}
	v.Refused, v.Random = makeRefused(t)
	v.Requests = append(v.Requests,
		makeVector(t, "a short request", Request{Kind: Deliver}, text{hexText("salaam "), 100}, text{hexText("stored "), 40}),
		makeVector(t, "an envelope of 16 KiB to a node behind another", Request{Kind: Forward, Node: [IDSize]byte{1, 2, 3}}, text{hexText("envelope "), 16<<10 + 120}, text{hexText("ok"), 0}),
		makeVector(t, "cover", Request{Kind: Cover}, text{hexText("x"), 0}, text{hexText("x"), 0}),
		makeVector(t, "the longest", Request{Kind: Deliver}, text{hexText("long "), MaxMessage}, text{hexText("answer "), MaxMessage}),
	)
	for i := range v.Requests[1:] { // the hashes are enough
		v.Requests[i+1].First, v.Requests[i+1].Cell = nil, nil
	}
	got, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("..", "..", "..", "spec", "vectors", "onion.json")
	if *rewrite {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what this package makes; a change of format changes spec/ and, with -rewrite, this file", path)
	}
}
