package keys

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ava-labs/avalanchego/vms/platformvm/signer"
)

func create(t *testing.T) (*Keys, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "staking")
	k, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	return k, dir
}

func TestKeysSurviveARestart(t *testing.T) {
	made, dir := create(t)
	read, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	want, err := made.Public()
	if err != nil {
		t.Fatal(err)
	}
	got, err := read.Public()
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("Load(dir).Public() = %+v, want what Create made: %+v", got, want)
	}
	again, err := LoadOrCreate(dir)
	if err != nil || again.Node != made.Node {
		t.Errorf("LoadOrCreate(dir) = %v, %v, want the keys that were there: %v", again, err, made)
	}
}

func TestKeysAreNeverOverwritten(t *testing.T) {
	made, dir := create(t)
	if _, err := Create(dir); !errors.Is(err, ErrExist) {
		t.Errorf("Create over keys = %v, want ErrExist", err)
	}
	read, err := Load(dir)
	if err != nil || read.Node != made.Node {
		t.Errorf("Load after the refused Create = %v, %v, want %v", read, err, made)
	}
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the key folder are %v, %v, want nothing left behind", entries, err)
	}
}

func TestProofOfPossessionVerifies(t *testing.T) {
	k, _ := create(t)
	proof, err := k.Proof()
	if err != nil {
		t.Fatal(err)
	}
	fresh := &signer.ProofOfPossession{PublicKey: proof.PublicKey, ProofOfPossession: proof.ProofOfPossession}
	if err := fresh.Verify(); err != nil {
		t.Errorf("Verify() = %v, want nil", err)
	}
	other, _ := create(t)
	stolen, err := other.Proof()
	if err != nil {
		t.Fatal(err)
	}
	fresh = &signer.ProofOfPossession{PublicKey: proof.PublicKey, ProofOfPossession: stolen.ProofOfPossession}
	if err := fresh.Verify(); err == nil {
		t.Error("another key's proof verifies, want an error")
	}
}

func TestSecretsNeverPrint(t *testing.T) {
	k, dir := create(t)
	secret, err := os.ReadFile(filepath.Join(dir, BLSKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	marshalled, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	public, err := k.Public()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		fmt.Sprintf("%v %+v %#v %s", k, k, k, k), string(marshalled), fmt.Sprintf("%+v", public),
	} {
		for _, form := range []string{hex.EncodeToString(secret), string(secret), fmt.Sprintf("%d", secret)} {
			if strings.Contains(text, form) {
				t.Errorf("%q shows the secret key", text)
			}
		}
		if strings.Contains(text, "PrivateKey") {
			t.Errorf("%q shows the TLS key", text)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(dir string) error
		want   error
	}{
		{"no folder", os.RemoveAll, ErrNotExist},
		{"no TLS key", func(d string) error { return os.Remove(filepath.Join(d, TLSKeyFile)) }, ErrDamaged},
		{"no certificate", func(d string) error { return os.Remove(filepath.Join(d, TLSCertFile)) }, ErrDamaged},
		{"no BLS key", func(d string) error { return os.Remove(filepath.Join(d, BLSKeyFile)) }, ErrDamaged},
		{"a short BLS key", func(d string) error { return os.Truncate(filepath.Join(d, BLSKeyFile), 31) }, ErrDamaged},
		{"a zero BLS key", func(d string) error {
			return os.WriteFile(filepath.Join(d, BLSKeyFile), make([]byte, 32), 0o600)
		}, ErrDamaged},
		{"a cut certificate", func(d string) error { return os.Truncate(filepath.Join(d, TLSCertFile), 100) }, ErrDamaged},
		{"a huge key", func(d string) error { return os.Truncate(filepath.Join(d, TLSKeyFile), 1<<30) }, ErrDamaged},
		{"a TLS key for all to read", func(d string) error { return os.Chmod(filepath.Join(d, TLSKeyFile), 0o644) }, ErrExposed},
		{"a BLS key for the group to read", func(d string) error { return os.Chmod(filepath.Join(d, BLSKeyFile), 0o640) }, ErrExposed},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, dir := create(t)
			if err := c.damage(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := Load(dir); !errors.Is(err, c.want) {
				t.Errorf("Load = %v, want %v", err, c.want)
			}
		})
	}
}

func TestCertificateOfAnotherKeyIsRefused(t *testing.T) {
	_, mine := create(t)
	_, other := create(t)
	cert, err := os.ReadFile(filepath.Join(other, TLSCertFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(mine, TLSCertFile), cert, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(mine); !errors.Is(err, ErrDamaged) {
		t.Errorf("Load = %v, want ErrDamaged", err)
	}
}
