package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"connectrpc.com/connect"
	"github.com/pars-network/pars/session/api"
	"github.com/spf13/cobra"
)

// maxCard bounds a card that is read from a file, in bytes.
const maxCard = 192 << 10

// contactJSON is a contact in --json.
type contactJSON struct {
	SessionID     string `json:"session_id"`
	Name          string `json:"name"`
	AddedAt       string `json:"added_at"`
	CardExpiresAt string `json:"card_expires_at,omitempty"`
	Confirmed     bool   `json:"confirmed"`
	Request       bool   `json:"request"`
	Blocked       bool   `json:"blocked"`
	SafetyWords   string `json:"safety_words,omitempty"`
	SafetyDigits  string `json:"safety_digits,omitempty"`
}

type oneContactJSON struct {
	Version int         `json:"version"`
	Contact contactJSON `json:"contact"`
	Updated bool        `json:"updated,omitempty"`
}

func contactOf(c *api.Contact) contactJSON {
	return contactJSON{
		SessionID: c.GetSessionId(), Name: c.GetName(), AddedAt: rfc3339(c.GetAddedAtMs()), CardExpiresAt: rfc3339(c.GetCardExpiresAtMs()),
		Confirmed: c.GetConfirmed(), Request: c.GetRequest(), Blocked: c.GetBlocked(), SafetyWords: c.GetSafetyWords(), SafetyDigits: c.GetSafetyDigits(),
	}
}

func (a *app) contactCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "contact", Short: "people that messages can go to"}
	var file, name string
	var qr bool
	card := &cobra.Command{
		Use: "card", Short: "export your own contact card", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.contactCard(cmd.Context(), file, qr) },
	}
	card.Flags().StringVar(&file, "file", "", "write the card here instead of standard output")
	card.Flags().BoolVar(&qr, "qr", false, "show the card as a sequence of QR codes on the terminal")
	add := &cobra.Command{
		Use: "add FILE|-|TEXT", Short: "add a person from their contact card", Args: args(cobra.ExactArgs(1)),
		Example: "  parsctl contact add sara.card --name sara\n  parsctl contact add - < sara.card",
		RunE:    func(cmd *cobra.Command, given []string) error { return a.contactAdd(cmd.Context(), given[0], name) },
	}
	add.Flags().StringVar(&name, "name", "", "name on this device only")
	cmd.AddCommand(card, add,
		&cobra.Command{
			Use: "list", Short: "list contacts", Args: args(cobra.NoArgs),
			RunE: func(cmd *cobra.Command, _ []string) error { return a.contactList(cmd.Context()) },
		},
		&cobra.Command{
			Use: "show NAME|07...", Short: "show a contact and the safety words to compare", Args: args(cobra.ExactArgs(1)),
			RunE: func(cmd *cobra.Command, given []string) error { return a.contactShow(cmd.Context(), given[0]) },
		},
		&cobra.Command{
			Use: "rename NAME|07... NEW", Short: "change the name of a contact on this device", Args: args(cobra.ExactArgs(2)),
			RunE: func(cmd *cobra.Command, given []string) error {
				return a.contactRename(cmd.Context(), given[0], given[1])
			},
		},
		a.contactAccept(),
		&cobra.Command{
			Use: "block NAME|07...", Short: "refuse everything of a person, a request too; they are not told", Args: args(cobra.ExactArgs(1)),
			RunE: func(cmd *cobra.Command, given []string) error { return a.contactBlock(cmd.Context(), given[0]) },
		},
		&cobra.Command{
			Use: "unblock NAME|07...", Short: "take a block back", Args: args(cobra.ExactArgs(1)),
			RunE: func(cmd *cobra.Command, given []string) error { return a.contactUnblock(cmd.Context(), given[0]) },
		},
		&cobra.Command{
			Use: "remove NAME|07...", Short: "forget a contact; messages stay", Args: args(cobra.ExactArgs(1)),
			RunE: func(cmd *cobra.Command, given []string) error { return a.contactRemove(cmd.Context(), given[0]) },
		},
	)
	return cmd
}

func (a *app) contactCard(ctx context.Context, file string, qr bool) error {
	res, err := a.client.Contacts.ExportCard(ctx, connect.NewRequest(&api.ExportCardRequest{}))
	if err != nil {
		return err
	}
	if file != "" {
		if err := os.WriteFile(file, []byte(res.Msg.GetCard()), 0o644); err != nil {
			return fmt.Errorf("writing the card: %w", err)
		}
	}
	switch {
	case a.json:
		return a.printJSON(struct {
			Version   int    `json:"version"`
			SessionID string `json:"session_id"`
			Card      string `json:"card"`
			ExpiresAt string `json:"expires_at"`
		}{1, res.Msg.GetSessionId(), res.Msg.GetCard(), rfc3339(res.Msg.GetExpiresAtMs())})
	case qr:
		return a.showQR(ctx, res.Msg.GetCard())
	case file != "":
		a.print(a.say(msgCardWritten, a.ltr(file)))
		a.print(a.say(msgCardNext, a.ltr("parsctl contact add "+file)))
		a.print(a.say(msgExpires, a.moment(res.Msg.GetExpiresAtMs())))
	default:
		a.print(strings.TrimRight(res.Msg.GetCard(), "\n"))
	}
	return nil
}

// readCard takes a card from standard input, a file or the argument itself.
func (a *app) readCard(from string) (string, error) {
	if from == "-" {
		return a.readAll(maxCard)
	}
	info, err := os.Stat(from)
	if err == nil && info.Size() > maxCard {
		return "", fmt.Errorf("%w: %s has %d bytes, a card has at most %d", errUsage, from, info.Size(), maxCard)
	}
	if err == nil {
		b, err := os.ReadFile(from)
		if err != nil {
			return "", fmt.Errorf("reading the card: %w", err)
		}
		return string(b), nil
	}
	if errors.Is(err, fs.ErrNotExist) && len(from) < 512 {
		return "", fmt.Errorf("%w: there is no file %s; give a file, - for standard input, or the text of a card", errUsage, from)
	}
	return from, nil
}

func (a *app) contactAdd(ctx context.Context, from, name string) error {
	card, err := a.readCard(from)
	if err != nil {
		return err
	}
	return a.addContact(ctx, card, name)
}

// addContact adds a card, or the Session ID of a request.
func (a *app) addContact(ctx context.Context, card, name string) error {
	res, err := a.client.Contacts.AddContact(ctx, connect.NewRequest(&api.AddContactRequest{Card: card, Name: name}))
	if err != nil {
		return err
	}
	c := res.Msg.GetContact()
	if a.json {
		return a.printJSON(oneContactJSON{1, contactOf(c), res.Msg.GetUpdated()})
	}
	k := msgContactAdded
	if res.Msg.GetUpdated() {
		k = msgContactUpdated
	}
	a.print(a.say(k, a.free(c.GetName()), a.ltr(c.GetSessionId())))
	a.printSafety(c)
	return nil
}

func (a *app) printSafety(c *api.Contact) {
	words := c.GetSafetyWords()
	if a.lang == persian {
		words = a.digits(c.GetSafetyDigits())
	}
	a.print(a.say(msgSafety, a.ltr(words)))
	a.print(a.say(msgSafetyHow))
}

func (a *app) contactList(ctx context.Context) error {
	res, err := a.client.Contacts.ListContacts(ctx, connect.NewRequest(&api.ListContactsRequest{}))
	if err != nil {
		return err
	}
	if a.json {
		list := struct {
			Version  int           `json:"version"`
			Contacts []contactJSON `json:"contacts"`
		}{1, []contactJSON{}}
		for _, c := range res.Msg.GetContacts() {
			list.Contacts = append(list.Contacts, contactOf(c))
		}
		return a.printJSON(list)
	}
	if len(res.Msg.GetContacts()) == 0 {
		a.print(a.say(msgNoContacts, a.hint("parsctl contact add FILE")))
	}
	for _, c := range res.Msg.GetContacts() {
		a.print(fmt.Sprintf("%s  %s  %s", a.ltr(c.GetSessionId()), a.free(c.GetName()), a.standing(c)))
	}
	return nil
}

// standing says how far a contact is known.
func (a *app) standing(c *api.Contact) string {
	switch {
	case c.GetBlocked():
		return a.say(msgBlocked)
	case c.GetRequest():
		return a.say(msgRequest)
	case c.GetConfirmed():
		return a.say(msgConfirmed)
	default:
		return a.say(msgUnconfirmed)
	}
}

func (a *app) contactShow(ctx context.Context, who string) error {
	res, err := a.client.Contacts.GetContact(ctx, connect.NewRequest(&api.GetContactRequest{Who: who}))
	if err != nil {
		return err
	}
	c := res.Msg.GetContact()
	if a.json {
		return a.printJSON(oneContactJSON{Version: 1, Contact: contactOf(c)})
	}
	a.print(fmt.Sprintf("%s  %s", a.free(c.GetName()), a.standing(c)))
	a.print(a.ltr(c.GetSessionId()))
	a.print(a.say(msgExpires, a.moment(c.GetCardExpiresAtMs())))
	a.printSafety(c)
	return nil
}

func (a *app) contactRename(ctx context.Context, who, name string) error {
	res, err := a.client.Contacts.RenameContact(ctx, connect.NewRequest(&api.RenameContactRequest{Who: who, Name: name}))
	if err != nil {
		return err
	}
	return a.printContact(msgContactRenamed, res.Msg.GetContact())
}

func (a *app) contactRemove(ctx context.Context, who string) error {
	res, err := a.client.Contacts.RemoveContact(ctx, connect.NewRequest(&api.RemoveContactRequest{Who: who}))
	if err != nil {
		return err
	}
	return a.printContact(msgContactRemoved, res.Msg.GetContact())
}

func (a *app) printContact(k key, c *api.Contact) error {
	if a.json {
		return a.printJSON(oneContactJSON{Version: 1, Contact: contactOf(c)})
	}
	a.print(a.say(k, a.free(c.GetName()), a.ltr(c.GetSessionId())))
	return nil
}
