package identity

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCardsSurviveChatPrograms(t *testing.T) {
	b := newBundle(t, "a", 0)
	card := b.Card()
	lines := strings.Split(strings.TrimSpace(card), "\n")
	rewrap := func(width int) string {
		body := strings.Join(lines[1:len(lines)-1], "")
		out := lines[0] + "\n"
		for len(body) > 0 {
			n := min(width, len(body))
			out += body[:n] + "\n"
			body = body[n:]
		}
		return out + lines[len(lines)-1]
	}
	for name, text := range map[string]string{
		"as it is":                         card,
		"Windows line ends":                strings.ReplaceAll(card, "\n", "\r\n"),
		"one line":                         strings.ReplaceAll(card, "\n", ""),
		"spaces for line ends":             strings.ReplaceAll(card, "\n", " "),
		"empty lines":                      strings.ReplaceAll(card, "\n", "\n\n"),
		"narrow lines":                     rewrap(7),
		"wide lines":                       rewrap(500),
		"text around it":                   "Hi! [this] is my card:\n" + card + "\nsee you, [bye]",
		"Persian text around it":           "سلام، این کارت من است\n" + card + "بدرود",
		"quoted in mail":                   "> " + strings.ReplaceAll(card, "\n", "\n> "),
		"indented":                         strings.ReplaceAll(card, "\n", "\n\t  "),
		"a direction mark on every line":   strings.ReplaceAll(card, "\n", "\u200f\n\u200e"),
		"zero-width and no-break spaces":   strings.ReplaceAll(card, "\n", "\u200b\u00a0\n\ufeff"),
		"a byte order mark":                "\ufeff" + card,
		"the first line broken":            strings.Replace(card, " bytes, ", "\nbytes,\n", 1),
		"the first line in capitals":       strings.ToUpper(lines[0]) + strings.TrimPrefix(card, lines[0]),
		"cut where a message was too long": card[:4096] + "\n" + card[4096:],
	} {
		got, err := ParseCard([]byte(text))
		if err != nil || !bytes.Equal(got.Bytes(), b.Bytes()) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := ParseCard(b.Bytes()); err != nil || got.ID() != b.ID() {
		t.Errorf("a file with the bundle itself: %v", err)
	}
	for i, line := range lines {
		if len(line) > 64 || strings.ContainsAny(line, "_*~`") || strings.Contains(line, "--") {
			t.Errorf("line %d, %q, is longer than 64 or has what chat programs change", i, line)
		}
	}
}

func TestBadCards(t *testing.T) {
	b := newBundle(t, "a", 0)
	card := b.Card()
	body := strings.Index(card, "\n") + 1
	for _, c := range []struct {
		name, text string
		want       error
		says       string
	}{
		{"nothing", "", ErrCard, "paste the whole card"},
		{"other text", "hello", ErrCard, "paste the whole card"},
		{"no first line", card[body:], ErrCard, "first and last line"},
		{"no last line", card[:len(card)-40], ErrCardCut, "and no last line"},
		{"the first half", card[:len(card)/2], ErrCardCut, "of "},
		{"only the first line", card[:body], ErrCardCut, "0 of "},
		{"a part missing in the middle", card[:5000] + card[6040:], ErrCardCut, "in the middle"},
		{"a character changed", card[:5000] + swap(card[5000:5001]) + card[5001:], ErrCardAltered, "checksum"},
		{"two characters exchanged", card[:5000] + swapped(card[5000:5008]) + card[5008:], ErrCardAltered, "checksum"},
		{"a character that is none", card[:5000] + "!" + card[5001:], ErrCardAltered, "base64"},
		{"a part doubled", card[:5000] + card[4960:], ErrCardAltered, ""},
		{"another length", strings.Replace(card, "card 1: 1", "card 1: 2", 1), ErrCardCut, ""},
		{"a length beyond all limits", strings.Replace(card, "card 1: 1", "card 1: 9", 1), ErrCardAltered, "at most"},
		{"another version", strings.Replace(card, "card 1:", "card 2:", 1), ErrCard, "update"},
		{"far too much text", strings.Repeat(" ", MaxCard) + card, ErrCard, "at most"},
	} {
		_, err := ParseCard([]byte(c.text))
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v with %q", c.name, err, c.want, c.says)
		}
	}
	// A card whose checksum is right, but whose bundle was changed.
	raw := b.Bytes()
	raw[9000] ^= 1
	if _, err := ParseCard([]byte((&Bundle{raw: raw}).Card())); !errors.Is(err, ErrSignature) {
		t.Errorf("a forged card: %v, want ErrSignature", err)
	}
}

// swapped exchanges the first two characters that differ.
func swapped(s string) string {
	for i := range len(s) - 1 {
		if s[i] != s[i+1] {
			return s[:i] + s[i+1:i+2] + s[i:i+1] + s[i+2:]
		}
	}
	return s
}

// swap returns another character of base64.
func swap(s string) string {
	if s == "A" {
		return "B"
	}
	return "A"
}

func FuzzParseCard(f *testing.F) {
	b := newBundle(f, "a", 0)
	f.Add([]byte(b.Card()))
	f.Add([]byte("[pars contact card 1: 3 bytes, check 00000000]AAAA[end of pars contact card]"))
	f.Add([]byte("\x83\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ParseCard(data)
		if err == nil {
			if again, err := ParseCard([]byte(got.Card())); err != nil || !bytes.Equal(again.Bytes(), got.Bytes()) {
				t.Fatalf("a card that was read can't be written, %v", err)
			}
			return
		}
		for _, known := range []error{ErrCard, ErrCardCut, ErrCardAltered, ErrBundle, ErrSignature} {
			if errors.Is(err, known) {
				return
			}
		}
		t.Fatalf("untyped error %v", err)
	})
}

func TestFramesInAnyOrder(t *testing.T) {
	b := newBundle(t, "a", 0)
	rapid.Check(t, func(t *rapid.T) {
		frames, err := b.Frames(rapid.SampledFrom([]int{0, MinFrame, 333, MaxFrame}).Draw(t, "chunk"))
		if err != nil {
			t.Fatal(err)
		}
		order := rapid.Permutation(frames).Draw(t, "order")
		var r FrameReader
		for i, f := range order {
			done, err := r.Add(f)
			if err != nil || done != (i == len(order)-1) {
				t.Fatalf("frame %d of %d: %v, %v", i, len(order), done, err)
			}
			if done, err = r.Add(order[i/2]); err != nil || done != (i == len(order)-1) {
				t.Fatalf("an old frame again: %v, %v", done, err)
			}
			if have, total := r.Progress(); have != i+1 || total != len(order) {
				t.Fatalf("progress %d of %d, want %d of %d", have, total, i+1, len(order))
			}
			if _, err := r.Bundle(); (err == nil) != (i == len(order)-1) {
				t.Fatalf("Bundle after %d frames = %v", i+1, err)
			}
		}
		if got, err := r.Bundle(); err != nil || !bytes.Equal(got.Bytes(), b.Bytes()) {
			t.Fatalf("Bundle = %v", err)
		}
	})
}

func TestFramesFitAQRCode(t *testing.T) {
	b := newBundle(t, "a", 0)
	for _, chunk := range []int{MinFrame, DefaultFrame, MaxFrame} {
		frames, err := b.Frames(chunk)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range frames {
			// ISO/IEC 18004, table 7: version 40 with level L holds 4,296
			// alphanumeric characters.
			if len(f) > 4296 || strings.Trim(f, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-") != "" {
				t.Fatalf("a frame of %d characters: %.40s...", len(f), f)
			}
		}
	}
	for _, chunk := range []int{-1, 1, MinFrame - 1, MaxFrame + 1} {
		if _, err := b.Frames(chunk); err == nil {
			t.Errorf("Frames(%d) succeeded, want an error", chunk)
		}
	}
}

func TestBadFrames(t *testing.T) {
	a, b := newBundle(t, "a", 0), newBundle(t, "b", 0)
	ours, err := a.Frames(0)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := b.Frames(0)
	if err != nil {
		t.Fatal(err)
	}
	longer, err := a.Frames(100)
	if err != nil {
		t.Fatal(err)
	}
	var r FrameReader
	if _, err := r.Bundle(); !errors.Is(err, ErrFrames) {
		t.Errorf("Bundle of no frames = %v, want ErrFrames", err)
	}
	if _, err := r.Add(strings.ToLower(ours[0]) + "\n"); err != nil {
		t.Errorf("a frame in small letters: %v", err)
	}
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"nothing":           {"", ErrFrame},
		"an ID":             {a.ID().Link(), ErrFrame},
		"only the scheme":   {FrameScheme, ErrFrame},
		"a misread letter":  {ours[1][:50] + swap(ours[1][50:51]) + ours[1][51:], ErrFrame},
		"cut":               {ours[1][:len(ours[1])-8], ErrFrame},
		"too long":          {ours[1] + strings.Repeat("A", 5000), ErrFrame},
		"another's":         {theirs[1], ErrOtherCard},
		"another cutting's": {longer[1], ErrOtherCard},
	} {
		if _, err := r.Add(c.text); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if have, _ := r.Progress(); have != 1 {
		t.Errorf("bad frames changed the progress to %d", have)
	}
	for _, f := range ours {
		if _, err := r.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Bundle(); err != nil {
		t.Errorf("Bundle after bad frames = %v", err)
	}
	// Two cards with the same four bytes of hash, which takes 2^32 tries.
	r.parts[1], r.parts[2] = r.parts[2], r.parts[1]
	if _, err := r.Bundle(); !errors.Is(err, ErrFrames) {
		t.Errorf("Bundle of frames of different cards = %v, want ErrFrames", err)
	}
}

func FuzzFrameReader(f *testing.F) {
	frames, err := newBundle(f, "a", 0).Frames(MaxFrame)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frames[0], frames[1])
	f.Add(FrameScheme+"AEAAAAAAAAAAAAAB", "")
	f.Fuzz(func(t *testing.T, a, b string) {
		var r FrameReader
		for _, s := range []string{a, b, a} {
			done, err := r.Add(s)
			if err != nil && !errors.Is(err, ErrFrame) && !errors.Is(err, ErrOtherCard) {
				t.Fatalf("untyped error %v", err)
			}
			if done != r.Done() || r.size > MaxBundle {
				t.Fatal("the reader contradicts itself")
			}
		}
		if _, err := r.Bundle(); err != nil && !errors.Is(err, ErrFrames) && !errors.Is(err, ErrBundle) && !errors.Is(err, ErrSignature) {
			t.Fatalf("untyped error %v", err)
		}
	})
}
