package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"
)

// rfc8949 is appendix A of RFC 8949 without the floating point values, whose
// one rule here is that none passes. fits says whether the encoding is among
// those that this package allows.
var rfc8949 = []struct {
	hex   string
	fits  bool
	value any
}{
	{"00", true, uint64(0)},
	{"01", true, uint64(1)},
	{"0a", true, uint64(10)},
	{"17", true, uint64(23)},
	{"1818", true, uint64(24)},
	{"1819", true, uint64(25)},
	{"1864", true, uint64(100)},
	{"1903e8", true, uint64(1000)},
	{"1a000f4240", true, uint64(1000000)},
	{"1b000000e8d4a51000", true, uint64(1000000000000)},
	{"1bffffffffffffffff", true, uint64(18446744073709551615)},
	{"20", true, int64(-1)},
	{"29", true, int64(-10)},
	{"3863", true, int64(-100)},
	{"3903e7", true, int64(-1000)},
	{"f4", true, false},
	{"f5", true, true},
	{"f6", true, nil},
	{"40", true, []byte{}},
	{"4401020304", true, []byte{1, 2, 3, 4}},
	{"60", true, ""},
	{"6161", true, "a"},
	{"6449455446", true, "IETF"},
	{"62225c", true, "\"\\"},
	{"62c3bc", true, "\u00fc"},
	{"63e6b0b4", true, "\u6c34"},
	{"64f0908591", true, "\U00010151"},
	{"80", true, []any{}},
	{"83010203", true, []any{uint64(1), uint64(2), uint64(3)}},
	{"8301820203820405", true, []any{uint64(1), []any{uint64(2), uint64(3)}, []any{uint64(4), uint64(5)}}},
	{"a0", true, map[any]any{}},
	{"a201020304", true, map[any]any{uint64(1): uint64(2), uint64(3): uint64(4)}},
	{"a26161016162820203", true, map[any]any{"a": uint64(1), "b": []any{uint64(2), uint64(3)}}},
	{"826161a161626163", true, []any{"a", map[any]any{"b": "c"}}},
	{"a56161614161626142616361436164614461656145", true, map[any]any{"a": "A", "b": "B", "c": "C", "d": "D", "e": "E"}},

	{hex: "c249010000000000000000"}, // bignums
	{hex: "c349010000000000000000"},
	{hex: "3bffffffffffffffff"}, // -2^64 is no 64-bit integer
	{hex: "f90000"},             // floating point
	{hex: "fb3ff199999999999a"},
	{hex: "f97e00"},
	{hex: "f7"}, // undefined and other simple values
	{hex: "f0"},
	{hex: "f818"},
	{hex: "f8ff"},
	{hex: "c074323031332d30332d32315432303a30343a30305a"}, // tags
	{hex: "c11a514b67b0"},
	{hex: "d74401020304"},
	{hex: "d818456449455446"},
	{hex: "5f42010243030405ff"}, // indefinite lengths
	{hex: "7f657374726561646d696e67ff"},
	{hex: "9fff"},
	{hex: "9f018202039f0405ffff"},
	{hex: "83018202039f0405ff"},
	{hex: "83019f0203ff820405"},
	{hex: "bf61610161629f0203ffff"},
	{hex: "826161bf61626163ff"},
	{hex: "bf6346756ef563416d7421ff"},
}

func TestRFC8949AppendixA(t *testing.T) {
	for _, c := range rfc8949 {
		data := unhex(t, c.hex)
		var got any
		err := Unmarshal(data, len(data), &got)
		if !c.fits {
			if !errors.Is(err, ErrEncoding) {
				t.Errorf("Unmarshal(%s) = %v, %v, want ErrEncoding", c.hex, got, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, c.value) {
			t.Errorf("Unmarshal(%s) = %#v, %v, want %#v", c.hex, got, err, c.value)
		}
		if again, err := Marshal(c.value); err != nil || !bytes.Equal(again, data) {
			t.Errorf("Marshal(%#v) = %x, %v, want %s", c.value, again, err, c.hex)
		}
	}
	// The longest array of the appendix, 1 to 25.
	if err := Check(unhex(t, "98190102030405060708090a0b0c0d0e0f101112131415161718181819")); err != nil {
		t.Error(err)
	}
	if err := Check(unhex(t, "3b7fffffffffffffff")); err != nil {
		t.Errorf("Check of -2^63 = %v", err)
	}
}

func TestCheckRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":                             "",
		"a second item":                       "0000",
		"23 in two bytes":                     "1817",
		"255 in three bytes":                  "1900ff",
		"65535 in five bytes":                 "1a0000ffff",
		"2^32-1 in nine bytes":                "1b00000000ffffffff",
		"a length not in its shortest form":   "580161",
		"a cut argument":                      "19ff",
		"a cut string":                        "42ff",
		"a string of 2^64-1 bytes":            "5bffffffffffffffff",
		"an array of 2^64-1 elements":         "9bffffffffffffffff",
		"a map of 2^32 pairs":                 "bb0000000100000000",
		"one more element than the limit":     "994001",
		"a cut array":                         "8201",
		"a map without its last value":        "a101",
		"keys out of order":                   "a202000100",
		"text keys by alphabet, not by bytes": "a2626161006162 00",
		"a double key":                        "a201000100",
		"an array as a key":                   "a18000",
		"a map as a key":                      "a1a000",
		"a boolean as a key":                  "a1f400",
		"text that is not UTF-8":              "61ff",
		"an unpaired surrogate":               "63eda080",
		"reserved additional information 28":  "1c",
		"a lone break":                        "ff",
		"17 arrays inside one another":        strings.Repeat("81", 17) + "00",
	} {
		if err := Check(unhex(t, strings.ReplaceAll(in, " ", ""))); !errors.Is(err, ErrEncoding) {
			t.Errorf("Check of %s (%s) = %v, want ErrEncoding", name, in, err)
		}
	}
	if err := Check(unhex(t, strings.Repeat("81", MaxDepth)+"00")); err != nil {
		t.Errorf("Check of %d nested arrays = %v, want nil", MaxDepth, err)
	}
}

type optional struct {
	A uint64   `cbor:"1,keyasint"`
	B []byte   `cbor:"2,keyasint,omitempty"`
	C [4]byte  `cbor:"3,keyasint"`
	D []string `cbor:"4,keyasint,omitempty"`
}

type sequence struct {
	_ struct{} `cbor:",toarray"`
	A uint64
	B []byte
}

func TestUnmarshalAcceptsOneEncodingOfAValue(t *testing.T) {
	for name, c := range map[string]struct {
		hex  string
		into any
		want error
	}{
		"a struct":                             {"a201070344" + "01020304", new(optional), nil},
		"an unknown field":                     {"a301070344010203040500", new(optional), ErrEncoding},
		"an optional field with nothing in it": {"a30107024003440102 0304", new(optional), ErrEncoding},
		"a missing field":                      {"a10107", new(optional), ErrEncoding},
		"null for a number":                    {"a201f6034401020304", new(optional), ErrEncoding},
		"a byte array that is too short":       {"a20107034101", new(optional), ErrEncoding},
		"a byte array that is too long":        {"a20107034501020304" + "05", new(optional), ErrEncoding},
		"text for bytes":                       {"a301070261610344" + "01020304", new(optional), ErrEncoding},
		"a sequence":                           {"82014101", new(sequence), nil},
		"a sequence that is too short":         {"8101", new(sequence), ErrEncoding},
		"a sequence that is too long":          {"8301410100", new(sequence), ErrEncoding},
		"null for bytes":                       {"8201f6", new(sequence), ErrEncoding},
		"a number that overflows":              {"190100", new(uint8), ErrEncoding},
		"a negative number":                    {"20", new(uint64), ErrEncoding},
	} {
		data := unhex(t, strings.ReplaceAll(c.hex, " ", ""))
		if err := Unmarshal(data, len(data), c.into); !errors.Is(err, c.want) {
			t.Errorf("Unmarshal of %s = %v, want %v", name, err, c.want)
		}
	}
}

func TestUnmarshalChecksTheSizeFirst(t *testing.T) {
	data := []byte{0x82, 0x01, 0xff} // not even CBOR
	if err := Unmarshal(data, 2, new(any)); !errors.Is(err, ErrSize) {
		t.Errorf("Unmarshal of 3 bytes with limit 2 = %v, want ErrSize", err)
	}
}

func TestMarshalRefusesWhatNobodyCouldRead(t *testing.T) {
	deep := any(uint64(0))
	for range MaxDepth + 1 {
		deep = []any{deep}
	}
	for name, v := range map[string]any{
		"floating point":    1.5,
		"too many elements": make([]bool, MaxElements+1),
		"too deep":          deep,
		"invalid UTF-8":     "\xff",
		"a tag":             cbor.Tag{Number: 1, Content: 1},
		"a channel":         make(chan int),
	} {
		if out, err := Marshal(v); err == nil {
			t.Errorf("Marshal of %s = %x, want an error", name, out)
		}
	}
}

func TestNilAndEmptyAreTheSame(t *testing.T) {
	a, err := Marshal(sequence{A: 1})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Marshal(sequence{A: 1, B: []byte{}})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) || hex.EncodeToString(a) != "820140" {
		t.Errorf("encodings of nil and empty bytes = %x, %x, want 820140 twice", a, b)
	}
}

func TestUnmarshalSharesNoMemoryWithItsInput(t *testing.T) {
	data := unhex(t, "82014101")
	var v sequence
	if err := Unmarshal(data, len(data), &v); err != nil {
		t.Fatal(err)
	}
	data[3] = 0xff
	if v.B[0] != 1 {
		t.Error("the decoded bytes changed with the input")
	}
}

// Every value that can be made comes back, from one encoding.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := optional{
			A: rapid.Uint64().Draw(t, "A"),
			B: rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "B"),
			D: rapid.SliceOfN(rapid.String(), 1, 30).Draw(t, "D"),
		}
		data, err := Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var out optional
		if err := Unmarshal(data, len(data), &out); err != nil || !reflect.DeepEqual(in, out) {
			t.Fatalf("%+v came back as %+v, %v", in, out, err)
		}
	})
}

// FuzzCheck compares our checker with a second implementation: what passes is
// what fxamacker's strict decoder accepts and encodes to the same bytes again.
func FuzzCheck(f *testing.F) {
	for _, c := range rfc8949 {
		b, err := hex.DecodeString(c.hex)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := Check(data)
		var v any
		theirs := decMode.Unmarshal(data, &v)
		if err == nil {
			if theirs != nil {
				t.Fatalf("Check accepts %x, the decoder says %v", data, theirs)
			}
			again, err := encMode.Marshal(v)
			if err != nil || !bytes.Equal(again, data) {
				t.Fatalf("Check accepts %x, which is encoded again as %x, %v", data, again, err)
			}
			return
		}
		if theirs != nil {
			return
		}
		again, encErr := encMode.Marshal(v)
		if encErr == nil && bytes.Equal(again, data) && !beyond(v) {
			t.Fatalf("Check refuses %x with %v, but it is deterministic", data, err)
		}
	})
}

// beyond reports whether v holds what this package leaves out of CBOR on purpose.
func beyond(v any) bool {
	switch v := v.(type) {
	case float64, float32, cbor.SimpleValue, big.Int:
		return true
	case []any:
		for _, e := range v {
			if beyond(e) {
				return true
			}
		}
	case map[any]any:
		for k, e := range v {
			switch k.(type) {
			case uint64, int64, string, cbor.ByteString:
			default:
				return true
			}
			if beyond(e) {
				return true
			}
		}
	}
	return false
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(unhex(f, "a20107034401020304"))
	f.Add(unhex(f, "a401070242aabb0344010203040482616161 62"[:36]))
	f.Fuzz(func(t *testing.T, data []byte) {
		var v optional
		if err := Unmarshal(data, 1<<12, &v); err != nil {
			if !errors.Is(err, ErrEncoding) && !errors.Is(err, ErrSize) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if again, err := Marshal(v); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%x decodes, but encodes as %x, %v", data, again, err)
		}
	})
}

func BenchmarkUnmarshal(b *testing.B) {
	data, err := Marshal(optional{A: 1, B: make([]byte, 8<<10), D: []string{"a", "b"}})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if err := Unmarshal(data, 16<<10, new(optional)); err != nil {
			b.Fatal(err)
		}
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(fmt.Errorf("test data %q: %w", s, err))
	}
	return b
}
