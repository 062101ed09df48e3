package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/pars-network/pars/session/api"
)

const (
	// shortID is how many digits of a space's id are shown, authorDigits of an
	// author's.
	shortID, authorDigits = 16, 8
	// importPart is how much of a file one message to the daemon holds, in bytes.
	importPart = 64 << 10
)

// spaceJSON is a space in --json.
type spaceJSON struct {
	SpaceID  string `json:"space_id"`
	Title    string `json:"title"`
	Link     string `json:"link"`
	Name     string `json:"name"`
	Author   string `json:"author"`
	JoinedAt string `json:"joined_at"`
	Posts    uint64 `json:"posts"`
	Authors  uint64 `json:"authors"`
	Peers    uint32 `json:"peers"`
}

type oneSpaceJSON struct {
	Version int       `json:"version"`
	Space   spaceJSON `json:"space"`
}

// postJSON is a post in --json.
type postJSON struct {
	ID         string `json:"id"`
	Position   uint64 `json:"position"`
	Author     string `json:"author"`
	Name       string `json:"name"`
	Own        bool   `json:"own"`
	SentAt     string `json:"sent_at"`
	Text       string `json:"text"`
	Unreadable bool   `json:"unreadable"`
	Forked     bool   `json:"forked"`
}

type onePostJSON struct {
	Version int      `json:"version"`
	Post    postJSON `json:"post"`
}

func spaceOf(s *api.Space) spaceJSON {
	return spaceJSON{
		SpaceID: s.GetSpaceId(), Title: s.GetTitle(), Link: s.GetLink(), Name: s.GetName(), Author: s.GetAuthor(),
		JoinedAt: rfc3339(s.GetJoinedAtMs()), Posts: s.GetPosts(), Authors: s.GetAuthors(), Peers: s.GetPeers(),
	}
}

func postOf(p *api.Post) postJSON {
	return postJSON{
		ID: p.GetId(), Position: p.GetPosition(), Author: p.GetAuthor(), Name: p.GetName(), Own: p.GetOwn(),
		SentAt: rfc3339(p.GetSentAtMs()), Text: p.GetText(), Unreadable: p.GetUnreadable(), Forked: p.GetForked(),
	}
}

func (a *app) spaceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "space", Short: "public spaces that everybody with their link can read and write",
		Long: `A public space is a room without a server: every node that takes part keeps all of it.
SPACE is its title, its id, or the beginning of its id.`,
	}
	var name string
	create := &cobra.Command{
		Use: "create TITLE", Short: "make a space and show its link", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error { return a.spaceCreate(cmd.Context(), given[0], name) },
	}
	join := &cobra.Command{
		Use: "join LINK", Short: "take part in the space of a link", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error { return a.spaceJoin(cmd.Context(), given[0], name) },
	}
	for _, c := range []*cobra.Command{create, join} {
		c.Flags().StringVar(&name, "name", "", "what to sign your posts with; others see it, and it proves nothing")
	}
	var limit int
	read := &cobra.Command{
		Use: "read SPACE", Short: "show posts, in the order in which they came here", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error { return a.spaceRead(cmd.Context(), given[0], limit) },
	}
	read.Flags().IntVar(&limit, "limit", 0, "only the last this many; 0 is all")
	var history bool
	watch := &cobra.Command{
		Use: "watch SPACE", Short: "show posts as they come", Args: args(cobra.ExactArgs(1)),
		Long: "With --json every line is one object.",
		RunE: func(cmd *cobra.Command, given []string) error { return a.spaceWatch(cmd.Context(), given[0], history) },
	}
	watch.Flags().BoolVar(&history, "history", false, "begin with all posts that there are")
	cmd.AddCommand(create, join, read, watch, a.noteCommand(),
		&cobra.Command{
			Use: "list", Short: "list the spaces you take part in", Args: args(cobra.NoArgs),
			RunE: func(cmd *cobra.Command, _ []string) error { return a.spaceList(cmd.Context()) },
		},
		&cobra.Command{
			Use: "post SPACE TEXT|-", Short: "write a post", Args: args(cobra.ExactArgs(2)),
			RunE: func(cmd *cobra.Command, given []string) error { return a.spacePost(cmd.Context(), given[0], given[1]) },
		},
		&cobra.Command{
			Use: "sync SPACE", Short: "compare a space with every linked node now", Args: args(cobra.ExactArgs(1)),
			RunE: func(cmd *cobra.Command, given []string) error { return a.spaceSync(cmd.Context(), given[0]) },
		},
		&cobra.Command{
			Use: "export SPACE FILE", Short: "write all of a space to a file, to carry to where no network is", Args: args(cobra.ExactArgs(2)),
			RunE: func(cmd *cobra.Command, given []string) error {
				return a.spaceExport(cmd.Context(), given[0], given[1])
			},
		},
		&cobra.Command{
			Use: "import FILE", Short: "read such a file; twice does no harm", Args: args(cobra.ExactArgs(1)),
			RunE: func(cmd *cobra.Command, given []string) error { return a.spaceImport(cmd.Context(), given[0]) },
		},
	)
	return cmd
}

func (a *app) spaceCreate(ctx context.Context, title, name string) error {
	res, err := a.client.Spaces.CreateSpace(ctx, connect.NewRequest(&api.CreateSpaceRequest{Title: title, Name: name}))
	if err != nil {
		return err
	}
	s := res.Msg.GetSpace()
	if a.json {
		return a.printJSON(oneSpaceJSON{1, spaceOf(s)})
	}
	a.print(a.say(msgSpaceMade, a.free(s.GetTitle()), a.ltr(s.GetSpaceId()[:shortID])))
	a.print(a.say(msgSpacePublic))
	a.print(a.say(msgSpaceLink, a.ltr("parsctl space join "+s.GetLink())))
	return nil
}

func (a *app) spaceJoin(ctx context.Context, link, name string) error {
	res, err := a.client.Spaces.JoinSpace(ctx, connect.NewRequest(&api.JoinSpaceRequest{Link: link, Name: name}))
	if err != nil {
		return err
	}
	s := res.Msg.GetSpace()
	if a.json {
		return a.printJSON(oneSpaceJSON{1, spaceOf(s)})
	}
	a.print(a.say(msgSpaceJoined, a.free(s.GetTitle()), a.ltr(s.GetSpaceId()[:shortID])))
	a.print(a.say(msgSpacePublic))
	return nil
}

func (a *app) spaceList(ctx context.Context) error {
	res, err := a.client.Spaces.ListSpaces(ctx, connect.NewRequest(&api.ListSpacesRequest{}))
	if err != nil {
		return err
	}
	if a.json {
		list := struct {
			Version int         `json:"version"`
			Spaces  []spaceJSON `json:"spaces"`
		}{1, []spaceJSON{}}
		for _, s := range res.Msg.GetSpaces() {
			list.Spaces = append(list.Spaces, spaceOf(s))
		}
		return a.printJSON(list)
	}
	if len(res.Msg.GetSpaces()) == 0 {
		a.print(a.say(msgNoSpaces, a.hint("parsctl space create TITLE")))
	}
	for _, s := range res.Msg.GetSpaces() {
		a.print(a.say(msgSpaceLine, a.ltr(s.GetSpaceId()[:shortID]), a.free(s.GetTitle()), a.number(s.GetPosts()), a.number(s.GetAuthors()), a.number(uint64(s.GetPeers()))))
	}
	return nil
}

func (a *app) number(n uint64) string { return a.digits(strconv.FormatUint(n, 10)) }

func (a *app) spacePost(ctx context.Context, which, text string) error {
	if text == "-" {
		var err error
		if text, err = a.readAll(maxText); err != nil {
			return err
		}
	}
	res, err := a.client.Spaces.PostToSpace(ctx, connect.NewRequest(&api.PostToSpaceRequest{Space: which, Text: text}))
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(onePostJSON{1, postOf(res.Msg.GetPost())})
	}
	a.printPost(res.Msg.GetPost())
	return nil
}

func (a *app) spaceRead(ctx context.Context, which string, limit int) error {
	if limit < 0 {
		return fmt.Errorf("%w: --limit %d, want 0 or more", errUsage, limit)
	}
	var all []*api.Post
	for after := uint64(0); ; {
		res, err := a.client.Spaces.ListPosts(ctx, connect.NewRequest(&api.ListPostsRequest{Space: which, AfterPosition: after}))
		if err != nil {
			return err
		}
		all = append(all, res.Msg.GetPosts()...)
		if limit > 0 && len(all) > limit {
			all = all[len(all)-limit:]
		}
		if after = res.Msg.GetNextAfterPosition(); after == 0 {
			break
		}
	}
	if a.json {
		list := struct {
			Version int        `json:"version"`
			Posts   []postJSON `json:"posts"`
		}{1, []postJSON{}}
		for _, p := range all {
			list.Posts = append(list.Posts, postOf(p))
		}
		return a.printJSON(list)
	}
	if len(all) == 0 {
		a.print(a.say(msgNoPosts))
	}
	for _, p := range all {
		a.printPost(p)
	}
	return nil
}

func (a *app) spaceWatch(ctx context.Context, which string, history bool) error {
	req := &api.WatchPostsRequest{Space: which}
	if history {
		req.AfterPosition = proto.Uint64(0)
	}
	stream, err := a.client.Spaces.WatchPosts(ctx, connect.NewRequest(req))
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	for stream.Receive() {
		p := stream.Msg().GetPost()
		switch {
		case p == nil: // the first answer
		case !a.json:
			a.printPost(p)
		default:
			if err := a.printJSON(onePostJSON{1, postOf(p)}); err != nil {
				return err
			}
		}
	}
	if err := stream.Err(); err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	return nil
}

// author is how somebody who wrote in a space is shown.
func (a *app) author(name, author string, own bool) string {
	who := a.free(name)
	if name == "" {
		who = a.say(msgPostUnnamed)
	}
	mark := a.ltr(author[:min(authorDigits, len(author))])
	if own {
		mark = a.say(msgPostOwn)
	}
	return fmt.Sprintf("%s (%s)", who, mark)
}

// printPost writes a post as two lines: what is known about it, then its text.
func (a *app) printPost(p *api.Post) {
	line := a.author(p.GetName(), p.GetAuthor(), p.GetOwn())
	if ms := p.GetSentAtMs(); ms != 0 {
		line = a.moment(ms) + "  " + line
	}
	if p.GetForked() {
		line += "  (" + a.say(msgPostForked) + ")"
	}
	a.print(line)
	if p.GetUnreadable() {
		a.print("  " + a.say(msgPostUnreadable))
		return
	}
	a.print("  " + a.free(p.GetText()))
}

func (a *app) spaceSync(ctx context.Context, which string) error {
	res, err := a.client.Spaces.SyncSpace(ctx, connect.NewRequest(&api.SyncSpaceRequest{Space: which}))
	if err != nil {
		return err
	}
	type resultJSON struct {
		PeerID   string `json:"peer_id"`
		Equal    bool   `json:"equal"`
		Sent     uint64 `json:"sent"`
		Received uint64 `json:"received"`
		Bytes    uint64 `json:"bytes"`
		Problem  string `json:"problem,omitempty"`
	}
	list := struct {
		Version int          `json:"version"`
		Results []resultJSON `json:"results"`
	}{1, []resultJSON{}}
	for _, r := range res.Msg.GetResults() {
		list.Results = append(list.Results, resultJSON{r.GetPeerId(), r.GetEqual(), r.GetSent(), r.GetReceived(), r.GetBytes(), r.GetProblem()})
	}
	if a.json {
		return a.printJSON(list)
	}
	if len(list.Results) == 0 {
		a.print(a.say(msgSpaceAlone))
	}
	for _, r := range list.Results {
		if r.Problem != "" {
			a.print(a.say(msgSyncProblem, a.ltr(r.PeerID), a.ltr(r.Problem), a.number(r.Sent), a.number(r.Received)))
			continue
		}
		a.print(a.say(msgSyncEqual, a.ltr(r.PeerID), a.number(r.Sent), a.number(r.Received), a.number(r.Bytes)))
	}
	return nil
}

// spaceExport writes to a new file beside the one that was asked for, so that
// a file that is there is whole, whatever happens.
func (a *app) spaceExport(ctx context.Context, which, file string) (err error) {
	stream, err := a.client.Spaces.ExportSpace(ctx, connect.NewRequest(&api.ExportSpaceRequest{Space: which}))
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	part := file + ".part"
	f, err := os.Create(part)
	if err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(part) // it is of no use
		}
	}()
	var size uint64
	for err == nil && stream.Receive() {
		var n int
		n, err = f.Write(stream.Msg().GetData())
		size += uint64(n)
	}
	if err = errors.Join(err, stream.Err()); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(part, file); err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	if a.json {
		return a.printJSON(struct {
			Version int    `json:"version"`
			File    string `json:"file"`
			Bytes   uint64 `json:"bytes"`
		}{1, file, size})
	}
	a.print(a.say(msgSpaceExported, a.ltr(file), a.number(size), a.ltr("parsctl space import "+file)))
	return nil
}

func (a *app) spaceImport(ctx context.Context, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("reading the export: %w", err)
	}
	defer func() { _ = f.Close() }()
	stream := a.client.Spaces.ImportSpace(ctx)
	buf := make([]byte, importPart)
	for {
		n, err := f.Read(buf)
		if n > 0 {
			if stream.Send(&api.ImportSpaceRequest{Data: buf[:n]}) != nil {
				break // the answer says why
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading the export: %w", err)
		}
	}
	res, err := stream.CloseAndReceive()
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(struct {
			Version int       `json:"version"`
			Space   spaceJSON `json:"space"`
			Stored  uint64    `json:"stored"`
		}{1, spaceOf(res.Msg.GetSpace()), res.Msg.GetStored()})
	}
	a.print(a.say(msgSpaceImported, a.free(res.Msg.GetSpace().GetTitle()), a.number(res.Msg.GetStored())))
	return nil
}
