package contract

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/ava-labs/libevm/accounts/abi"
	"github.com/ava-labs/libevm/common"
	"github.com/holiman/uint256"
	"pgregory.net/rapid"
)

func arguments(tb testing.TB, types ...string) abi.Arguments {
	tb.Helper()
	var out abi.Arguments
	for _, s := range types {
		var components []abi.ArgumentMarshaling
		if len(s) >= 5 && s[:5] == "tuple" {
			components = []abi.ArgumentMarshaling{{Name: "Number", Type: "uint256"}, {Name: "Text", Type: "string"}}
		}
		t, err := abi.NewType(s, "", components)
		if err != nil {
			tb.Fatalf("type %s: %v", s, err)
		}
		out = append(out, abi.Argument{Type: t})
	}
	return out
}

type pair struct {
	Number *big.Int
	Text   string
}

// shapes are argument lists that cover every kind of type the decoder knows.
var shapes = [][]string{
	{},
	{"uint8"},
	{"bytes", "bytes", "bytes"},
	{"bool", "address", "bytes32", "bytes4"},
	{"uint64", "uint256", "int256", "int8"},
	{"bytes[]", "bytes[]"},
	{"uint256[]", "string"},
	{"bytes[2]", "uint8[3]"},
	{"uint16[][]"},
	{"tuple", "tuple[]"},
	{"bytes32[2][]", "bool"},
}

// value draws a value that libevm packs for t, and what Decode must make of it.
func value(r *rand.Rand, t *abi.Type) (packed, decoded any) {
	blob := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	switch t.T {
	case abi.UintTy:
		n := new(big.Int).SetBytes(blob(t.Size / 8))
		switch t.Size {
		case 8:
			return uint8(n.Uint64()), n.Uint64()
		case 16:
			return uint16(n.Uint64()), n.Uint64()
		case 64:
			return n.Uint64(), n.Uint64()
		}
		u, _ := uint256.FromBig(n)
		return n, u
	case abi.IntTy:
		n := new(big.Int).Rsh(new(big.Int).SetBytes(blob(t.Size/8)), 1)
		if r.IntN(2) == 0 {
			n.Not(n)
		}
		u, _ := uint256.FromBig(n)
		if t.Size == 8 {
			return int8(n.Int64()), u
		}
		return n, u
	case abi.BoolTy:
		b := r.IntN(2) == 1
		return b, b
	case abi.AddressTy:
		a := common.BytesToAddress(blob(20))
		return a, a
	case abi.FixedBytesTy:
		b := blob(t.Size)
		if t.Size == 4 {
			return [4]byte(b), b
		}
		return [32]byte(b), b
	case abi.BytesTy:
		b := blob(r.IntN(70))
		return b, b
	case abi.StringTy:
		b := blob(r.IntN(70))
		return string(b), b
	case abi.TupleTy:
		number, n := value(r, t.TupleElems[0])
		text, s := value(r, t.TupleElems[1])
		return pair{number.(*big.Int), text.(string)}, Args{n, s}
	}
	n := t.Size
	if t.T == abi.SliceTy {
		n = r.IntN(4)
	}
	var list []any
	args := make(Args, n)
	for i := range n {
		var v any
		v, args[i] = value(r, t.Elem)
		list = append(list, v)
	}
	return typed(t, list), args
}

// typed turns list into the slice or array type that libevm wants.
func typed(t *abi.Type, list []any) any {
	switch t.String() {
	case "bytes[]":
		return convert[[]byte](list)
	case "uint256[]":
		return convert[*big.Int](list)
	case "bytes[2]":
		return [2][]byte(convert[[]byte](list))
	case "uint8[3]":
		return [3]uint8(convert[uint8](list))
	case "uint16[]":
		return convert[uint16](list)
	case "uint16[][]":
		return convert[[]uint16](list)
	case "bytes32[2]":
		return [2][32]byte(convert[[32]byte](list))
	case "bytes32[2][]":
		return convert[[2][32]byte](list)
	case "(uint256,string)[]":
		return convert[pair](list)
	}
	panic(t.String())
}

func convert[T any](list []any) []T {
	out := make([]T, len(list))
	for i := range list {
		out[i] = list[i].(T)
	}
	return out
}

// libevm's encoder, which is geth's, is the second implementation: whatever it
// packs, Decode reads back.
func TestDecodeReadsWhatLibevmPacks(t *testing.T) {
	const seed = 20261123
	r := rand.New(rand.NewPCG(seed, 0))
	for _, shape := range shapes {
		types := arguments(t, shape...)
		for round := range 50 {
			var values []any
			want := make(Args, len(types))
			for i := range types {
				var v any
				v, want[i] = value(r, &types[i].Type)
				values = append(values, v)
			}
			data, err := types.Pack(values...)
			if err != nil {
				t.Fatalf("%v: packing: %v", shape, err)
			}
			got, err := Decode(types, data)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("seed %d, round %d: Decode(%v, %x) = %v, %v, want %v", seed, round, shape, data, got, err, want)
			}
		}
	}
}

// A canonical encoding is unique: change any bit and either Decode refuses, or
// it reads another value whose encoding is exactly the changed input.
func TestDecodeAcceptsOnlyCanonicalEncodings(t *testing.T) {
	types := arguments(t, "uint8", "bytes", "bytes[]", "bool", "address")
	data, err := types.Pack(uint8(87), []byte("message"), [][]byte{[]byte("a"), {}, bytes.Repeat([]byte{7}, 33)}, true, common.Address{1})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		changed := bytes.Clone(data)
		bit := rapid.IntRange(0, len(data)*8-1).Draw(rt, "bit")
		changed[bit/8] ^= 1 << (bit % 8)
		args, err := Decode(types, changed)
		if err != nil {
			return
		}
		if again := repack(t, types, args); !bytes.Equal(again, changed) {
			rt.Fatalf("Decode accepted %x, whose values encode as %x", changed, again)
		}
	})
}

// repack encodes what Decode read from the types of the two tests that use it.
func repack(tb testing.TB, types abi.Arguments, args Args) []byte {
	tb.Helper()
	var list [][]byte
	for i := range args.List(2) {
		list = append(list, args.List(2).Bytes(i))
	}
	data, err := types.Pack(uint8(args.Uint64(0)), args.Bytes(1), list, args.Bool(3), args.Address(4))
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func TestDecodeSaysWhatIsWrongAndWhere(t *testing.T) {
	word := func(b ...byte) []byte { return common.LeftPadBytes(b, 32) }
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	huge := bytes.Repeat([]byte{0xff}, 32)
	for _, c := range []struct {
		name   string
		types  []string
		data   []byte
		offset uint64
		reason string
	}{
		{"no argument", []string{"uint8"}, nil, 0, reasonShort},
		{"half a word", []string{"uint8"}, make([]byte, 16), 16, reasonShort},
		{"uint8 of 256", []string{"uint8"}, word(1, 0), 0, reasonRange},
		{"int8 of 128", []string{"int8"}, word(128), 0, reasonRange},
		{"bool of 2", []string{"bool"}, word(2), 0, reasonRange},
		{"dirty address", []string{"address"}, huge, 0, reasonPadding},
		{"dirty bytes4", []string{"bytes4"}, huge, 0, reasonPadding},
		{"offset that skips a word", []string{"bytes"}, join(word(64), word(), word()), 0, reasonOffset},
		{"offset into the heads", []string{"bytes"}, join(word(0), word()), 0, reasonOffset},
		{"offset beyond any input", []string{"bytes"}, join(huge, word()), 0, reasonOffset},
		{"both offsets to one tail", []string{"bytes", "bytes"}, join(word(64), word(64), word()), 32, reasonOffset},
		{"length missing", []string{"bytes"}, word(32), 32, reasonShort},
		{"length beyond the input", []string{"bytes"}, join(word(32), word(33), word(1)), 32, reasonLength},
		{"length beyond any input", []string{"bytes"}, join(word(32), huge), 32, reasonLength},
		{"dirty padding", []string{"bytes"}, join(word(32), word(1), bytes.Repeat([]byte{9}, 32)), 64, reasonPadding},
		{"padding cut off", []string{"bytes"}, join(word(32), word(1), []byte{9}), 65, reasonShort},
		{"count beyond the input", []string{"bytes[]"}, join(word(32), word(2), word(32)), 32, reasonLength},
		{"count beyond any input", []string{"uint256[]"}, join(word(32), huge), 32, reasonLength},
		{"a word too many", []string{"bytes"}, join(word(32), word(), word()), 64, reasonTrailing},
		{"a byte too many", nil, []byte{0}, 0, reasonTrailing},
	} {
		_, err := Decode(arguments(t, c.types...), c.data)
		var got *MalformedError
		if !errors.As(err, &got) || got.Offset != c.offset || got.Reason != c.reason {
			t.Errorf("%s: Decode(%v, %x) = %v, want %q at %d", c.name, c.types, c.data, err, c.reason, c.offset)
		}
	}
}

// A hostile count must not make the decoder allocate more than a small multiple
// of the input.
func TestDecodeAllocatesNoMoreThanTheInputDeserves(t *testing.T) {
	types := arguments(t, "bytes[]", "uint16[][]")
	data := make([]byte, 1<<16)
	for i := 31; i < len(data); i += 32 {
		data[i] = 0xff
	}
	copy(data, common.LeftPadBytes([]byte{64}, 32))
	copy(data[64:], common.LeftPadBytes([]byte{0xff, 0xff, 0xff, 0xff}, 32))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _ = Decode(types, data)
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	if allocated > uint64(4*len(data)) {
		t.Errorf("Decode allocated %d bytes for %d bytes of input, want at most four times as much", allocated, len(data))
	}
}

func FuzzDecode(f *testing.F) {
	types := arguments(f, "uint8", "bytes", "bytes[]", "bool", "address")
	good, err := types.Pack(uint8(44), []byte("hello"), [][]byte{{1}, {}}, false, common.Address{2})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, 224))
	f.Fuzz(func(t *testing.T, data []byte) {
		args, err := Decode(types, data)
		if err != nil {
			return
		}
		if again := repack(t, types, args); !bytes.Equal(again, data) {
			t.Errorf("Decode accepted %x, whose values encode as %x", data, again)
		}
	})
}
