package file

import (
	"fmt"
	"math/bits"
)

// Sizes in bytes.
const (
	// ChunkSize is a chunk before encryption; the last may be shorter.
	ChunkSize = 256 << 10
	// Overhead is what encryption adds to a chunk: a nonce and a tag.
	Overhead = 24 + 16
	// MinPadded is the length of the shortest file after padding.
	MinPadded = 16 << 10
	// MaxSize is the longest file before padding.
	MaxSize = 64 << 30
)

// digits is how many binary digits of a length show, besides how many it has.
const digits = 3

// Padded is the length that a file of a size is padded to: at least [MinPadded], and above
// that the next multiple of an eighth of the greatest power of two that is in it. This adds less
// than 12.5 %, and leaves 177 lengths up to [MaxSize]: 7.5 bits of a length show.
func Padded(size uint64) uint64 {
	if size <= MinPadded {
		return MinPadded
	}
	mask := uint64(1)<<(bits.Len64(size)-1-digits) - 1
	return (size + mask) &^ mask
}

// chunks is how many chunks a padded length has.
func chunks(padded uint64) uint64 { return (padded + ChunkSize - 1) / ChunkSize }

// chunkLen is the length of an encrypted chunk.
func chunkLen(padded, index uint64) int {
	return int(min(ChunkSize, padded-index*ChunkSize)) + Overhead
}

// checkPadded reports whether a length is one that [Padded] gives.
func checkPadded(padded uint64) error {
	if padded < MinPadded || padded > Padded(MaxSize) || Padded(padded) != padded {
		return fmt.Errorf("%w: %d bytes are no padded length", ErrBlob, padded)
	}
	return nil
}
