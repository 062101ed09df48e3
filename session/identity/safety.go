package identity

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/pars-network/pars/session/digest"
	"github.com/tyler-smith/go-bip39/wordlists"
	"golang.org/x/crypto/argon2"
)

const (
	// SafetyWords is how many words two people compare: 132 bits.
	SafetyWords = 12
	// SafetyGroups is how many groups of five digits say the same: 132.8 bits.
	SafetyGroups = 8

	safetyMemory = 64 << 10 // KiB
	safetyPasses = 3
	safetyLanes  = 1
)

// Safety is what two people compare out of band to know that each has the
// other's real Session ID. Both forms come from both IDs in either order.
//
// An attacker in the middle shows Alice one false ID and Bob another and wins
// when both pairs give the same words, which takes a collision: 2^66 tries. Each
// try costs a run of Argon2id over 64 MiB, which puts that out of reach.
type Safety struct {
	words   [SafetyWords]string
	numbers [SafetyGroups]uint32
}

// SafetyOf derives the words and numbers of two accounts. It takes some tenths of a
// second and 64 MiB (Argon2id, RFC 9106, with its second recommended memory and
// passes, one lane).
func SafetyOf(a, b ID) Safety {
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	h := digest.Sum("pars safety words v1", a[:], b[:])
	out := argon2.IDKey(h[:], []byte("pars safety words v1"), safetyPasses, safetyMemory, safetyLanes, 32+8*SafetyGroups)
	var s Safety
	for i := range s.words {
		s.words[i] = wordlists.English[bits11(out, 11*i)]
	}
	for i := range s.numbers {
		s.numbers[i] = uint32(binary.BigEndian.Uint64(out[32+8*i:]) % 100_000)
	}
	return s
}

// bits11 returns the 11 bits of b that start at bit at, most significant first.
func bits11(b []byte, at int) int {
	v := 0
	for i := at; i < at+11; i++ {
		v = v<<1 | int(b[i/8]>>(7-i%8)&1)
	}
	return v
}

// Words returns the twelve words, from the English BIP-39 list.
func (s Safety) Words() []string { return append([]string(nil), s.words[:]...) }

// Digits returns the numbers as eight groups of five digits.
func (s Safety) Digits() string {
	groups := make([]string, len(s.numbers))
	for i, n := range s.numbers {
		groups[i] = fmt.Sprintf("%05d", n)
	}
	return strings.Join(groups, " ")
}

// PersianDigits is [Safety.Digits] in the digits of Persian, U+06F0 to U+06F9.
func (s Safety) PersianDigits() string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return r
		}
		return r - '0' + '۰'
	}, s.Digits())
}

// String returns the words separated by spaces.
func (s Safety) String() string { return strings.Join(s.words[:], " ") }
