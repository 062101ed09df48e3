package chat

import (
	"strings"
)

// Sizes in cells.
const (
	listWidth = 24
	minWidth  = 40
)

// The few attributes that the screen uses.
const (
	bold  = "\x1b[1m"
	dim   = "\x1b[2m"
	red   = "\x1b[31m"
	turn  = "\x1b[7m"
	plain = "\x1b[0m"
)

// View implements [tea.Model].
func (m model) View() string {
	if m.width < minWidth || m.height < 6 {
		return ""
	}
	cells := m.width - listWidth - 3
	body := m.height - 3
	list, text := m.listLines(body), m.textLines(cells, body)
	var b strings.Builder
	b.WriteString(bold + m.row(m.cfg.Texts.Title+m.heading(), m.width) + plain + "\n")
	for i := range body {
		if m.cfg.Persian {
			b.WriteString(text[i] + " │ " + list[i] + "\n")
		} else {
			b.WriteString(list[i] + " │ " + text[i] + "\n")
		}
	}
	b.WriteString(m.inputLine() + "\n")
	b.WriteString(m.statusLine())
	return b.String()
}

func (m model) heading() string {
	if m.at < len(m.entries) {
		return " – " + m.entries[m.at].Name
	}
	return ""
}

// ordered is a line in the order in which it is to be written out.
func (m model) ordered(line string, rtl bool) string {
	if m.cfg.Order == Terminal {
		return line
	}
	return visual(line, rtl)
}

// row is one line of the screen's own words, as wide as it is to be.
func (m model) row(s string, cells int) string {
	return pad(m.ordered(fit(s, cells), m.cfg.Persian), cells, m.cfg.Persian)
}

func (m model) listLines(n int) []string {
	out := make([]string, n)
	first := max(0, m.at-n+1)
	for i := range out {
		out[i] = strings.Repeat(" ", listWidth)
		at := first + i
		if at >= len(m.entries) {
			continue
		}
		e := m.entries[at]
		name := e.Name
		if e.Group {
			name = "# " + name
		}
		out[i] = m.row(name, listWidth)
		if at == m.at {
			out[i] = turn + out[i] + plain
		}
	}
	if len(m.entries) == 0 {
		for i, l := range wrap(m.cfg.Texts.NoOne, listWidth) {
			if i < n {
				out[i] = dim + m.row(l, listWidth) + plain
			}
		}
	}
	return out
}

// textLines lays out the open conversation, its end at the bottom.
func (m model) textLines(cells, n int) []string {
	var all []string
	if len(m.lines) == 0 && m.shown != "" {
		all = append(all, dim+m.row(m.cfg.Texts.Empty, cells)+plain)
	}
	for _, l := range m.lines {
		all = append(all, m.message(l, cells)...)
	}
	scroll := min(m.scroll, max(0, len(all)-n))
	end := len(all) - scroll
	begin := max(0, end-n)
	out := make([]string, n)
	for i := range out {
		out[i] = strings.Repeat(" ", cells)
	}
	copy(out[n-(end-begin):], all[begin:end])
	return out
}

// message is one message: who, when and its state, what it answers, its text, reactions.
func (m model) message(l Line, cells int) []string {
	head := l.Who + "  " + l.When
	style := dim
	if l.State != "" {
		head += "  [" + l.State + "]"
	}
	if l.Failed {
		style = red
	}
	var out []string
	for _, line := range wrap(head, cells) {
		out = append(out, style+m.row(line, cells)+plain)
	}
	if l.Quote != "" {
		rtl := rightToLeft(l.Quote, m.cfg.Persian)
		quoted := fit(strings.ReplaceAll(l.Quote, "\n", " "), cells-4)
		out = append(out, dim+pad(m.ordered("  > "+quoted, rtl), cells, rtl)+plain)
	}
	for _, paragraph := range strings.Split(l.Text, "\n") {
		rtl := rightToLeft(paragraph, m.cfg.Persian)
		for _, line := range wrap(paragraph, cells-2) {
			if rtl {
				out = append(out, pad(m.ordered(line, true), cells-2, true)+"  ")
			} else {
				out = append(out, "  "+pad(m.ordered(line, false), cells-2, false))
			}
		}
	}
	if l.Signs != "" {
		out = append(out, "  "+pad(fit(l.Signs, cells-2), cells-2, m.cfg.Persian))
	}
	return out
}

// inputLine shows what is typed around the cursor. In visual order the cursor would stand
// somewhere within, so the character at it is marked before the line is turned.
func (m model) inputLine() string {
	cells := m.width - 3
	if len(m.input) == 0 {
		return "> " + dim + m.row(m.cfg.Texts.Write, cells) + plain
	}
	rtl := rightToLeft(string(m.input), m.cfg.Persian)
	before, after := string(m.input[:m.cursor]), string(m.input[m.cursor:])
	line := before + "▏" + after
	for width(line) > cells && before != "" { // keep the cursor in sight
		_, size := firstCluster(before)
		before = before[size:]
		line = before + "▏" + after
	}
	return "> " + pad(m.ordered(fit(line, cells), rtl), cells, rtl)
}

func firstCluster(s string) (string, int) {
	f := fit(s, 2)
	if f == "" {
		return s, len(s)
	}
	for i := range f {
		if i > 0 {
			return f[:i], i
		}
	}
	return f, len(f)
}

func (m model) statusLine() string {
	switch {
	case m.err != nil:
		return red + m.row(oneLine(m.err.Error()), m.width-1) + plain
	case m.sending:
		return dim + m.row(m.cfg.Texts.Sending, m.width-1) + plain
	default:
		return dim + m.row(m.cfg.Texts.Keys, m.width-1) + plain
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
