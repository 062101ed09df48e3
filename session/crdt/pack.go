package crdt

import (
	"fmt"
	"unicode/utf8"
)

// packer writes the body of a field: unsigned numbers in base 128, least
// significant group first and without zero groups at the end, and strings with
// their length before them. Bodies are byte strings in the CBOR of a delta or a
// state, so that a run costs two or three bytes and no count meets CBOR's limit.
type packer struct{ b []byte }

func (p *packer) uint(n uint64) {
	for n >= 0x80 {
		p.b = append(p.b, byte(n)|0x80)
		n >>= 7
	}
	p.b = append(p.b, byte(n))
}

func (p *packer) bytes(s []byte) {
	p.uint(uint64(len(s)))
	p.b = append(p.b, s...)
}

// unpacker reads what packer wrote. The first error stays, and every read after
// it gives zero, so that callers check once per loop.
type unpacker struct {
	b   []byte
	err error
}

func (u *unpacker) fail(format string, args ...any) {
	if u.err == nil {
		u.err = fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
	}
	u.b = nil
}

func (u *unpacker) uint() uint64 {
	var n uint64
	for i := 0; i < len(u.b); i++ {
		c := u.b[i]
		if i == 9 && c > 1 {
			break
		}
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			if c == 0 && i > 0 {
				u.fail("a number is not in its shortest form")
				return 0
			}
			u.b = u.b[i+1:]
			return n
		}
	}
	u.fail("a number is cut off or above 64 bits")
	return 0
}

// atMost reads a number that may not exceed limit.
func (u *unpacker) atMost(limit uint64, what string) uint64 {
	n := u.uint()
	if n > limit {
		u.fail("%s is %d, want at most %d", what, n, limit)
		return 0
	}
	return n
}

// count reads how many things follow that take at least each bytes.
func (u *unpacker) count(each int, what string) int {
	return int(u.atMost(uint64(len(u.b)/each), what))
}

// bytes reads a string of at most limit bytes; it shares memory with the input.
func (u *unpacker) bytes(limit int, what string) []byte {
	n := int(u.atMost(uint64(limit), what))
	if n > len(u.b) {
		u.fail("%s has %d bytes, but only %d are left", what, n, len(u.b))
		return nil
	}
	s := u.b[:n:n]
	u.b = u.b[n:]
	return s
}

// runes cuts n characters of UTF-8 from b and returns their length in bytes; ok
// is false when b has no n whole ones.
func runes(b []byte, n int) (size int, ok bool) {
	for range n {
		r, k := utf8.DecodeRune(b[size:])
		if r == utf8.RuneError && k < 2 {
			return 0, false
		}
		size += k
	}
	return size, true
}

func (u *unpacker) done() error {
	if len(u.b) > 0 {
		u.fail("%d bytes after the end of a field", len(u.b))
	}
	return u.err
}
