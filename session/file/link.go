package file

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pars-network/pars/session/wire"
)

// Protocol is the protocol on a link by which devices ask one another for chunks.
const Protocol = "/pars/file/1"

// maxAnswer bounds an answer, in bytes.
const maxAnswer = stride + maxProof*34 + 64

// maxRequests is how many chunks are asked for on one stream.
const maxRequests = 1 << 16

// The answers' codes.
const (
	codeChunk = 0
	codeNone  = 1
)

type (
	request struct {
		_      struct{} `cbor:",toarray"`
		Root   Hash
		Padded uint64
		Index  uint64
	}
	answer struct {
		_     struct{} `cbor:",toarray"`
		Code  uint64
		Chunk []byte
		Proof []Hash
	}
)

// ErrNone reports that a source does not have a file, or not all of it.
var ErrNone = errors.New("file: not there")

// Serve answers requests on a stream until it ends. To know a file's root, which only
// messages carry, is to be allowed to fetch it.
func (b *Blobs) Serve(stream io.ReadWriter) error {
	var x *Blob
	defer func() {
		if x != nil {
			_ = x.Close() // nothing was written
		}
	}()
	for range maxRequests {
		var q request
		if err := wire.ReadMessage(stream, 128, &q); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		n := Name{q.Root, q.Padded}
		if x == nil || x.name != n {
			if x != nil {
				_ = x.Close() // nothing was written
			}
			var err error
			if x, err = b.existing(n); err != nil {
				return err
			}
		}
		var a answer
		a.Code = codeNone
		if x != nil {
			if chunk, proof, err := x.Chunk(q.Index); err == nil {
				a = answer{Code: codeChunk, Chunk: chunk, Proof: proof}
			} else if !errors.Is(err, ErrIncomplete) && !errors.Is(err, ErrBlob) {
				return err
			}
		}
		if err := wire.WriteMessage(stream, maxAnswer, a); err != nil {
			return err
		}
	}
	return nil
}

// existing opens a blob that is here, nil if it is not: a stranger's question makes no files.
func (b *Blobs) existing(n Name) (*Blob, error) {
	if known := checkPadded(n.Padded) == nil && exists(b.path(n, ".blob")); known {
		return b.Open(n)
	}
	return nil, nil
}

// Link is a [Source] over streams to one peer.
type Link struct {
	name string
	open func(context.Context) (io.ReadWriteCloser, error)
	free chan io.ReadWriteCloser
}

// NewLink returns a source that opens streams of [Protocol] as it needs them. Closing a
// stream must end what is read from it.
func NewLink(name string, open func(context.Context) (io.ReadWriteCloser, error)) *Link {
	return &Link{name: name, open: open, free: make(chan io.ReadWriteCloser, perSource)}
}

// String implements [Source].
func (l *Link) String() string { return l.name }

// Chunk implements [Source].
func (l *Link) Chunk(ctx context.Context, n Name, index uint64) ([]byte, []Hash, error) {
	var s io.ReadWriteCloser
	var err error
	select {
	case s = <-l.free:
	default:
		if s, err = l.open(ctx); err != nil {
			return nil, nil, fmt.Errorf("file: reaching %s: %w", l.name, err)
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() }) // so that reading ends
	var a answer
	err = wire.WriteMessage(s, 128, request{Root: n.Root, Padded: n.Padded, Index: index})
	if err == nil {
		err = wire.ReadMessage(s, maxAnswer, &a)
	}
	if !stop() || err != nil {
		_ = s.Close() // it is useless
		return nil, nil, errors.Join(ctx.Err(), err)
	}
	select {
	case l.free <- s:
	default:
		_ = s.Close() // enough are open
	}
	if a.Code != codeChunk {
		return nil, nil, ErrNone
	}
	return a.Chunk, a.Proof, nil
}

// Close closes the streams that are open.
func (l *Link) Close() error {
	var errs []error
	for {
		select {
		case s := <-l.free:
			errs = append(errs, s.Close())
		default:
			return errors.Join(errs...)
		}
	}
}
