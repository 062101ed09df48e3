package stark

import (
	"encoding/binary"
	"math/bits"
)

// reader reads fixed and variable integers and byte strings without copying.
// After the first short read it is failed for good and returns zeros.
type reader struct {
	b   []byte
	err bool
}

func (r *reader) failed() bool { return r.err }

// done reports whether everything was read and nothing is left.
func (r *reader) done() bool { return !r.err && len(r.b) == 0 }

func (r *reader) bytes(n int) []byte {
	if r.err || n < 0 || n > len(r.b) {
		r.err = true
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) u8() uint8 {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if b := r.bytes(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// vint reads Winterfell's variable-length integer and refuses any but the
// shortest form: k trailing zero bits in the first byte announce k+1 bytes,
// little-endian, shifted by k+1; a zero first byte announces eight more.
func (r *reader) vint() uint64 {
	if r.err || len(r.b) == 0 {
		r.err = true
		return 0
	}
	if r.b[0] == 0 {
		r.bytes(1)
		v := r.u64()
		if v>>56 == 0 {
			r.err = true
		}
		return v
	}
	n := bits.TrailingZeros8(r.b[0]) + 1
	var buf [8]byte
	copy(buf[:], r.bytes(n))
	v := binary.LittleEndian.Uint64(buf[:]) >> n
	if n > 1 && v>>(7*(n-1)) == 0 {
		r.err = true
	}
	return v
}
