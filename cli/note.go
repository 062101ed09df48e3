package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/pars-network/pars/session/api"
)

// noteJSON is a note in --json; a list has no texts.
type noteJSON struct {
	Name       string  `json:"name"`
	Text       *string `json:"text,omitempty"`
	Changes    uint64  `json:"changes"`
	Authors    uint64  `json:"authors"`
	LastAuthor string  `json:"last_author"`
	LastName   string  `json:"last_name"`
	LastOwn    bool    `json:"last_own"`
	ChangedAt  string  `json:"changed_at"`
	Forked     *bool   `json:"forked,omitempty"`
}

func briefNote(n *api.Note) noteJSON {
	return noteJSON{
		Name: n.GetName(), Changes: n.GetChanges(), Authors: n.GetAuthors(), LastAuthor: n.GetLastAuthor(),
		LastName: n.GetLastName(), LastOwn: n.GetLastOwn(), ChangedAt: rfc3339(n.GetChangedAtMs()),
	}
}

func (a *app) noteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "note", Short: "texts that everybody in a space can change",
		Long: `A note is a text with a name. What several people change at the same time is merged.`,
	}
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		if len(given) > 0 {
			return fmt.Errorf("%w: unknown command %q; see %s --help", errUsage, given[0], cmd.CommandPath())
		}
		return cmd.Help()
	}
	cmd.AddCommand(
		&cobra.Command{
			Use: "list SPACE", Short: "list the notes of a space", Args: args(cobra.ExactArgs(1)),
			RunE: func(cmd *cobra.Command, given []string) error { return a.noteList(cmd.Context(), given[0]) },
		},
		&cobra.Command{
			Use: "show SPACE NAME", Short: "show a note", Args: args(cobra.ExactArgs(2)),
			Long: "Standard output is the text and nothing else; standard error says who changed it last.",
			RunE: func(cmd *cobra.Command, given []string) error { return a.noteShow(cmd.Context(), given[0], given[1]) },
		},
		&cobra.Command{
			Use: "set SPACE NAME TEXT|-", Short: "give a note a new text; only the difference is written", Args: args(cobra.ExactArgs(3)),
			RunE: func(cmd *cobra.Command, given []string) error {
				return a.noteSet(cmd.Context(), given[0], given[1], given[2])
			},
		},
		&cobra.Command{
			Use: "edit SPACE NAME", Short: "change a note with $VISUAL or $EDITOR", Args: args(cobra.ExactArgs(2)),
			Long: "What others change while the editor is open stays.",
			RunE: func(cmd *cobra.Command, given []string) error { return a.noteEdit(cmd.Context(), given[0], given[1]) },
		},
	)
	return cmd
}

func (a *app) noteList(ctx context.Context, which string) error {
	var all []*api.Note
	for after := ""; ; {
		res, err := a.client.Spaces.ListNotes(ctx, connect.NewRequest(&api.ListNotesRequest{Space: which, AfterName: after}))
		if err != nil {
			return err
		}
		all = append(all, res.Msg.GetNotes()...)
		if after = res.Msg.GetNextAfterName(); after == "" {
			break
		}
	}
	if a.json {
		list := struct {
			Version int        `json:"version"`
			Notes   []noteJSON `json:"notes"`
		}{1, []noteJSON{}}
		for _, n := range all {
			list.Notes = append(list.Notes, briefNote(n))
		}
		return a.printJSON(list)
	}
	if len(all) == 0 {
		a.print(a.say(msgNoNotes, a.hint("parsctl space note set SPACE NAME TEXT")))
	}
	for _, n := range all {
		a.print(a.say(msgNoteLine, a.free(n.GetName()), a.number(n.GetChanges()), a.number(n.GetAuthors()), a.moment(n.GetChangedAtMs()), a.writer(n)))
	}
	return nil
}

// writer is who changed a note last.
func (a *app) writer(n *api.Note) string {
	return a.author(n.GetLastName(), n.GetLastAuthor(), n.GetLastOwn())
}

func (a *app) noteShow(ctx context.Context, which, name string) error {
	res, err := a.client.Spaces.GetNote(ctx, connect.NewRequest(&api.GetNoteRequest{Space: which, Name: name}))
	if err != nil {
		return err
	}
	n := res.Msg.GetNote()
	if a.json {
		return a.printNoteJSON(n)
	}
	_, _ = fmt.Fprintln(a.sys.Stderr, a.say(msgNoteLast, a.moment(n.GetChangedAtMs()), a.writer(n)))
	if n.GetForked() {
		_, _ = fmt.Fprintln(a.sys.Stderr, a.say(msgNoteForked))
	}
	text := clean(n.GetText())
	if !strings.HasSuffix(text, "\n") && text != "" {
		text += "\n"
	}
	_, _ = io.WriteString(a.sys.Stdout, text)
	return nil
}

func (a *app) printNoteJSON(n *api.Note) error {
	out := briefNote(n)
	out.Text, out.Forked = proto.String(n.GetText()), proto.Bool(n.GetForked())
	return a.printJSON(struct {
		Version int      `json:"version"`
		Note    noteJSON `json:"note"`
	}{1, out})
}

func (a *app) noteSet(ctx context.Context, which, name, text string) error {
	if text == "-" {
		var err error
		if text, err = a.readAll(maxText); err != nil {
			return err
		}
	}
	return a.noteWrite(ctx, &api.SetNoteRequest{Space: which, Name: name, Text: text})
}

func (a *app) noteWrite(ctx context.Context, req *api.SetNoteRequest) error {
	res, err := a.client.Spaces.SetNote(ctx, connect.NewRequest(req))
	if err != nil {
		return err
	}
	n := res.Msg.GetNote()
	if a.json {
		return a.printNoteJSON(n)
	}
	a.print(a.say(msgNoteWritten, a.free(n.GetName())))
	if n.GetText() != req.GetText() {
		a.print(a.say(msgNoteMerged))
	}
	return nil
}

// noteEdit has the person change a copy in a file that only they can read.
func (a *app) noteEdit(ctx context.Context, which, name string) (err error) {
	editor := strings.Fields(a.sys.Getenv("VISUAL"))
	if len(editor) == 0 {
		editor = strings.Fields(a.sys.Getenv("EDITOR"))
	}
	if len(editor) == 0 {
		return fmt.Errorf("%w: EDITOR is not set; name the program to edit with in it", errUsage)
	}
	req := &api.SetNoteRequest{Space: which, Name: name, Base: proto.Uint64(0)}
	var text string
	res, err := a.client.Spaces.GetNote(ctx, connect.NewRequest(&api.GetNoteRequest{Space: which, Name: name}))
	var ce *connect.Error
	switch {
	case err == nil:
		text, req.Base = res.Msg.GetNote().GetText(), proto.Uint64(res.Msg.GetNote().GetPosition())
	case !errors.As(err, &ce) || ce.Meta().Get(ReasonHeader) != "no-note":
		return err
	}
	f, err := os.CreateTemp("", "pars-note-*.txt")
	if err != nil {
		return fmt.Errorf("editing: %w", err)
	}
	defer func() {
		if err == nil {
			err = os.Remove(f.Name())
		} else { // nothing of what they wrote is lost
			err = fmt.Errorf("%w; the text is in %s", err, f.Name())
		}
	}()
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("editing: %w", err)
	}
	cmd := exec.CommandContext(ctx, editor[0], append(editor[1:], f.Name())...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.sys.Stdin, a.sys.Stdout, a.sys.Stderr
	if err = cmd.Run(); err != nil {
		return fmt.Errorf("running the editor: %w", err)
	}
	written, err := os.ReadFile(f.Name())
	if err != nil {
		return fmt.Errorf("editing: %w", err)
	}
	req.Text = string(written)
	return a.noteWrite(ctx, req)
}
