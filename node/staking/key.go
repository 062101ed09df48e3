package staking

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/utils/constants"
	"github.com/ava-labs/avalanchego/utils/crypto/secp256k1"
	"github.com/ava-labs/avalanchego/utils/formatting/address"
	"github.com/ava-labs/libevm/accounts/keystore"
	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/evm/genesis"
	"github.com/pars-network/pars/params"
)

var (
	// ErrKey reports a key file that can't be used.
	ErrKey = errors.New("unusable key file")
	// ErrExposed reports a key file that other users of the machine can read.
	ErrExposed = errors.New("key file is readable by others")
)

// maxKeyFile bounds a key or password file, in bytes. A keystore file has below
// 1 KiB.
const maxKeyFile = 16 << 10

// Key owns staking asset. It is a secp256k1 key as Ethereum's, under another
// form of address.
type Key struct{ secret *secp256k1.PrivateKey }

// String hides the secret.
func (*Key) String() string { return "staking.Key(hidden)" }

// GoString hides the secret from %#v.
func (k *Key) GoString() string { return k.String() }

// MarshalText hides the secret from encoders.
func (k *Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// owner is the key's address in the P-Chain's own form.
func (k *Key) owner() ids.ShortID { return k.secret.Address() }

// Address is the key's P-Chain address on a network, such as P-custom1...
func (k *Key) Address(network params.Network) (string, error) {
	owner := k.owner()
	text, err := address.Format("P", constants.GetHRP(network.ID), owner[:])
	if err != nil {
		return "", fmt.Errorf("formatting a P-Chain address: %w", err)
	}
	return text, nil
}

// DevKey returns the key of account i, counted from 0, of a development
// network. Everybody knows it.
func DevKey(i int) (*Key, error) {
	accounts, err := genesis.DevAccounts()
	if err != nil {
		return nil, err
	}
	if i < 0 || i >= len(accounts) {
		return nil, fmt.Errorf("%w: there is no development account %d, want 0 to %d", ErrKey, i, len(accounts)-1)
	}
	return newKey(accounts[i].PrivateKey[:])
}

// ReadKey reads a key from a file that only its owner may read: a keystore of
// version 3, as Ethereum's wallets write it, whose password is the first line of
// the file passwordPath, or 32 bytes in hex.
func ReadKey(path, passwordPath string) (*Key, error) {
	text, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		// The decoder's error would show what it couldn't read.
		secret, err := hex.DecodeString(strings.TrimPrefix(strings.TrimSpace(string(text)), "0x"))
		if err != nil || len(secret) != secp256k1.PrivateKeyLen {
			return nil, fmt.Errorf("%w: %s is neither a keystore nor %d bytes in hex", ErrKey, path, secp256k1.PrivateKeyLen)
		}
		return newKey(secret)
	}
	if passwordPath == "" {
		return nil, fmt.Errorf("%w: %s is a keystore; name the file with its password", ErrKey, path)
	}
	password, err := readPrivate(passwordPath)
	if err != nil {
		return nil, err
	}
	line, _, _ := strings.Cut(string(password), "\n")
	k, err := keystore.DecryptKey(text, strings.TrimSuffix(line, "\r"))
	if err != nil {
		return nil, fmt.Errorf("%w: opening the keystore %s: %w", ErrKey, path, err)
	}
	return newKey(crypto.FromECDSA(k.PrivateKey))
}

func newKey(secret []byte) (*Key, error) {
	// The P-Chain's own library would take 0 and what is above the order.
	if _, err := crypto.ToECDSA(secret); err != nil {
		return nil, fmt.Errorf("%w: not a secp256k1 key", ErrKey)
	}
	k, err := secp256k1.ToPrivateKey(secret)
	if err != nil {
		return nil, fmt.Errorf("%w: not a secp256k1 key", ErrKey)
	}
	return &Key{secret: k}, nil
}

// readPrivate reads a file that only its owner may read.
func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %04o; run: chmod 600 %s", ErrExposed, path, mode, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("%w: %s has more than %d bytes", ErrKey, path, maxKeyFile)
	}
	return text, nil
}

// Owned is what a key has on the P-Chain.
type Owned struct {
	Address string `json:"address"`
	// Free can be staked now, in units of 10^-9 STAKE.
	Free uint64 `json:"free,string"`
}

// Owned returns what key has.
func (n *Network) Owned(ctx context.Context, key *Key) (Owned, error) {
	text, err := key.Address(n.Params)
	if err != nil {
		return Owned{}, err
	}
	w, err := n.wallet(ctx, key)
	if err != nil {
		return Owned{}, err
	}
	got, err := w.Builder().GetBalance()
	if err != nil {
		return Owned{}, fmt.Errorf("%w at %s: %w", ErrNode, n.url, err)
	}
	return Owned{Address: text, Free: got[w.Builder().Context().AVAXAssetID]}, nil
}

// Whole renders an amount of units of 10^-9 in whole STAKE.
func Whole(units uint64) string {
	whole, rest := units/params.StakeUnit, units%params.StakeUnit
	if rest == 0 {
		return strconv.FormatUint(whole, 10)
	}
	return strings.TrimRight(fmt.Sprintf("%d.%09d", whole, rest), "0")
}
