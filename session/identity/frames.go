package identity

import (
	"crypto/sha3"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
)

const (
	// FrameScheme starts every frame's text.
	FrameScheme = "PARS-CARD:"
	// DefaultFrame is how many bytes of a bundle a frame carries unless told
	// otherwise: a QR code of version 21 or so, which phones read from a screen.
	DefaultFrame = 480
	// MinFrame is the least that a frame may carry.
	MinFrame = 64
	// MaxFrame is the most: it still fits one QR code with low error correction.
	MaxFrame = 2048

	// A frame is version (1) | card (4) | index (2) | total (2) | chunk | crc (4),
	// big-endian, in base32 without padding. CRC-32 (IEEE) covers all before it.
	frameVersion = 1
	frameHeader  = 1 + 4 + 2 + 2
	frameCRC     = 4
)

var (
	// ErrFrame reports text that is no frame, or one that was misread: show the
	// camera the next one.
	ErrFrame = errors.New("not a frame of a contact card")
	// ErrOtherCard reports a frame of another card than the ones before.
	ErrOtherCard = errors.New("the frame belongs to another contact card")
	// ErrFrames reports frames that are complete but give no card: start again.
	ErrFrames = errors.New("the frames do not give a contact card")
)

var frameEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// Frames cuts the bundle into texts for an animated sequence of QR codes, each
// with chunk bytes of it; zero means [DefaultFrame]. The texts use only
// characters of QR's alphanumeric mode. A reader takes them in any order.
func (b *Bundle) Frames(chunk int) ([]string, error) {
	if chunk == 0 {
		chunk = DefaultFrame
	}
	if chunk < MinFrame || chunk > MaxFrame {
		return nil, fmt.Errorf("identity: frames of %d bytes, want %d to %d", chunk, MinFrame, MaxFrame)
	}
	card := cardNumber(b.raw)
	total := (len(b.raw) + chunk - 1) / chunk
	out := make([]string, total)
	for i := range out {
		part := b.raw[i*chunk : min((i+1)*chunk, len(b.raw))]
		f := make([]byte, 0, frameHeader+len(part)+frameCRC)
		f = append(f, frameVersion)
		f = append(f, card[:]...)
		f = binary.BigEndian.AppendUint16(f, uint16(i))
		f = binary.BigEndian.AppendUint16(f, uint16(total))
		f = append(f, part...)
		f = binary.BigEndian.AppendUint32(f, crc32.ChecksumIEEE(f))
		out[i] = FrameScheme + frameEncoding.EncodeToString(f)
	}
	return out, nil
}

// cardNumber tells cards apart while they are read, and in the end whether all
// frames were of one: the first four bytes of SHA3-256 over the bundle.
func cardNumber(raw []byte) (n [4]byte) {
	sum := sha3.Sum256(raw)
	copy(n[:], sum[:])
	return n
}

// FrameReader collects the frames of one card. The zero value is ready. It
// holds at most the frames of one bundle.
type FrameReader struct {
	card  [4]byte
	parts [][]byte
	have  int
	size  int
}

// Add takes the text of one QR code and reports whether all frames are there.
// A frame that came before is ignored. Errors match [ErrFrame] and
// [ErrOtherCard]; neither changes what was collected.
func (r *FrameReader) Add(text string) (done bool, err error) {
	card, index, total, chunk, err := parseFrame(text)
	if err != nil {
		return r.Done(), err
	}
	if r.parts == nil {
		r.card, r.parts = card, make([][]byte, total)
	}
	if card != r.card || total != len(r.parts) {
		return r.Done(), ErrOtherCard
	}
	if r.parts[index] == nil {
		if r.size+len(chunk) > MaxBundle {
			return r.Done(), fmt.Errorf("%w: the frames hold more than %d bytes", ErrFrame, MaxBundle)
		}
		r.parts[index] = chunk
		r.size += len(chunk)
		r.have++
	}
	return r.Done(), nil
}

// Progress returns how many frames are there and how many there are, 0 of 0
// before the first.
func (r *FrameReader) Progress() (have, total int) { return r.have, len(r.parts) }

// Done reports whether every frame is there.
func (r *FrameReader) Done() bool { return len(r.parts) > 0 && r.have == len(r.parts) }

// Bundle returns the card's bundle, its signature verified. Errors match
// [ErrFrames], [ErrBundle] and [ErrSignature].
func (r *FrameReader) Bundle() (*Bundle, error) {
	if !r.Done() {
		return nil, fmt.Errorf("%w yet: %d of %d are there", ErrFrames, r.have, len(r.parts))
	}
	raw := make([]byte, 0, r.size)
	for _, p := range r.parts {
		raw = append(raw, p...)
	}
	if cardNumber(raw) != r.card {
		return nil, fmt.Errorf("%w: they are of different cards; start again", ErrFrames)
	}
	return ParseBundle(raw)
}

func parseFrame(text string) (card [4]byte, index, total int, chunk []byte, err error) {
	text = strings.TrimSpace(text)
	const longest = (frameHeader + MaxFrame + frameCRC + 4) / 5 * 8
	if len(text) < len(FrameScheme) || !strings.EqualFold(text[:len(FrameScheme)], FrameScheme) || len(text) > len(FrameScheme)+longest {
		return card, 0, 0, nil, fmt.Errorf("%w: %d characters, want %s and at most %d", ErrFrame, len(text), FrameScheme, longest)
	}
	f, err := frameEncoding.DecodeString(strings.ToUpper(text[len(FrameScheme):]))
	if err != nil || len(f) < frameHeader+1+frameCRC {
		return card, 0, 0, nil, fmt.Errorf("%w: its text is damaged", ErrFrame)
	}
	data, crc := f[:len(f)-frameCRC], binary.BigEndian.Uint32(f[len(f)-frameCRC:])
	if crc32.ChecksumIEEE(data) != crc {
		return card, 0, 0, nil, fmt.Errorf("%w: its checksum is wrong", ErrFrame)
	}
	if data[0] != frameVersion {
		return card, 0, 0, nil, fmt.Errorf("%w: version %d, want %d; update this program", ErrFrame, data[0], frameVersion)
	}
	copy(card[:], data[1:])
	index, total = int(binary.BigEndian.Uint16(data[5:])), int(binary.BigEndian.Uint16(data[7:]))
	if total > (MaxBundle+MinFrame-1)/MinFrame || index >= total {
		return card, 0, 0, nil, fmt.Errorf("%w: frame %d of %d", ErrFrame, index+1, total)
	}
	return card, index, total, data[frameHeader:], nil
}
