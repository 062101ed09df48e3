package chat

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/rivo/uniseg"
	"pgregory.net/rapid"
)

var rewrite = flag.Bool("rewrite", false, "write testdata anew")

// TestVisualOrder has lines as they are typed and as they are seen, in the way of UAX #9,
// section 3.4: letters that are upper case here stand for Hebrew ones there.
func TestVisualOrder(t *testing.T) {
	he := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= 'A' && r <= 'Z' {
				return 'א' + r - 'A'
			}
			return r
		}, s)
	}
	for _, c := range []struct {
		line string
		rtl  bool
		want string
	}{
		{"car means CAR.", false, "car means RAC."},
		{"car MEANS CAR.", true, ".RAC SNAEM car"},
		{"CAR 123 BUS", true, "SUB 123 RAC"},
		{"the CAR 123 BUS here", false, "the SUB 123 RAC here"},
		{"CAR 123", false, "123 RAC"},
		{"abc 123", false, "abc 123"},
		{"CAR (abc) BUS", true, "SUB (abc) RAC"},
		{"CAR (BUS)", true, "(SUB) RAC"},
		{"at 5 CAR", false, "at 5 RAC"},
		{"CAR abc def BUS", true, "SUB abc def RAC"},
		{"no letters 1-2", false, "no letters 1-2"},
	} {
		if got, want := visual(he(c.line), c.rtl), he(c.want); got != want {
			t.Errorf("visual(%q, %v) = %q, want %q", c.line, c.rtl, unhe(got), c.want)
		}
	}
	for line, want := range map[string]string{
		"سلام":               "مالس",
		"ساعت ۵ عصر":         "رصع ۵ تعاس",
		"قیمت ۱۲۳ تومان است": "تسا ناموت ۱۲۳ تمیق",
		"سلام دنیا (تهران)":  "(نارهت) ایند مالس",
		"با parsctl بنویس":   "سیونب parsctl اب",
	} {
		if got := visual(line, true); got != want {
			t.Errorf("visual(%q) = %q, want %q", line, got, want)
		}
	}
}

func unhe(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'א' && r <= 'א'+25 {
			return 'A' + r - 'א'
		}
		return r
	}, s)
}

func TestOrderingLosesNothing(t *testing.T) {
	// Without signs that change the one before them: at the beginning of a line they stand
	// alone, and behind another character after it was turned.
	alphabet := []rune("ab 12۳۴(سلام)‌é-.,/👍")
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.StringOfN(rapid.SampledFrom(alphabet), 0, 30, -1).Draw(t, "line")
		rtl := rapid.Bool().Draw(t, "rtl")
		got := visual(line, rtl)
		if width(got) != width(line) {
			t.Fatalf("%q takes %d cells, in visual order %d", line, width(line), width(got))
		}
		split := func(s string) []string {
			var out []string
			for g := uniseg.NewGraphemes(s); g.Next(); {
				out = append(out, strings.Map(func(r rune) rune {
					if strings.ContainsRune("()[]{}<>«»", r) {
						return '('
					}
					return r
				}, g.Str()))
			}
			slices.Sort(out)
			return out
		}
		var parts []string
		for _, c := range levels(line, rtl) {
			parts = append(parts, c.text)
		}
		if a, b := split(line), parts; len(a) != len(b) {
			t.Fatalf("%q has %d characters, %d were placed", line, len(a), len(b))
		}
	})
}

func TestWrapping(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("ab c سلا\nم👍中")), 0, 60, -1).Draw(t, "text")
		cells := rapid.IntRange(2, 20).Draw(t, "cells")
		var kept strings.Builder
		for _, line := range wrap(text, cells) {
			if width(line) > cells {
				t.Fatalf("%q takes %d cells, want at most %d", line, width(line), cells)
			}
			kept.WriteString(line)
		}
		bare := func(s string) string {
			return strings.Map(func(r rune) rune {
				if unicode.IsSpace(r) {
					return -1
				}
				return r
			}, s)
		}
		if bare(kept.String()) != bare(text) {
			t.Fatalf("%q became %q", text, kept.String())
		}
	})
}

// fake is a backend with two conversations.
type fake struct {
	lines map[string][]Line
	err   error
}

func (f *fake) List(context.Context) ([]Entry, error) {
	return []Entry{{ID: "1", Name: "sara"}, {ID: "2", Name: "چای", Group: true}}, f.err
}

func (f *fake) Read(_ context.Context, e Entry) ([]Line, error) { return f.lines[e.ID], f.err }

func (f *fake) Send(_ context.Context, e Entry, text string) error {
	if f.err == nil {
		f.lines[e.ID] = append(f.lines[e.ID], Line{ID: "n", Who: "you", When: "12:05", Text: text, State: "queued", Own: true})
	}
	return f.err
}

// drive feeds messages to a model and runs what it asks for, but its clock.
func drive(m tea.Model, msgs ...tea.Msg) tea.Model {
	for len(msgs) > 0 {
		msg := msgs[0]
		msgs = msgs[1:]
		if batch, ok := msg.(tea.BatchMsg); ok {
			for _, c := range batch {
				if c != nil {
					msgs = append(msgs, c())
				}
			}
			continue
		}
		var cmd tea.Cmd
		if m, cmd = m.Update(msg); cmd != nil {
			if out := cmd(); out != nil {
				msgs = append([]tea.Msg{out}, msgs...)
			}
		}
	}
	return m
}

func typed(s string) []tea.Msg {
	var out []tea.Msg
	for _, r := range s {
		out = append(out, tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}})
	}
	return out
}

func screen(persian bool) (*fake, model) {
	f := &fake{lines: map[string][]Line{
		"1": {
			{ID: "a", Who: "sara", When: "12:00", Text: "tea at five? ساعت ۵"},
			{ID: "b", Who: "you", When: "12:01", Text: "با شیر (لطفاً)", Quote: "tea at five? ساعت ۵", State: "delivered", Own: true, Signs: "👍"},
			{ID: "c", Who: "you", When: "12:02", Text: "one", State: "stored 1 of 2", Own: true},
			{ID: "d", Who: "you", When: "12:03", Text: "two", State: "read", Own: true},
			{ID: "e", Who: "you", When: "12:04", Text: "three", State: "failed: nobody took it for 14 days", Failed: true, Own: true},
		},
		"2": {{ID: "z", Who: "امید", When: "12:00", Text: "سلام به همه"}},
	}}
	texts := Texts{Title: "Pars", Write: "write here, Enter sends", Empty: "nothing yet", NoOne: "nobody", Keys: "Esc ends", Sending: "writing"}
	if persian {
		texts = Texts{Title: "پارس", Write: "اینجا بنویسید", Empty: "هنوز هیچ", NoOne: "هیچ کس", Keys: "Esc پایان", Sending: "نوشتن"}
	}
	return f, model{ctx: context.Background(), cfg: Config{Backend: f, Texts: texts, Persian: persian}}
}

// golden compares a screen with its capture in testdata, without colours.
func golden(t *testing.T, name string, m tea.Model) {
	t.Helper()
	view := m.View()
	for _, style := range []string{bold, dim, red, turn, plain} {
		view = strings.ReplaceAll(view, style, "")
	}
	for i, l := range strings.Split(view, "\n") {
		if w := width(l); w > 70 {
			t.Errorf("%s: line %d takes %d cells of 70", name, i, w)
		}
	}
	path := filepath.Join("testdata", name+".txt")
	if *rewrite {
		if err := os.WriteFile(path, []byte(view+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if view+"\n" != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, view, want)
	}
}

func TestScreens(t *testing.T) {
	for _, persian := range []bool{false, true} {
		lang := map[bool]string{false: "en", true: "fa"}[persian]
		f, start := screen(persian)
		m := drive(start, tea.WindowSizeMsg{Width: 70, Height: 22}, start.list()())
		golden(t, "states-"+lang, m)
		m = drive(m, append(typed("سلام abc"), tea.KeyMsg{Type: tea.KeyLeft})...)
		golden(t, "typing-"+lang, m)
		m = drive(m, tea.KeyMsg{Type: tea.KeyEnter})
		golden(t, "sent-"+lang, m)
		if last := f.lines["1"][len(f.lines["1"])-1]; last.Text != "سلام abc" {
			t.Errorf("sent %q", last.Text)
		}
		m = drive(m, tea.KeyMsg{Type: tea.KeyDown})
		golden(t, "group-"+lang, m)
		f.err = errors.New("sessiond does not answer")
		m = drive(m, typed("kept")...)
		m = drive(m, tea.KeyMsg{Type: tea.KeyEnter})
		golden(t, "error-"+lang, m)
		if got, ok := m.(model); !ok || string(got.input) != "kept" {
			t.Error("a text that could not be sent is gone from the input")
		}
	}
}

func TestKeys(t *testing.T) {
	_, start := screen(false)
	m := drive(start, tea.WindowSizeMsg{Width: 70, Height: 12}, start.list()())
	m = drive(m, typed("abc")...)
	for _, k := range []tea.KeyType{tea.KeyHome, tea.KeyRight, tea.KeyBackspace, tea.KeyEnd, tea.KeyBackspace} {
		m = drive(m, tea.KeyMsg{Type: k})
	}
	got, ok := m.(model)
	if !ok || string(got.input) != "b" {
		t.Errorf("input is %q, want b", string(got.input))
	}
	bottom := m.View()
	m = drive(m, tea.KeyMsg{Type: tea.KeyPgUp})
	if m.View() == bottom {
		t.Error("PgUp shows nothing else")
	}
	if m = drive(m, tea.KeyMsg{Type: tea.KeyPgDown}); m.View() != bottom {
		t.Error("PgDn does not come back")
	}
	if _, cmd := m.Update(tea.KeyMsg{Type: tea.KeyEsc}); cmd == nil || fmt.Sprint(cmd()) != fmt.Sprint(tea.Quit()) {
		t.Error("Esc does not end")
	}
	if m = drive(m, tea.WindowSizeMsg{Width: 10, Height: 2}); m.View() != "" {
		t.Error("a window that is too small shows something")
	}
}

func TestTheTerminalsOrder(t *testing.T) {
	for env, want := range map[string]Order{"": Program, "KONSOLE_VERSION": Terminal} {
		if got := OrderFor(func(name string) string {
			if name == env {
				return "240800"
			}
			return ""
		}); got != want {
			t.Errorf("with %s: %v, want %v", env, got, want)
		}
	}
	_, start := screen(false)
	start.cfg.Order = Terminal
	if m := drive(start, tea.WindowSizeMsg{Width: 70, Height: 22}, start.list()()); !strings.Contains(m.View(), "با شیر (لطفاً)") {
		t.Error("a terminal that reorders itself gets reordered text")
	}
}
