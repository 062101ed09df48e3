package identity

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tyler-smith/go-bip39"
	"github.com/tyler-smith/go-bip39/wordlists"
)

// Words is how many words a phrase has: 256 bits of entropy and 8 of checksum
// (BIP-39, "Generating the mnemonic").
const Words = 24

// ErrPhrase reports words that are no phrase. It never shows a word.
var ErrPhrase = errors.New("not a recovery phrase")

// NewPhrase makes a phrase of [Words] English words from 32 bytes of rand.
// Whoever has it is the account: it must not be logged, and a screen should
// show it once.
func NewPhrase(rand io.Reader) (string, error) {
	entropy := make([]byte, 32)
	defer clear(entropy)
	if _, err := io.ReadFull(rand, entropy); err != nil {
		return "", fmt.Errorf("identity: reading randomness: %w", err)
	}
	phrase, err := bip39.NewMnemonic(entropy)
	if err != nil {
		return "", errors.New("identity: BIP-39 refuses 32 bytes of entropy")
	}
	return phrase, nil
}

// normalPhrase brings what a person typed into the one spelling that BIP-39
// hashes, and says which word is wrong by its number only.
func normalPhrase(typed string) (string, error) {
	words := strings.Fields(strings.ToLower(typed))
	if len(words) != Words {
		return "", fmt.Errorf("%w: got %d words, want %d", ErrPhrase, len(words), Words)
	}
	for i, w := range words {
		if _, ok := slices.BinarySearch(wordlists.English, w); !ok {
			return "", fmt.Errorf("%w: word %d is not in the English BIP-39 list; check its spelling", ErrPhrase, i+1)
		}
	}
	phrase := strings.Join(words, " ")
	if !bip39.IsMnemonicValid(phrase) {
		return "", fmt.Errorf("%w: every word is in the list, but the checksum is wrong; a word is mistaken for another or the order is changed", ErrPhrase)
	}
	return phrase, nil
}

// PhraseEntropy returns the 32 bytes that 24 typed words stand for, for what is to
// be opened by the words and not by a passphrase. It checks them as a restore does.
func PhraseEntropy(typed string) ([]byte, error) {
	phrase, err := normalPhrase(typed)
	if err != nil {
		return nil, err
	}
	entropy, err := bip39.EntropyFromMnemonic(phrase)
	if err != nil {
		return nil, fmt.Errorf("%w: BIP-39 refuses it", ErrPhrase)
	}
	return entropy, nil
}
