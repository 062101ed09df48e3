package nodes

import (
	"bytes"
	"crypto/sha3"
	"errors"
	"fmt"
	"io"

	"github.com/pars-network/pars/session/wire"
)

const (
	// Protocol is the name of the exchange on links.
	Protocol = "/pars/nodes/1"
	// MaxExchange is how many records go in one direction in one exchange at
	// most; another exchange moves the rest.
	MaxExchange = 1024
	// maxBatch is how many records a frame holds at most.
	maxBatch = 16
	// maxBad is how many records that are worth nothing a peer may send before it
	// is at fault: its clock or its registry may differ, its signatures may not.
	maxBad = 32

	exchangeVersion = 1
	maxHello        = 64
	maxSummary      = 256 << 10
	maxWant         = MaxExchange*34 + 16
	maxRecords      = maxBatch*(MaxRecord+4) + 16
)

// ErrExchange reports a peer that breaks the protocol.
var ErrExchange = errors.New("nodes: protocol violation")

// Exchanged says what an exchange did.
type Exchanged struct {
	// Received counts the records that came, News those of them that were.
	Received, News int
	// Sent counts the records that went.
	Sent int
}

// hello opens an exchange: the digest of the opener's directory.
type hello struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Network uint64
	Digest  [32]byte
}

// summary answers it: nothing if the digests are equal, else what there is.
type summary struct {
	_       struct{} `cbor:",toarray"`
	Same    bool
	Entries []entry
}

// entry names a record. Sum tells two of one number apart.
type entry struct {
	_   struct{} `cbor:",toarray"`
	ID  [32]byte
	Seq uint64
	Sum [8]byte
}

type want struct {
	_   struct{} `cbor:",toarray"`
	IDs [][]byte
}

// batch carries records; the last one of a direction has More unset.
type batch struct {
	_       struct{} `cbor:",toarray"`
	Records [][]byte
	More    bool
}

func sumOf(r *Record) [8]byte {
	h := sha3.Sum256(r.raw)
	return [8]byte(h[:8])
}

// Exchange makes the directory of the node at the other end of a fresh stream
// and d equal: it fetches what d lacks, and if push is set sends what the other
// lacks. Light nodes don't push. The caller bounds the time and closes the
// stream. Errors that match [ErrExchange] are the peer's fault. What came before
// an error stays.
func Exchange(stream io.ReadWriter, d *Directory, push bool) (Exchanged, error) {
	var done Exchanged
	h := hello{Version: exchangeVersion, Network: uint64(d.cfg.Network), Digest: d.Digest()}
	if err := wire.WriteMessage(stream, maxHello, h); err != nil {
		return done, fmt.Errorf("nodes: opening an exchange: %w", err)
	}
	var s summary
	if err := read(stream, maxSummary, &s); err != nil || s.Same {
		return done, err
	}
	ids, send, err := compare(d, s.Entries)
	if err != nil {
		return done, err
	}
	if !push {
		send = nil
	}
	if err := wire.WriteMessage(stream, maxWant, want{IDs: ids}); err != nil {
		return done, fmt.Errorf("nodes: asking for records: %w", err)
	}
	if err := receive(stream, d, len(ids), &done); err != nil {
		return done, err
	}
	done.Sent = len(send)
	return done, sendAll(stream, send)
}

// Answer is the other end of [Exchange], on a stream that the peer opened.
func Answer(stream io.ReadWriter, d *Directory) (Exchanged, error) {
	var done Exchanged
	var h hello
	if err := read(stream, maxHello, &h); err != nil {
		return done, err
	}
	if h.Version != exchangeVersion || h.Network != uint64(d.cfg.Network) {
		return done, fmt.Errorf("%w: version %d of network %d, want %d of %d", ErrExchange, h.Version, h.Network, exchangeVersion, d.cfg.Network)
	}
	s := summary{Same: h.Digest == d.Digest()}
	if !s.Same {
		for _, r := range d.List() {
			if len(s.Entries) == MaxDirectory {
				break
			}
			s.Entries = append(s.Entries, entry{ID: r.ID(), Seq: r.Seq(), Sum: sumOf(r)})
		}
	}
	if err := wire.WriteMessage(stream, maxSummary, s); err != nil {
		return done, fmt.Errorf("nodes: answering an exchange: %w", err)
	}
	if s.Same {
		return done, nil
	}
	var w want
	if err := read(stream, maxWant, &w); err != nil {
		return done, err
	}
	if len(w.IDs) > MaxExchange {
		return done, fmt.Errorf("%w: it asks for %d records, want at most %d", ErrExchange, len(w.IDs), MaxExchange)
	}
	var send []*Record
	for _, b := range w.IDs {
		if len(b) != len(ID{}) {
			return done, fmt.Errorf("%w: it asks for an ID of %d bytes", ErrExchange, len(b))
		}
		if r, ok := d.Get(ID(b)); ok { // else it expired meanwhile
			send = append(send, r)
		}
	}
	done.Sent = len(send)
	if err := sendAll(stream, send); err != nil {
		return done, err
	}
	return done, receive(stream, d, MaxExchange, &done)
}

// compare returns what to ask the other side for and what it lacks.
func compare(d *Directory, entries []entry) (ids [][]byte, send []*Record, err error) {
	theirs := make(map[ID]entry, len(entries))
	for i, e := range entries {
		if i > 0 && bytes.Compare(entries[i-1].ID[:], e.ID[:]) >= 0 {
			return nil, nil, fmt.Errorf("%w: its list is not in order", ErrExchange)
		}
		theirs[e.ID] = e
		mine := d.get(e.ID)
		newer := mine == nil || e.Seq > mine.Seq() || e.Seq == mine.Seq() && e.Sum != sumOf(mine)
		if newer && len(ids) < MaxExchange {
			ids = append(ids, e.ID[:])
		}
	}
	for _, r := range d.List() {
		e, known := theirs[r.ID()]
		newer := !known || r.Seq() > e.Seq || r.Seq() == e.Seq && sumOf(r) != e.Sum
		if newer && len(send) < MaxExchange {
			send = append(send, r)
		}
	}
	return ids, send, nil
}

func sendAll(stream io.Writer, records []*Record) error {
	for {
		n := min(len(records), maxBatch)
		b := batch{More: n < len(records)}
		for _, r := range records[:n] {
			b.Records = append(b.Records, r.raw)
		}
		if err := wire.WriteMessage(stream, maxRecords, b); err != nil {
			return fmt.Errorf("nodes: sending records: %w", err)
		}
		if records = records[n:]; len(records) == 0 {
			return nil
		}
	}
}

func receive(stream io.Reader, d *Directory, limit int, done *Exchanged) error {
	bad := 0
	for more := true; more; {
		var b batch
		if err := read(stream, maxRecords, &b); err != nil {
			return err
		}
		if len(b.Records) > maxBatch || b.More && len(b.Records) == 0 || done.Received+len(b.Records) > limit {
			return fmt.Errorf("%w: %d records after %d, want at most %d in batches of %d", ErrExchange, len(b.Records), done.Received, limit, maxBatch)
		}
		for _, raw := range b.Records {
			done.Received++
			_, news, err := d.AddBytes(raw)
			switch {
			case errors.Is(err, ErrRecord), errors.Is(err, ErrSignature), errors.Is(err, ErrNetwork):
				return fmt.Errorf("%w: %w", ErrExchange, err)
			case err != nil:
				if bad++; bad > maxBad {
					return fmt.Errorf("%w: more than %d records that are worth nothing here, the last because %w", ErrExchange, maxBad, err)
				}
			case news:
				done.News++
			}
		}
		more = b.More
	}
	return nil
}

// read reads one message. Bytes that are none are the peer's fault, a stream
// that ends is nobody's.
func read(stream io.Reader, limit int, v any) error {
	err := wire.ReadMessage(stream, limit, v)
	if errors.Is(err, wire.ErrEncoding) || errors.Is(err, wire.ErrSize) {
		return fmt.Errorf("%w: %w", ErrExchange, err)
	}
	if err != nil {
		return fmt.Errorf("nodes: reading: %w", err)
	}
	return nil
}
