package space

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/sync"
	"github.com/pars-network/pars/session/sync/replica"
)

// Export writes everything that a space holds, for [Service.Import] on another
// machine. It returns how many vertices that is.
func (s *Service) Export(sp Space, w io.Writer) (uint64, error) {
	snap, err := replica.Take(s.cfg.Graph, sp.ID)
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
	snap, err := replica.Take(s.cfg.Graph, sp.ID)
	if err != nil {
		return sp, 0, err
	}
	defer func() { _ = snap.Close() }()
	done, err := sync.Import(ctx, again.rewind(), h.Space, snap, replica.NewSink(s.cfg.Graph, sp.ID, ""))
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
