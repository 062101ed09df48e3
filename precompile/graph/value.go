package graph

import (
	"encoding/binary"
	"encoding/hex"
	"math/big"
	"strings"

	"github.com/ava-labs/libevm/common"
	"github.com/holiman/uint256"
)

// maxShort is how long a string or bytes of an indexed field may be: what fits
// into the slot that also holds its length.
const maxShort = 31

// position is a place in the order of a listing: by key, then by number. Numbers
// of rows start at 1, or at 0 in built-in types, whose keys are zero.
type position struct {
	key common.Hash
	seq uint64
}

func (p position) compare(q position) int {
	if c := p.key.Cmp(q.key); c != 0 {
		return c
	}
	switch {
	case p.seq < q.seq:
		return -1
	case p.seq > q.seq:
		return 1
	}
	return 0
}

// cursorSize is the length of a cursor as text: a position in hex.
const cursorSize = 2 * (common.HashLength + 8)

func (p position) cursor() string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(p.key[:], p.seq))
}

func parseCursor(text string) (p position, ok bool) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(text) != cursorSize {
		return p, false
	}
	return position{common.Hash(raw), binary.BigEndian.Uint64(raw[common.HashLength:])}, true
}

// sortKey turns the word of a field into bytes whose order is the values' order.
// Numbers in two's complement have their sign flipped; a short string stands left
// in its word with twice its length behind it, as in Solidity, and is in order.
func sortKey(k kind, word common.Hash) common.Hash {
	if k == kindInt || k == kindBigInt {
		word[0] ^= 0x80
	}
	return word
}

// shortWord is a string of at most [maxShort] bytes in one word.
func shortWord(text string) (word common.Hash) {
	copy(word[:], text)
	word[31] = byte(2 * len(text))
	return word
}

func number(seq uint64) (word common.Hash) {
	binary.BigEndian.PutUint64(word[24:], seq)
	return word
}

// signed is a number in two's complement as people write it.
func signed(word common.Hash) string {
	v := new(uint256.Int).SetBytes(word[:])
	if v.Sign() >= 0 {
		return v.Dec()
	}
	return "-" + v.Neg(v).Dec()
}

// scalarValue reads a literal as a value of a kind. For kinds whose value is a
// word it returns the word, for ID, String and Bytes the bytes.
func scalarValue(k kind, v *literal) (word common.Hash, text string, err error) {
	bad := refuse(v.offset, "got %s, want %s", v.describe(), wanted[k])
	switch k {
	case kindID, kindString:
		if v.kind == literalString {
			return word, v.text, nil
		}
	case kindBoolean:
		if v.kind == literalBoolean {
			if v.text == "true" {
				word[31] = 1
			}
			return word, "", nil
		}
	case kindInt, kindBigInt:
		if v.kind != literalInt && (v.kind != literalString || k == kindInt || !decimal(v.text)) {
			return word, "", bad
		}
		n, ok := new(big.Int).SetString(v.text, 10)
		bits := 255
		if k == kindInt {
			bits = 31
		}
		limit := new(big.Int).Lsh(big.NewInt(1), uint(bits))
		if ok && n.Cmp(limit) < 0 && n.Cmp(limit.Neg(limit)) >= 0 {
			return uint256.MustFromBig(n).Bytes32(), "", nil
		}
	case kindBytes, kindAddress:
		digits, prefixed := strings.CutPrefix(v.text, "0x")
		raw, err := hex.DecodeString(digits)
		if v.kind != literalString || !prefixed || err != nil || (k == kindAddress && len(raw) != common.AddressLength) {
			return word, "", bad
		}
		if k == kindAddress {
			return common.BytesToHash(raw), "", nil
		}
		return word, string(raw), nil
	}
	return word, "", bad
}

var wanted = [...]string{
	kindID: "an id in quotes", kindString: "a string", kindInt: "an integer of 32 bits",
	kindBigInt: "an integer of 256 bits, in quotes or not", kindBoolean: "true or false",
	kindBytes: "0x and hex digits in quotes", kindAddress: "0x and 40 hex digits in quotes",
}

// maxDigits is more than any number of 256 bits has, with its sign.
const maxDigits = 80

// decimal reports whether text is an integer as GraphQL writes one.
func decimal(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || len(text) > maxDigits || (digits[0] == '0' && len(digits) > 1) {
		return false
	}
	for i := range len(digits) {
		if !digit(digits[i]) {
			return false
		}
	}
	return true
}

func (v *literal) describe() string {
	switch v.kind {
	case literalNull:
		return "null"
	case literalString:
		return "a string"
	case literalObject:
		return "an object"
	case literalVariable:
		return "a variable"
	}
	return v.text
}
