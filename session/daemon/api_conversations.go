package daemon

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"connectrpc.com/connect"

	"github.com/pars-network/pars/session/api"
	"github.com/pars-network/pars/session/content"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/group"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/messenger"
	"github.com/pars-network/pars/session/mistake"
)

// What callers can be told about what they want to do to a message.
var (
	errNoMessage = mistake.New(mistake.NotFound, "no-message", "there is no such message here; parsctl message read shows them with the beginnings of their ids")
	errNotOwn    = mistake.New(mistake.Refused, "not-own", "only who wrote a message can change it")
	errContent   = mistake.New(mistake.Invalid, "content", "this can't be sent")
)

// conversation is a conversation of two, folded, with what is known of its own texts' way.
type conversation struct {
	me, peer identity.ID
	folded   content.Conversation
	states   map[envelope.MessageID]messenger.Message
}

// conversationWith reads a conversation.
func (d *Daemon) conversationWith(with string) (*conversation, error) {
	me, err := d.messenger.Identity()
	if err != nil {
		return nil, err
	}
	peer, err := d.messenger.Contact(with)
	if err != nil {
		return nil, err
	}
	c := &conversation{me: me.ID, peer: peer.ID, states: map[envelope.MessageID]messenger.Message{}}
	for after := uint64(0); ; {
		list, next, err := d.messenger.List(peer.ID.String(), after, maxPage)
		if err != nil {
			return nil, err
		}
		for _, m := range list {
			c.addText(m)
		}
		if after = next; next == 0 {
			break
		}
	}
	for after := uint64(0); ; {
		list, next, err := d.messenger.Events(peer.ID.String(), after, maxPage)
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			if x, err := content.ReadEvent(e.Author, e.Device, c.other(e.Author), e.Message); err == nil {
				c.folded.Add(x)
			} else {
				d.cfg.Logger.Debug("an event says nothing", "error", err)
			}
		}
		if after = next; next == 0 {
			return c, nil
		}
	}
}

func (c *conversation) addText(m messenger.Message) {
	author := m.Peer
	if m.Sent {
		author = c.me
		c.states[m.ID] = m
	}
	c.folded.Add(content.Event{Author: author, ID: m.ID, Sent: m.SentAt, Order: uint64(max(1, m.SentAt.UnixMilli())), Body: content.Post{Text: m.Text}})
}

// other is who an author's receipts speak of.
func (c *conversation) other(author identity.ID) identity.ID {
	if author == c.me {
		return c.peer
	}
	return c.me
}

func (d *Daemon) items(c *content.Conversation, me identity.ID, outside map[content.Ref]bool, states map[envelope.MessageID]messenger.Message) ([]*api.Item, error) {
	names, err := d.names()
	if err != nil {
		return nil, err
	}
	var out []*api.Item
	for _, i := range c.View(content.Viewer{Me: me, Now: d.cfg.Clock.Now()}).Items {
		x := &api.Item{
			Id: i.Ref.ID.String(), SessionId: i.Ref.Author.String(), Name: names[i.Ref.Author], Own: i.Ref.Author == me, SentAtMs: i.Sent.UnixMilli(),
			Text: i.Text, Deleted: i.Deleted, Conflict: i.Conflict, Outside: outside[i.Ref],
		}
		if !i.EditedAt.IsZero() {
			x.EditedAtMs = i.EditedAt.UnixMilli()
		}
		if q := i.Reply; q != nil {
			x.Reply = &api.Quote{Id: q.Ref.ID.String(), Text: q.Text, Missing: q.Missing, Deleted: q.Deleted}
		}
		for _, s := range i.Signs {
			x.Signs = append(x.Signs, &api.Sign{SessionId: s.By.String(), Sign: s.Sign})
		}
		for _, r := range i.Receipts {
			x.Read = x.Read || !r.Read.IsZero()
		}
		if m, ok := states[i.Ref.ID]; ok && x.Own {
			x.State, x.Stored, x.Total, x.Failure = states2api(m), uint32(m.StoredBy), uint32(m.Total), m.Failure
		}
		out = append(out, x)
	}
	return out, nil
}

func states2api(m messenger.Message) api.State { return states[m.State] }

// groupItems are a group's messages; those from outside stand among them, marked.
func (d *Daemon) groupItems(g *group.Group) ([]*api.Item, error) {
	me, err := d.messenger.Identity()
	if err != nil {
		return nil, err
	}
	c := g.Conversation()
	outside := map[content.Ref]bool{}
	for _, m := range g.Messages() {
		if !m.Outside {
			continue
		}
		e, err := content.ReadEvent(m.From.Account, m.From.Device, identity.ID{}, m.Message)
		if _, post := e.Body.(content.Post); err == nil && post { // nothing else of them counts
			outside[e.Ref()] = true
			c.Add(e)
		}
	}
	return d.items(c, me.ID, outside, nil)
}

// groupRef finds the message of a group that some digits name.
func (d *Daemon) groupRef(g *group.Group, digits string) (content.Ref, error) {
	for _, m := range g.Messages() {
		if beginsWith(m.ID, strings.ToLower(digits)) && m.Kind != envelope.Reaction {
			return content.Ref{Author: m.From.Account, ID: m.ID}, nil
		}
	}
	return content.Ref{}, errNoMessage
}

func (d *Daemon) say(ctx context.Context, g *group.Group, body content.Body) (string, error) {
	m, err := g.Send(ctx, body)
	if errors.Is(err, content.ErrBody) || errors.Is(err, envelope.ErrTooLarge) {
		err = errContent.With("%v", err)
	}
	return m.ID.String(), err
}

// conversationService implements [apiconnect.ConversationServiceHandler].
type conversationService struct{ d *Daemon }

// ReadConversation implements [apiconnect.ConversationServiceHandler].
func (s conversationService) ReadConversation(_ context.Context, r *connect.Request[api.ReadConversationRequest]) (*connect.Response[api.ReadConversationResponse], error) {
	c, err := s.d.conversationWith(r.Msg.GetWith())
	if err != nil {
		return nil, s.d.apiError(err)
	}
	items, err := s.d.items(&c.folded, c.me, nil, c.states)
	if err != nil {
		return nil, s.d.apiError(err)
	}
	return connect.NewResponse(&api.ReadConversationResponse{Items: items}), nil
}

// Act implements [apiconnect.ConversationServiceHandler].
func (s conversationService) Act(ctx context.Context, r *connect.Request[api.ActRequest]) (*connect.Response[api.ActResponse], error) {
	var id string
	var err error
	if r.Msg.GetGroup() != "" {
		id, err = s.inGroup(ctx, r.Msg)
	} else {
		id, err = s.inConversation(r.Msg)
	}
	if err != nil {
		return nil, s.d.apiError(err)
	}
	return connect.NewResponse(&api.ActResponse{Id: id}), nil
}

// bodyOf is what an action says about a message.
func bodyOf(r *api.ActRequest, ref content.Ref, me identity.ID) (content.Body, error) {
	switch r.GetAction() {
	case api.Action_ACTION_REPLY:
		return content.Post{Text: r.GetText(), Reply: ref}, nil
	case api.Action_ACTION_REACT:
		return content.Reaction{Target: ref, Sign: r.GetText()}, nil
	case api.Action_ACTION_EDIT, api.Action_ACTION_DELETE:
		if ref.Author != me {
			return nil, errNotOwn
		}
		if r.GetAction() == api.Action_ACTION_DELETE {
			return content.Delete{Target: ref.ID}, nil
		}
		return content.Edit{Target: ref.ID, Text: r.GetText()}, nil
	default:
		return nil, errContent.With("action %d", r.GetAction())
	}
}

func (s conversationService) inGroup(ctx context.Context, r *api.ActRequest) (string, error) {
	g, err := groupService(s).find(r.GetGroup())
	if err != nil {
		return "", err
	}
	me, err := s.d.messenger.Identity()
	if err != nil {
		return "", err
	}
	ref, err := s.d.groupRef(g, r.GetMessage())
	if err != nil {
		return "", err
	}
	body, err := bodyOf(r, ref, me.ID)
	if err != nil {
		return "", err
	}
	defer s.d.groups.poke()
	return s.d.say(ctx, g, body)
}

func (s conversationService) inConversation(r *api.ActRequest) (string, error) {
	c, err := s.d.conversationWith(r.GetWith())
	if err != nil {
		return "", err
	}
	now := s.d.cfg.Clock.Now()
	var ref content.Ref
	for _, i := range c.folded.View(content.Viewer{Me: c.me, Now: now}).Items {
		if beginsWith(i.Ref.ID, strings.ToLower(r.GetMessage())) {
			ref = i.Ref
		}
	}
	if ref.IsZero() {
		return "", errNoMessage
	}
	body, err := bodyOf(r, ref, c.me)
	if err != nil {
		return "", err
	}
	m, err := content.NewMessage(envelope.MessageID{}, envelope.ConversationOf(c.me, c.peer), now, c.folded.Next(now), body)
	if err != nil {
		return "", errContent.With("%v", err)
	}
	e, err := s.d.messenger.SendContent(c.peer.String(), m.Kind, m.Body)
	if err != nil {
		return "", fmt.Errorf("sending a %s: %w", m.Kind, err)
	}
	return e.Message.ID.String(), nil
}
