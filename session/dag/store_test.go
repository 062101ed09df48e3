package dag

import (
	"errors"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestAVertexIsAcceptedWithItsParentsInAnyOrder(t *testing.T) {
	w1, w2 := writer(t, 1), writer(t, 2)
	a := make1(t, signed, w1, Data, "a")
	b := make1(t, signed, w2, Data, "b", a)
	c := make1(t, signed, w1, Data, "c", a, b)
	s := open(t, Config{}, signed)
	if got := statuses(add(t, s, "p", c)); !slices.Equal(got, []Status{Waiting}) {
		t.Fatalf("a vertex without its parents = %v, want waiting", got)
	}
	if got := statuses(add(t, s, "p", b, a)); !slices.Equal(got, []Status{Accepted, Accepted}) {
		t.Fatalf("child and parent = %v, want accepted twice", got)
	}
	if got := statuses(add(t, s, "p", c)); !slices.Equal(got, []Status{Known}) {
		t.Fatalf("the vertex that waited = %v, want known", got)
	}
	front, err := s.Frontier(signed.Space())
	if err != nil || !slices.Equal(front, []ID{c.id}) {
		t.Fatalf("Frontier = %v, %v, want %v", front, err, c.id)
	}
	for _, q := range []struct {
		a, b made
		want bool
	}{{a, b, true}, {a, c, true}, {b, c, true}, {b, a, false}, {c, c, false}} {
		if got, err := s.Ancestor(signed.Space(), q.a.id, q.b.id); err != nil || got != q.want {
			t.Errorf("Ancestor(%s, %s) = %v, %v, want %v", q.a.Payload, q.b.Payload, got, err, q.want)
		}
	}
	if got := since(t, s, signed.Space()); !slices.Equal(got, []ID{a.id, b.id, c.id}) {
		t.Errorf("Since(nothing) = %v", got)
	}
	if got := since(t, s, signed.Space(), a.id); !slices.Equal(got, []ID{b.id, c.id}) {
		t.Errorf("Since(a) = %v", got)
	}
	got, err := s.Get(signed.Space(), b.id)
	if err != nil || got.ID() != b.id || string(got.Payload) != "b" {
		t.Errorf("Get = %+v, %v", got, err)
	}
	if _, err := s.Get(signed.Space(), ID{7}); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get of nothing = %v, want ErrNotFound", err)
	}
}

func TestAStoreIsTheSameAfterReopening(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, Config{FS: fs}, signed)
	w := writer(t, 1)
	var want []ID
	for i := range 5 {
		_, id, err := s.Append(t.Context(), signed.Space(), w, Data, []byte{byte(i)})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, id)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, Config{FS: fs})
	if got := since(t, s, signed.Space()); !slices.Equal(got, want) {
		t.Errorf("after reopening = %v, want %v", got, want)
	}
	v, _, err := s.Append(t.Context(), signed.Space(), w, Data, nil)
	if err != nil || v.Seq != 6 || v.Lamport != 6 || !slices.Equal(v.Parents, want[4:]) {
		t.Errorf("the next vertex = %+v, %v", v, err)
	}
}
