package space

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/replica"
	"github.com/pars-network/pars/session/sync"
)

// Reconcile makes this node and a peer equal in one space, over a stream that
// this node has opened for it.
func (s *Service) Reconcile(ctx context.Context, peer string, id dag.Space, stream sync.Stream) (sync.Result, error) {
	snap, err := replica.NewSnapshot(s.cfg.Graph, id)
	if err != nil {
		return sync.Result{}, err
	}
	defer func() { _ = snap.Close() }()
	return sync.Initiate(ctx, stream, sync.ID(id), snap, s.sink(id, peer), sync.Config{Rand: s.cfg.Rand})
}

// Answer answers a peer that has opened a stream to reconcile a space.
func (s *Service) Answer(ctx context.Context, peer string, stream sync.Stream) (sync.Result, error) {
	return sync.Respond(ctx, stream, func(id sync.ID) (sync.Snapshot, sync.Sink, error) {
		space := dag.Space(id)
		if !s.Joined(space) {
			return nil, nil, sync.ErrUnknownSpace
		}
		snap, err := replica.NewSnapshot(s.cfg.Graph, space)
		if err != nil {
			return nil, nil, err
		}
		return snap, s.sink(space, peer), nil
	}, sync.Config{Rand: s.cfg.Rand})
}

func (s *Service) sink(id dag.Space, peer string) replica.Sink {
	return replica.Sink{Store: s.cfg.Graph, Space: id, Peer: peer}
}

// Export writes everything that a space holds, for [Service.Import] on another
// machine. It returns how many vertices that is.
func (s *Service) Export(sp Space, w io.Writer) (uint64, error) {
	snap, err := replica.NewSnapshot(s.cfg.Graph, sp.ID)
	if err != nil {
		return 0, err
	}
	defer func() { _ = snap.Close() }()
	h, err := sync.Export(w, sync.ID(sp.ID), snap, nil)
	return h.Count, err
}

// Import reads what another node has exported. Importing twice, or in any order,
// does no harm. It returns the space, and how many of its vertices are stored now.
func (s *Service) Import(ctx context.Context, r io.Reader) (Space, int, error) {
	again := &replay{r: r}
	h, err := sync.ReadHeader(again)
	if err != nil {
		return Space{}, 0, ErrExport.With("%v", err)
	}
	if !s.Joined(dag.Space(h.Space)) {
		return Space{}, 0, ErrUnknown.With("%s", dag.Space(h.Space))
	}
	sp, err := s.Find(dag.Space(h.Space).String())
	if err != nil {
		return Space{}, 0, err
	}
	snap, err := replica.NewSnapshot(s.cfg.Graph, sp.ID)
	if err != nil {
		return sp, 0, err
	}
	defer func() { _ = snap.Close() }()
	done, err := sync.Import(ctx, again.rewind(), h.Space, snap, s.sink(sp.ID, ""))
	switch {
	case errors.Is(err, sync.ErrEarlier):
		err = ErrEarlier.With("%v", err)
	case errors.Is(err, sync.ErrExport), errors.Is(err, sync.ErrRefused):
		err = ErrExport.With("%v; %d vertices before that were kept", err, done.Stored)
	}
	return sp, done.Stored, err
}

// replay remembers what was read, to give it once more.
type replay struct {
	r    io.Reader
	seen []byte
}

// Read reads on; what a header takes is bounded by package sync.
func (p *replay) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.seen = append(p.seen, b[:n]...)
	return n, err
}

// rewind returns a reader from the start.
func (p *replay) rewind() io.Reader {
	seen := p.seen
	p.seen = nil
	return io.MultiReader(bytes.NewReader(seen), p.r)
}
