package peerclock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// HandlerID is where the messages go among the applications of the chain's
// network: "pars", away from the small numbers that AvalancheGo gives out.
const HandlerID = 0x70617273

// Sizes of the messages in bytes: a version, and two times in the answer.
const (
	askSize    = 1
	answerSize = 1 + 8 + 8
	version    = 1
)

// ErrMessage reports a message that is none of ours.
var ErrMessage = errors.New("peerclock: bad message")

// encodeAsk returns the question.
func encodeAsk() []byte { return []byte{version} }

func decodeAsk(b []byte) error {
	if len(b) != askSize || b[0] != version {
		return fmt.Errorf("%w: question of %d bytes, want %d and version %d", ErrMessage, len(b), askSize, version)
	}
	return nil
}

// encodeAnswer says when the question came and when the answer leaves.
func encodeAnswer(came, left time.Time) []byte {
	b := append(make([]byte, 0, answerSize), version)
	b = binary.BigEndian.AppendUint64(b, uint64(max(0, came.UnixNano())))
	return binary.BigEndian.AppendUint64(b, uint64(max(0, left.UnixNano())))
}

// decodeAnswer returns the times in nanoseconds since 1970; 0 <= came <= left.
func decodeAnswer(b []byte) (came, left int64, err error) {
	if len(b) != answerSize || b[0] != version {
		return 0, 0, fmt.Errorf("%w: answer of %d bytes, want %d and version %d", ErrMessage, len(b), answerSize, version)
	}
	first, second := binary.BigEndian.Uint64(b[1:]), binary.BigEndian.Uint64(b[9:])
	if second > math.MaxInt64 || first > second {
		return 0, 0, fmt.Errorf("%w: asked at %d and answered at %d", ErrMessage, first, second)
	}
	return int64(first), int64(second), nil
}
