package chat

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// Entry is a conversation or a group in the list.
type Entry struct {
	// ID is the contact's Session ID or the group's id.
	ID    string
	Name  string
	Group bool
}

// Line is one message as it is shown. Texts are clean of control characters.
type Line struct {
	ID, Who, When, Text string
	// Quote is what it answers; empty if nothing.
	Quote string
	// State is what is known of its way, in words; never empty for an own message.
	State string
	// Failed marks a state that asks for attention.
	Failed bool
	Own    bool
	Signs  string
}

// Backend is where the screen gets what it shows; its methods may take long and are
// called from other goroutines.
type Backend interface {
	List(ctx context.Context) ([]Entry, error)
	Read(ctx context.Context, e Entry) ([]Line, error)
	Send(ctx context.Context, e Entry, text string) error
}

// Texts are the words of the screen.
type Texts struct {
	Title, Write, Empty, NoOne, Keys, Sending string
}

// Config of a screen.
type Config struct {
	Backend Backend
	Texts   Texts
	// Persian puts the list on the right and aligns to the right.
	Persian bool
	Order   Order
	// Every is how often the screen asks for news; 0 is once a second.
	Every time.Duration
}

// maxInput bounds what is typed, in bytes.
const maxInput = 32 << 10

// model is the screen's state. Update is the only thing that changes it.
type model struct {
	ctx           context.Context
	cfg           Config
	width, height int
	entries       []Entry
	at            int
	lines         []Line
	shown         string // whose lines these are
	scroll        int    // lines of the screen from the end
	input         []rune
	cursor        int
	sending       bool
	err           error
}

type (
	tick    struct{}
	listed  struct{ entries []Entry }
	arrived struct {
		id    string
		lines []Line
	}
	sent struct {
		text string
		err  error
	}
	failed struct{ err error }
)

// Init implements [tea.Model].
func (m model) Init() tea.Cmd { return tea.Batch(m.list(), m.wait()) }

func (m model) wait() tea.Cmd {
	every := m.cfg.Every
	if every == 0 {
		every = time.Second
	}
	return tea.Tick(every, func(time.Time) tea.Msg { return tick{} })
}

func (m model) list() tea.Cmd {
	return func() tea.Msg {
		all, err := m.cfg.Backend.List(m.ctx)
		if err != nil {
			return failed{err}
		}
		return listed{all}
	}
}

func (m model) read() tea.Cmd {
	if m.at >= len(m.entries) {
		return nil
	}
	e := m.entries[m.at]
	return func() tea.Msg {
		lines, err := m.cfg.Backend.Read(m.ctx, e)
		if err != nil {
			return failed{err}
		}
		return arrived{e.ID, lines}
	}
}

func (m model) send() (model, tea.Cmd) {
	text := string(m.input)
	if text == "" || m.sending || m.at >= len(m.entries) {
		return m, nil
	}
	e := m.entries[m.at]
	m.sending, m.scroll = true, 0
	return m, func() tea.Msg { return sent{text, m.cfg.Backend.Send(m.ctx, e, text)} }
}

// Update implements [tea.Model].
func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tick:
		return m, tea.Batch(m.list(), m.read(), m.wait())
	case listed:
		m.err = nil
		return m.take(msg.entries)
	case arrived:
		if m.at < len(m.entries) && m.entries[m.at].ID == msg.id {
			m.lines, m.shown, m.err = msg.lines, msg.id, nil
		}
	case sent:
		m.sending, m.err = false, msg.err
		if msg.err == nil && string(m.input) == msg.text {
			m.input, m.cursor = nil, 0 // what was typed meanwhile stays
		}
		return m, m.read()
	case failed:
		m.err = msg.err
	case tea.KeyMsg:
		return m.key(msg)
	}
	return m, nil
}

// take takes over the list and stays at the one that is open.
func (m model) take(entries []Entry) (tea.Model, tea.Cmd) {
	open := ""
	if m.at < len(m.entries) {
		open = m.entries[m.at].ID
	}
	m.entries, m.at = entries, 0
	for i, e := range entries {
		if e.ID == open {
			m.at = i
		}
	}
	if m.shown == "" {
		return m, m.read()
	}
	return m, nil
}

func (m model) key(k tea.KeyMsg) (tea.Model, tea.Cmd) {
	switch k.Type {
	case tea.KeyCtrlC, tea.KeyEsc:
		return m, tea.Quit
	case tea.KeyUp, tea.KeyShiftTab:
		return m.move(-1)
	case tea.KeyDown, tea.KeyTab:
		return m.move(1)
	case tea.KeyPgUp:
		m.scroll += max(1, m.height/2)
	case tea.KeyPgDown:
		m.scroll = max(0, m.scroll-max(1, m.height/2))
	case tea.KeyEnter:
		return m.send()
	case tea.KeyLeft:
		m.cursor = max(0, m.cursor-1)
	case tea.KeyRight:
		m.cursor = min(len(m.input), m.cursor+1)
	case tea.KeyHome:
		m.cursor = 0
	case tea.KeyEnd:
		m.cursor = len(m.input)
	case tea.KeyBackspace:
		if m.cursor > 0 {
			m.input = append(m.input[:m.cursor-1:m.cursor-1], m.input[m.cursor:]...)
			m.cursor--
		}
	case tea.KeySpace, tea.KeyRunes:
		if len(string(m.input))+len(string(k.Runes)) <= maxInput {
			rest := append([]rune{}, m.input[m.cursor:]...)
			m.input = append(append(m.input[:m.cursor:m.cursor], k.Runes...), rest...)
			m.cursor += len(k.Runes)
		}
	}
	return m, nil
}

func (m model) move(by int) (tea.Model, tea.Cmd) {
	if len(m.entries) == 0 {
		return m, nil
	}
	m.at = (m.at + by + len(m.entries)) % len(m.entries)
	m.lines, m.shown, m.scroll = nil, "", 0
	return m, m.read()
}
