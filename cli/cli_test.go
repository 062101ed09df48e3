package cli

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

var verb = regexp.MustCompile(`%[sdvq]`)

// Both languages have every text, with the same arguments.
func TestCatalogueIsComplete(t *testing.T) {
	for k, texts := range catalogue {
		en, fa := texts[english], texts[persian]
		if en == "" || fa == "" {
			t.Errorf("text %d is %q in English and %q in Persian", k, en, fa)
			continue
		}
		if !slices.Equal(verb.FindAllString(en, -1), verb.FindAllString(fa, -1)) {
			t.Errorf("text %d takes %q in English and %q in Persian", k, verb.FindAllString(en, -1), verb.FindAllString(fa, -1))
		}
		if !strings.ContainsFunc(fa, rightToLeft) {
			t.Errorf("text %d has no Persian in %q", k, fa)
		}
		if strings.ContainsFunc(en, rightToLeft) {
			t.Errorf("text %d has Persian in %q", k, en)
		}
		// Arabic letters that Persian writes differently: yeh and kaf.
		if strings.ContainsAny(fa, "\u064a\u0643") {
			t.Errorf("text %d has Arabic letters in %q", k, fa)
		}
	}
	for reason, k := range reasons {
		if k < 0 || k >= numTexts {
			t.Errorf("reason %q has no text", reason)
		}
	}
}

// testdata/jalali.txt was made with ICU, see its first lines.
func TestJalaliAgreesWithICU(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "jalali.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for s := bufio.NewScanner(f); s.Scan(); {
		line := s.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		date, want, ok := strings.Cut(line, " ")
		day, err := time.Parse(time.DateOnly, date)
		if !ok || err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		y, m, d := jalali(day.Add(13 * time.Hour))
		if got := fmt.Sprintf("%d-%d-%d", y, m, d); got != want {
			t.Errorf("%s is %s, want %s", date, got, want)
		}
		n++
	}
	if n < 1000 {
		t.Errorf("only %d dates", n)
	}
}

// The day begins at midnight where the person is.
func TestJalaliFollowsTheZone(t *testing.T) {
	tehran := time.FixedZone("Tehran", 3*3600+1800)
	late := time.Date(2026, 3, 20, 20, 29, 59, 0, time.UTC)
	for _, c := range []struct {
		at   time.Time
		want string
	}{{late, "1404-12-29"}, {late.Add(time.Second), "1405-1-1"}} {
		y, m, d := jalali(c.at.In(tehran))
		if got := fmt.Sprintf("%d-%d-%d", y, m, d); got != c.want {
			t.Errorf("%v in Tehran is %s, want %s", c.at, got, c.want)
		}
	}
}

func TestForeignTextCanNotTouchTheTerminal(t *testing.T) {
	en, fa := &app{lang: english}, &app{lang: persian}
	for _, c := range []struct{ got, want string }{
		{en.free("a\x1b[2Jb\x07"), "a\uFFFD[2Jb\uFFFD"},
		{en.free("bank\u202etxt.exe"), "bank\uFFFDtxt.exe"},
		{en.free("\u2069\u2067x"), "\uFFFD\uFFFDx"},
		{en.free("plain"), "plain"},
		{en.free("سلام"), "\u2068سلام\u2069"},
		{fa.free("plain"), "\u2068plain\u2069"},
		{fa.ltr("07ab"), "\u206607ab\u2069"},
		{en.ltr("07ab"), "07ab"},
		{fa.digits("12:05"), "۱۲:۰۵"},
		{en.digits("12:05"), "12:05"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// Whatever a stranger writes, isolates stay balanced and nothing controls.
func FuzzFree(f *testing.F) {
	f.Add("سلام \u2066 \x1b]0;x\x07")
	f.Fuzz(func(t *testing.T, s string) {
		for _, a := range []*app{{lang: english}, {lang: persian}} {
			out := a.free(s)
			if strings.Count(out, string(firstIsolate)) != strings.Count(out, string(popIsolate)) || strings.Count(out, string(firstIsolate)) > 1 {
				t.Errorf("free(%q) = %q has unbalanced isolates", s, out)
			}
			for _, r := range out {
				if unicode.IsControl(r) && r != '\n' && r != '\t' {
					t.Errorf("free(%q) = %q has a control character", s, out)
				}
			}
		}
	})
}

func TestLanguage(t *testing.T) {
	for _, c := range []struct {
		flag, env string
		want      language
		ok        bool
	}{
		{"", "", english, true}, {"", "fa_IR.UTF-8", persian, true}, {"", "de_DE", english, true},
		{"en", "fa_IR", english, true}, {"fa", "C", persian, true}, {"tr", "", english, false},
	} {
		got, err := languageOf(c.flag, c.env)
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("languageOf(%q, %q) = %v, %v", c.flag, c.env, got, err)
		}
	}
}
