package contracts_test

import (
	"bytes"
	"errors"
	"math/big"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/crypto"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
)

// deployed is a compiled contract in an EVM with the native contracts.
type deployed struct {
	artifact
	evm     *evmtest.EVM
	address common.Address
}

func deploy(tb testing.TB, e *evmtest.EVM, a artifact, value uint64, args ...any) *deployed {
	tb.Helper()
	packed, err := a.ABI.Pack("", args...)
	if err != nil {
		tb.Fatal(err)
	}
	code := append(bytes.Clone(a.Code), packed...)
	out, address, _, err := e.Create(vm.AccountRef(evmtest.Caller), code, evmtest.Gas, uint256.NewInt(value))
	if err != nil {
		tb.Fatalf("deploying: %x, %v", out, err)
	}
	return &deployed{artifact: a, evm: e, address: address}
}

// call calls a function; revert is the name of the custom error.
func (d *deployed) call(tb testing.TB, name string, args ...any) (out []any, used uint64, revert string) {
	tb.Helper()
	input, err := d.ABI.Pack(name, args...)
	if err != nil {
		tb.Fatal(err)
	}
	raw, used, err := d.evm.Do(vm.Call, d.address, input, evmtest.Gas)
	if errors.Is(err, vm.ErrExecutionReverted) {
		if len(raw) >= 4 {
			if e, err := d.ABI.ErrorByID([4]byte(raw)); err == nil {
				return nil, used, e.Name
			}
			// An error of a native contract that the contract let through.
			for _, entry := range precompile.Entries() {
				if entry.ABI == nil {
					continue
				}
				if e, err := entry.ABI.ErrorByID([4]byte(raw)); err == nil {
					return nil, used, e.Name
				}
			}
		}
		tb.Fatalf("%s reverted with %x", name, raw)
	}
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	if out, err = d.ABI.Unpack(name, raw); err != nil && len(d.ABI.Methods[name].Outputs) > 0 {
		tb.Fatal(err)
	}
	return out, used, ""
}

// message asks the wallet what a signature has to cover.
func (d *deployed) message(tb testing.TB, to common.Address, value int64, data []byte) []byte {
	tb.Helper()
	out, _, _ := d.call(tb, "messageFor", to, big.NewInt(value), data)
	return out[0].([]byte)
}

func TestPQWalletObeysAnOutsideSignature(t *testing.T) {
	e := evmtest.New(t, evmtest.Block{})
	signer := noble(t)
	seed := bytes.Repeat([]byte{1}, 32)
	pk, _, _ := signer.sign(t, "ml_dsa87", seed, nil, nil)
	wallet := deploy(t, e, compiled(t, "PQWallet.sol", "PQWallet"), 1000, pk)
	context := []byte("pars/PQWallet/v1")
	to := common.HexToAddress("0x70")

	_, _, sig := signer.sign(t, "ml_dsa87", seed, wallet.message(t, to, 400, nil), context)
	_, used, revert := wallet.call(t, "execute", to, big.NewInt(400), []byte{}, pk, sig)
	if revert != "" || e.State.GetBalance(to).Uint64() != 400 {
		t.Fatalf("a signed call: revert %q, %s wei moved, want 400", revert, e.State.GetBalance(to))
	}
	t.Logf("a transfer by ML-DSA-87 signature used %d gas", used)

	otherKey, _, _ := signer.sign(t, "ml_dsa87", bytes.Repeat([]byte{2}, 32), nil, nil)
	_, _, noContext := signer.sign(t, "ml_dsa87", seed, wallet.message(t, to, 1, nil), nil)
	_, _, good := signer.sign(t, "ml_dsa87", seed, wallet.message(t, to, 1, nil), context)
	for _, c := range []struct {
		name   string
		value  int64
		pk     []byte
		sig    []byte
		revert string
	}{
		{"the same signature again", 400, pk, sig, "BadSignature"},
		{"another amount", 2, pk, good, "BadSignature"},
		{"another key", 1, otherKey, good, "WrongKey"},
		{"a signature under another context", 1, pk, noContext, "BadSignature"},
		{"a signature cut short", 1, pk, good[1:], "SignatureLength"},
		{"the good signature after all", 1, pk, good, ""},
	} {
		before := e.State.GetBalance(to).Uint64()
		_, _, revert := wallet.call(t, "execute", to, big.NewInt(c.value), []byte{}, c.pk, c.sig)
		moved := e.State.GetBalance(to).Uint64() - before
		if revert != c.revert || (revert != "" && moved != 0) {
			t.Errorf("%s: revert %q, %d wei moved, want revert %q", c.name, revert, moved, c.revert)
		}
	}

	rotate, err := wallet.ABI.Pack("rotate", otherKey)
	if err != nil {
		t.Fatal(err)
	}
	_, _, sig = signer.sign(t, "ml_dsa87", seed, wallet.message(t, wallet.address, 0, rotate), context)
	if _, _, revert := wallet.call(t, "execute", wallet.address, new(big.Int), rotate, pk, sig); revert != "" {
		t.Errorf("rotating the key: revert %q, want success", revert)
	}
	if _, _, revert := wallet.call(t, "execute", to, big.NewInt(1), []byte{}, pk, good); revert != "WrongKey" {
		t.Errorf("the old key after rotation: revert %q, want WrongKey", revert)
	}
}

func TestNotaryRecordsOutsideSignaturesOfEveryMode(t *testing.T) {
	e := evmtest.New(t, evmtest.Block{Number: 99})
	notary := deploy(t, e, compiled(t, "Notary.sol", "Notary"), 0)
	signer := noble(t)
	for _, set := range []string{"ml_dsa44", "ml_dsa65", "ml_dsa87"} {
		document := []byte("a document for " + set)
		pk, _, sig := signer.sign(t, set, bytes.Repeat([]byte{3}, 32), document, nil)
		bad := bytes.Clone(sig)
		bad[len(bad)/2] ^= 1
		if _, _, revert := notary.call(t, "record", pk, document, bad); revert != "BadSignature" {
			t.Errorf("%s: a bad signature: revert %q, want BadSignature", set, revert)
		}
		if _, _, revert := notary.call(t, "record", pk, document, sig); revert != "" {
			t.Errorf("%s: a signature by noble: revert %q, want success", set, revert)
		}
		out, _, _ := notary.call(t, "recordedIn", crypto.Keccak256Hash(pk), crypto.Keccak256Hash(document))
		if got := out[0].(*big.Int).Uint64(); got != 99 {
			t.Errorf("%s: recordedIn = %d, want block 99", set, got)
		}
	}
}
