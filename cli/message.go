package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"connectrpc.com/connect"
	"github.com/pars-network/pars/session/api"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
)

const (
	// lookAfterSend is how long send watches without --wait.
	lookAfterSend = 2 * time.Second
	// maxText bounds a text read from standard input, in bytes; the daemon has
	// the exact limit.
	maxText = 64 << 10
)

// messageJSON is a message in --json.
type messageJSON struct {
	ID          string `json:"id"`
	Seq         uint64 `json:"seq"`
	SessionID   string `json:"session_id"`
	Name        string `json:"name"`
	Direction   string `json:"direction"`
	Text        string `json:"text"`
	SentAt      string `json:"sent_at"`
	StoredAt    string `json:"stored_at"`
	State       string `json:"state"`
	Stored      uint32 `json:"stored"`
	Total       uint32 `json:"total"`
	Failure     string `json:"failure,omitempty"`
	Unconfirmed bool   `json:"unconfirmed"`
	Request     bool   `json:"request"`
}

type oneMessageJSON struct {
	Version int         `json:"version"`
	Message messageJSON `json:"message"`
}

var stateNames = map[api.State]string{
	api.State_STATE_QUEUED: "queued", api.State_STATE_STORED: "stored", api.State_STATE_DELIVERED: "delivered",
	api.State_STATE_FAILED: "failed", api.State_STATE_RECEIVED: "received",
}

func messageOf(m *api.Message) messageJSON {
	direction := "sent"
	if m.GetDirection() == api.Direction_DIRECTION_RECEIVED {
		direction = "received"
	}
	return messageJSON{
		ID: m.GetId(), Seq: m.GetSeq(), SessionID: m.GetSessionId(), Name: m.GetName(), Direction: direction, Text: m.GetText(),
		SentAt: rfc3339(m.GetSentAtMs()), StoredAt: rfc3339(m.GetStoredAtMs()), State: stateNames[m.GetState()],
		Stored: m.GetStored(), Total: m.GetTotal(), Failure: m.GetFailure(), Unconfirmed: m.GetUnconfirmed(), Request: m.GetRequest(),
	}
}

func rfc3339(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

func (a *app) messageCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "message", Short: "send and read messages"}
	var to, with string
	var wait, history bool
	var timeout time.Duration
	var limit int
	send := &cobra.Command{
		Use: "send --to NAME|07... TEXT|-", Short: "send a text", Args: args(cobra.ExactArgs(1)),
		Long: `The text is durable on this device before the command ends: it survives a crash
and is sent until it is stored or 14 days are over. The command looks for two seconds
how far it gets; with --wait it stays until the text is delivered.`,
		RunE: func(cmd *cobra.Command, given []string) error {
			if to == "" {
				return fmt.Errorf("%w: --to is missing: a contact's name or Session ID", errUsage)
			}
			return a.messageSend(cmd.Context(), to, given[0], wait, timeout)
		},
	}
	send.Flags().StringVar(&to, "to", "", "contact's name or Session ID")
	send.Flags().BoolVar(&wait, "wait", false, "wait until it is delivered")
	send.Flags().DurationVar(&timeout, "timeout", time.Minute, "how long --wait waits")
	list := &cobra.Command{
		Use: "list", Short: "list messages, oldest first", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.messageList(cmd.Context(), with, limit) },
	}
	list.Flags().StringVar(&with, "with", "", "only with this contact: name or Session ID")
	list.Flags().IntVar(&limit, "limit", 0, "only the last this many; 0 is all")
	watch := &cobra.Command{
		Use: "watch", Short: "show messages and changes of their states as they happen", Args: args(cobra.NoArgs),
		Long: "With --json every line is one object.",
		RunE: func(cmd *cobra.Command, _ []string) error { return a.messageWatch(cmd.Context(), with, history) },
	}
	watch.Flags().StringVar(&with, "with", "", "only with this contact: name or Session ID")
	watch.Flags().BoolVar(&history, "history", false, "begin with all messages that there are")
	cmd.AddCommand(send, list, watch)
	cmd.AddCommand(a.actCommands()...)
	return cmd
}

func (a *app) messageSend(ctx context.Context, to, text string, wait bool, timeout time.Duration) error {
	if text == "-" {
		var err error
		if text, err = a.readAll(maxText); err != nil {
			return err
		}
	}
	res, err := a.client.Messages.SendMessage(ctx, connect.NewRequest(&api.SendMessageRequest{To: to, Text: text}))
	if err != nil {
		return err
	}
	if !wait {
		timeout = lookAfterSend
	}
	m, err := a.follow(ctx, res.Msg.GetMessage(), timeout)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(oneMessageJSON{1, messageOf(m)})
	} else {
		a.printMessage(m)
	}
	switch {
	case err != nil:
		return err
	case m.GetState() == api.State_STATE_FAILED:
		return fmt.Errorf("%w: %s", errFailed, a.say(msgFailed, a.free(m.GetFailure())))
	case wait && m.GetState() != api.State_STATE_DELIVERED:
		return fmt.Errorf("%w: %s", errTimeout, a.say(msgNotDelivered, a.digits(timeout.String()), a.state(m)))
	}
	return nil
}

// follow watches a message until it is delivered or failed, or the time is
// over, and returns the last that was seen of it.
func (a *app) follow(ctx context.Context, m *api.Message, timeout time.Duration) (*api.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	stream, err := a.client.Messages.WatchMessages(ctx, connect.NewRequest(&api.WatchMessagesRequest{
		With: m.GetSessionId(), AfterSeq: proto.Uint64(m.GetSeq() - 1),
	}))
	if err != nil {
		if ctx.Err() != nil {
			return m, nil
		}
		return m, err
	}
	defer func() { _ = stream.Close() }()
	for stream.Receive() {
		if got := stream.Msg().GetMessage(); got.GetSeq() == m.GetSeq() {
			m = got
		}
		if s := m.GetState(); s == api.State_STATE_DELIVERED || s == api.State_STATE_FAILED {
			return m, nil
		}
	}
	if ctx.Err() != nil {
		return m, nil
	}
	return m, stream.Err()
}

func (a *app) messageList(ctx context.Context, with string, limit int) error {
	if limit < 0 {
		return fmt.Errorf("%w: --limit %d, want 0 or more", errUsage, limit)
	}
	var all []*api.Message
	for after := uint64(0); ; {
		res, err := a.client.Messages.ListMessages(ctx, connect.NewRequest(&api.ListMessagesRequest{With: with, AfterSeq: after}))
		if err != nil {
			return err
		}
		all = append(all, res.Msg.GetMessages()...)
		if after = res.Msg.GetNextAfterSeq(); after == 0 {
			break
		}
	}
	if limit > 0 && len(all) > limit {
		all = all[len(all)-limit:]
	}
	if a.json {
		list := struct {
			Version  int           `json:"version"`
			Messages []messageJSON `json:"messages"`
		}{1, []messageJSON{}}
		for _, m := range all {
			list.Messages = append(list.Messages, messageOf(m))
		}
		return a.printJSON(list)
	}
	if len(all) == 0 {
		a.print(a.say(msgNoMessages))
	}
	for _, m := range all {
		a.printMessage(m)
	}
	return nil
}

func (a *app) messageWatch(ctx context.Context, with string, history bool) error {
	req := &api.WatchMessagesRequest{With: with}
	if history {
		req.AfterSeq = proto.Uint64(0)
	}
	stream, err := a.client.Messages.WatchMessages(ctx, connect.NewRequest(req))
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	for stream.Receive() {
		m := stream.Msg().GetMessage()
		if !a.json {
			a.printMessage(m)
		} else if err := a.printJSON(oneMessageJSON{1, messageOf(m)}); err != nil {
			return err
		}
	}
	if err := stream.Err(); err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	return nil
}

// printMessage writes a message as two lines: what is known about it, then its text.
func (a *app) printMessage(m *api.Message) {
	who := msgTo
	if m.GetDirection() == api.Direction_DIRECTION_RECEIVED {
		who = msgFrom
	}
	line := fmt.Sprintf("%s  %s  [%s]", a.moment(m.GetSentAtMs()), a.say(who, a.free(m.GetName())), a.state(m))
	if m.GetRequest() {
		line += "  (" + a.say(msgRequest) + ")"
	} else if m.GetUnconfirmed() {
		line += "  (" + a.say(msgUnconfirmed) + ")"
	}
	a.print(line)
	a.print("  " + a.free(m.GetText()))
}

func (a *app) state(m *api.Message) string {
	switch m.GetState() {
	case api.State_STATE_STORED:
		return a.say(msgStateStored, a.digits(strconv.Itoa(int(m.GetStored()))), a.digits(strconv.Itoa(int(m.GetTotal()))))
	case api.State_STATE_DELIVERED:
		return a.say(msgStateDelivered)
	case api.State_STATE_FAILED:
		return a.say(msgStateFailed, a.free(m.GetFailure()))
	case api.State_STATE_RECEIVED:
		return a.say(msgStateReceived)
	default:
		return a.say(msgStateQueued)
	}
}
