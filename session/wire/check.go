package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"
)

// Limits of the encoding, whatever the type. They bound the stack and the
// memory that a hostile message can make a decoder use; the size of the
// message itself is bounded by the caller.
const (
	// MaxDepth is how deep arrays and maps may nest; a message that is one
	// array of integers has depth 1.
	MaxDepth = 16
	// MaxElements is how many elements an array, and how many pairs a map, may
	// have.
	MaxElements = 1 << 14
)

// Major types of RFC 8949, section 3.1.
const (
	majorUint  = 0
	majorNint  = 1
	majorBytes = 2
	majorText  = 3
	majorArray = 4
	majorMap   = 5
)

// Check reports whether data is exactly one deterministic CBOR item within the
// limits of this package. Errors match [ErrEncoding]. It allocates nothing but
// its error.
func Check(data []byte) error {
	n, err := item(data, 0, 0)
	if err != nil {
		return err
	}
	if n != len(data) {
		return fmt.Errorf("%w: %d bytes after the end of the message", ErrEncoding, len(data)-n)
	}
	return nil
}

// item checks the item that starts at data[at] and returns where it ends.
func item(data []byte, at, depth int) (int, error) {
	major, arg, at, err := head(data, at)
	if err != nil {
		return 0, err
	}
	switch major {
	case majorUint:
		return at, nil
	case majorNint:
		if arg > math.MaxInt64 {
			return 0, fmt.Errorf("%w: integer at byte %d is below -2^63", ErrEncoding, at)
		}
		return at, nil
	case majorBytes, majorText:
		if arg > uint64(len(data)-at) {
			return 0, fmt.Errorf("%w: a string of %d bytes, but only %d are left", ErrEncoding, arg, len(data)-at)
		}
		end := at + int(arg)
		if major == majorText && !utf8.Valid(data[at:end]) {
			return 0, fmt.Errorf("%w: text at byte %d is not UTF-8", ErrEncoding, at)
		}
		return end, nil
	case majorArray, majorMap:
		if depth == MaxDepth {
			return 0, fmt.Errorf("%w: nested deeper than %d", ErrEncoding, MaxDepth)
		}
		if arg > MaxElements {
			return 0, fmt.Errorf("%w: %d elements, want at most %d", ErrEncoding, arg, MaxElements)
		}
		if major == majorArray {
			return array(data, at, int(arg), depth)
		}
		return pairs(data, at, int(arg), depth)
	default:
		return at, nil // false, true or null: head lets no other through
	}
}

func array(data []byte, at, n, depth int) (int, error) {
	var err error
	for range n {
		if at, err = item(data, at, depth+1); err != nil {
			return 0, err
		}
	}
	return at, nil
}

// pairs checks the n pairs of a map. Their keys must ascend in the order of
// their encoded bytes (RFC 8949, section 4.2.1), which excludes doubles too.
func pairs(data []byte, at, n, depth int) (int, error) {
	var last []byte
	for i := range n {
		major, _, _, err := head(data, at)
		if err != nil {
			return 0, err
		}
		if major > majorText {
			return 0, fmt.Errorf("%w: map key at byte %d is neither an integer nor a string", ErrEncoding, at)
		}
		end, err := item(data, at, depth+1)
		if err != nil {
			return 0, err
		}
		key := data[at:end]
		if i > 0 && bytes.Compare(last, key) >= 0 {
			return 0, fmt.Errorf("%w: map key at byte %d is double or out of order", ErrEncoding, at)
		}
		last = key
		if at, err = item(data, end, depth+1); err != nil {
			return 0, err
		}
	}
	return at, nil
}

// head reads the first byte of an item and its argument (RFC 8949, section 3),
// and returns where the rest of the item starts.
func head(data []byte, at int) (major byte, arg uint64, next int, err error) {
	if at >= len(data) {
		return 0, 0, 0, fmt.Errorf("%w: cut off after %d bytes", ErrEncoding, len(data))
	}
	major, info := data[at]>>5, data[at]&0x1f
	at++
	switch {
	case major == 6:
		return 0, 0, 0, fmt.Errorf("%w: tag at byte %d; tags are not used", ErrEncoding, at-1)
	case major == 7:
		if info < 20 || info > 22 {
			return 0, 0, 0, fmt.Errorf("%w: byte %d is 0x%02x; of floating point and simple values only false, true and null are used", ErrEncoding, at-1, data[at-1])
		}
		return major, 0, at, nil
	case info < 24:
		return major, uint64(info), at, nil
	case info > 27:
		return 0, 0, 0, fmt.Errorf("%w: indefinite or reserved length at byte %d", ErrEncoding, at-1)
	}
	size := 1 << (info - 24)
	if len(data)-at < size {
		return 0, 0, 0, fmt.Errorf("%w: cut off after %d bytes", ErrEncoding, len(data))
	}
	var least uint64 // smallest value that needs this size
	switch size {
	case 1:
		arg, least = uint64(data[at]), 24
	case 2:
		arg, least = uint64(binary.BigEndian.Uint16(data[at:])), 1<<8
	case 4:
		arg, least = uint64(binary.BigEndian.Uint32(data[at:])), 1<<16
	case 8:
		arg, least = binary.BigEndian.Uint64(data[at:]), 1<<32
	}
	if arg < least {
		return 0, 0, 0, fmt.Errorf("%w: %d at byte %d is not in its shortest form", ErrEncoding, arg, at-1)
	}
	return major, arg, at + size, nil
}
