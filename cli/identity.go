package cli

import (
	"context"
	"fmt"
	"strings"

	"connectrpc.com/connect"
	"github.com/pars-network/pars/session/api"
	"github.com/spf13/cobra"
)

// identityJSON is an identity in --json.
type identityJSON struct {
	Version   int    `json:"version"`
	SessionID string `json:"session_id"`
	Link      string `json:"link"`
	CreatedAt string `json:"created_at"`
	// Phrase is there after create and in phrase only.
	Phrase string `json:"phrase,omitempty"`
}

func identityOf(i *api.Identity, phrase string) identityJSON {
	return identityJSON{Version: 1, SessionID: i.GetSessionId(), Link: i.GetLink(), CreatedAt: rfc3339(i.GetCreatedAtMs()), Phrase: phrase}
}

func (a *app) identityCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "identity", Short: "the one identity of this data folder"}
	cmd.AddCommand(
		&cobra.Command{
			Use: "create", Short: "make an identity and show its 24 words", Args: args(cobra.NoArgs),
			RunE: func(cmd *cobra.Command, _ []string) error { return a.identityCreate(cmd.Context()) },
		},
		&cobra.Command{
			Use: "restore", Short: "bring an identity back from its 24 words, read from standard input", Args: args(cobra.NoArgs),
			Long: "The words are read from standard input and never from the command line, where other users and the shell's history would see them.",
			RunE: func(cmd *cobra.Command, _ []string) error { return a.identityRestore(cmd.Context()) },
		},
		&cobra.Command{
			Use: "show", Short: "show the Session ID", Args: args(cobra.NoArgs),
			RunE: func(cmd *cobra.Command, _ []string) error { return a.identityShow(cmd.Context()) },
		},
		&cobra.Command{
			Use: "phrase", Short: "show the 24 words again", Args: args(cobra.NoArgs),
			RunE: func(cmd *cobra.Command, _ []string) error { return a.identityPhrase(cmd.Context()) },
		},
	)
	return cmd
}

func (a *app) identityCreate(ctx context.Context) error {
	res, err := a.client.Identity.CreateIdentity(ctx, connect.NewRequest(&api.CreateIdentityRequest{}))
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(identityOf(res.Msg.GetIdentity(), res.Msg.GetPhrase()))
	}
	a.print(a.say(msgYourID, a.ltr(res.Msg.GetIdentity().GetSessionId())))
	a.print("")
	a.printPhrase(res.Msg.GetPhrase())
	a.print("")
	a.print(a.say(msgPhraseNext, a.hint("parsctl contact card --file me.card")))
	return nil
}

// printPhrase shows the words with their numbers, six to a line. They are
// English, so the table reads left to right in every language.
func (a *app) printPhrase(phrase string) {
	a.print(a.say(msgPhraseIntro))
	words := strings.Fields(phrase)
	for i := 0; i < len(words); i += 6 {
		var line strings.Builder
		for j := i; j < min(i+6, len(words)); j++ {
			fmt.Fprintf(&line, "%2d %-10s", j+1, words[j])
		}
		a.print(a.ltr("  " + strings.TrimRight(line.String(), " ")))
	}
}

func (a *app) identityRestore(ctx context.Context) error {
	if !a.json {
		_, _ = fmt.Fprintln(a.sys.Stderr, a.say(msgRestoreAsk))
	}
	line, err := a.readLine()
	if err != nil {
		return fmt.Errorf("%w: reading the words from standard input: %w", errUsage, err)
	}
	res, err := a.client.Identity.RestoreIdentity(ctx, connect.NewRequest(&api.RestoreIdentityRequest{Phrase: line}))
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(identityOf(res.Msg.GetIdentity(), ""))
	}
	a.print(a.say(msgRestored, a.ltr(res.Msg.GetIdentity().GetSessionId())))
	return nil
}

func (a *app) identityShow(ctx context.Context) error {
	res, err := a.client.Identity.GetIdentity(ctx, connect.NewRequest(&api.GetIdentityRequest{}))
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(identityOf(res.Msg.GetIdentity(), ""))
	}
	i := res.Msg.GetIdentity()
	a.print(a.say(msgYourID, a.ltr(i.GetSessionId())))
	a.print(a.say(msgLink, a.ltr(i.GetLink())))
	a.print(a.say(msgCreated, a.moment(i.GetCreatedAtMs())))
	return nil
}

func (a *app) identityPhrase(ctx context.Context) error {
	id, err := a.client.Identity.GetIdentity(ctx, connect.NewRequest(&api.GetIdentityRequest{}))
	if err != nil {
		return err
	}
	res, err := a.client.Identity.RevealPhrase(ctx, connect.NewRequest(&api.RevealPhraseRequest{}))
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(identityOf(id.Msg.GetIdentity(), res.Msg.GetPhrase()))
	}
	a.printPhrase(res.Msg.GetPhrase())
	return nil
}
