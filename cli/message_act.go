package cli

import (
	"context"
	"fmt"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/pars-network/pars/session/api"
)

// idDigits is how many digits of a message's id are shown.
const idDigits = 8

// itemJSON is a message as a person sees it, in --json.
type itemJSON struct {
	ID        string     `json:"id"`
	SessionID string     `json:"session_id"`
	Name      string     `json:"name"`
	Own       bool       `json:"own"`
	SentAt    string     `json:"sent_at"`
	Text      string     `json:"text"`
	ReplyTo   string     `json:"reply_to,omitempty"`
	Quote     string     `json:"quote,omitempty"`
	EditedAt  string     `json:"edited_at,omitempty"`
	Deleted   bool       `json:"deleted"`
	Conflict  bool       `json:"conflict"`
	Outside   bool       `json:"outside"`
	Reactions []signJSON `json:"reactions"`
	State     string     `json:"state,omitempty"`
	Stored    uint32     `json:"stored"`
	Total     uint32     `json:"total"`
	Failure   string     `json:"failure,omitempty"`
	Read      bool       `json:"read"`
}

type signJSON struct {
	SessionID string `json:"session_id"`
	Sign      string `json:"sign"`
}

func itemOf(i *api.Item) itemJSON {
	x := itemJSON{
		ID: i.GetId(), SessionID: i.GetSessionId(), Name: i.GetName(), Own: i.GetOwn(), SentAt: rfc3339(i.GetSentAtMs()), Text: i.GetText(),
		ReplyTo: i.GetReply().GetId(), Quote: i.GetReply().GetText(), EditedAt: rfc3339(i.GetEditedAtMs()), Deleted: i.GetDeleted(),
		Conflict: i.GetConflict(), Outside: i.GetOutside(), Reactions: []signJSON{}, State: stateNames[i.GetState()],
		Stored: i.GetStored(), Total: i.GetTotal(), Failure: i.GetFailure(), Read: i.GetRead(),
	}
	for _, s := range i.GetSigns() {
		x.Reactions = append(x.Reactions, signJSON{s.GetSessionId(), s.GetSign()})
	}
	return x
}

// actCommands are the verbs of `parsctl message` that are about a message.
func (a *app) actCommands() []*cobra.Command {
	verb := func(use, short string, n int, action api.Action) *cobra.Command {
		var with, group string
		c := &cobra.Command{
			Use: use, Short: short, Args: args(cobra.ExactArgs(n)),
			Long: "MESSAGE is the id of a message or its beginning, 4 digits or more; parsctl message read and parsctl group read show them.",
			RunE: func(cmd *cobra.Command, given []string) error {
				words := ""
				if n > 1 {
					words = given[1]
				}
				return a.act(cmd.Context(), &api.ActRequest{With: with, Group: group, Message: given[0], Action: action, Text: words})
			},
		}
		c.Flags().StringVar(&with, "with", "", "the contact: name or Session ID")
		c.Flags().StringVar(&group, "group", "", "the group: title or id")
		return c
	}
	read := &cobra.Command{
		Use: "read WHO", Short: "show a conversation with answers, reactions and edits", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error { return a.conversationRead(cmd.Context(), given[0]) },
	}
	return []*cobra.Command{
		read,
		verb("reply MESSAGE TEXT", "answer a message", 2, api.Action_ACTION_REPLY),
		verb("react MESSAGE SIGN", "react with a sign; an empty one takes it away", 2, api.Action_ACTION_REACT),
		verb("edit MESSAGE TEXT", "replace the text of an own message", 2, api.Action_ACTION_EDIT),
		verb("delete MESSAGE", "take an own message back, for everyone", 1, api.Action_ACTION_DELETE),
	}
}

func (a *app) act(ctx context.Context, r *api.ActRequest) error {
	if (r.GetWith() == "") == (r.GetGroup() == "") {
		return fmt.Errorf("%w: give one of --with and --group", errUsage)
	}
	res, err := a.client.Conversations.Act(ctx, connect.NewRequest(r))
	if err != nil {
		return err
	}
	return a.done(res.Msg.GetId(), a.tell(txtDone, a.ltr(res.Msg.GetId()[:idDigits])))
}

func (a *app) conversationRead(ctx context.Context, with string) error {
	res, err := a.client.Conversations.ReadConversation(ctx, connect.NewRequest(&api.ReadConversationRequest{With: with}))
	if err != nil {
		return err
	}
	return a.printItems(res.Msg.GetItems())
}

func (a *app) printItems(items []*api.Item) error {
	if a.json {
		out := struct {
			Version int        `json:"version"`
			Items   []itemJSON `json:"items"`
		}{1, []itemJSON{}}
		for _, i := range items {
			out.Items = append(out.Items, itemOf(i))
		}
		return a.printJSON(out)
	}
	if len(items) == 0 {
		a.print(a.tell(txtNothing))
	}
	for _, i := range items {
		for _, line := range a.itemLines(i) {
			a.print(line)
		}
	}
	return nil
}

// itemLines are a message for a person: what is known about it, what it answers, and its text.
func (a *app) itemLines(i *api.Item) []string {
	who := a.free(a.nameOr(i.GetName(), i.GetSessionId()))
	if i.GetOwn() {
		who = a.tell(txtYou)
	}
	head := fmt.Sprintf("%s  %s  %s", a.ltr(i.GetId()[:idDigits]), a.moment(i.GetSentAtMs()), who)
	var notes []string
	switch {
	case i.GetRead():
		notes = append(notes, a.tell(txtRead))
	case i.GetState() != api.State_STATE_UNSPECIFIED:
		notes = append(notes, a.state(&api.Message{State: i.GetState(), Stored: i.GetStored(), Total: i.GetTotal(), Failure: i.GetFailure()}))
	}
	for _, n := range []struct {
		is bool
		t  text
	}{{i.GetEditedAtMs() != 0, txtEdited}, {i.GetOutside(), txtOutside}, {i.GetConflict(), txtConflict}} {
		if n.is {
			notes = append(notes, a.tell(n.t))
		}
	}
	if len(notes) > 0 {
		head += "  [" + strings.Join(notes, "; ") + "]"
	}
	lines := []string{head}
	if q := i.GetReply(); q != nil {
		quoted := a.free(q.GetText())
		if q.GetMissing() {
			quoted = a.tell(txtReplyMissing)
		} else if q.GetDeleted() {
			quoted = a.tell(txtDeleted)
		}
		lines = append(lines, "  > "+quoted)
	}
	words := a.free(i.GetText())
	if i.GetDeleted() {
		words = a.tell(txtDeleted)
	}
	lines = append(lines, "  "+words)
	if len(i.GetSigns()) > 0 {
		var signs []string
		for _, s := range i.GetSigns() {
			signs = append(signs, a.free(s.GetSign()))
		}
		lines = append(lines, "  "+strings.Join(signs, " "))
	}
	return lines
}
