package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/pars-network/pars/cli/chat"
	"github.com/pars-network/pars/session/api"
)

//nolint:staticcheck // ST1018: Persian spelling needs the zero width non-joiner
var (
	txtChatTitle   = text{"Pars", "پارس"}
	txtChatWrite   = text{"write here, Enter sends", "اینجا بنویسید، Enter می‌فرستد"}
	txtChatEmpty   = text{"nothing has been written yet", "هنوز چیزی نوشته نشده است"}
	txtChatNoOne   = text{"nobody yet: parsctl contact add FILE", "هنوز کسی نیست: parsctl contact add FILE"}
	txtChatKeys    = text{"↑↓ conversation  PgUp PgDn older, newer  Esc ends", "↑↓ گفتگو  PgUp PgDn کهنه‌تر، تازه‌تر  Esc پایان"}
	txtChatSending = text{"writing to disk", "نوشتن روی دیسک"}
	txtChatHere    = text{"written here; goes to whoever of the group is linked", "اینجا نوشته شده؛ به هر عضوی که پیوند دارد می‌رود"}
)

func (a *app) chatCommand() *cobra.Command {
	var bidi string
	cmd := &cobra.Command{
		Use: "chat", Short: "read and write on a screen of the terminal", Args: args(cobra.NoArgs),
		Long: `Conversations and groups on one side, what was written on the other. Every own message
says how far it is known to have come: queued, stored k of n, delivered, read, or failed and why.

--bidi says who puts right-to-left text in order: program (parsctl does, and asks the
terminal not to), terminal, or auto, which is terminal in Konsole and macOS's Terminal.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.chat(cmd.Context(), bidi) },
	}
	cmd.Flags().StringVar(&bidi, "bidi", "auto", "auto, program or terminal")
	return cmd
}

func (a *app) chat(ctx context.Context, bidi string) error {
	order := chat.OrderFor(a.sys.Getenv)
	switch bidi {
	case "auto":
	case "program":
		order = chat.Program
	case "terminal":
		order = chat.Terminal
	default:
		return fmt.Errorf("%w: --bidi %q, want auto, program or terminal", errUsage, bidi)
	}
	if f, ok := a.sys.Stdout.(*os.File); a.json || !ok || !term.IsTerminal(int(f.Fd())) {
		return fmt.Errorf("%w: chat needs a terminal; use parsctl message and parsctl group in scripts", errUsage)
	}
	return chat.Run(ctx, chat.Config{
		Backend: chatBackend{a}, Persian: a.lang == persian, Order: order,
		Texts: chat.Texts{
			Title: a.tell(txtChatTitle), Write: a.tell(txtChatWrite), Empty: a.tell(txtChatEmpty), NoOne: a.tell(txtChatNoOne),
			Keys: a.tell(txtChatKeys), Sending: a.tell(txtChatSending),
		},
	}, a.sys.Stdin, a.sys.Stdout)
}

// chatBackend asks the daemon for what the screen shows.
type chatBackend struct{ a *app }

// List implements [chat.Backend].
func (b chatBackend) List(ctx context.Context) ([]chat.Entry, error) {
	people, err := b.a.client.Contacts.ListContacts(ctx, connect.NewRequest(&api.ListContactsRequest{}))
	if err != nil {
		return nil, b.explained(err)
	}
	groups, err := b.a.client.Groups.ListGroups(ctx, connect.NewRequest(&api.ListGroupsRequest{}))
	if err != nil {
		return nil, b.explained(err)
	}
	var out []chat.Entry
	for _, c := range people.Msg.GetContacts() {
		if !c.GetRequest() {
			out = append(out, chat.Entry{ID: c.GetSessionId(), Name: plainText(c.GetName())})
		}
	}
	for _, g := range groups.Msg.GetGroups() {
		out = append(out, chat.Entry{ID: g.GetGroupId(), Name: plainText(g.GetTitle()), Group: true})
	}
	return out, nil
}

// Read implements [chat.Backend].
func (b chatBackend) Read(ctx context.Context, e chat.Entry) ([]chat.Line, error) {
	var items []*api.Item
	if e.Group {
		res, err := b.a.client.Groups.ReadGroup(ctx, connect.NewRequest(&api.ReadGroupRequest{Group: e.ID}))
		if err != nil {
			return nil, b.explained(err)
		}
		items = res.Msg.GetItems()
	} else {
		res, err := b.a.client.Conversations.ReadConversation(ctx, connect.NewRequest(&api.ReadConversationRequest{With: e.ID}))
		if err != nil {
			return nil, b.explained(err)
		}
		items = res.Msg.GetItems()
	}
	out := make([]chat.Line, len(items))
	for i, item := range items {
		out[i] = b.line(item, e.Group)
	}
	return out, nil
}

func (b chatBackend) line(i *api.Item, group bool) chat.Line {
	a := b.a
	l := chat.Line{ID: i.GetId(), Who: plainText(a.nameOr(i.GetName(), i.GetSessionId())), When: plainText(a.moment(i.GetSentAtMs())), Text: plainText(i.GetText()), Own: i.GetOwn()}
	if l.Own {
		l.Who = a.tell(txtYou)
	}
	var notes []string
	switch {
	case i.GetRead():
		notes = append(notes, a.tell(txtRead))
	case i.GetState() != api.State_STATE_UNSPECIFIED:
		notes = append(notes, plainText(a.state(&api.Message{State: i.GetState(), Stored: i.GetStored(), Total: i.GetTotal(), Failure: i.GetFailure()})))
		l.Failed = i.GetState() == api.State_STATE_FAILED
	case i.GetOwn() && group:
		notes = append(notes, a.tell(txtChatHere))
	}
	if i.GetEditedAtMs() != 0 {
		notes = append(notes, a.tell(txtEdited))
	}
	if i.GetOutside() {
		notes, l.Failed = append(notes, a.tell(txtOutside)), true
	}
	if i.GetConflict() {
		notes, l.Failed = append(notes, a.tell(txtConflict)), true
	}
	l.State = strings.Join(notes, "; ")
	if i.GetDeleted() {
		l.Text = a.tell(txtDeleted)
	}
	if q := i.GetReply(); q != nil {
		switch {
		case q.GetMissing():
			l.Quote = a.tell(txtReplyMissing)
		case q.GetDeleted():
			l.Quote = a.tell(txtDeleted)
		default:
			l.Quote = plainText(q.GetText())
		}
	}
	var signs []string
	for _, s := range i.GetSigns() {
		signs = append(signs, plainText(s.GetSign()))
	}
	l.Signs = strings.Join(signs, " ")
	return l
}

// Send implements [chat.Backend].
func (b chatBackend) Send(ctx context.Context, e chat.Entry, words string) error {
	var err error
	if e.Group {
		_, err = b.a.client.Groups.SendToGroup(ctx, connect.NewRequest(&api.SendToGroupRequest{Group: e.ID, Text: words}))
	} else {
		_, err = b.a.client.Messages.SendMessage(ctx, connect.NewRequest(&api.SendMessageRequest{To: e.ID, Text: words}))
	}
	return b.explained(err)
}

// explained is an error in the person's words.
func (b chatBackend) explained(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s", plainText(b.a.explain(err)))
}

// plainText is foreign text without what moves a cursor or turns the order: the screen orders it
// itself.
func plainText(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r == ltrIsolate, r == firstIsolate, r == popIsolate, r == '\u200e', r == '\u200f', r == '\u061c':
			return -1
		}
		return r
	}, clean(strings.NewReplacer(string(ltrIsolate), "", string(firstIsolate), "", string(popIsolate), "").Replace(s)))
}
