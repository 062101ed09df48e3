package daemon

import (
	"context"
	"errors"

	"connectrpc.com/connect"
	"github.com/pars-network/pars/session/api"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/messenger"
	"github.com/pars-network/pars/session/mistake"
)

// maxPage is how many messages one answer holds at most.
const maxPage = 1000

// pageLimit is how many entries an answer holds for a limit that was asked for:
// 0 and more than maxPage mean maxPage.
func pageLimit(asked uint32) int {
	if asked == 0 {
		return maxPage
	}
	return int(min(asked, maxPage))
}

// reasonHeader is the metadata that names the reason of an error.
const reasonHeader = "Pars-Reason"

// apiError turns an error into one of the API. What is not the caller's mistake
// is logged and told without details.
func (d *Daemon) apiError(err error) error {
	var e *mistake.Error
	if !errors.As(err, &e) {
		d.cfg.Logger.Error("API call failed", "error", err)
		return connect.NewError(connect.CodeInternal, errors.New("the daemon could not do this; its log says why"))
	}
	code := map[mistake.Class]connect.Code{
		mistake.Invalid: connect.CodeInvalidArgument, mistake.NotFound: connect.CodeNotFound,
		mistake.Refused: connect.CodeFailedPrecondition, mistake.Full: connect.CodeResourceExhausted,
	}[e.Class]
	out := connect.NewError(code, e)
	out.Meta().Set(reasonHeader, e.Reason)
	return out
}

// messageService implements [apiconnect.MessageServiceHandler].
type messageService struct{ d *Daemon }

var states = map[messenger.State]api.State{
	messenger.Queued: api.State_STATE_QUEUED, messenger.Stored: api.State_STATE_STORED, messenger.Delivered: api.State_STATE_DELIVERED,
	messenger.Failed: api.State_STATE_FAILED, messenger.Received: api.State_STATE_RECEIVED,
}

func messageOf(m messenger.Message) *api.Message {
	direction := api.Direction_DIRECTION_RECEIVED
	if m.Sent {
		direction = api.Direction_DIRECTION_SENT
	}
	return &api.Message{
		Id: m.ID.String(), Seq: m.Seq, SessionId: m.Peer.String(), Name: m.Name, Direction: direction, Text: m.Text,
		SentAtMs: m.SentAt.UnixMilli(), StoredAtMs: m.StoredAt.UnixMilli(), State: states[m.State],
		Stored: uint32(m.StoredBy), Total: uint32(m.Total), Failure: m.Failure, Unconfirmed: m.Unconfirmed, Request: m.Request,
	}
}

// SendMessage implements [apiconnect.MessageServiceHandler].
func (s messageService) SendMessage(_ context.Context, r *connect.Request[api.SendMessageRequest]) (*connect.Response[api.SendMessageResponse], error) {
	m, err := s.d.messenger.Send(r.Msg.GetTo(), r.Msg.GetText())
	if err != nil {
		return nil, s.d.apiError(err)
	}
	return connect.NewResponse(&api.SendMessageResponse{Message: messageOf(m)}), nil
}

// ListMessages implements [apiconnect.MessageServiceHandler].
func (s messageService) ListMessages(_ context.Context, r *connect.Request[api.ListMessagesRequest]) (*connect.Response[api.ListMessagesResponse], error) {
	list, next, err := s.d.messenger.List(r.Msg.GetWith(), r.Msg.GetAfterSeq(), pageLimit(r.Msg.GetLimit()))
	if err != nil {
		return nil, s.d.apiError(err)
	}
	res := &api.ListMessagesResponse{NextAfterSeq: next}
	for _, m := range list {
		res.Messages = append(res.Messages, messageOf(m))
	}
	return connect.NewResponse(res), nil
}

// WatchMessages implements [apiconnect.MessageServiceHandler].
func (s messageService) WatchMessages(ctx context.Context, r *connect.Request[api.WatchMessagesRequest], stream *connect.ServerStream[api.WatchMessagesResponse]) error {
	peer, err := s.d.messenger.Filter(r.Msg.GetWith())
	if err != nil {
		return s.d.apiError(err)
	}
	w := s.d.messenger.Watch() // before the log is read, so that nothing falls between
	defer s.d.messenger.Unwatch(w)
	if r.Msg.AfterSeq != nil {
		if err := s.replay(r.Msg.GetWith(), r.Msg.GetAfterSeq(), stream); err != nil {
			return err
		}
	} else if err := stream.Send(nil); err != nil { // headers: the caller knows that it watches
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.d.stopping:
			return connect.NewError(connect.CodeUnavailable, errors.New("the daemon is stopping"))
		case seq, ok := <-w.C:
			if !ok {
				return connect.NewError(connect.CodeAborted, errors.New("too slow to follow; read the log and watch again"))
			}
			if err := s.sendOne(seq, peer, stream); err != nil {
				return err
			}
		}
	}
}

// replay sends the log after a position.
func (s messageService) replay(with string, after uint64, stream *connect.ServerStream[api.WatchMessagesResponse]) error {
	for {
		list, next, err := s.d.messenger.List(with, after, maxPage)
		if err != nil {
			return s.d.apiError(err)
		}
		for _, m := range list {
			if err := stream.Send(&api.WatchMessagesResponse{Message: messageOf(m)}); err != nil {
				return err
			}
		}
		if after = next; next == 0 {
			return nil
		}
	}
}

func (s messageService) sendOne(seq uint64, peer *identity.ID, stream *connect.ServerStream[api.WatchMessagesResponse]) error {
	m, ok, err := s.d.messenger.Message(seq)
	if err != nil {
		return s.d.apiError(err)
	}
	if !ok || (peer != nil && m.Peer != *peer) {
		return nil
	}
	return stream.Send(&api.WatchMessagesResponse{Message: messageOf(m)})
}
