package chat

import (
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"
	"github.com/rivo/uniseg"
	"golang.org/x/text/unicode/bidi"
)

// Order says who puts text into visual order.
type Order int

const (
	// Program: this package does. It asks the terminal to leave the order alone.
	Program Order = iota
	// Terminal: the terminal does.
	Terminal
)

// OrderFor guesses by the environment which terminals reorder and don't let themselves be told
// otherwise: Konsole and macOS's Terminal. VTE (GNOME Terminal and others), mintty and mlterm
// reorder but obey; xterm, kitty, Alacritty, foot, tmux and the Linux console don't reorder.
func OrderFor(getenv func(string) string) Order {
	if getenv("KONSOLE_VERSION") != "" || getenv("TERM_PROGRAM") == "Apple_Terminal" {
		return Terminal
	}
	return Program
}

// BDSM, mode 8 of ECMA-48 (section 7.2.1): explicit turns the terminal's own reordering off.
const (
	explicitOrder = "\x1b[8l"
	implicitOrder = "\x1b[8h"
)

// rightToLeft reports whether a text reads from right to left: by its first letter, or by
// what is given if it has none.
func rightToLeft(s string, otherwise bool) bool {
	for _, r := range s {
		p, _ := bidi.LookupRune(r)
		switch p.Class() {
		case bidi.L:
			return false
		case bidi.R, bidi.AL:
			return true
		}
	}
	return otherwise
}

// cluster is what a person takes for one character, with its level.
type cluster struct {
	text  string
	level int
}

// visual puts one line of a paragraph into the order in which it is seen from left to right.
func visual(line string, rtl bool) string {
	if !strings.ContainsFunc(line, turns) {
		return line
	}
	clusters := levels(line, rtl)
	reorder(clusters)
	var b strings.Builder
	for _, c := range clusters {
		b.WriteString(c.text)
	}
	return b.String()
}

// turns reports whether a character can change the order of a line.
func turns(r rune) bool {
	p, _ := bidi.LookupRune(r)
	return p.Class() == bidi.R || p.Class() == bidi.AL || p.Class() == bidi.AN
}

// levels resolves the level of each cluster (UAX #9, sections 3.3.4 to 3.3.6). A mark stands
// in front so that the base direction is the paragraph's, and not that of the line's first letter.
func levels(line string, rtl bool) []cluster {
	mark, base := "\u200e", 0
	if rtl {
		mark, base = "\u200f", 1
	}
	runes := []rune(mark + line)
	odd := make([]bool, len(runes))
	var p bidi.Paragraph
	if _, err := p.SetString(string(runes)); err == nil {
		if o, err := p.Order(); err == nil {
			for i := range o.NumRuns() {
				run := o.Run(i)
				start, end := run.Pos()
				for at := start; at <= end && at < len(runes); at++ {
					odd[at] = run.Direction() == bidi.RightToLeft
				}
			}
		}
	}
	var out []cluster
	at, strong := 1, base == 1 // strong: the last letter was right to left
	number := false            // in a number behind such a letter
	for g := uniseg.NewGraphemes(line); g.Next(); {
		c := cluster{text: g.Str()}
		first := g.Runes()[0]
		props, _ := bidi.LookupRune(first)
		class := props.Class()
		switch class {
		case bidi.L:
			strong, number = false, false
		case bidi.R, bidi.AL:
			strong, number = true, false
		case bidi.EN:
			number = strong
		case bidi.AN:
			number = true
		case bidi.ES, bidi.ET, bidi.CS, bidi.NSM, bidi.BN:
		default:
			number = false
		}
		switch {
		case odd[at]:
			c.level = 1
			if class == bidi.ON {
				c.text = mirrored(c.text)
			}
		case base == 1 || number:
			c.level = 2
		}
		out = append(out, c)
		at += len(g.Runes())
	}
	return out
}

// reorder turns runs of each level and above around, from the highest down (rule L2).
func reorder(line []cluster) {
	for level := 2; level > 0; level-- {
		for i := 0; i < len(line); i++ {
			j := i
			for j < len(line) && line[j].level >= level {
				j++
			}
			slices.Reverse(line[i:j])
			i = max(i, j-1)
		}
	}
}

var mirrors = strings.NewReplacer("(", ")", ")", "(", "[", "]", "]", "[", "{", "}", "}", "{", "<", ">", ">", "<", "«", "»", "»", "«")

func mirrored(s string) string { return mirrors.Replace(s) }

// width is how many cells a text takes.
func width(s string) int { return runewidth.StringWidth(s) }

// wrap cuts a text into lines of at most so many cells, between words where it can.
func wrap(text string, cells int) []string {
	cells = max(cells, 1)
	var out []string
	for _, paragraph := range strings.Split(text, "\n") {
		line := ""
		for _, word := range strings.SplitAfter(paragraph, " ") {
			if line != "" && width(line+strings.TrimRight(word, " ")) > cells {
				out, line = append(out, strings.TrimRight(line, " ")), ""
			}
			for width(word) > cells {
				head := fit(word, cells)
				if head == "" {
					head = word // one character wider than the screen
				}
				out, word = append(out, head), word[len(head):]
			}
			line += word
		}
		out = append(out, strings.TrimRight(line, " "))
	}
	return out
}

// fit returns the beginning of a text that takes at most so many cells.
func fit(s string, cells int) string {
	used, end := 0, 0
	for g := uniseg.NewGraphemes(s); g.Next(); {
		used += width(g.Str())
		if used > cells {
			return s[:end]
		}
		_, end = g.Positions()
	}
	return s
}

// pad fills a line up to a width, on the side where it ends.
func pad(s string, cells int, right bool) string {
	space := strings.Repeat(" ", max(0, cells-width(s)))
	if right {
		return space + s
	}
	return s + space
}
