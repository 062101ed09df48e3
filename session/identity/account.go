package identity

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/session/digest"
	"github.com/tyler-smith/go-bip39"
)

// AccountSeedSize is the size of [Account.Seed] in bytes: 160.
const AccountSeedSize = sign.SeedSize + kem.SeedSize

const accountSalt = "pars account v1"

// Account holds an account's private keys. It prints as its Session ID.
type Account struct {
	signing   *sign.PrivateKey
	agreement *kem.PrivateKey
	id        ID
}

// AccountFromPhrase derives the account of a phrase of 24 words, typed in any
// case and spacing. Errors match [ErrPhrase] and never show a word. It takes
// some milliseconds (PBKDF2, BIP-39 "From mnemonic to seed").
func AccountFromPhrase(phrase string) (*Account, error) {
	normal, err := normalPhrase(phrase)
	if err != nil {
		return nil, err
	}
	seed := bip39.NewSeed(normal, "")
	defer clear(seed)
	all := slices.Concat(
		digest.Derive(seed, []byte(accountSalt), "ml-dsa-87", 32),
		digest.Derive(seed, []byte(accountSalt), "ed25519", 32),
		digest.Derive(seed, []byte(accountSalt), "x25519", 32),
		digest.Derive(seed, []byte(accountSalt), "ml-kem-1024", 64),
	)
	defer clear(all)
	return NewAccount(all)
}

// NewAccount makes an account of the [AccountSeedSize] bytes that
// [Account.Seed] gave.
func NewAccount(seed []byte) (*Account, error) {
	if len(seed) != AccountSeedSize {
		return nil, fmt.Errorf("identity: account seed is %d bytes, want %d", len(seed), AccountSeedSize)
	}
	signing, err := sign.NewPrivateKey(seed[:sign.SeedSize])
	if err != nil {
		return nil, errors.New("identity: account seed gives no signing pair")
	}
	agreement, err := kem.NewPrivateKey(seed[sign.SeedSize:])
	if err != nil {
		return nil, errors.New("identity: account seed gives no key-agreement pair")
	}
	return &Account{signing: signing, agreement: agreement, id: IDOf(signing.Public(), agreement.Public())}, nil
}

// ID returns the account's Session ID.
func (a *Account) ID() ID { return a.id }

// Signing returns the public signing key.
func (a *Account) Signing() *sign.PublicKey { return a.signing.Public() }

// Agreement returns the public key-agreement key.
func (a *Account) Agreement() *kem.PublicKey { return a.agreement.Public() }

// AgreementKey returns the private key-agreement pair. Conversations do not use
// it, they use device pairs; it is for what is sealed to the account itself.
func (a *Account) AgreementKey() *kem.PrivateKey { return a.agreement }

// Sign signs msg under context with the account's composite key. It must never
// sign anything about a conversation: that would prove to others who talked to
// whom.
func (a *Account) Sign(context string, msg []byte) ([]byte, error) {
	return a.signing.Sign(context, msg)
}

// Seed returns a copy of the account's secret for storage only.
func (a *Account) Seed() []byte { return slices.Concat(a.signing.Seed(), a.agreement.Seed()) }

// String returns the Session ID, which is public.
func (a Account) String() string { return a.id.String() }

// GoString hides the keys from %#v.
func (a Account) GoString() string { return "identity.Account(" + a.id.String() + ")" }

// Format hides the keys from every verb of package fmt.
func (a Account) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(a.id.String())) }
