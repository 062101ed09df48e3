package daemon

import (
	"context"

	"connectrpc.com/connect"

	"github.com/pars-network/pars/session/api"
	"github.com/pars-network/pars/session/space"
)

func noteOf(n space.Note) *api.Note {
	return &api.Note{
		Name: n.Name, Text: n.Text, Changes: uint64(n.Changes), Authors: uint64(n.Authors),
		LastAuthor: n.LastAuthor.String(), LastName: n.LastName, LastOwn: n.Own, ChangedAtMs: n.LastTime.UnixMilli(),
		Forked: n.Forked, Position: n.Position,
	}
}

// ListNotes implements [apiconnect.SpaceServiceHandler].
func (s spaceService) ListNotes(ctx context.Context, r *connect.Request[api.ListNotesRequest]) (*connect.Response[api.ListNotesResponse], error) {
	sp, err := s.find(r.Msg.GetSpace())
	if err != nil {
		return nil, err
	}
	notes, more, err := s.d.spaces.Notes(ctx, sp, r.Msg.GetAfterName(), pageLimit(r.Msg.GetLimit()))
	if err != nil {
		return nil, s.d.apiError(err)
	}
	res := &api.ListNotesResponse{}
	for _, n := range notes {
		res.Notes = append(res.Notes, noteOf(n))
	}
	if more {
		res.NextAfterName = notes[len(notes)-1].Name
	}
	return connect.NewResponse(res), nil
}

// GetNote implements [apiconnect.SpaceServiceHandler].
func (s spaceService) GetNote(ctx context.Context, r *connect.Request[api.GetNoteRequest]) (*connect.Response[api.GetNoteResponse], error) {
	sp, err := s.find(r.Msg.GetSpace())
	if err != nil {
		return nil, err
	}
	n, err := s.d.spaces.Note(ctx, sp, r.Msg.GetName())
	if err != nil {
		return nil, s.d.apiError(err)
	}
	return connect.NewResponse(&api.GetNoteResponse{Note: noteOf(n)}), nil
}

// SetNote implements [apiconnect.SpaceServiceHandler].
func (s spaceService) SetNote(ctx context.Context, r *connect.Request[api.SetNoteRequest]) (*connect.Response[api.SetNoteResponse], error) {
	sp, err := s.find(r.Msg.GetSpace())
	if err != nil {
		return nil, err
	}
	n, err := s.d.spaces.SetNote(ctx, sp, r.Msg.GetName(), r.Msg.GetText(), r.Msg.Base)
	if err != nil {
		return nil, s.d.apiError(err)
	}
	return connect.NewResponse(&api.SetNoteResponse{Note: noteOf(n)}), nil
}
