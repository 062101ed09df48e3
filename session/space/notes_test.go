package space

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/pars-network/pars/session/crdt"
	"github.com/pars-network/pars/session/dag"
)

func (p *person) set(sp Space, name, text string) Note {
	p.t.Helper()
	n, err := p.SetNote(p.t.Context(), sp, name, text, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

func (p *person) note(sp Space, name string) Note {
	p.t.Helper()
	n, err := p.Note(p.t.Context(), sp, name)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// pair is two people in one space.
func pair(t *testing.T) (ali, sara *person, his, hers Space) {
	t.Helper()
	ali, sara = newPerson(t, vfs.NewMem()), newPerson(t, vfs.NewMem())
	his, err := ali.Create("room", "علی")
	if err != nil {
		t.Fatal(err)
	}
	if hers, err = sara.Join(his.Link.String(), "Sara"); err != nil {
		t.Fatal(err)
	}
	return ali, sara, his, hers
}

func TestNotesWrittenApartMerge(t *testing.T) {
	ali, sara, his, hers := pair(t)
	ali.set(his, "list", "bread\nmilk\nsalt\n")
	ali.post(his, "a post between")
	meet(t, ali, sara, his)
	ali.set(his, "list", "warm bread\nmilk\nsalt\nو چای\n")
	sara.set(hers, "list", "bread\noat milk\nsalt\n")
	if got := sara.set(hers, "other", "hers alone").Text; got != "hers alone" {
		t.Errorf("a note of her own says %q", got)
	}
	meet(t, sara, ali, his)
	const want = "warm bread\noat milk\nsalt\nو چای\n"
	for range 2 {
		for who, p := range map[*person]Space{ali: his, sara: hers} {
			n := who.note(p, "list")
			if n.Text != want || n.Changes != 3 || n.Authors != 2 || n.Forked {
				t.Errorf("somebody sees %+v, want %q of 3 changes by 2", n, want)
			}
			if got := who.texts(p); !slices.Equal(got, []string{"a post between"}) {
				t.Errorf("posts are %q, want the one post", got)
			}
			list, more, err := who.Notes(t.Context(), p, "", 10)
			if err != nil || more || len(list) != 2 || list[0].Name != "list" || list[1].Name != "other" || list[1].LastName != "Sara" || list[1].Own != (who == sara) {
				t.Errorf("notes %+v, %v, %v, want list and Sara's other", list, more, err)
			}
		}
		ali, sara = ali.again(), sara.again() // and the same from the disk
	}
	list, more, err := ali.Notes(t.Context(), his, "", 1)
	if err != nil || !more || len(list) != 1 {
		t.Errorf("a page of one: %+v, %v, %v", list, more, err)
	}
	if list, more, err = ali.Notes(t.Context(), his, "list", 1); err != nil || more || len(list) != 1 || list[0].Name != "other" {
		t.Errorf("the page after: %+v, %v, %v", list, more, err)
	}
}

// What comes while somebody edits is not what they wanted gone.
func TestAnEditKeepsWhatCameMeanwhile(t *testing.T) {
	ali, sara, his, hers := pair(t)
	base := ali.set(his, "n", "one two").Position
	meet(t, ali, sara, his)
	sara.set(hers, "n", "one two three")
	meet(t, sara, ali, his)
	n, err := ali.SetNote(t.Context(), his, "n", "zero one two", &base)
	if err != nil || n.Text != "zero one two three" {
		t.Errorf("an edit of the older text makes %q (%v), want both", n.Text, err)
	}
	if n = ali.set(his, "n", "all new"); n.Text != "all new" {
		t.Errorf("setting what is there now makes %q", n.Text)
	}
	before := n.Changes
	if n = ali.set(his, "n", "all new"); n.Changes != before {
		t.Errorf("setting the same makes a change")
	}
	none := uint64(0)
	if n, err = ali.SetNote(t.Context(), his, "n", "new too, ", &none); err != nil || !strings.Contains(n.Text, "all new") || !strings.Contains(n.Text, "new too, ") {
		t.Errorf("one who saw nothing makes %q (%v), want both", n.Text, err)
	}
}

func TestAForkByAStolenKeyReachesEverybody(t *testing.T) {
	ali, sara, his, hers := pair(t)
	ali.set(his, "n", "start")
	meet(t, ali, sara, his)
	thief := newPerson(t, vfs.NewMem())
	stolen, err := thief.Join(his.Link.String(), "")
	if err != nil {
		t.Fatal(err)
	}
	meet(t, ali, thief, his)
	stolen.writer, stolen.Author = his.writer, his.Author
	ali.set(his, "n", "start, Ali")
	thief.set(stolen, "n", "thief, start")
	// Sara sees the thief's first, Ali his own; both end with both.
	meet(t, thief, sara, his)
	sara.set(hers, "n", sara.note(hers, "n").Text+"!")
	meet(t, ali, sara, his)
	meet(t, ali, thief, his)
	want := ali.note(his, "n")
	if !strings.HasPrefix(want.Text, "thief, start") || !strings.Contains(want.Text, ", Ali") || !strings.Contains(want.Text, "!") || !want.Forked {
		t.Errorf("Ali sees %+v, want all three changes and the fork", want)
	}
	for _, p := range []*person{sara, thief} {
		if n := p.note(hers, "n"); n.Text != want.Text || !n.Forked {
			t.Errorf("somebody sees %q (forked %v), Ali %q", n.Text, n.Forked, want.Text)
		}
	}
}

// hostile makes payloads that look like changes of a note and are none.
func hostile(t *testing.T, other dag.ID) map[string][]byte {
	frame := func(n noteChange) []byte {
		data, err := n.encode()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	changes := func(id crdt.DocumentID, edit func(*crdt.Tx) error) []byte {
		var docs crdt.Space
		tx, err := docs.Begin()
		if err != nil {
			t.Fatal(err)
		}
		d, err := tx.Document(id)
		if err != nil {
			t.Fatal(err)
		}
		if err := edit(d); err != nil {
			t.Fatal(err)
		}
		data, err := tx.Payload()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	insert := func(field string) func(*crdt.Tx) error {
		return func(tx *crdt.Tx) error {
			e, err := tx.Text(field)
			if err != nil {
				return err
			}
			return e.Splice(0, 0, "evil")
		}
	}
	// A delta on top of one whose vertex nobody has, or which is no ancestor.
	var docs crdt.Space
	lamport := uint64(0)
	naming := func() []byte {
		tx, err := docs.Begin()
		if err != nil {
			t.Fatal(err)
		}
		d, err := tx.Document(noteID("n"))
		if err != nil {
			t.Fatal(err)
		}
		e, err := d.Text(noteField)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Splice(e.Len(), 0, "evil"); err != nil {
			t.Fatal(err)
		}
		data, err := tx.Payload()
		if err != nil {
			t.Fatal(err)
		}
		lamport++
		if err := tx.Commit(crdt.Vertex{ID: crdt.ID(other), Lamport: lamport}); err != nil {
			t.Fatal(err)
		}
		other[0]++
		return data
	}
	naming()
	strange := naming()
	docs, lamport, other = crdt.Space{}, 0, dag.ID{1}
	naming()
	unknown := naming()
	good := changes(noteID("n"), insert(noteField))
	return map[string][]byte{
		"no delta":           frame(noteChange{Note: "n", Changes: []byte("evil")}),
		"a cut delta":        frame(noteChange{Note: "n", Changes: good[:len(good)-1]}),
		"another document":   frame(noteChange{Note: "n", Changes: changes(noteID("m"), insert(noteField))}),
		"another field":      frame(noteChange{Note: "n", Changes: changes(noteID("n"), insert("more"))}),
		"not an ancestor":    frame(noteChange{Note: "n", Changes: strange}),
		"an unknown vertex":  frame(noteChange{Note: "n", Changes: unknown}),
		"a note and nothing": frame(noteChange{Note: "n"}),
		"a bad name":         frame(noteChange{Note: "n\n", Changes: good}),
		"a time too late":    frame(noteChange{Note: "n", Changes: good, TimeMs: maxTimeMs + 1}),
	}
}

func TestHostileChangesAreIgnoredEverywhere(t *testing.T) {
	ali, sara, his, hers := pair(t)
	// What Sara writes apart is in nobody else's past.
	sara.set(hers, "n", "hers")
	heads, err := sara.graph.Frontier(hers.ID)
	if err != nil {
		t.Fatal(err)
	}
	ali.set(his, "n", "text")
	for what, payload := range hostile(t, heads[0]) {
		if _, _, err := ali.graph.Append(t.Context(), his.ID, his.writer, dag.Data, payload); err != nil {
			t.Fatal(err)
		}
		if got := ali.note(his, "n").Text; got != "text" {
			t.Errorf("%s: the note says %q", what, got)
		}
	}
	ali.set(his, "n", "text goes on")
	meet(t, ali, sara, his)
	want := ali.note(his, "n").Text
	if got := sara.note(hers, "n").Text; got != want || !strings.Contains(got, "text goes on") || !strings.Contains(got, "hers") || strings.Contains(got, "evil") {
		t.Errorf("Sara sees %q, Ali %q, want what both wrote", got, want)
	}
	// Two had the form of a change, and only their past showed what they are.
	if list, _, err := sara.Notes(t.Context(), hers, "", 10); err != nil || len(list) != 1 || list[0].Changes != 5 {
		t.Errorf("notes %+v (%v), want one with 5 changes", list, err)
	}
	if f := sara.notes.kept(hers.ID, "n"); len(f.docs.Document(noteID("n")).Fields()) != 1 {
		t.Errorf("the document has fields %v, want the text alone", f.docs.Document(noteID("n")).Fields())
	}
}

// A vertex has at most 16 parents: more heads are joined first.
func TestManyHeadsAreJoined(t *testing.T) {
	ali, _, his, _ := pair(t)
	var others []*person
	for range 2*dag.MaxParents + 3 {
		p := newPerson(t, vfs.NewMem())
		sp, err := p.Join(his.Link.String(), "")
		if err != nil {
			t.Fatal(err)
		}
		p.set(sp, "n", "word ")
		others = append(others, p)
	}
	for _, p := range others {
		meet(t, ali, p, his)
		p.stop()
	}
	whole := ali.note(his, "n").Text
	if len(whole) != len("word ")*len(others) {
		t.Fatalf("%q, want %d words", whole, len(others))
	}
	// One change more, not several of which the first were in vain.
	if n := ali.set(his, "n", "gone"); n.Text != "gone" || n.Changes != len(others)+1 {
		t.Errorf("a change of all says %q in %d changes, want %d", n.Text, n.Changes, len(others)+1)
	}
	if got := ali.texts(his); len(got) != 0 {
		t.Errorf("posts are %q, want none", got)
	}
}

// What does not fit into one vertex takes several, and ends the same.
func TestGreatChanges(t *testing.T) {
	ali, sara, his, hers := pair(t)
	long := strings.Repeat("نوشته ", MaxNote/len("نوشته "))
	ali.set(his, "n", long)
	n := ali.set(his, "n", strings.ToUpper(strings.Repeat("x", MaxNote)))
	if len(n.Text) != MaxNote || n.Changes < 4 {
		t.Errorf("%d bytes in %d changes, want %d in 4 or more", len(n.Text), n.Changes, MaxNote)
	}
	meet(t, ali, sara, his)
	if got := sara.note(hers, "n").Text; got != n.Text {
		t.Errorf("Sara sees %d bytes, want the same %d", len(got), len(n.Text))
	}
}

func TestFoldsAreBuiltAgain(t *testing.T) {
	ali, _, his, _ := pair(t)
	for round := range 2 {
		for i := range maxFolds + 2 {
			ali.set(his, fmt.Sprint(i), fmt.Sprintf("%d in round %d", i, round))
		}
	}
	for i := range maxFolds + 2 {
		if got, want := ali.note(his, fmt.Sprint(i)).Text, fmt.Sprintf("%d in round 1", i); got != want {
			t.Errorf("note %d says %q, want %q", i, got, want)
		}
	}
	if n := len(ali.notes.folds); n != maxFolds {
		t.Errorf("%d folds in memory, want %d", n, maxFolds)
	}
}

func TestMistakesWithNotesAreNamed(t *testing.T) {
	ali, _, his, _ := pair(t)
	far := uint64(1000)
	_, missing := ali.Note(t.Context(), his, "none")
	set := func(name, text string, base *uint64) error {
		_, err := ali.SetNote(t.Context(), his, name, text, base)
		return err
	}
	for _, c := range []struct {
		what      string
		got, want error
	}{
		{"no note", missing, ErrNoNote},
		{"nothing into no note", set("none", "", nil), ErrNoNote},
		{"an empty name", set("", "x", nil), ErrNoteName},
		{"two lines", set("a\nb", "x", nil), ErrNoteName},
		{"a long name", set(strings.Repeat("x", MaxNoteName+1), "x", nil), ErrNoteName},
		{"a long text", set("n", strings.Repeat("x", MaxNote+1), nil), ErrNoteText},
		{"no text", set("n", "\xff", nil), ErrNoteText},
		{"the future", set("n", "x", &far), ErrNoteBase},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: error %v, want %v", c.what, c.got, c.want)
		}
	}
}

func TestSplicesMakeOneTextOfTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`([ab]{0,3}\n?){0,12}`)
		from, to := []rune(text.Draw(t, "from")), []rune(text.Draw(t, "to"))
		got, list := slices.Clone(from), splices(from, to)
		for _, s := range slices.Backward(list) {
			got = slices.Replace(got, s.at, s.at+s.del, s.ins...)
		}
		if !slices.Equal(got, to) {
			t.Fatalf("%q with %v is %q, want %q", string(from), list, string(got), string(to))
		}
		if slices.Equal(from, to) != (len(list) == 0) {
			t.Fatalf("%d splices between %q and %q", len(list), string(from), string(to))
		}
	})
}

func FuzzDecodeNote(f *testing.F) {
	for _, n := range []noteChange{{}, {TimeMs: 1, Name: "a", Note: "b", Changes: []byte{1}}} {
		data, err := n.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := decodeNote(data)
		if err != nil {
			return
		}
		if again, err := n.encode(); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%x reads as %+v, which is written otherwise (%v)", data, n, err)
		}
		if _, err := decodePost(data); err == nil {
			t.Errorf("%x is a post and a change of a note", data)
		}
		_ = ofNote(n.Note, n.Changes)
	})
}

// TestNotesConverge lets people write, edit what they saw a while ago, lie and meet at random.
func TestNotesConverge(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 1))
		ali, sara, room, _ := pair(t)
		omid := newPerson(t, vfs.NewMem())
		if _, err := omid.Join(room.Link.String(), ""); err != nil {
			t.Fatal(err)
		}
		people := []*person{ali, sara, omid}
		bases := make([]uint64, len(people))
		for range 60 {
			i := r.IntN(len(people))
			p := people[i]
			sp := p.List()[0]
			switch r.IntN(8) {
			case 0, 1:
				meet(t, p, people[(i+1+r.IntN(2))%3], sp)
			case 2:
				p.post(sp, "a post")
			case 3:
				bases[i] = p.at(sp)
			case 4:
				heads, err := p.graph.Frontier(sp.ID)
				if err != nil || len(heads) == 0 {
					continue
				}
				lies := hostile(t, heads[r.IntN(len(heads))])
				what := slices.Sorted(maps.Keys(lies))[r.IntN(len(lies))]
				if _, _, err := p.graph.Append(t.Context(), sp.ID, sp.writer, dag.Data, lies[what]); err != nil {
					t.Fatal(err)
				}
			default:
				text := []rune(p.textOf(sp, "n"))
				at := r.IntN(len(text) + 1)
				del := r.IntN(min(len(text)-at, 5) + 1)
				text = slices.Replace(text, at, at+del, []rune([]string{"", "x\n", "سلام", "a\nb"}[r.IntN(4)])...)
				var base *uint64
				if r.IntN(3) == 0 {
					base = &bases[i]
				}
				if _, err := p.SetNote(t.Context(), sp, "n", string(text), base); err != nil && !errors.Is(err, ErrNoNote) {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
		}
		for range 2 {
			meet(t, ali, sara, room)
			meet(t, sara, omid, room)
		}
		want := ali.textOf(room, "n")
		for _, p := range people {
			if got := p.textOf(room, "n"); got != want {
				t.Errorf("seed %d: somebody sees %q, Ali %q", seed, got, want)
			}
			p = p.again()
			if got := p.textOf(room, "n"); got != want {
				t.Errorf("seed %d: after a restart somebody sees %q, Ali %q", seed, got, want)
			}
			p.stop()
		}
	}
}

// at is how far a person has read.
func (p *person) at(sp Space) uint64 {
	p.t.Helper()
	stats, err := p.Stats(sp)
	if err != nil {
		p.t.Fatal(err)
	}
	return stats.Last
}

// textOf is what a note says, nothing if it is not there.
func (p *person) textOf(sp Space, name string) string {
	p.t.Helper()
	n, err := p.Note(p.t.Context(), sp, name)
	if err != nil && !errors.Is(err, ErrNoNote) {
		p.t.Fatal(err)
	}
	return n.Text
}
