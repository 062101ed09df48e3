package dag

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/wire"
)

func TestTheIDOfAnEncodingIsTheIDOfTheVertex(t *testing.T) {
	for _, auth := range []int{0, 1, 23, 24, 255, 256, maxAuth} {
		v := &Vertex{Seq: 1, Lamport: 1, Kind: Data, Payload: make([]byte, 300), Auth: make([]byte, auth)}
		data, err := v.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got := idOf(data, auth); got != v.ID() {
			t.Errorf("with %d bytes of auth idOf = %s, want %s", auth, got, v.ID())
		}
		if w := *v; func() ID { w.Auth = nil; return w.ID() }() != v.ID() {
			t.Error("the id depends on auth")
		}
	}
}

// edit changes one field of a good vertex.
func TestDecodeRefuses(t *testing.T) {
	p := []ID{{1}, {2}}
	good := Vertex{Space: Space{1}, Author: Author{2}, Seq: 2, Parents: p, Lamport: 7, Kind: Data, Payload: []byte("x")}
	for name, c := range map[string]struct {
		edit func(*frame)
		want error
	}{
		"nothing to refuse":                   {func(*frame) {}, nil},
		"another version":                     {func(f *frame) { f.V = 2 }, ErrInvalid},
		"seq 0":                               {func(f *frame) { f.Seq = 0 }, ErrInvalid},
		"lamport 0":                           {func(f *frame) { f.Lamport = 0 }, ErrInvalid},
		"lamport 1 with parents":              {func(f *frame) { f.Lamport, f.Seq = 1, 1 }, ErrInvalid},
		"lamport 2 without parents":           {func(f *frame) { f.Parents, f.Seq, f.Lamport = nil, 1, 2 }, ErrInvalid},
		"seq 2 without parents":               {func(f *frame) { f.Parents, f.Lamport = nil, 1 }, ErrInvalid},
		"seq above lamport":                   {func(f *frame) { f.Seq = 8 }, ErrInvalid},
		"parents out of order":                {func(f *frame) { f.Parents = []ID{{2}, {1}} }, ErrInvalid},
		"a double parent":                     {func(f *frame) { f.Parents = []ID{{2}, {2}} }, ErrInvalid},
		"sixteen parents":                     {func(f *frame) { f.Parents = many(16) }, nil},
		"seventeen parents":                   {func(f *frame) { f.Parents = many(17) }, ErrInvalid},
		"a witness with seventeen":            {func(f *frame) { f.Parents, f.Kind = many(17), uint64(Witness) }, nil},
		"a witness with too many":             {func(f *frame) { f.Parents, f.Kind = many(MaxWitnesses+17), uint64(Witness) }, ErrInvalid},
		"kind 0":                              {func(f *frame) { f.Kind = 0 }, ErrInvalid},
		"kind 4":                              {func(f *frame) { f.Kind = 4 }, ErrInvalid},
		"the greatest payload":                {func(f *frame) { f.Payload = make([]byte, MaxPayload) }, nil},
		"a greater one":                       {func(f *frame) { f.Payload = make([]byte, MaxPayload+1) }, ErrInvalid},
		"a control payload of data's size":    {func(f *frame) { f.Payload, f.Kind = make([]byte, MaxPayload), uint64(Control) }, ErrInvalid},
		"auth longer than key and signature":  {func(f *frame) { f.Auth = make([]byte, maxAuth+1) }, ErrAuth},
		"a megabyte":                          {func(f *frame) { f.Payload = make([]byte, 1<<20) }, ErrEncoding},
		"the greatest lamport and seq can be": {func(f *frame) { f.Seq, f.Lamport = 1<<63, 1<<64-1 }, nil},
	} {
		f := frame{V: Version, Space: good.Space, Author: good.Author, Seq: good.Seq, Parents: good.Parents, Lamport: good.Lamport, Kind: uint64(good.Kind), Payload: good.Payload}
		c.edit(&f)
		data, err := wire.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(data); !errors.Is(err, c.want) {
			t.Errorf("Decode with %s = %v, want %v", name, err, c.want)
		}
	}
	for name, data := range map[string][]byte{"nothing": nil, "a number": {1}, "an empty array": {0x80}} {
		if _, err := Decode(data); !errors.Is(err, ErrEncoding) {
			t.Errorf("Decode of %s = %v, want ErrEncoding", name, err)
		}
	}
}

func many(n int) []ID {
	ids := make([]ID, n)
	for i := range ids {
		ids[i] = ID{byte(i >> 8), byte(i)}
	}
	return ids
}

func TestTheLargestVertexFits(t *testing.T) {
	v := &Vertex{Seq: 1<<63 - 1, Lamport: 1<<64 - 1, Kind: Witness, Parents: many(MaxWitnesses + MaxParents), Payload: make([]byte, MaxControlPayload), Auth: make([]byte, maxAuth)}
	data, err := v.Encode()
	if err != nil || len(data) > MaxEncoded {
		t.Fatalf("the largest witness has %d bytes, %v, want at most %d", len(data), err, MaxEncoded)
	}
	if back, err := Decode(data); err != nil || back.ID() != v.ID() {
		t.Errorf("it came back with %v", err)
	}
}

func TestRulesJudgeAVertex(t *testing.T) {
	plain := Rules{Auth: Vouched}
	committee := Rules{Auth: Vouched, Witnesses: 4}
	w := NewVouchedWriter(Author{1})
	witness := &Vertex{Author: w.Author(), Seq: 1, Lamport: 2, Parents: many(20), Kind: Witness}
	if err := witness.checkRules(committee); err != nil {
		t.Errorf("a witness with 20 parents in a committee of 4 = %v", err)
	}
	if err := witness.checkRules(plain); !errors.Is(err, ErrInvalid) {
		t.Errorf("a witness without a committee = %v, want ErrInvalid", err)
	}
	witness.Parents = many(21)
	if err := witness.checkRules(committee); !errors.Is(err, ErrInvalid) {
		t.Errorf("a witness with 21 parents in a committee of 4 = %v, want ErrInvalid", err)
	}
	for name, c := range map[string]struct {
		rules Rules
		seq   uint64
		auth  int
		want  error
	}{
		"nothing, vouched":                 {Rules{Auth: Vouched}, 1, 0, nil},
		"a signature, vouched":             {Rules{Auth: Vouched}, 2, 4691, ErrAuth},
		"nothing, signed":                  {Rules{Auth: Signed}, 2, 0, ErrAuth},
		"a signature":                      {Rules{Auth: Signed}, 2, 4691, nil},
		"a signature without its key":      {Rules{Auth: Signed}, 1, 4691, ErrAuth},
		"a signature with its key":         {Rules{Auth: Signed}, 1, 4691 + 2624, nil},
		"a signature with a key too many":  {Rules{Auth: Signed}, 2, 4691 + 2624, ErrAuth},
		"a signature of one byte too many": {Rules{Auth: Signed}, 2, 4692, ErrAuth},
	} {
		v := &Vertex{Seq: c.seq, Lamport: 9, Kind: Data, Auth: make([]byte, c.auth)}
		if err := v.checkRules(c.rules); !errors.Is(err, c.want) {
			t.Errorf("auth of %s = %v, want %v", name, err, c.want)
		}
	}
	for _, bad := range []Rules{{}, {Auth: 3}, {Auth: Signed, Witnesses: MaxWitnesses + 1}} {
		if _, err := open(t, Config{}).Join(bad); !errors.Is(err, ErrRules) {
			t.Errorf("Join(%+v) = %v, want ErrRules", bad, err)
		}
	}
}

func TestParentsJudgeAVertex(t *testing.T) {
	own := func(lamport, seq uint64) parent { return parent{lamport, seq, true} }
	other := func(lamport, seq uint64) parent { return parent{lamport, seq, false} }
	for name, c := range map[string]struct {
		seq, lamport uint64
		parents      []parent
		want         error
	}{
		"the first, alone":                         {1, 1, nil, nil},
		"the first, on another's":                  {1, 6, []parent{other(5, 3)}, nil},
		"the second":                               {2, 6, []parent{own(5, 1)}, nil},
		"lamport too low":                          {2, 5, []parent{own(5, 1)}, ErrInvalid},
		"lamport too high":                         {2, 7, []parent{own(5, 1)}, ErrInvalid},
		"lamport of the higher parent":             {2, 9, []parent{own(5, 1), other(8, 9)}, nil},
		"lamport of the lower parent":              {2, 6, []parent{own(5, 1), other(8, 9)}, ErrInvalid},
		"a number left out":                        {3, 6, []parent{own(5, 1)}, ErrInvalid},
		"a number again":                           {1, 6, []parent{own(5, 1)}, ErrInvalid},
		"another's number is not one's own":        {4, 6, []parent{other(5, 3)}, ErrInvalid},
		"two branches of one's own, on the higher": {5, 9, []parent{own(5, 2), own(8, 4)}, nil},
		"two branches, on the lower":               {3, 9, []parent{own(5, 2), own(8, 4)}, ErrInvalid},
		"two branches of one number":               {3, 9, []parent{own(5, 2), own(8, 2)}, nil},
	} {
		v := &Vertex{Seq: c.seq, Lamport: c.lamport}
		if err := v.checkParents(c.parents); !errors.Is(err, c.want) {
			t.Errorf("%s = %v, want %v", name, err, c.want)
		}
	}
}

func TestASpaceCommitsToItsRules(t *testing.T) {
	seen := map[Space]Rules{}
	for _, r := range []Rules{{Auth: Signed}, {Auth: Vouched}, {Auth: Signed, Witnesses: 1}, {Auth: Signed, Seed: [32]byte{1}}} {
		if other, ok := seen[r.Space()]; ok {
			t.Errorf("%+v and %+v are one space", r, other)
		}
		seen[r.Space()] = r
	}
}

// A signature is worth nothing for another vertex, key or purpose.
func TestSignatures(t *testing.T) {
	w, stranger := writer(t, 1), writer(t, 2)
	a := make1(t, signed, w, Data, "a")
	b := make1(t, signed, w, Data, "b", a)
	key := w.key.Public()
	if err := b.verify(b.id, key); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"another vertex": b.verify(a.id, key),
		"another key":    b.verify(b.id, stranger.key.Public()),
	} {
		if !errors.Is(err, ErrAuth) {
			t.Errorf("a signature for %s = %v, want ErrAuth", name, err)
		}
	}
	forged := *a.Vertex
	forged.Auth = append(stranger.key.Public().Bytes(), a.Auth[2624:]...)
	if _, err := forged.carriedKey(); !errors.Is(err, ErrAuth) {
		t.Errorf("a stranger's key for an author = %v, want ErrAuth", err)
	}
	if got := digest.Sum("pars vertex author v1", key.Bytes()); got != AuthorOf(key) {
		t.Error("AuthorOf is not the labelled hash of the key")
	}
	if s := w.String() + w.GoString(); strings.Contains(s, "hidden") || !strings.Contains(s, w.Author().String()) {
		t.Errorf("a writer prints as %s", s)
	}
}

func FuzzDecode(f *testing.F) {
	w := writer(f, 1)
	a := make1(f, signed, w, Data, "a")
	b := make1(f, signed, w, Control, "b", a)
	c := make1(f, Rules{Auth: Vouched, Witnesses: 3}, NewVouchedWriter(Author{1}), Witness, "c", a, b)
	for _, v := range []made{a, b, c} {
		f.Add(v.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Decode(data)
		if err != nil {
			if !errors.Is(err, ErrEncoding) && !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrAuth) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		again, err := v.Encode()
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%x decodes, but encodes as %x, %v", data, again, err)
		}
		if idOf(data, len(v.Auth)) != v.ID() {
			t.Fatalf("two ids of %x", data)
		}
		if !slices.IsSortedFunc(v.Parents, ID.Compare) {
			t.Fatalf("parents out of order in %x", data)
		}
	})
}

func FuzzDecodeNode(f *testing.F) {
	f.Add(uint64(9), (&node{pos: 9, lamport: 4, seq: 2, chain: 1, place: 3, cost: 2, parents: []uint64{3, 8}}).encode())
	f.Add(uint64(2), (&node{pos: 2, lamport: 2, seq: 2, chain: 1, place: 2, parents: []uint64{1}, clock: []uint32{2, 0, 7}}).encode())
	f.Fuzz(func(t *testing.T, pos uint64, data []byte) {
		n, err := decodeNode(pos, data)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		m, err := decodeNode(pos, n.encode())
		if err != nil || m.id != n.id || m.lamport != n.lamport || !slices.Equal(m.parents, n.parents) || !slices.Equal(m.clock, n.clock) {
			t.Fatalf("%+v came back as %+v, %v", n, m, err)
		}
	})
}
