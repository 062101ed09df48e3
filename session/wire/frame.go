package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// HeaderSize is how many bytes a frame adds to its payload: the length of the
// payload in bytes, big-endian.
const HeaderSize = 4

// firstRead is how much is allocated on the word of a frame's length alone.
// Beyond it memory grows only as bytes arrive.
const firstRead = 64 << 10

// WriteFrame writes payload as one frame in one call of w.Write. limit is the
// greatest payload in bytes that the other side accepts; above it nothing is
// written and the error is [ErrSize].
func WriteFrame(w io.Writer, limit int, payload []byte) error {
	if len(payload) > limit {
		return fmt.Errorf("%w: %d bytes, want at most %d", ErrSize, len(payload), limit)
	}
	frame := make([]byte, HeaderSize, HeaderSize+len(payload))
	binary.BigEndian.PutUint32(frame, uint32(len(payload)))
	if _, err := w.Write(append(frame, payload...)); err != nil {
		return fmt.Errorf("wire: writing a frame: %w", err)
	}
	return nil
}

// ReadFrame reads one frame and returns its payload. A length above limit is
// [ErrSize], before anything is allocated; the stream is useless after it. The
// end of the stream between two frames is [io.EOF], inside one it is
// [io.ErrUnexpectedEOF].
func ReadFrame(r io.Reader, limit int) ([]byte, error) {
	var header [HeaderSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, fmt.Errorf("wire: reading a frame's length: %w", err)
	}
	n := int64(binary.BigEndian.Uint32(header[:]))
	if n > int64(limit) {
		return nil, fmt.Errorf("%w: frame of %d bytes, want at most %d", ErrSize, n, limit)
	}
	var payload bytes.Buffer
	payload.Grow(int(min(n, firstRead)))
	if _, err := io.CopyN(&payload, r, n); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("wire: reading a frame of %d bytes: %w", n, err)
	}
	return payload.Bytes(), nil
}

// WriteMessage writes the encoding of v as one frame of at most limit bytes of
// payload.
func WriteMessage(w io.Writer, limit int, v any) error {
	data, err := Marshal(v)
	if err != nil {
		return err
	}
	return WriteFrame(w, limit, data)
}

// ReadMessage reads one frame of at most limit bytes of payload and decodes it
// into v, a pointer. Errors are those of [ReadFrame] and [Unmarshal].
func ReadMessage(r io.Reader, limit int, v any) error {
	data, err := ReadFrame(r, limit)
	if err != nil {
		return err
	}
	return Unmarshal(data, limit, v)
}
