package sync

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/dchest/siphash"
)

var rewrite = flag.Bool("rewrite", false, "write spec/vectors/sync.json")

// hexText is bytes that JSON holds as hexadecimal digits.
type hexText []byte

func (h hexText) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

type keyVector struct {
	Space     hexText   `json:"space"`
	Initiator hexText   `json:"nonce_initiator"`
	Responder hexText   `json:"nonce_responder"`
	Pass      int       `json:"pass"`
	Tags      hexText   `json:"tag_key"`
	Ranges    hexText   `json:"range_key"`
	IDs       []hexText `json:"ids"`
	IDTags    []string  `json:"tags"`
	Checks    []string  `json:"checks"`
	Print     hexText   `json:"fingerprint"`
	Digest    hexText   `json:"digest"`
}

type pathVector struct {
	Tag     string   `json:"tag"`
	Indices []uint32 `json:"indices"`
}

type jumpVector struct {
	I uint32 `json:"i"`
	U uint64 `json:"u"`
	J uint32 `json:"j"`
}

type sketchVector struct {
	A       []hexText `json:"a"`
	B       []hexText `json:"b"`
	Symbols hexText   `json:"symbols_of_a"`
	OnlyOne []string  `json:"tags_in_one"`
}

type sessionVector struct {
	Name      string    `json:"name"`
	Initiator []hexText `json:"initiator_ids"`
	Responder []hexText `json:"responder_ids"`
	Heads     []hexText `json:"initiator_heads"`
	FromA     []hexText `json:"from_initiator"`
	FromB     []hexText `json:"from_responder"`
	Digest    hexText   `json:"digest"`
}

func hexIDs(ids []ID) []hexText {
	out := []hexText{}
	for i := range ids {
		out = append(out, ids[i][:])
	}
	return out
}

func hex64(v uint64) string { return fmt.Sprintf("%016x", v) }

// testIDs are n ids that a second implementation needs not compute.
func testIDs(n, from int) (ids []ID) {
	for i := range n {
		id, _, _ := decodeVertex(encodeVertex(1, nil, fmt.Append(nil, from+i)))
		ids = append(ids, id)
	}
	slices.SortFunc(ids, compareIDs)
	return ids
}

func TestVectors(t *testing.T) {
	var v struct {
		Comment  string          `json:"comment"`
		Keys     []keyVector     `json:"keys"`
		Jumps    []jumpVector    `json:"jumps"`
		Paths    []pathVector    `json:"paths"`
		Sketches []sketchVector  `json:"sketches"`
		Sessions []sessionVector `json:"sessions"`
		Export   hexText         `json:"export"`
	}
	v.Comment = "See spec/sync.md. Byte strings are hex; tags and checks are 64-bit numbers in hex."
	a, b := [nonceSize]byte{1}, [nonceSize]byte{2}
	for pass := 1; pass <= 2; pass++ {
		k := newKey(testSpace, a, b, pass)
		ids := testIDs(5, 0)
		kv := keyVector{Space: testSpace[:], Initiator: a[:], Responder: b[:], Pass: pass, IDs: hexIDs(ids), Ranges: k.ranges[:]}
		for _, w := range []uint64{k.tag0, k.tag1, k.check0, k.check1} {
			kv.Tags = binary.LittleEndian.AppendUint64(kv.Tags, w)
		}
		var p printer
		p.start(&k)
		for i := range ids {
			kv.IDTags = append(kv.IDTags, hex64(k.tag(&ids[i])))
			kv.Checks = append(kv.Checks, hex64(k.check(k.tag(&ids[i]))))
			p.add(&ids[i])
		}
		kv.Print = p.sum()
		d, err := (&set{ids: ids, snap: (*snapshot)(nil)}).digest()
		if err != nil {
			t.Fatal(err)
		}
		kv.Digest = d
		v.Keys = append(v.Keys, kv)
	}
	for _, i := range []uint32{0, 1, 7, 100, 4000, maxSymbols - 2} {
		for _, u := range []uint64{1, 1 << 10, 1 << 20, 1 << 30, 3_000_000_000, 1<<32 - 1, 1 << 32} {
			v.Jumps = append(v.Jumps, jumpVector{i, u, jump(i, u)})
		}
	}
	for _, tag := range []uint64{0, 1, 0xffffffffffffffff, 0x0123456789abcdef} {
		p := pathVector{Tag: hex64(tag)}
		for it := (item{tag: tag}); it.next < maxSymbols; it.advance() {
			p.Indices = append(p.Indices, it.next)
		}
		v.Paths = append(v.Paths, p)
	}
	for _, c := range []struct{ common, a, b, symbols int }{{0, 1, 0, 16}, {20, 3, 2, 16}, {50, 20, 25, 128}} {
		k := newKey(testSpace, a, b, 1)
		common := testIDs(c.common, 1000)
		left, right := slices.Concat(common, testIDs(c.a, 2000)), slices.Concat(common, testIDs(c.b, 3000))
		s, err := newSketch(&k, len(left), each(left))
		if err != nil {
			t.Fatal(err)
		}
		s.extend(c.symbols)
		own, err := newSketch(&k, len(right), each(right))
		if err != nil {
			t.Fatal(err)
		}
		d := newDecoder(&k, own)
		sv := sketchVector{A: hexIDs(left), B: hexIDs(right), Symbols: s.appendSymbols(nil, 0)}
		if whole, err := d.add(sv.Symbols); !whole || err != nil || len(d.recovered) != c.a+c.b {
			t.Fatalf("%+v: recovered %d, %v, %v", c, len(d.recovered), whole, err)
		}
		for _, it := range d.recovered {
			sv.OnlyOne = append(sv.OnlyOne, hex64(it.tag))
		}
		slices.Sort(sv.OnlyOne)
		v.Sketches = append(v.Sketches, sv)
	}
	for _, name := range []string{"equal", "tail", "diverged", "scattered"} {
		s := scenes()[name]
		a, b := s[0](), s[1]()
		sv := sessionVector{Name: name, Initiator: hexIDs(a.snapshot().sorted), Responder: hexIDs(b.snapshot().sorted), Heads: hexIDs(frontier(a))}
		x, y := machines(t, a, b)
		fromA, fromB, errA, errB := duel(t, x, y)
		if err := errors.Join(errA, errB, x.failure); err != nil {
			t.Fatal(err)
		}
		for _, f := range fromA {
			sv.FromA = append(sv.FromA, f)
		}
		for _, f := range fromB {
			sv.FromB = append(sv.FromB, f)
		}
		sv.Digest = x.final.Digest
		v.Sessions = append(v.Sessions, sv)
	}
	src := newMemory()
	src.chain([]ID{src.chain(nil, 2, "old")}, 3, "new")
	v.Export = export(t, src)

	got, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("..", "..", "spec", "vectors", "sync.json")
	if *rewrite {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%v; make it with -rewrite", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what this package makes; a change of format changes spec/ and, with -rewrite, this file", path)
	}
}

// The worked example of the SipHash paper (Aumasson, Bernstein: "SipHash: a fast
// short-input PRF", appendix A).
func TestSipHash(t *testing.T) {
	in := make([]byte, 15)
	for i := range in {
		in[i] = byte(i)
	}
	if got := siphash.Hash(0x0706050403020100, 0x0f0e0d0c0b0a0908, in); got != 0xa129ca6149be45e5 {
		t.Errorf("SipHash-2-4 = %016x, want a129ca6149be45e5", got)
	}
}
