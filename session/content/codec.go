package content

import (
	"fmt"
	"time"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/wire"
)

// The shapes of the bodies; each is a CBOR array that begins with the order.
type (
	refWire struct {
		_      struct{} `cbor:",toarray"`
		Author [32]byte
		ID     [16]byte
	}
	timerWire struct {
		_       struct{} `cbor:",toarray"`
		Mode    uint64
		Seconds uint64
	}
	fileWire struct {
		_         struct{} `cbor:",toarray"`
		Root      [32]byte
		Key       [32]byte
		Size      uint64
		Name      string
		MediaType string
	}
	postWire struct {
		_     struct{} `cbor:",toarray"`
		Order uint64
		Text  string
		Reply []refWire // none or one
		Files []fileWire
		Timer timerWire
	}
	reactionWire struct {
		_      struct{} `cbor:",toarray"`
		Order  uint64
		Target refWire
		Sign   string
	}
	editWire struct {
		_      struct{} `cbor:",toarray"`
		Order  uint64
		Target [16]byte
		Text   string
	}
	deleteWire struct {
		_      struct{} `cbor:",toarray"`
		Order  uint64
		Target [16]byte
	}
	readWire struct {
		_        struct{} `cbor:",toarray"`
		Order    uint64
		Messages []refWire
	}
	typingWire struct {
		_      struct{} `cbor:",toarray"`
		Order  uint64
		Active bool
	}
	timerBodyWire struct {
		_     struct{} `cbor:",toarray"`
		Order uint64
		Timer timerWire
	}
)

func (p Post) pack(order uint64) any {
	w := postWire{Order: order, Text: p.Text, Timer: p.Timer.wire()}
	if !p.Reply.IsZero() {
		w.Reply = []refWire{p.Reply.wire()}
	}
	for _, f := range p.Files {
		w.Files = append(w.Files, fileWire{Root: f.Root, Key: f.Key, Size: f.Size, Name: f.Name, MediaType: f.MediaType})
	}
	return w
}

func (r Reaction) pack(order uint64) any {
	return reactionWire{Order: order, Target: r.Target.wire(), Sign: r.Sign}
}

func (e Edit) pack(order uint64) any {
	return editWire{Order: order, Target: e.Target, Text: e.Text}
}

func (d Delete) pack(order uint64) any { return deleteWire{Order: order, Target: d.Target} }

func (r Read) pack(order uint64) any {
	w := readWire{Order: order}
	for _, m := range r.Messages {
		w.Messages = append(w.Messages, m.wire())
	}
	return w
}

func (t Typing) pack(order uint64) any { return typingWire{Order: order, Active: t.Active} }

func (t Timer) pack(order uint64) any { return timerBodyWire{Order: order, Timer: t.wire()} }

func (Group) pack(uint64) any { return nil } // its bytes are the body

func (r Ref) wire() refWire { return refWire{Author: r.Author, ID: r.ID} }

func (t Timer) wire() timerWire {
	return timerWire{Mode: uint64(t.Mode), Seconds: uint64(t.After / time.Second)}
}

func (w refWire) ref() Ref { return Ref{Author: identity.ID(w.Author), ID: w.ID} }

func (w timerWire) timer() (Timer, error) {
	if w.Seconds > uint64(MaxTimer/time.Second) {
		return Timer{}, fmt.Errorf("%w: a timer of %d s, want at most %v", ErrBody, w.Seconds, MaxTimer)
	}
	return Timer{Mode: TimerMode(w.Mode), After: time.Duration(w.Seconds) * time.Second}, nil
}

// NewMessage makes the message that carries a body. order is [Conversation.Next],
// and is ignored for a [Group]. Errors match [ErrBody] and those of
// [envelope.Message.Bytes].
func NewMessage(id envelope.MessageID, conversation envelope.ConversationID, sent time.Time, order uint64, body Body) (envelope.Message, error) {
	m := envelope.Message{Kind: body.Kind(), ID: id, Conversation: conversation, Sent: sent}
	if err := body.check(); err != nil {
		return envelope.Message{}, err
	}
	if g, ok := body.(Group); ok {
		m.Body = g.Data
		return m, nil
	}
	if err := checkOrder(order); err != nil {
		return envelope.Message{}, err
	}
	raw, err := wire.Marshal(body.pack(order))
	if err != nil {
		return envelope.Message{}, fmt.Errorf("content: %w", err)
	}
	m.Body = raw
	return m, nil
}

func checkOrder(order uint64) error {
	if order == 0 || order > MaxOrder {
		return fmt.Errorf("%w: order %d, want 1 to %d", ErrBody, order, uint64(MaxOrder))
	}
	return nil
}

// Parse reads the body of a message and its order. A message of kind
// [envelope.Text] is a post of that text, ordered by when it was sent. Errors match
// [ErrKind] and [ErrBody].
func Parse(m envelope.Message) (Body, uint64, error) {
	body, order, err := parse(m)
	if err != nil {
		return nil, 0, err
	}
	if err := body.check(); err != nil {
		return nil, 0, err
	}
	if _, ok := body.(Group); ok {
		return body, 0, nil
	}
	return body, order, checkOrder(order)
}

func parse(m envelope.Message) (Body, uint64, error) {
	switch m.Kind {
	case envelope.Text:
		return Post{Text: string(m.Body)}, uint64(max(1, m.Sent.UnixMilli())), nil
	case envelope.Post:
		return parsePost(m.Body)
	case envelope.Reaction:
		w, err := unpack[reactionWire](m.Body)
		return Reaction{Target: w.Target.ref(), Sign: w.Sign}, w.Order, err
	case envelope.Edit:
		w, err := unpack[editWire](m.Body)
		return Edit{Target: w.Target, Text: w.Text}, w.Order, err
	case envelope.Delete:
		w, err := unpack[deleteWire](m.Body)
		return Delete{Target: w.Target}, w.Order, err
	case envelope.Read:
		w, err := unpack[readWire](m.Body)
		if err == nil && len(w.Messages) > MaxReadRefs {
			err = fmt.Errorf("%w: a receipt for %d messages, want at most %d", ErrBody, len(w.Messages), MaxReadRefs)
		}
		if err != nil {
			return nil, 0, err
		}
		r := Read{Messages: make([]Ref, len(w.Messages))}
		for i, x := range w.Messages {
			r.Messages[i] = x.ref()
		}
		return r, w.Order, nil
	case envelope.Typing:
		w, err := unpack[typingWire](m.Body)
		return Typing{Active: w.Active}, w.Order, err
	case envelope.Timer:
		w, err := unpack[timerBodyWire](m.Body)
		if err != nil {
			return nil, 0, err
		}
		t, err := w.Timer.timer()
		return t, w.Order, err
	case envelope.Group:
		return Group{Data: m.Body}, 0, nil
	default:
		return nil, 0, fmt.Errorf("%w: %s", ErrKind, m.Kind)
	}
}

func unpack[W any](raw []byte) (W, error) {
	var w W
	if err := wire.Unmarshal(raw, envelope.MaxPayload, &w); err != nil {
		return w, fmt.Errorf("%w: %w", ErrBody, err)
	}
	return w, nil
}

func parsePost(raw []byte) (Body, uint64, error) {
	w, err := unpack[postWire](raw)
	if err != nil {
		return nil, 0, err
	}
	if len(w.Reply) > 1 || len(w.Files) > MaxFiles {
		return nil, 0, fmt.Errorf("%w: a post with %d replies and %d files, want at most 1 and %d", ErrBody, len(w.Reply), len(w.Files), MaxFiles)
	}
	p := Post{Text: w.Text}
	if len(w.Reply) == 1 {
		if p.Reply = w.Reply[0].ref(); p.Reply.IsZero() {
			return nil, 0, fmt.Errorf("%w: a reply to nothing", ErrBody)
		}
	}
	for _, f := range w.Files {
		p.Files = append(p.Files, File{Root: f.Root, Key: f.Key, Size: f.Size, Name: f.Name, MediaType: f.MediaType})
	}
	p.Timer, err = w.Timer.timer()
	return p, w.Order, err
}
