package contract

import (
	"fmt"

	"github.com/ava-labs/libevm/accounts/abi"
	"github.com/ava-labs/libevm/common"
	"github.com/holiman/uint256"
)

const wordSize = 32

// The reasons a [MalformedError] may give. They reach contracts as revert data,
// so they are consensus: changing one is a fork.
const (
	reasonShort    = "short"          // the input ends before the value does
	reasonOffset   = "offset"         // a dynamic value isn't where the canonical encoder puts it
	reasonLength   = "length"         // a length that the rest of the input can't hold
	reasonPadding  = "padding"        // bytes that must be zero are not
	reasonRange    = "range"          // a number too large for its type, or a bool above one
	reasonTrailing = "trailing bytes" // input goes on after the last value
)

// MalformedError reports calldata that is not the canonical ABI encoding of the
// function's arguments.
type MalformedError struct {
	// Offset is the position in bytes, counted after the selector, of the word
	// that is wrong.
	Offset uint64
	// Reason is one of a few fixed words.
	Reason string
}

func (e *MalformedError) Error() string {
	return fmt.Sprintf("malformed calldata at byte %d after the selector: %s", e.Offset, e.Reason)
}

// Args are decoded arguments in order. An accessor panics when the argument has
// another type in the ABI, which the first test of a function shows.
//
// Go types: uint8 to uint64 are uint64; wider unsigned numbers and all signed
// ones are *uint256.Int (two's complement); bool; [common.Address]; bytesN,
// bytes and string are []byte that alias the calldata; arrays and tuples are Args.
type Args []any

// Uint64 returns argument i, an unsigned number of at most 64 bits.
func (a Args) Uint64(i int) uint64 { return a[i].(uint64) }

// Uint256 returns argument i, a signed number or one wider than 64 bits.
func (a Args) Uint256(i int) *uint256.Int { return a[i].(*uint256.Int) }

// Bool returns argument i.
func (a Args) Bool(i int) bool { return a[i].(bool) }

// Address returns argument i.
func (a Args) Address(i int) common.Address { return a[i].(common.Address) }

// Bytes returns argument i, a bytes, string or bytesN. It aliases the calldata:
// don't write to it, don't keep it.
func (a Args) Bytes(i int) []byte { return a[i].([]byte) }

// Bytes32 returns a copy of argument i, a bytes32.
func (a Args) Bytes32(i int) [32]byte { return [32]byte(a[i].([]byte)) }

// List returns argument i, an array or a tuple.
func (a Args) List(i int) Args { return a[i].(Args) }

// Decode reads data, the calldata without its selector, as the canonical ABI
// encoding of types: heads and tails in order, no gap, no overlap, zero padding,
// nothing left over. It allocates a small multiple of len(data) at most and
// copies no byte string. Errors are *[MalformedError].
func Decode(types abi.Arguments, data []byte) (Args, error) {
	d := decoder{data: data}
	args, err := d.sequence(len(types), func(i int) *abi.Type { return &types[i].Type })
	if err != nil {
		return nil, err
	}
	if d.end != uint64(len(data)) {
		return nil, &MalformedError{Offset: d.end, Reason: reasonTrailing}
	}
	return args, nil
}

// decoder walks data once, front to back. end is where the next tail has to
// start: in a canonical encoding the tails lie behind the heads in order.
type decoder struct {
	data []byte
	end  uint64
}

// sequence reads n values whose heads start at d.end and leaves d.end behind
// their last tail. The caller has bounded n.
func (d *decoder) sequence(n int, typeOf func(int) *abi.Type) (Args, error) {
	base := d.end
	var heads uint64
	for i := range n {
		heads += headSize(typeOf(i))
	}
	if heads > uint64(len(d.data))-base {
		return nil, &MalformedError{Offset: uint64(len(d.data)), Reason: reasonShort}
	}
	d.end = base + heads
	args := make(Args, n)
	head := base
	for i := range args {
		t := typeOf(i)
		var err error
		if dynamic(t) {
			args[i], err = d.tail(t, base, head)
		} else {
			args[i], err = d.static(t, head)
		}
		if err != nil {
			return nil, err
		}
		head += headSize(t)
	}
	return args, nil
}

// tail reads the dynamic value whose offset word is at head and counts from base.
func (d *decoder) tail(t *abi.Type, base, head uint64) (any, error) {
	offset, ok := d.number(head)
	if !ok || offset != d.end-base {
		return nil, &MalformedError{Offset: head, Reason: reasonOffset}
	}
	start := d.end
	switch t.T {
	case abi.TupleTy:
		return d.sequence(len(t.TupleElems), func(i int) *abi.Type { return t.TupleElems[i] })
	case abi.ArrayTy:
		return d.sequence(t.Size, func(int) *abi.Type { return t.Elem })
	}
	length, ok := d.number(start)
	if uint64(len(d.data))-start < wordSize {
		return nil, &MalformedError{Offset: start, Reason: reasonShort}
	}
	left := uint64(len(d.data)) - start - wordSize
	if t.T == abi.SliceTy {
		if !ok || length > left/headSize(t.Elem) {
			return nil, &MalformedError{Offset: start, Reason: reasonLength}
		}
		d.end = start + wordSize
		return d.sequence(int(length), func(int) *abi.Type { return t.Elem })
	}
	if !ok || length > left {
		return nil, &MalformedError{Offset: start, Reason: reasonLength}
	}
	from := start + wordSize
	padded := (length + wordSize - 1) / wordSize * wordSize
	if padded > left {
		return nil, &MalformedError{Offset: uint64(len(d.data)), Reason: reasonShort}
	}
	if !zero(d.data[from+length : from+padded]) {
		return nil, &MalformedError{Offset: from + padded - wordSize, Reason: reasonPadding}
	}
	d.end = from + padded
	return d.data[from : from+length : from+length], nil
}

// static reads the value at head, which lies wholly inside the heads.
func (d *decoder) static(t *abi.Type, head uint64) (any, error) {
	switch t.T {
	case abi.TupleTy, abi.ArrayTy:
		n := t.Size
		if t.T == abi.TupleTy {
			n = len(t.TupleElems)
		}
		list := make(Args, n)
		for i := range list {
			elem := t.Elem
			if t.T == abi.TupleTy {
				elem = t.TupleElems[i]
			}
			v, err := d.static(elem, head)
			if err != nil {
				return nil, err
			}
			list[i] = v
			head += headSize(elem)
		}
		return list, nil
	}
	word := d.data[head : head+wordSize : head+wordSize]
	bad := func(reason string) error { return &MalformedError{Offset: head, Reason: reason} }
	switch t.T {
	case abi.UintTy:
		if !zero(word[:wordSize-t.Size/8]) {
			return nil, bad(reasonRange)
		}
		n := new(uint256.Int).SetBytes(word)
		if t.Size <= 64 {
			return n.Uint64(), nil
		}
		return n, nil
	case abi.IntTy:
		n := new(uint256.Int).SetBytes(word)
		if t.Size < 256 && !new(uint256.Int).ExtendSign(n, uint256.NewInt(uint64(t.Size/8-1))).Eq(n) {
			return nil, bad(reasonRange)
		}
		return n, nil
	case abi.BoolTy:
		if !zero(word[:wordSize-1]) || word[wordSize-1] > 1 {
			return nil, bad(reasonRange)
		}
		return word[wordSize-1] == 1, nil
	case abi.AddressTy:
		if !zero(word[:wordSize-common.AddressLength]) {
			return nil, bad(reasonPadding)
		}
		return common.BytesToAddress(word), nil
	case abi.FixedBytesTy:
		if !zero(word[t.Size:]) {
			return nil, bad(reasonPadding)
		}
		return word[:t.Size:t.Size], nil
	}
	return nil, fmt.Errorf("contract: ABI type %s has no decoder", t)
}

// number reads the word at pos as an offset or a length. A number that no input
// can hold is not ok, and so is a word that is not there.
func (d *decoder) number(pos uint64) (uint64, bool) {
	if pos > uint64(len(d.data)) || uint64(len(d.data))-pos < wordSize {
		return 0, false
	}
	n := new(uint256.Int).SetBytes(d.data[pos : pos+wordSize])
	return n.Uint64(), n.IsUint64()
}

// headSize is how many bytes t takes among the heads.
func headSize(t *abi.Type) uint64 {
	if dynamic(t) {
		return wordSize
	}
	switch t.T {
	case abi.ArrayTy:
		return uint64(t.Size) * headSize(t.Elem)
	case abi.TupleTy:
		var n uint64
		for _, e := range t.TupleElems {
			n += headSize(e)
		}
		return n
	}
	return wordSize
}

func dynamic(t *abi.Type) bool {
	switch t.T {
	case abi.BytesTy, abi.StringTy, abi.SliceTy:
		return true
	case abi.ArrayTy:
		return dynamic(t.Elem)
	case abi.TupleTy:
		for _, e := range t.TupleElems {
			if dynamic(e) {
				return true
			}
		}
	}
	return false
}

func zero(b []byte) bool {
	var or byte
	for _, c := range b {
		or |= c
	}
	return or == 0
}
