package space

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/pars-network/pars/session/wire"
)

const (
	postVersion = 1
	postType    = 1
	// MaxText is the longest post in bytes of UTF-8.
	MaxText = 16 << 10
	// MaxName is the longest name of an author in bytes of UTF-8.
	MaxName = 64
	// maxPost bounds the payload of a vertex that is read as a post.
	maxPost = MaxText + MaxName + 64
	// maxTimeMs is the last moment that a post can name: the year 9999.
	maxTimeMs = 253402300799999
)

// errPost reports a payload that is no post that this version knows.
var errPost = errors.New("space: not a post")

// post is the payload of a data vertex: who the author says to be, when they say
// it is, and the text.
type post struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Type    uint64
	TimeMs  uint64
	Name    string
	Text    string
}

func (p post) encode() ([]byte, error) {
	p.Version, p.Type = postVersion, postType
	return wire.Marshal(p)
}

// decodePost reads a payload. Others may write anything, so that what does not
// read as a post is shown as that, not dropped.
func decodePost(payload []byte) (post, error) {
	var p post
	if len(payload) > maxPost {
		return p, fmt.Errorf("%w: %d bytes, want at most %d", errPost, len(payload), maxPost)
	}
	if err := wire.Unmarshal(payload, maxPost, &p); err != nil {
		return p, fmt.Errorf("%w: %w", errPost, err)
	}
	if p.Version != postVersion || p.Type != postType || p.TimeMs > maxTimeMs || !oneLine(p.Name, 0, MaxName) || !validText(p.Text) {
		return post{}, errPost
	}
	return p, nil
}

func validText(s string) bool { return s != "" && len(s) <= MaxText && utf8.ValidString(s) }
