package space

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/wire"
)

const vectorFile = "../../spec/vectors/space.json"

var rewrite = flag.Bool("rewrite", false, "write spec/vectors/space.json anew")

// vectors is the form of spec/vectors/space.json; bytes are in hex.
type vectors struct {
	Links []struct {
		Witnesses uint32 `json:"witnesses"`
		Seed      string `json:"seed"`
		Title     string `json:"title"`
		Text      string `json:"text"`
		Space     string `json:"space"`
	} `json:"links"`
	Posts []struct {
		TimeMs  uint64 `json:"time"`
		Name    string `json:"name"`
		Text    string `json:"text"`
		Payload string `json:"payload"`
	} `json:"posts"`
	Notes []struct {
		TimeMs  uint64 `json:"time"`
		Name    string `json:"name"`
		Note    string `json:"note"`
		ID      string `json:"id"`
		Changes string `json:"changes"`
		Payload string `json:"payload"`
	} `json:"notes"`
	RefusedLinks    map[string]string `json:"refused_links"`    // why to text
	RefusedPayloads map[string]string `json:"refused_payloads"` // why to bytes that are neither post nor change
}

func bytesOf(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// compute fills in everything that follows from the rest.
func (v *vectors) compute(t *testing.T) {
	t.Helper()
	payload := func(b []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return hex.EncodeToString(b)
	}
	for i := range v.Links {
		l := &v.Links[i]
		rules := dag.Rules{Auth: dag.Signed, Witnesses: l.Witnesses, Seed: [32]byte(bytesOf(t, l.Seed))}
		id := rules.Space()
		l.Text, l.Space = Link{Rules: rules, Title: l.Title}.String(), hex.EncodeToString(id[:])
	}
	for i := range v.Posts {
		p := &v.Posts[i]
		p.Payload = payload(post{TimeMs: p.TimeMs, Name: p.Name, Text: p.Text}.encode())
	}
	for i := range v.Notes {
		n := &v.Notes[i]
		id := noteID(n.Note)
		n.ID = hex.EncodeToString(id[:])
		n.Payload = payload(noteChange{TimeMs: n.TimeMs, Name: n.Name, Note: n.Note, Changes: bytesOf(t, n.Changes)}.encode())
	}
	// What has to be refused: a good one with one thing wrong.
	link := v.Links[0].Text
	frame := func(items ...any) string { return payload(wire.Marshal(items)) }
	altered := []byte(link)
	altered[len(altered)-9] ^= 'a' ^ 'b'
	unsigned := Link{Rules: dag.Rules{Auth: dag.Vouched, Seed: [32]byte{1}}, Title: "private"}
	v.RefusedLinks = map[string]string{
		"another prefix":           strings.Replace(link, "pars-space", "pars", 1),
		"a character altered":      string(altered),
		"the last character lost":  link[:len(link)-1],
		"not of a public space":    unsigned.String(),
		"a title on two lines":     Link{Rules: dag.Rules{Auth: dag.Signed}, Title: "a\nb"}.String(),
		"no title":                 Link{Rules: dag.Rules{Auth: dag.Signed}}.String(),
		"a title of 129 bytes":     Link{Rules: dag.Rules{Auth: dag.Signed}, Title: strings.Repeat("x", 129)}.String(),
		"more than 512 characters": Link{Rules: dag.Rules{Auth: dag.Signed}, Title: strings.Repeat("x", 400)}.String(),
	}
	v.RefusedPayloads = map[string]string{
		"version 2":                       frame(2, 1, 0, "", "text"),
		"type 3":                          frame(1, 3, 0, "", "text"),
		"a post without text":             frame(1, 1, 0, "", ""),
		"a post of 16,385 bytes":          frame(1, 1, 0, "", strings.Repeat("x", MaxText+1)),
		"a post with a name of 65 bytes":  frame(1, 1, 0, strings.Repeat("x", MaxName+1), "text"),
		"a post in the year 10000":        frame(1, 1, uint64(maxTimeMs+1), "", "text"),
		"a post with a sixth element":     frame(1, 1, 0, "", "text", 1),
		"a change of a note on two lines": frame(1, 2, 0, "", "a\nb", []byte{1}),
		"bytes after a post":              v.Posts[0].Payload + "00",
	}
}

func TestVectors(t *testing.T) {
	data, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var want, got vectors
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	got.compute(t)
	if *rewrite {
		var out bytes.Buffer
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(got); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorFile, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		want = got
	}
	if len(want.Links) < 3 || len(want.Posts) < 3 || len(want.Notes) < 2 {
		t.Fatalf("%d links, %d posts, %d notes", len(want.Links), len(want.Posts), len(want.Notes))
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("computed %+v\nwant %+v", got, want)
	}
	for _, l := range want.Links {
		for _, text := range []string{l.Text, " " + strings.ToUpper(l.Text) + "\n"} {
			if p, err := ParseLink(text); err != nil || p.Title != l.Title || hex.EncodeToString(p.Rules.Seed[:]) != l.Seed {
				t.Errorf("ParseLink(%q) = %+v, %v", text, p, err)
			}
		}
	}
	for why, text := range want.RefusedLinks {
		if l, err := ParseLink(text); err == nil {
			t.Errorf("%s: read as %+v", why, l)
		}
	}
	for _, p := range want.Posts {
		if d, err := decodePost(bytesOf(t, p.Payload)); err != nil || d.Text != p.Text || d.Name != p.Name || d.TimeMs != p.TimeMs {
			t.Errorf("decodePost(%s) = %+v, %v", p.Payload, d, err)
		}
	}
	for _, n := range want.Notes {
		if d, err := decodeNote(bytesOf(t, n.Payload)); err != nil || d.Note != n.Note || hex.EncodeToString(d.Changes) != n.Changes {
			t.Errorf("decodeNote(%s) = %+v, %v", n.Payload, d, err)
		}
	}
	for why, payload := range want.RefusedPayloads {
		if p, err := decodePost(bytesOf(t, payload)); err == nil {
			t.Errorf("%s: read as the post %+v", why, p)
		}
		if n, err := decodeNote(bytesOf(t, payload)); err == nil {
			t.Errorf("%s: read as the change %+v", why, n)
		}
	}
}
