package staking

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/utils/crypto/bls/signer/localsigner"
	"github.com/ava-labs/avalanchego/vms/platformvm/signer"
	"github.com/ava-labs/libevm/accounts/keystore"
	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/evm/genesis"
	"github.com/pars-network/pars/params"
)

// devSecret is the well-known key of development account 0.
const devSecret = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"

func write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// keystoreOf encrypts the key of development account 0, with less work than a
// wallet would spend.
func keystoreOf(t *testing.T, password string) string {
	t.Helper()
	k, err := crypto.HexToECDSA(devSecret)
	if err != nil {
		t.Fatal(err)
	}
	text, err := keystore.EncryptKey(&keystore.Key{Address: crypto.PubkeyToAddress(k.PublicKey), PrivateKey: k}, password, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheSameKeyFromEverySource(t *testing.T) {
	password := write(t, "password", "correct horse\nsecond line", 0o600)
	dev, err := DevKey(0)
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"hex":             write(t, "key", devSecret, 0o600),
		"0x and new line": write(t, "key", "0x"+devSecret+"\n", 0o400),
		"keystore":        write(t, "key", keystoreOf(t, "correct horse"), 0o600),
	} {
		k, err := ReadKey(path, password)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := k.Address(params.Dev)
		want, err2 := dev.Address(params.Dev)
		if err != nil || err2 != nil || got != want {
			t.Errorf("%s: address %s, %v, want %s, %v", name, got, err, want, err2)
		}
		// A genesis reads the address as it is printed.
		if owner, err := genesis.ParseOwner(params.Dev, got); err != nil || owner != k.owner() {
			t.Errorf("ParseOwner(%s) = %s, %v, want %s", got, owner, err, k.owner())
		}
	}
}

func TestUnusableKeyFilesAndWhatTheirErrorsHide(t *testing.T) {
	good := write(t, "password", "correct horse", 0o600)
	for _, c := range []struct {
		name, path, password string
		want                 error
	}{
		{"no file", filepath.Join(t.TempDir(), "none"), "", ErrKey},
		{"readable by others", write(t, "key", devSecret, 0o644), "", ErrExposed},
		{"a digit short", write(t, "key", devSecret[1:], 0o600), "", ErrKey},
		{"no hex", write(t, "key", "zz"+devSecret[2:], 0o600), "", ErrKey},
		{"too long", write(t, "key", strings.Repeat("ab", maxKeyFile), 0o600), "", ErrKey},
		{"zero", write(t, "key", strings.Repeat("00", 32), 0o600), "", ErrKey},
		{"above the group's order", write(t, "key", strings.Repeat("ff", 32), 0o600), "", ErrKey},
		{"keystore without password", write(t, "key", keystoreOf(t, "correct horse"), 0o600), "", ErrKey},
		{"wrong password", write(t, "key", keystoreOf(t, "battery"), 0o600), good, ErrKey},
		{"exposed password", write(t, "key", keystoreOf(t, "correct horse"), 0o600), write(t, "pw", "correct horse", 0o640), ErrExposed},
		{"broken keystore", write(t, "key", "{", 0o600), good, ErrKey},
	} {
		_, err := ReadKey(c.path, c.password)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: ReadKey = %v, want %v", c.name, err, c.want)
		} else if strings.Contains(err.Error(), devSecret[4:20]) || strings.Contains(err.Error(), "horse") {
			t.Errorf("%s: the error shows a secret: %v", c.name, err)
		}
	}
	if _, err := DevKey(genesis.DevAccountCount); !errors.Is(err, ErrKey) {
		t.Errorf("DevKey beyond the last = %v, want ErrKey", err)
	}
}

func TestNothingPrintsAKey(t *testing.T) {
	k, err := DevKey(0)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprint(k), fmt.Sprintf("%v %+v %#v %s", k, k, k, k), string(text)} {
		if strings.Contains(shown, devSecret[:8]) || !strings.Contains(shown, "hidden") {
			t.Errorf("a key prints as %s, want it hidden", shown)
		}
	}
}

func TestRequestBounds(t *testing.T) {
	s, err := localsigner.New()
	if err != nil {
		t.Fatal(err)
	}
	proof, err := signer.NewProofOfPossession(s)
	if err != nil {
		t.Fatal(err)
	}
	good := Request{Node: ids.NodeID{1}, Proof: *proof, Stake: params.MinStake, Term: 30 * 24 * time.Hour}
	for _, c := range []struct {
		name    string
		network params.Network
		change  func(*Request)
		ok      bool
	}{
		{"a month on the main network", params.Mainnet, func(*Request) {}, true},
		{"the most there is", params.Mainnet, func(r *Request) { r.Stake, r.Term = params.MaxStake, params.MaxTerm }, true},
		{"a day on the main network", params.Mainnet, func(r *Request) { r.Term = 24 * time.Hour }, false},
		{"exactly the P-Chain's least, which a moment later is too little", params.Mainnet, func(r *Request) { r.Term = params.Mainnet.MinTerm }, false},
		{"a minute on the test network", params.Testnet, func(r *Request) { r.Term = time.Minute }, false},
		{"a minute on a development network", params.Dev, func(r *Request) { r.Term = time.Minute }, true},
		{"over a year", params.Dev, func(r *Request) { r.Term = params.MaxTerm + 1 }, false},
		{"too little stake", params.Dev, func(r *Request) { r.Stake-- }, false},
		{"too much stake", params.Dev, func(r *Request) { r.Stake = params.MaxStake + 1 }, false},
		{"no node", params.Dev, func(r *Request) { r.Node = ids.EmptyNodeID }, false},
		{"a proof of another key", params.Dev, func(r *Request) { r.Proof = signer.ProofOfPossession{PublicKey: proof.PublicKey} }, false},
	} {
		r := good
		c.change(&r)
		if err := r.check(c.network); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrRequest) {
			t.Errorf("%s: check() = %v, want ok %t", c.name, err, c.ok)
		}
	}
}

func TestWholeStake(t *testing.T) {
	for units, want := range map[uint64]string{0: "0", 1: "0.000000001", params.StakeUnit: "1", 2_500_000_000: "2.5", params.MinStake: "2000", 1<<64 - 1: "18446744073.709551615"} {
		if got := Whole(units); got != want {
			t.Errorf("Whole(%d) = %s, want %s", units, got, want)
		}
	}
}

func TestDialWhatIsNoNode(t *testing.T) {
	for _, address := range []string{"", "127.0.0.1:9650", "ftp://127.0.0.1", "http://", "http://127.0.0.1:1"} {
		if _, err := Dial(t.Context(), address); !errors.Is(err, ErrNode) {
			t.Errorf("Dial(%q) = %v, want ErrNode", address, err)
		}
	}
}
