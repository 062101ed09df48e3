package space

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/pars-network/pars/session/dag"
)

func TestPostsMeetAndSurvive(t *testing.T) {
	ali, sara := newPerson(t, vfs.NewMem()), newPerson(t, vfs.NewMem())
	room, err := ali.Create("میدان", "علی")
	if err != nil {
		t.Fatal(err)
	}
	ali.post(room, "سلام")
	theirs, err := sara.Join(room.Link.String(), "Sara")
	if err != nil {
		t.Fatal(err)
	}
	if theirs.ID != room.ID || theirs.Link.Title != "میدان" || theirs.Author == room.Author {
		t.Fatalf("joined %+v, want %s with an author of its own", theirs, room.ID)
	}
	sara.post(theirs, "written before we met")
	meet(t, ali, sara, room)
	sara.post(theirs, "after")
	meet(t, sara, ali, room)

	ali, sara = ali.again(), sara.again()
	for _, p := range []*person{ali, sara} {
		got := p.texts(room)
		if len(got) != 3 || got[2] != "after" || !slices.Contains(got, "سلام") || !slices.Contains(got, "written before we met") {
			t.Errorf("after a restart somebody sees %q", got)
		}
		if list := p.List(); len(list) != 1 || list[0].ID != room.ID {
			t.Errorf("spaces after a restart: %+v", list)
		}
	}
	entries, last, err := ali.Entries(room, 0, 10)
	if err != nil || last != entries[len(entries)-1].Position {
		t.Fatalf("position %d (%v)", last, err)
	}
	for _, e := range entries {
		own := e.Text == "سلام"
		name := map[bool]string{true: "علی", false: "Sara"}[own]
		if e.Own != own || e.Name != name || !e.Time.Equal(ali.now) || e.Unreadable || e.Forked {
			t.Errorf("entry %+v, want own %v, name %s", e, own, name)
		}
	}
	if more, same, err := ali.Entries(room, last, 10); err != nil || len(more) != 0 || same != last {
		t.Errorf("after the end: %v at %d (%v)", more, same, err)
	}
	if two, at, err := ali.Entries(room, 0, 2); err != nil || len(two) != 2 || at != two[1].Position {
		t.Errorf("a page of two: %d entries at %d (%v)", len(two), at, err)
	}
}

func TestGossipBringsPosts(t *testing.T) {
	people := []*person{newPerson(t, vfs.NewMem()), newPerson(t, vfs.NewMem()), newPerson(t, vfs.NewMem())}
	room, err := people[0].Create("room", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := people[1].Join(room.Link.String(), ""); err != nil {
		t.Fatal(err)
	}
	linked(t, people...)
	// The third joins while gossip runs.
	if _, err := people[2].Join(room.Link.String(), ""); err != nil {
		t.Fatal(err)
	}
	w := people[2].Watch(room)
	defer people[2].Unwatch(w)
	for i := range 5 {
		people[i%2].post(room, fmt.Sprintf("post %d", i))
		for len(people[2].texts(room)) < i+1 {
			select {
			case <-w.C:
			case <-time.After(time.Minute):
				t.Fatalf("post %d did not come; there are %q", i, people[2].texts(room))
			}
		}
	}
}

func TestForkIsShown(t *testing.T) {
	honest, copied := newPerson(t, vfs.NewMem()), newPerson(t, vfs.NewMem())
	room, err := honest.Create("room", "")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := copied.Join(room.Link.String(), "")
	if err != nil {
		t.Fatal(err)
	}
	theirs.writer, theirs.Author = room.writer, room.Author // a stolen key
	honest.post(room, "one")
	copied.post(theirs, "another")
	meet(t, honest, copied, room)
	entries, _, err := honest.Entries(room, 0, 10)
	if err != nil || len(entries) != 2 {
		t.Fatalf("%d entries (%v), want both", len(entries), err)
	}
	for _, e := range entries {
		if !e.Forked {
			t.Errorf("%q is not shown as forked", e.Text)
		}
	}
}

func TestForeignPayloadIsShownAsUnreadable(t *testing.T) {
	p := newPerson(t, vfs.NewMem())
	room, err := p.Create("room", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, payload := range [][]byte{nil, {0xff}, bytes.Repeat([]byte("x"), dag.MaxPayload), {0x85, 9, 1, 0, 0x60, 0x61, 'x'}} {
		if _, _, err := p.graph.Append(t.Context(), room.ID, room.writer, dag.Data, payload); err != nil {
			t.Fatal(err)
		}
	}
	entries, _, err := p.Entries(room, 0, 10)
	if err != nil || len(entries) != 4 {
		t.Fatalf("%d entries (%v), want 4", len(entries), err)
	}
	for _, e := range entries {
		if !e.Unreadable || e.Text != "" {
			t.Errorf("entry %+v, want an unreadable one", e)
		}
	}
}

func TestExportAndImport(t *testing.T) {
	ali, sara := newPerson(t, vfs.NewMem()), newPerson(t, vfs.NewMem())
	room, err := ali.Create("room", "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		ali.post(room, fmt.Sprint(i))
	}
	var file bytes.Buffer
	if n, err := ali.Export(room, &file); err != nil || n != 20 {
		t.Fatalf("exported %d (%v), want 20", n, err)
	}
	whole := file.Bytes()
	if _, _, err := sara.Import(t.Context(), bytes.NewReader(whole)); !errors.Is(err, ErrUnknown) {
		t.Errorf("before joining: error %v, want ErrUnknown", err)
	}
	if _, err := sara.Join(room.Link.String(), ""); err != nil {
		t.Fatal(err)
	}
	for _, cut := range []int{0, 1, 40, len(whole) / 2, len(whole) - 1} {
		if _, _, err := sara.Import(t.Context(), bytes.NewReader(whole[:cut])); !errors.Is(err, ErrExport) {
			t.Errorf("cut to %d bytes: error %v, want ErrExport", cut, err)
		}
	}
	for range 2 {
		if sp, n, err := sara.Import(t.Context(), bytes.NewReader(whole)); err != nil || n != 20 || sp.ID != room.ID {
			t.Fatalf("imported %d into %s (%v), want 20", n, sp.ID, err)
		}
	}
	if got := sara.texts(room); len(got) != 20 || got[19] != "19" {
		t.Errorf("after the import there is %q", got)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	p := newPerson(t, vfs.NewMem())
	a, err := p.Create("room", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Create("room", ""); err != nil {
		t.Fatal(err)
	}
	check := func(what string, got, want error) {
		t.Helper()
		if !errors.Is(got, want) {
			t.Errorf("%s: error %v, want %v", what, got, want)
		}
	}
	for _, title := range []string{"", " x", "a\nb", "a\x00", strings.Repeat("x", MaxTitle+1), "\xff", "a\u2028b"} {
		_, err := p.Create(title, "")
		check(fmt.Sprintf("title %q", title), err, ErrTitle)
	}
	_, err = p.Create("x", strings.Repeat("x", MaxName+1))
	check("name", err, ErrName)
	for _, text := range []string{"", "\xff", strings.Repeat("x", MaxText+1)} {
		_, err := p.Post(t.Context(), a, text)
		check("text", err, ErrText)
	}
	_, err = p.Find("room")
	check("two of one title", err, ErrTwo)
	_, err = p.Find("nothing")
	check("none", err, ErrNoSpace)
	_, err = p.Find(a.ID.String()[:7])
	check("too few digits", err, ErrNoSpace)
	if sp, err := p.Find(strings.ToUpper(a.ID.String()[:8])); err != nil || sp.ID != a.ID {
		t.Errorf("by its beginning: %v (%v)", sp.ID, err)
	}
	_, err = p.Join("pars-space:abc", "")
	check("link", err, ErrBadLink)
	for i := len(p.List()); i < MaxSpaces; i++ {
		if _, err := p.Create(fmt.Sprint(i), ""); err != nil {
			t.Fatal(err)
		}
	}
	_, err = p.Create("one more", "")
	check("full", err, ErrFull)
	if again, err := p.Join(a.Link.String(), "other"); err != nil || again.Name != "" {
		t.Errorf("joining again: %+v (%v), want no change", again, err)
	}
}

func TestLinkRoundTripsAndRefusesDamage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Link{Title: rapid.StringMatching(`[a-zآ-ی]([a-z آ-ی]{0,20}[a-zآ-ی])?`).Draw(t, "title"), Rules: dag.Rules{Auth: dag.Signed, Witnesses: rapid.Uint32Range(0, dag.MaxWitnesses).Draw(t, "witnesses")}}
		copy(l.Rules.Seed[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed"))
		text := l.String()
		got, err := ParseLink("  " + strings.ToUpper(text) + "\n")
		if err != nil || got != l {
			t.Fatalf("read back %+v (%v), want %+v", got, err, l)
		}
		at := rapid.IntRange(len(linkPrefix), len(text)-1).Draw(t, "at")
		bad := []byte(text)
		bad[at] = "abcdefghijklmnopqrstuvwxyz234567"[rapid.IntRange(0, 31).Draw(t, "char")]
		if string(bad) == text {
			return
		}
		if _, err := ParseLink(string(bad)); !errors.Is(err, ErrLink) {
			t.Fatalf("character %d changed: error %v, want ErrLink", at, err)
		}
	})
}

func FuzzParseLink(f *testing.F) {
	f.Add(Link{Title: "room", Rules: dag.Rules{Auth: dag.Signed}}.String())
	f.Add("pars-space:")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLink(text)
		if err != nil {
			return
		}
		if l.String() != strings.ToLower(strings.TrimSpace(text)) {
			t.Errorf("%q reads as %+v, which is written otherwise", text, l)
		}
	})
}

func FuzzDecodePost(f *testing.F) {
	data, err := post{TimeMs: 1, Name: "a", Text: "b"}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := decodePost(data)
		if err != nil {
			return
		}
		if again, err := p.encode(); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%x reads as %+v, which is written otherwise (%v)", data, p, err)
		}
	})
}
