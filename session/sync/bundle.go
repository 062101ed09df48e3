package sync

import (
	"bytes"
	"context"
	"crypto/sha3"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/pars-network/pars/session/wire"
)

// Limits of an export.
const (
	// maxSince is how many heads an export may start from.
	maxSince = 1024
	// maxExportHeader bounds the first frame: twice maxSince ids and a little.
	maxExportHeader = 128 << 10
	// maxExportBatch bounds a frame of vertices.
	maxExportBatch = batchBytes + MaxVertex + 4096
)

// Types of the frames of an export.
const (
	exportHeader   = 16
	exportVertices = 17
	exportEnd      = 18
)

var (
	// ErrExport reports bytes that are no export, or a damaged one. What came
	// before the damage was imported.
	ErrExport = errors.New("sync: not an intact export")
	// ErrEarlier is matched by [MissingError].
	ErrEarlier = errors.New("sync: an earlier export is missing")
)

// MissingError reports an export that starts where this side has not arrived
// yet. Nothing was imported; import it again after one that brings Heads.
type MissingError struct {
	Space ID
	Heads []ID // of Header.Since, those that are not here
	Line  uint64
}

// Error says which vertices are missing.
func (e *MissingError) Error() string {
	return fmt.Sprintf("%v: it has to bring %d vertices, %x the first", ErrEarlier, len(e.Heads), e.Heads[0][:4])
}

// Unwrap returns [ErrEarlier].
func (e *MissingError) Unwrap() error { return ErrEarlier }

// Header is what an export says about itself first.
type Header struct {
	_       struct{} `cbor:",toarray"`
	Type    uint64
	Version uint64
	Space   ID
	Line    uint64 // prune line of the exporting side
	Since   []ID   // what the reader must have, ascending
	Heads   []ID   // the frontier that the export leads to, ascending; empty above maxSince
	Count   uint64 // vertices
}

type exportBatch struct {
	_        struct{} `cbor:",toarray"`
	Type     uint64
	Vertices [][]byte
}

type exportFooter struct {
	_      struct{} `cbor:",toarray"`
	Type   uint64
	Digest ID // SHA3-256 of the ids in their order
}

// Export writes all vertices of snap that are neither one of since nor an
// ancestor of one, parents first, for [Import] to read from a file. Of since
// those count that snap has; none means everything at or above the prune line.
func Export(w io.Writer, space ID, snap Snapshot, since []ID) (Header, error) {
	h := Header{Type: exportHeader, Version: version, Space: space, Line: snap.Line(), Since: []ID{}, Heads: []ID{}}
	for _, id := range slices.Compact(slices.SortedFunc(slices.Values(since), compareIDs)) {
		has, err := snap.Has(id)
		if err != nil {
			return h, fmt.Errorf("sync: looking up %x: %w", id, err)
		}
		if has {
			h.Since = append(h.Since, id)
		}
	}
	if len(h.Since) > maxSince {
		return h, fmt.Errorf("sync: an export since %d vertices, want at most %d", len(h.Since), maxSince)
	}
	if heads := snap.Heads(); len(heads) <= maxSince {
		for _, head := range heads {
			h.Heads = append(h.Heads, head.ID)
		}
		slices.SortFunc(h.Heads, compareIDs)
	}
	all, err := newSet(snap, h.Line)
	if err != nil {
		return h, fmt.Errorf("sync: reading the snapshot: %w", err)
	}
	for _, err := range all.since(h.Since) {
		if err != nil {
			return h, err
		}
		h.Count++
	}
	if err := wire.WriteMessage(w, maxExportHeader, h); err != nil {
		return h, err
	}
	sum, size := sha3.New256(), 0
	b := exportBatch{Type: exportVertices}
	for id, err := range all.since(h.Since) {
		if err != nil {
			return h, err
		}
		v, err := snap.Vertex(id)
		if err != nil {
			return h, fmt.Errorf("sync: reading vertex %x: %w", id, err)
		}
		if len(v) > MaxVertex {
			return h, fmt.Errorf("sync: vertex %x has %d bytes, want at most %d", id, len(v), MaxVertex)
		}
		_, _ = sum.Write(id[:]) // never fails
		b.Vertices = append(b.Vertices, v)
		if size += len(v); size >= batchBytes || len(b.Vertices) == MaxBatch {
			if err := wire.WriteMessage(w, maxExportBatch, b); err != nil {
				return h, err
			}
			b.Vertices, size = nil, 0
		}
	}
	if len(b.Vertices) > 0 {
		if err := wire.WriteMessage(w, maxExportBatch, b); err != nil {
			return h, err
		}
	}
	return h, wire.WriteMessage(w, maxExportBatch, exportFooter{Type: exportEnd, Digest: ID(sum.Sum(nil))})
}

// Imported is what an import did.
type Imported struct {
	Header Header
	// Stored vertices are on disk now, some of them perhaps before; Deferred and
	// Waiting ones are not: import again later.
	Stored, Deferred, Waiting int
}

// ReadHeader reads the first frame of an export, to tell whose it is.
func ReadHeader(r io.Reader) (Header, error) {
	var h Header
	if err := wire.ReadMessage(r, maxExportHeader, &h); err != nil {
		return h, damaged(err)
	}
	ascending := func(ids []ID) bool {
		return slices.IsSortedFunc(ids, compareIDs) && len(slices.Compact(slices.Clone(ids))) == len(ids) && len(ids) <= maxSince
	}
	if h.Type != exportHeader || h.Version != version || !ascending(h.Since) || !ascending(h.Heads) {
		return h, fmt.Errorf("%w: type %d, version %d, want %d, %d and ids that ascend", ErrExport, h.Type, h.Version, exportHeader, version)
	}
	return h, nil
}

// Import reads an export whose header says the space of snap and sink, and
// stores what it brings. It may be imported twice. When what it builds on is not
// here yet, the error is a [*MissingError] and nothing is imported; see
// [ImportAll]. Damage is [ErrExport], a vertex that breaks a rule [ErrRefused];
// what came before stays.
func Import(ctx context.Context, r io.Reader, space ID, snap Snapshot, sink Sink) (Imported, error) {
	h, err := ReadHeader(r)
	out := Imported{Header: h}
	if err != nil {
		return out, err
	}
	if h.Space != space {
		return out, fmt.Errorf("%w: it is of space %x, want %x", ErrExport, h.Space[:4], space[:4])
	}
	missing, err := lacking(snap, h.Since)
	if err != nil {
		return out, err
	}
	// What lies below this side's prune line needs not be here.
	if len(missing) > 0 && snap.Line() == 0 {
		return out, &MissingError{Space: space, Heads: missing, Line: h.Line}
	}
	err = importBatches(ctx, r, sink, &out)
	return out, err
}

func lacking(snap Snapshot, ids []ID) ([]ID, error) {
	var out []ID
	for _, id := range ids {
		has, err := snap.Has(id)
		if err != nil {
			return nil, fmt.Errorf("sync: looking up %x: %w", id, err)
		}
		if !has {
			out = append(out, id)
		}
	}
	return out, nil
}

func importBatches(ctx context.Context, r io.Reader, sink Sink, out *Imported) error {
	sum, count := sha3.New256(), uint64(0)
	for {
		frame, err := wire.ReadFrame(r, maxExportBatch)
		if err != nil {
			return damaged(err)
		}
		if len(frame) > 1 && frame[1] == exportEnd {
			return closeExport(frame, sum, count, out.Header.Count)
		}
		var b exportBatch
		if err := wire.Unmarshal(frame, maxExportBatch, &b); err != nil {
			return damaged(err)
		}
		if count += uint64(len(b.Vertices)); b.Type != exportVertices || len(b.Vertices) == 0 || len(b.Vertices) > MaxBatch || count > out.Header.Count {
			return fmt.Errorf("%w: a frame of type %d with %d vertices after %d of %d", ErrExport, b.Type, len(b.Vertices), count-uint64(len(b.Vertices)), out.Header.Count)
		}
		for _, v := range b.Vertices {
			id, err := sink.ID(v)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrExport, err)
			}
			_, _ = sum.Write(id[:]) // never fails
		}
		outcomes, err := sink.Add(ctx, b.Vertices)
		if err != nil {
			return fmt.Errorf("sync: storing %d vertices: %w", len(b.Vertices), err)
		}
		for _, o := range outcomes {
			switch o {
			case Accepted:
				out.Stored++
			case Waiting:
				out.Waiting++
			case Deferred:
				out.Deferred++
			default:
				return fmt.Errorf("%w: after %d good ones", ErrRefused, out.Stored)
			}
		}
	}
}

func closeExport(frame []byte, sum hash.Hash, got, want uint64) error {
	var f exportFooter
	if err := wire.Unmarshal(frame, maxExportBatch, &f); err != nil {
		return damaged(err)
	}
	if got != want || !bytes.Equal(sum.Sum(nil), f.Digest[:]) {
		return fmt.Errorf("%w: %d vertices, want %d with the digest %x", ErrExport, got, want, f.Digest[:4])
	}
	return nil
}

// damaged says that an export is cut off or altered, unless the reader failed.
func damaged(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, wire.ErrEncoding) || errors.Is(err, wire.ErrSize) {
		return fmt.Errorf("%w: %w", ErrExport, err)
	}
	return err
}

// ImportAll imports several exports of one space, in whatever order they are
// given: those that build on others come after them. open returns the i-th of n
// from its start, each time that it is called; now returns a fresh snapshot. The
// errors are by export, nil where it was imported.
func ImportAll(ctx context.Context, space ID, n int, open func(i int) (io.ReadCloser, error), now func() (Snapshot, error), sink Sink) []error {
	errs := make([]error, n)
	left := make([]int, n)
	for i := range left {
		left[i] = i
	}
	for before := n + 1; len(left) < before && len(left) > 0; {
		before = len(left)
		left = slices.DeleteFunc(left, func(i int) bool {
			errs[i] = importOne(ctx, space, i, open, now, sink)
			return !errors.Is(errs[i], ErrEarlier)
		})
	}
	return errs
}

func importOne(ctx context.Context, space ID, i int, open func(i int) (io.ReadCloser, error), now func() (Snapshot, error), sink Sink) (err error) {
	snap, err := now()
	if err != nil {
		return fmt.Errorf("sync: opening the store: %w", err)
	}
	r, err := open(i)
	if err != nil {
		return fmt.Errorf("sync: opening an export: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if c, ok := snap.(io.Closer); ok {
		defer func() { err = errors.Join(err, c.Close()) }()
	}
	_, err = Import(ctx, r, space, snap, sink)
	return err
}
