package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"connectrpc.com/connect"

	"github.com/pars-network/pars/session/api"
	"github.com/pars-network/pars/session/space"
)

// exportPart is how much of a file one message of a stream holds, in bytes.
const exportPart = 64 << 10

// spaceService implements [apiconnect.SpaceServiceHandler].
type spaceService struct{ d *Daemon }

// find returns the space that a request names, or an error of the API.
func (s spaceService) find(which string) (space.Space, error) {
	sp, err := s.d.spaces.Find(which)
	if err != nil {
		return sp, s.d.apiError(err)
	}
	return sp, nil
}

func (s spaceService) spaceOf(sp space.Space) (*api.Space, error) {
	stats, err := s.d.spaces.Stats(sp)
	if err != nil {
		return nil, s.d.apiError(err)
	}
	return &api.Space{
		SpaceId: sp.ID.String(), Title: sp.Link.Title, Link: sp.Link.String(), Name: sp.Name, Author: sp.Author.String(),
		JoinedAtMs: sp.Joined.UnixMilli(), Posts: stats.Vertices, Authors: uint64(stats.Authors),
		Peers: uint32(len(s.d.spaces.public.Peers(sp.ID))),
	}, nil
}

func postOf(e space.Entry) *api.Post {
	p := &api.Post{
		Id: e.ID.String(), Position: e.Position, Author: e.Author.String(), Name: e.Name, Own: e.Own,
		Text: e.Text, Unreadable: e.Unreadable, Forked: e.Forked,
	}
	if !e.Time.IsZero() {
		p.SentAtMs = e.Time.UnixMilli()
	}
	return p
}

// CreateSpace implements [apiconnect.SpaceServiceHandler].
func (s spaceService) CreateSpace(_ context.Context, r *connect.Request[api.CreateSpaceRequest]) (*connect.Response[api.CreateSpaceResponse], error) {
	sp, err := s.d.spaces.Create(r.Msg.GetTitle(), r.Msg.GetName())
	if err != nil {
		return nil, s.d.apiError(err)
	}
	out, err := s.spaceOf(sp)
	return connect.NewResponse(&api.CreateSpaceResponse{Space: out}), err
}

// JoinSpace implements [apiconnect.SpaceServiceHandler].
func (s spaceService) JoinSpace(_ context.Context, r *connect.Request[api.JoinSpaceRequest]) (*connect.Response[api.JoinSpaceResponse], error) {
	sp, err := s.d.spaces.Join(r.Msg.GetLink(), r.Msg.GetName())
	if err != nil {
		return nil, s.d.apiError(err)
	}
	out, err := s.spaceOf(sp)
	return connect.NewResponse(&api.JoinSpaceResponse{Space: out}), err
}

// ListSpaces implements [apiconnect.SpaceServiceHandler].
func (s spaceService) ListSpaces(context.Context, *connect.Request[api.ListSpacesRequest]) (*connect.Response[api.ListSpacesResponse], error) {
	res := &api.ListSpacesResponse{}
	for _, sp := range s.d.spaces.List() {
		out, err := s.spaceOf(sp)
		if err != nil {
			return nil, err
		}
		res.Spaces = append(res.Spaces, out)
	}
	return connect.NewResponse(res), nil
}

// PostToSpace implements [apiconnect.SpaceServiceHandler].
func (s spaceService) PostToSpace(ctx context.Context, r *connect.Request[api.PostToSpaceRequest]) (*connect.Response[api.PostToSpaceResponse], error) {
	sp, err := s.find(r.Msg.GetSpace())
	if err != nil {
		return nil, err
	}
	e, err := s.d.spaces.Post(ctx, sp, r.Msg.GetText())
	if err != nil {
		return nil, s.d.apiError(err)
	}
	return connect.NewResponse(&api.PostToSpaceResponse{Post: postOf(e)}), nil
}

// ListPosts implements [apiconnect.SpaceServiceHandler].
func (s spaceService) ListPosts(_ context.Context, r *connect.Request[api.ListPostsRequest]) (*connect.Response[api.ListPostsResponse], error) {
	sp, err := s.find(r.Msg.GetSpace())
	if err != nil {
		return nil, err
	}
	limit := pageLimit(r.Msg.GetLimit())
	entries, next, err := s.d.spaces.Entries(sp, r.Msg.GetAfterPosition(), limit)
	if err != nil {
		return nil, s.d.apiError(err)
	}
	res := &api.ListPostsResponse{}
	for _, e := range entries {
		res.Posts = append(res.Posts, postOf(e))
	}
	if len(entries) == limit {
		res.NextAfterPosition = next
	}
	return connect.NewResponse(res), nil
}

// WatchPosts implements [apiconnect.SpaceServiceHandler].
func (s spaceService) WatchPosts(ctx context.Context, r *connect.Request[api.WatchPostsRequest], stream *connect.ServerStream[api.WatchPostsResponse]) error {
	sp, err := s.find(r.Msg.GetSpace())
	if err != nil {
		return err
	}
	w := s.d.spaces.Watch(sp) // before anything is read, so that nothing falls between
	defer s.d.spaces.Unwatch(w)
	after := r.Msg.GetAfterPosition()
	if r.Msg.AfterPosition == nil {
		stats, err := s.d.spaces.Stats(sp)
		if err != nil {
			return s.d.apiError(err)
		}
		after = stats.Last
	}
	if err := stream.Send(nil); err != nil { // headers: the caller knows that it watches
		return err
	}
	for {
		for more := true; more; {
			entries, next, err := s.d.spaces.Entries(sp, after, maxPage)
			if err != nil {
				return s.d.apiError(err)
			}
			for _, e := range entries {
				if err := stream.Send(&api.WatchPostsResponse{Post: postOf(e)}); err != nil {
					return err
				}
			}
			more, after = len(entries) == maxPage, next
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.d.stopping:
			return connect.NewError(connect.CodeUnavailable, errors.New("the daemon is stopping"))
		case <-w.C:
		}
	}
}

// SyncSpace implements [apiconnect.SpaceServiceHandler].
func (s spaceService) SyncSpace(ctx context.Context, r *connect.Request[api.SyncSpaceRequest]) (*connect.Response[api.SyncSpaceResponse], error) {
	sp, err := s.find(r.Msg.GetSpace())
	if err != nil {
		return nil, err
	}
	res := &api.SyncSpaceResponse{}
	results := s.d.spaces.syncNow(ctx, sp.ID)
	for _, id := range slices.Sorted(maps.Keys(results)) {
		r := results[id]
		out := &api.SyncResult{PeerId: id, Equal: r.Equal, Sent: uint64(r.Sent), Received: uint64(r.Received), Bytes: uint64(r.BytesIn + r.BytesOut)}
		if r.err != nil {
			out.Problem = r.err.Error()
		}
		res.Results = append(res.Results, out)
	}
	return connect.NewResponse(res), nil
}

// ExportSpace implements [apiconnect.SpaceServiceHandler].
func (s spaceService) ExportSpace(_ context.Context, r *connect.Request[api.ExportSpaceRequest], stream *connect.ServerStream[api.ExportSpaceResponse]) error {
	sp, err := s.find(r.Msg.GetSpace())
	if err != nil {
		return err
	}
	if _, err := s.d.spaces.Export(sp, parts{stream}); err != nil {
		return s.d.apiError(err)
	}
	return nil
}

// parts sends what is written as messages of a stream.
type parts struct {
	stream *connect.ServerStream[api.ExportSpaceResponse]
}

// Write implements [io.Writer].
func (p parts) Write(b []byte) (int, error) {
	for part := range slices.Chunk(b, exportPart) {
		if err := p.stream.Send(&api.ExportSpaceResponse{Data: part}); err != nil {
			return 0, fmt.Errorf("sending a part: %w", err)
		}
	}
	return len(b), nil
}

// ImportSpace implements [apiconnect.SpaceServiceHandler].
func (s spaceService) ImportSpace(ctx context.Context, stream *connect.ClientStream[api.ImportSpaceRequest]) (*connect.Response[api.ImportSpaceResponse], error) {
	sp, stored, err := s.d.spaces.Import(ctx, &received{stream: stream})
	if err != nil {
		return nil, s.d.apiError(err)
	}
	out, err := s.spaceOf(sp)
	return connect.NewResponse(&api.ImportSpaceResponse{Space: out, Stored: uint64(stored)}), err
}

// received reads the messages of a stream as one file.
type received struct {
	stream *connect.ClientStream[api.ImportSpaceRequest]
	rest   []byte
}

// Read implements [io.Reader].
func (r *received) Read(b []byte) (int, error) {
	for len(r.rest) == 0 {
		if !r.stream.Receive() {
			if err := r.stream.Err(); err != nil {
				return 0, err
			}
			return 0, io.EOF
		}
		r.rest = r.stream.Msg().GetData()
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
