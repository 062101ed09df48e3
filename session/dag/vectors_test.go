package dag

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pars-network/pars/session/wire"
)

var rewrite = flag.Bool("rewrite", false, "write spec/vectors anew")

// vectorsPath is the file that this package writes and spec/check judges.
var vectorsPath = filepath.Join("..", "..", "spec", "vectors", "dag.json")

type hexBytes []byte

// MarshalText is the bytes in hexadecimal.
func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

// UnmarshalText reads hexadecimal.
func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// historyVector is a space, and what becomes of encoded vertices that come in this
// order, parents first.
type historyVector struct {
	Name      string         `json:"name"`
	Auth      uint64         `json:"auth"`
	Witnesses uint32         `json:"witnesses"`
	Seed      hexBytes       `json:"seed"`
	Space     hexBytes       `json:"space"`
	Vertices  []vertexVector `json:"vertices"`
	Frontier  []hexBytes     `json:"frontier"`
	Forks     [][]hexBytes   `json:"forks"`
}

// vertexVector is one of them; Verdict is "valid" or what is wrong: "encoding",
// "invalid" or "auth".
type vertexVector struct {
	Name    string   `json:"name"`
	Encoded hexBytes `json:"encoded"`
	ID      hexBytes `json:"id,omitempty"`
	Verdict string   `json:"verdict"`
}

// history builds vectors.
type history struct {
	tb    testing.TB
	rules Rules
	v     historyVector
}

func (h *history) add(name string, data []byte, verdict string) {
	x := vertexVector{Name: name, Encoded: data, Verdict: verdict}
	if verdict != "encoding" {
		var f frame
		if err := wire.Unmarshal(data, len(data), &f); err != nil {
			h.tb.Fatal(err)
		}
		id := idOf(data, len(f.Auth))
		x.ID = id[:]
	}
	h.v.Vertices = append(h.v.Vertices, x)
}

func (h *history) good(name string, w Writer, kind Kind, payload string, parents ...made) made {
	v := make1(h.tb, h.rules, w, kind, payload, parents...)
	h.add(name, v.data, "valid")
	return v
}

// bad adds a good vertex after an edit of its fields, sealed again.
func (h *history) bad(name, verdict string, w Writer, edit func(*frame), parents ...made) {
	v := make1(h.tb, h.rules, w, Data, name, parents...)
	f := frame{V: Version, Space: v.Space, Author: v.Author, Seq: v.Seq, Parents: v.Parents, Lamport: v.Lamport, Kind: uint64(v.Kind), Payload: v.Payload, Auth: v.Auth}
	edit(&f)
	u := &Vertex{Space: f.Space, Author: f.Author, Seq: f.Seq, Parents: f.Parents, Lamport: f.Lamport, Kind: Kind(f.Kind), Payload: f.Payload}
	if verdict == "invalid" {
		if err := w.Seal(u); err != nil {
			h.tb.Fatal(err)
		}
		f.Auth = u.Auth
	}
	data, err := wire.Marshal(f)
	if err != nil {
		h.tb.Fatal(err)
	}
	h.add(name, data, verdict)
}

func signedHistory(tb testing.TB) historyVector {
	h := &history{tb: tb, rules: Rules{Auth: Signed, Seed: [32]byte{1, 2, 3}}}
	w1, w2, w3 := writer(tb, 1), writer(tb, 2), writer(tb, 3)
	a := h.good("a first vertex carries its key", w1, Data, "salaam")
	b := h.good("another author's first, on it", w2, Control, "", a)
	c := h.good("a second vertex has the first as parent, though another descends from it", w1, Data, "c", a, b)
	d := h.good("beside it", w2, Data, "d", b)
	h.good("a fork: the same seq again", w2, Data, "e", b)
	h.good("what joins the branches", w2, Data, "f", c, d)
	h.bad("lamport too low", "invalid", w1, func(f *frame) { f.Lamport-- }, a, c)
	h.bad("lamport too high", "invalid", w1, func(f *frame) { f.Lamport++ }, c)
	h.bad("seq left out", "invalid", w1, func(f *frame) { f.Seq++ }, c)
	h.bad("seq again on itself", "invalid", w1, func(f *frame) { f.Seq-- }, c)
	h.bad("kind that is not known", "invalid", w1, func(f *frame) { f.Kind = 9 }, c)
	h.bad("witness without a committee", "invalid", w1, func(f *frame) { f.Kind = 3 }, c)
	h.bad("another version", "invalid", w1, func(f *frame) { f.V = 2 }, c)
	h.bad("parents out of order", "invalid", w1, func(f *frame) { slices.Reverse(f.Parents) }, c, d)
	h.bad("control payload too long", "invalid", w1, func(f *frame) { f.Kind, f.Payload = 2, make([]byte, MaxControlPayload+1) }, c)
	h.bad("a flipped bit in the ML-DSA half", "auth", w1, func(f *frame) { f.Auth[7] ^= 1 }, c)
	h.bad("a flipped bit in the Ed25519 half", "auth", w1, func(f *frame) { f.Auth[len(f.Auth)-1] ^= 1 }, c)
	h.bad("nothing for a signature", "auth", w1, func(f *frame) { f.Auth = nil }, c)
	h.bad("a signature for another payload", "auth", w1, func(f *frame) { f.Payload = []byte("x") }, c)
	h.bad("a first vertex without its key", "auth", w3, func(f *frame) { f.Auth = f.Auth[2624:] }, c)
	h.bad("a first vertex with another's key", "auth", w3, func(f *frame) { copy(f.Auth, w1.key.Public().Bytes()) }, c)
	h.add("cut off", a.data[:len(a.data)-1], "encoding")
	h.add("a byte too many", append(bytes.Clone(a.data), 0), "encoding")
	h.v.Name = "signed"
	return h.v
}

func vouchedHistory(tb testing.TB) historyVector {
	h := &history{tb: tb, rules: Rules{Auth: Vouched, Witnesses: 2, Seed: [32]byte{9}}}
	w1, w2 := NewVouchedWriter(Author{1}), NewVouchedWriter(Author{2})
	a := h.good("no auth", w1, Data, "a")
	b := h.good("beside it", w2, Data, "b")
	heads := []made{a, b}
	for i := range byte(16) {
		heads = append(heads, h.good("one of many", NewVouchedWriter(Author{3, i}), Data, "x", a))
	}
	h.good("a witness has as many parents as its committee and 16", w2, Witness, "w", heads...)
	h.good("largest payload", w1, Data, string(make([]byte, MaxPayload)), a)
	h.bad("payload too long", "invalid", w1, func(f *frame) { f.Payload = make([]byte, MaxPayload+1) }, a)
	h.bad("seventeen parents of data", "invalid", w1, func(f *frame) {
		f.Parents = nil
		for _, p := range heads[:17] {
			f.Parents = append(f.Parents, p.id)
		}
		slices.SortFunc(f.Parents, ID.Compare)
		f.Lamport, f.Seq = 3, 2
	}, a)
	h.bad("a signature where none belongs", "auth", w1, func(f *frame) { f.Auth = []byte{1} }, a)
	h.v.Name = "vouched, with a committee of two"
	return h.v
}

// judge gives the vertices to a store one by one and fills in what it says.
func (v *historyVector) judge(tb testing.TB) {
	rules := Rules{Auth: AuthKind(v.Auth), Witnesses: v.Witnesses, Seed: [32]byte(v.Seed)}
	s := open(tb, Config{}, rules)
	for i, x := range v.Vertices {
		if rules.Auth == Vouched && x.Verdict == "valid" {
			d, err := Decode(x.Encoded)
			if err != nil {
				tb.Fatal(err)
			}
			if err := s.Vouch(tb.Context(), rules.Space(), d.Author, ID(x.ID)); err != nil {
				tb.Fatal(err)
			}
		} else if rules.Auth == Vouched && x.ID != nil {
			if err := s.Vouch(tb.Context(), rules.Space(), Author{1}, ID(x.ID)); err != nil {
				tb.Fatal(err)
			}
		}
		out, err := s.Add(tb.Context(), [][]byte{x.Encoded}, Source{Peer: "p"})
		if err != nil {
			tb.Fatal(err)
		}
		got := "waiting"
		switch o := out[0]; {
		case o.Status == Accepted:
			got = "valid"
		case errors.Is(o.Err, ErrEncoding):
			got = "encoding"
		case errors.Is(o.Err, ErrAuth):
			got = "auth"
		case errors.Is(o.Err, ErrInvalid):
			got = "invalid"
		}
		if got != x.Verdict || got == "valid" && !bytes.Equal(out[0].ID[:], x.ID) {
			tb.Errorf("%s, vertex %d, %s = %s (%v), want %s", v.Name, i, x.Name, got, out[0].Err, x.Verdict)
		}
	}
	front, err := s.Frontier(rules.Space())
	if err != nil {
		tb.Fatal(err)
	}
	v.Frontier = nil
	for _, id := range front {
		v.Frontier = append(v.Frontier, id[:])
	}
	forks, err := s.Forks(rules.Space())
	if err != nil {
		tb.Fatal(err)
	}
	v.Forks = [][]hexBytes{}
	for _, f := range forks {
		var ids []hexBytes
		for _, id := range f.Vertices {
			ids = append(ids, id[:])
		}
		v.Forks = append(v.Forks, ids)
	}
}

func TestVectors(t *testing.T) {
	type file struct {
		Histories []historyVector `json:"histories"`
	}
	made := file{[]historyVector{signedHistory(t), vouchedHistory(t)}}
	for i, rules := range []Rules{{Auth: Signed, Seed: [32]byte{1, 2, 3}}, {Auth: Vouched, Witnesses: 2, Seed: [32]byte{9}}} {
		v := &made.Histories[i]
		space := rules.Space()
		v.Auth, v.Witnesses, v.Seed, v.Space = uint64(rules.Auth), rules.Witnesses, rules.Seed[:], space[:]
		v.judge(t)
	}
	got, err := json.MarshalIndent(made, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *rewrite {
		if err := os.WriteFile(vectorsPath, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(vectorsPath)
	if err != nil {
		t.Fatalf("%v; make it with -rewrite", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what this package makes; a change of format changes spec/ and, with -rewrite, this file", vectorsPath)
	}
}
