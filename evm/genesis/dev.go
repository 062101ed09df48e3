package genesis

import (
	"fmt"
	"math/big"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/utils/hashing"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/crypto"
	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/tyler-smith/go-bip39"

	"github.com/pars-network/pars/params"
)

const (
	// DevMnemonic is the phrase that Ethereum's development tools share. Its
	// keys are public knowledge: on any other network they own nothing for long.
	DevMnemonic = "test test test test test test test test test test test junk"
	// DevAccountCount is how many of its accounts a dev genesis funds. Each gets
	// a tenth of the supply, 100,000,000 PARS.
	DevAccountCount = 10
)

// Account is a key of a development network and its addresses.
type Account struct {
	Address common.Address
	// PrivateKey is the secp256k1 key, published with [DevMnemonic].
	PrivateKey [32]byte
	// Owner is the same key's P-Chain address.
	Owner ids.ShortID
}

// DevAccounts returns the first [DevAccountCount] accounts of [DevMnemonic],
// derived at m/44'/60'/0'/0/i (BIP-39 without a passphrase, BIP-32, BIP-44).
func DevAccounts() ([]Account, error) {
	seed, err := bip39.NewSeedWithErrorChecking(DevMnemonic, "")
	if err != nil {
		return nil, fmt.Errorf("reading the dev mnemonic: %w", err)
	}
	// The network's parameters only matter for the text form of extended keys.
	key, err := hdkeychain.NewMaster(seed, &chaincfg.MainNetParams)
	if err != nil {
		return nil, fmt.Errorf("deriving the dev master key: %w", err)
	}
	const hard = hdkeychain.HardenedKeyStart
	for _, step := range []uint32{hard + 44, hard + 60, hard, 0} {
		if key, err = key.Derive(step); err != nil {
			return nil, fmt.Errorf("deriving the dev accounts: %w", err)
		}
	}
	accounts := make([]Account, DevAccountCount)
	for i := range accounts {
		leaf, err := key.Derive(uint32(i))
		if err != nil {
			return nil, fmt.Errorf("deriving dev account %d: %w", i, err)
		}
		if accounts[i], err = newAccount(leaf); err != nil {
			return nil, fmt.Errorf("deriving dev account %d: %w", i, err)
		}
	}
	return accounts, nil
}

func newAccount(leaf *hdkeychain.ExtendedKey) (Account, error) {
	secret, err := leaf.ECPrivKey()
	if err != nil {
		return Account{}, err
	}
	key, err := crypto.ToECDSA(secret.Serialize())
	if err != nil {
		return Account{}, err
	}
	a := Account{Address: crypto.PubkeyToAddress(key.PublicKey)}
	copy(a.PrivateKey[:], crypto.FromECDSA(key))
	copy(a.Owner[:], hashing.PubkeyBytesToAddress(crypto.CompressPubkey(&key.PublicKey)))
	return a, nil
}

// DevAlloc gives each dev account the same share of the supply.
func DevAlloc() (types.GenesisAlloc, error) {
	accounts, err := DevAccounts()
	if err != nil {
		return nil, err
	}
	share := new(big.Int).Div(params.Supply(), big.NewInt(DevAccountCount))
	alloc := make(types.GenesisAlloc, len(accounts))
	for _, a := range accounts {
		alloc[a.Address] = types.Account{Balance: new(big.Int).Set(share)}
	}
	return alloc, nil
}
