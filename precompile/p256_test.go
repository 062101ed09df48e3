package precompile_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/vm"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/internal/vectors"
	"github.com/pars-network/pars/precompile"
)

// p256Gas is EIP-7951's price.
const p256Gas = 6900

var p256True = common.LeftPadBytes([]byte{1}, 32)

// The EIP's own vectors, which geth and libevm carry.
func TestVectorsP256VerifyEIP7951(t *testing.T) {
	path := filepath.Join(vectors.ModuleDir(t, "github.com/ava-labs/libevm"), "core/vm/testdata/precompiles/p256Verify.json")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Input, Expected, Name string
		Gas                   uint64
	}
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	tally := vectors.NewTally(t, "P256VERIFY", "EIP-7951 (libevm)")
	e := evmtest.New(t, evmtest.Block{})
	for _, c := range cases {
		input, err := hex.DecodeString(c.Input)
		if err != nil {
			t.Fatal(err)
		}
		out, used, err := e.Do(vm.StaticCall, precompile.P256VerifyAddress, input, evmtest.Gas)
		tally.Check(t, err == nil && used == c.Gas && used == p256Gas && hex.EncodeToString(out) == c.Expected,
			"%s: %x for %d gas, %v, want %s for %d", c.Name, out, used, err, c.Expected, c.Gas)
	}
}

func TestVectorsP256VerifyWycheproof(t *testing.T) {
	var file struct {
		Groups []struct {
			Key struct {
				Uncompressed vectors.Hex `json:"uncompressed"`
			} `json:"publicKey"`
			Tests []struct {
				ID      int         `json:"tcId"`
				Comment string      `json:"comment"`
				Message vectors.Hex `json:"msg"`
				Sig     vectors.Hex `json:"sig"`
				Result  string      `json:"result"`
			} `json:"tests"`
		} `json:"testGroups"`
	}
	vectors.Wycheproof(t, "ecdsa_secp256r1_sha256_p1363_test.json", &file)
	tally := vectors.NewTally(t, "P256VERIFY", "Wycheproof, P1363")
	e := evmtest.New(t, evmtest.Block{})
	for _, g := range file.Groups {
		for _, c := range g.Tests {
			if len(c.Sig) != 64 {
				tally.Skip("signature of another length than 64")
				continue
			}
			digest := sha256.Sum256(c.Message)
			input := bytes.Join([][]byte{digest[:], c.Sig, g.Key.Uncompressed[1:]}, nil)
			out, _, err := e.Do(vm.StaticCall, precompile.P256VerifyAddress, input, evmtest.Gas)
			got := bytes.Equal(out, p256True)
			tally.Check(t, err == nil && got == (c.Result == "valid") && (got || len(out) == 0),
				"case %d (%s): %x, %v, want %s", c.ID, c.Comment, out, err, c.Result)
		}
	}
}

// EIP-7951: anything but 160 bytes returns nothing, and the price is charged
// either way, by every call type.
func TestP256VerifyThroughTheEVM(t *testing.T) {
	e := evmtest.New(t, evmtest.Block{})
	for _, how := range evmtest.CallTypes {
		for _, size := range []int{0, 1, 159, 160, 161, 320} {
			for _, fill := range []byte{0x00, 0xff} {
				out, used, err := e.Do(how, precompile.P256VerifyAddress, bytes.Repeat([]byte{fill}, size), p256Gas)
				if err != nil || used != p256Gas || len(out) != 0 {
					t.Errorf("%s with %d bytes of %#x = %x for %d gas, %v, want nothing for %d", how, size, fill, out, used, err, p256Gas)
				}
			}
		}
		if _, used, err := e.Do(how, precompile.P256VerifyAddress, nil, p256Gas-1); !errors.Is(err, vm.ErrOutOfGas) || used != p256Gas-1 {
			t.Errorf("%s with %d gas: %v, want out of gas", how, p256Gas-1, err)
		}
	}
}
