// Package keys makes and reads the two keys that make a node a validator: the
// TLS key whose certificate is its identity between peers, and the BLS key
// with which it seals blocks.
package keys

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/staking"
	"github.com/ava-labs/avalanchego/utils/crypto/bls/signer/localsigner"
	"github.com/ava-labs/avalanchego/vms/platformvm/signer"
)

// Names of the files in a key folder. All three are needed; a folder with
// only some of them is damaged.
const (
	TLSKeyFile  = "staker.key" // PKCS #8, PEM
	TLSCertFile = "staker.crt" // self-signed X.509, PEM
	BLSKeyFile  = "signer.key" // 32 bytes, big-endian scalar
)

var (
	// ErrExist reports that a key folder is there already. Keys are never
	// overwritten: losing them loses the validator.
	ErrExist = errors.New("keys exist already")
	// ErrNotExist reports that there is no key folder.
	ErrNotExist = errors.New("no keys")
	// ErrDamaged reports a key folder that lacks a file or has one that can't
	// be read as a key.
	ErrDamaged = errors.New("damaged keys")
	// ErrExposed reports a private key that other users of the machine can
	// read.
	ErrExposed = errors.New("private key is readable by others")
)

// Keys are the private keys of one node. Neither printing nor marshalling it
// shows a secret.
type Keys struct {
	// Cert is the TLS certificate with its private key; Leaf is set.
	Cert tls.Certificate
	// Node is what the network calls this node: a hash of the certificate.
	Node ids.NodeID
	bls  *localsigner.LocalSigner
}

// String returns the node id and nothing else.
func (k *Keys) String() string { return "keys of " + k.Node.String() }

// GoString is String, so that %#v doesn't print private keys.
func (k *Keys) GoString() string { return k.String() }

// MarshalJSON returns the node id as a string and nothing else.
func (k *Keys) MarshalJSON() ([]byte, error) { return k.Node.MarshalJSON() }

// Public is what a node tells others about itself so that they can name it in
// a genesis. It has no secret.
type Public struct {
	// NodeID is the hash of the TLS certificate, as NodeID-...
	NodeID ids.NodeID `json:"nodeId"`
	// PublicKey is the compressed BLS public key: 0x and 48 bytes in hex.
	PublicKey string `json:"publicKey"`
	// ProofOfPossession is the BLS key's signature of its own public key: 0x
	// and 96 bytes in hex. Without it, one could claim a key made from those
	// of others and forge their common signature.
	ProofOfPossession string `json:"proofOfPossession"`
}

// Proof returns the node's BLS public key with its proof of possession.
func (k *Keys) Proof() (*signer.ProofOfPossession, error) {
	return signer.NewProofOfPossession(k.bls)
}

// Public returns what others may know of the keys.
func (k *Keys) Public() (Public, error) {
	proof, err := k.Proof()
	if err != nil {
		return Public{}, fmt.Errorf("proving possession of the BLS key: %w", err)
	}
	return Public{
		NodeID:            k.Node,
		PublicKey:         "0x" + hex.EncodeToString(proof.PublicKey[:]),
		ProofOfPossession: "0x" + hex.EncodeToString(proof.ProofOfPossession[:]),
	}, nil
}

// Create makes new keys in the folder dir, which must not exist; its parent
// must. The folder appears whole or not at all.
func Create(dir string) (*Keys, error) {
	if _, err := os.Lstat(dir); err == nil {
		return nil, fmt.Errorf("%w in %s", ErrExist, dir)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	cert, key, err := staking.NewCertAndKeyBytes()
	if err != nil {
		return nil, fmt.Errorf("making a TLS key: %w", err)
	}
	seal, err := localsigner.New()
	if err != nil {
		return nil, fmt.Errorf("making a BLS key: %w", err)
	}
	// A folder beside the final one, so that the rename stays on one disk.
	tmp := dir + ".new-" + rand.Text()[:8]
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	for _, f := range []struct {
		name string
		data []byte
	}{{TLSKeyFile, key}, {TLSCertFile, cert}, {BLSKeyFile, seal.ToBytes()}} {
		if err := writeSynced(filepath.Join(tmp, f.name), f.data); err != nil {
			return nil, fmt.Errorf("writing %s: %w", f.name, err)
		}
	}
	if err := os.Rename(tmp, dir); err != nil {
		return nil, err
	}
	return Load(dir)
}

// writeSynced creates a file only its owner can read and waits until the disk
// has it.
func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// Load reads the keys in the folder dir.
func Load(dir string) (*Keys, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s", ErrNotExist, dir)
	} else if err != nil {
		return nil, err
	}
	key, err := readPrivate(filepath.Join(dir, TLSKeyFile))
	if err != nil {
		return nil, err
	}
	certBytes, err := readBounded(filepath.Join(dir, TLSCertFile))
	if err != nil {
		return nil, err
	}
	secret, err := readPrivate(filepath.Join(dir, BLSKeyFile))
	if err != nil {
		return nil, err
	}
	cert, err := staking.LoadTLSCertFromBytes(key, certBytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %s and %s don't make a TLS identity: %w", ErrDamaged, TLSKeyFile, TLSCertFile, err)
	}
	parsed, err := staking.ParseCertificate(cert.Leaf.Raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, TLSCertFile, err)
	}
	seal, err := localsigner.FromBytes(secret)
	if err != nil {
		return nil, fmt.Errorf("%w: %s has %d bytes that are no BLS key, want 32: %w", ErrDamaged, BLSKeyFile, len(secret), err)
	}
	return &Keys{Cert: *cert, Node: ids.NodeIDFromCert(parsed), bls: seal}, nil
}

// LoadOrCreate reads the keys in dir, or makes new ones when there is none.
func LoadOrCreate(dir string) (*Keys, error) {
	k, err := Load(dir)
	if errors.Is(err, ErrNotExist) {
		return Create(dir)
	}
	return k, err
}

// readPrivate reads a file that only its owner may read.
func readPrivate(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %04o; run: chmod 600 %s", ErrExposed, path, mode, path)
	}
	return readBounded(path)
}

// maxKeyFile bounds a key file, in bytes; the largest real one is below 1 KiB.
const maxKeyFile = 16 << 10

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if info.Size() > maxKeyFile {
		return nil, fmt.Errorf("%w: %s has %d bytes, want at most %d", ErrDamaged, path, info.Size(), maxKeyFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return data, nil
}
