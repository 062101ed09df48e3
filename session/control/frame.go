package control

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/pars-network/pars/session/wire"
)

// ErrFrame reports a frame that breaks the rules of spec/control.md. The link
// it came over is closed.
var ErrFrame = errors.New("control: invalid frame")

// body is the content of a frame; check reports what breaks its limits.
type body interface{ check() error }

// frame is the CBOR array of type and body.
type frame struct {
	_    struct{} `cbor:",toarray"`
	Type Type
	Body wire.RawMessage
}

func newBody(t Type) body {
	switch t {
	case TypeHandshake:
		return new(Handshake)
	case TypeSessionCreate:
		return new(SessionCreate)
	case TypeOracleRequest:
		return new(OracleRequest)
	case TypeAttestation:
		return new(Attestation)
	case TypeReceipt:
		return new(Receipt)
	default:
		return new(Heartbeat)
	}
}

func typeOf(b body) Type {
	switch b.(type) {
	case *Handshake:
		return TypeHandshake
	case *SessionCreate:
		return TypeSessionCreate
	case *OracleRequest:
		return TypeOracleRequest
	case *Attestation:
		return TypeAttestation
	case *Receipt:
		return TypeReceipt
	default:
		return TypeHeartbeat
	}
}

// encode returns the frame of b without its length.
func encode(b body) ([]byte, error) {
	t := typeOf(b)
	if err := b.check(); err != nil {
		return nil, fmt.Errorf("control: %s with %w", t, err)
	}
	inner, err := wire.Marshal(b)
	if err != nil {
		return nil, err
	}
	return wire.Marshal(frame{Type: t, Body: inner})
}

// decode reads what encode wrote.
func decode(data []byte) (body, error) {
	t, err := peekType(data)
	if err != nil {
		return nil, err
	}
	var f frame
	if err := wire.Unmarshal(data, maxFrame[t], &f); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFrame, t, err)
	}
	b := newBody(t)
	if err := wire.Unmarshal(f.Body, maxFrame[t], b); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFrame, t, err)
	}
	if err := b.check(); err != nil {
		return nil, fmt.Errorf("%w: %s with %w", ErrFrame, t, err)
	}
	return b, nil
}

// peekType reads the type from the first two bytes of a frame: the head of an
// array of two, and a number below 24, which is one byte.
func peekType(data []byte) (Type, error) {
	const arrayOfTwo = 0x82
	if len(data) < 2 || data[0] != arrayOfTwo || Type(data[1]) >= typeCount {
		return 0, fmt.Errorf("%w: it begins with %x, want 82 and a type from 0 to %d", ErrFrame, data[:min(len(data), 2)], typeCount-1)
	}
	return Type(data[1]), nil
}

func writeFrame(w io.Writer, b body) error {
	data, err := encode(b)
	if err != nil {
		return err
	}
	return wire.WriteFrame(w, maxFrame[typeOf(b)], data)
}

// readFrame reads the next frame. It looks at length and type together, so
// that a length above what its type may have costs no memory.
func readFrame(r *bufio.Reader) (body, error) {
	head, err := r.Peek(wire.HeaderSize + 2)
	if err != nil {
		if errors.Is(err, io.EOF) && len(head) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("control: reading a frame: %w", err)
	}
	t, err := peekType(head[wire.HeaderSize:])
	if err != nil {
		return nil, err
	}
	if n := binary.BigEndian.Uint32(head); n > uint32(maxFrame[t]) {
		return nil, fmt.Errorf("%w: %s of %d bytes, want at most %d", ErrFrame, t, n, maxFrame[t])
	}
	data, err := wire.ReadFrame(r, maxFrame[t])
	if err != nil {
		return nil, fmt.Errorf("control: reading a %s: %w", t, err)
	}
	return decode(data)
}
