package identity

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPhrasesAreReadAsPeopleTypeThem(t *testing.T) {
	phrase, err := NewPhrase(stream("phrase"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := AccountFromPhrase(phrase)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(phrase)
	for name, typed := range map[string]string{
		"capitals":           strings.ToUpper(phrase),
		"lines":              strings.Join(words, "\r\n"),
		"tabs and spaces":    "\t " + strings.Join(words, " \t ") + " ",
		"no-break spaces":    strings.Join(words, "\u00a0"),
		"capitalised words ": strings.ToUpper(phrase[:1]) + phrase[1:],
	} {
		got, err := AccountFromPhrase(typed)
		if err != nil || got.ID() != want.ID() {
			t.Errorf("a phrase typed with %s: %v, %v, want %v", name, got, err, want)
		}
	}
}

func TestWrongPhrasesAreRefusedWithoutShowingThem(t *testing.T) {
	phrase, err := NewPhrase(stream("phrase"))
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(phrase)
	change := func(f func(w []string) []string) string {
		return strings.Join(f(append([]string(nil), words...)), " ")
	}
	for _, c := range []struct{ name, typed, says string }{
		{"nothing", "", "got 0 words, want 24"},
		{"one word too few", change(func(w []string) []string { return w[:23] }), "got 23 words, want 24"},
		{"twelve words", strings.Repeat("abandon ", 11) + "about", "got 12 words, want 24"},
		{"one word too many", phrase + " zoo", "got 25 words, want 24"},
		{"a word that is none", change(func(w []string) []string { w[6] = "xyzzy"; return w }), "word 7"},
		{"two words exchanged", change(func(w []string) []string { w[0], w[1] = w[1], w[0]; return w }), "checksum"},
		{"another word", change(func(w []string) []string { w[3] = "zoo"; return w }), "checksum"},
	} {
		_, err := AccountFromPhrase(c.typed)
		if !errors.Is(err, ErrPhrase) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want ErrPhrase with %q", c.name, err, c.says)
			continue
		}
		for _, w := range strings.Fields(c.typed) {
			// Words of five letters and more are no part of our own sentences.
			if len(w) > 4 && strings.Contains(err.Error(), " "+w+" ") {
				t.Errorf("%s: the error shows the word %q", c.name, w)
			}
		}
	}
}

func TestAccountSurvivesItsStore(t *testing.T) {
	a := newAccount(t, "a")
	b, err := NewAccount(a.Seed())
	if err != nil || b.ID() != a.ID() || !b.Signing().Equal(a.Signing()) || !b.Agreement().Equal(a.Agreement()) {
		t.Errorf("NewAccount(Seed()) = %v, %v, want %v", b, err, a)
	}
	for _, n := range []int{0, AccountSeedSize - 1, AccountSeedSize + 1} {
		if _, err := NewAccount(make([]byte, n)); err == nil {
			t.Errorf("NewAccount(%d bytes) succeeded, want an error", n)
		}
	}
	if _, err := NewPhrase(bytes.NewReader(make([]byte, 31))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("NewPhrase with too little randomness = %v", err)
	}
}

// The ID commits to each of the four public keys.
func TestIDDependsOnEveryKey(t *testing.T) {
	seed := newAccount(t, "a").Seed()
	ids := map[ID]bool{}
	for _, at := range []int{-1, 0, 32, 64 + 1, 96, 150} { // none, ML-DSA, Ed25519, X25519, d of ML-KEM, z of ML-KEM
		s := bytes.Clone(seed)
		if at >= 0 {
			s[at] ^= 0x10
		}
		a, err := NewAccount(s)
		if err != nil {
			t.Fatal(err)
		}
		ids[a.ID()] = true
	}
	// z is no part of a public key.
	if len(ids) != 5 {
		t.Errorf("%d different IDs, want 5", len(ids))
	}
}

func TestParseID(t *testing.T) {
	id := newAccount(t, "a").ID()
	text := id.String()
	if len(text) != IDLength || !strings.HasPrefix(text, "07") {
		t.Errorf("String() = %q, want 66 characters that start with 07", text)
	}
	for _, ok := range []string{text, strings.ToUpper(text), " " + text + "\n", id.Link(), "PARS:" + strings.ToUpper(text)} {
		if got, err := ParseID(ok); err != nil || got != id {
			t.Errorf("ParseID(%q) = %v, %v, want %v", ok, got, err, id)
		}
	}
	for _, c := range []struct{ in, says string }{
		{"", "got 0 characters, want 66"},
		{text[:65], "got 65 characters, want 66"},
		{text + "0", "got 67 characters, want 66"},
		{"05" + text[2:], `starts with "05", want "07"`},
		{text[:10] + "g" + text[11:], `character 11 is 'g'`},
		{"pars:", "got 0 characters"},
		{"pars:pars:" + text, "want 66"},
		{text[:33] + " " + text[34:], "character 34"},
	} {
		if _, err := ParseID(c.in); !errors.Is(err, ErrID) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("ParseID(%q) = %v, want ErrID with %q", c.in, err, c.says)
		}
	}
	data, err := json.Marshal(map[string]ID{"id": id})
	if err != nil || string(data) != `{"id":"`+text+`"}` {
		t.Errorf("JSON = %s, %v", data, err)
	}
	var back struct{ ID ID }
	if err := json.Unmarshal(data, &back); err != nil || back.ID != id {
		t.Errorf("from JSON = %v, %v, want %v", back.ID, err, id)
	}
	if err := json.Unmarshal([]byte(`{"ID":"x"}`), &back); !errors.Is(err, ErrID) {
		t.Errorf("from wrong JSON = %v, want ErrID", err)
	}
}

func FuzzParseID(f *testing.F) {
	f.Add(newAccount(f, "a").ID().Link())
	f.Add("07zz")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseID(s)
		if err != nil {
			if !errors.Is(err, ErrID) {
				t.Fatalf("ParseID(%q) = %v, want ErrID", s, err)
			}
			return
		}
		if again, err := ParseID(id.String()); err != nil || again != id {
			t.Fatalf("ParseID(%q) = %v, which reads back as %v, %v", s, id, again, err)
		}
	})
}

func TestSafetyWords(t *testing.T) {
	a, b, c := newAccount(t, "a").ID(), newAccount(t, "b").ID(), newAccount(t, "c").ID()
	ab, ba, ac := SafetyOf(a, b), SafetyOf(b, a), SafetyOf(a, c)
	if ab != ba {
		t.Error("the words depend on the order")
	}
	if ab.String() == ac.String() || ab.Digits() == ac.Digits() {
		t.Error("two pairs have the same words")
	}
	if words := ab.Words(); len(words) != SafetyWords || strings.Join(words, " ") != ab.String() {
		t.Errorf("words = %q", words)
	}
	if d := ab.Digits(); len(d) != 8*6-1 || strings.Trim(d, "0123456789 ") != "" {
		t.Errorf("digits = %q, want eight groups of five", d)
	}
	if p := []rune(ab.PersianDigits()); len(p) != 8*6-1 || strings.Trim(string(p), "۰۱۲۳۴۵۶۷۸۹ ") != "" || p[0]-'۰' != rune(ab.Digits()[0]-'0') {
		t.Errorf("Persian digits = %q of %q", string(p), ab.Digits())
	}
}

func TestBits11(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 17, 17).Draw(t, "bytes")
		all := ""
		for _, c := range b {
			all += fmt.Sprintf("%08b", c)
		}
		got := ""
		for i := range SafetyWords {
			got += fmt.Sprintf("%011b", bits11(b, 11*i))
		}
		if got != all[:132] {
			t.Fatalf("bits11 = %s, want %s", got, all[:132])
		}
	})
}

func TestSecretsNeverPrint(t *testing.T) {
	a, r := newAccount(t, "a"), newRing(t, "a")
	if _, err := r.Issue(stream("issue"), a, start, IssueOptions{OneTime: 1}); err != nil {
		t.Fatal(err)
	}
	state, err := r.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	secrets := [][]byte{a.Seed()[:32], a.Seed()[64:], r.device.Seed(), r.signed[0].seed[:], r.oneTime[0].seed[:], r.mailboxes[0].Key.Seed()}
	for _, v := range []any{a, *a, r, *r, []any{a, r}, struct{ K any }{r}, r.Mailboxes(), r.Mailboxes()[0]} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
			out := fmt.Sprintf(verb, v)
			for i, s := range secrets {
				if strings.Contains(out, hex.EncodeToString(s[:6])) || strings.Contains(out, strings.Trim(fmt.Sprintf("%d", s[:6]), "[]")) {
					t.Errorf("Sprintf(%q, %T) shows secret %d", verb, v, i)
				}
			}
		}
	}
	if _, err := ParseKeyRing(append(state, 0)); err == nil || strings.Contains(err.Error(), hex.EncodeToString(r.device.Seed()[:4])) {
		t.Errorf("ParseKeyRing of altered state = %v", err)
	}
}
