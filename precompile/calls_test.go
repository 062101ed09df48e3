package precompile_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/cloudflare/circl/kem/mlkem/mlkem768"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/slhdsa"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
	"github.com/pars-network/pars/precompile/contract"
)

// sample is a call that succeeds.
type sample struct {
	signature string
	args      []any
}

// samples has at least one good call for each function of each contract.
func samples(tb testing.TB) map[common.Address][]sample {
	tb.Helper()
	seed := sha256.Sum256([]byte("samples"))
	pk, sk := mldsa44.NewKeyFromSeed(&seed)
	message, context := []byte("a message of the samples"), []byte("context")
	sig, bound := make([]byte, mldsa44.SignatureSize), make([]byte, mldsa44.SignatureSize)
	if err := errors.Join(mldsa44.SignTo(sk, message, nil, false, sig), mldsa44.SignTo(sk, message, context, false, bound)); err != nil {
		tb.Fatal(err)
	}
	slhPK, slhSK, err := slhdsa.GenerateKey(bytes.NewReader(make([]byte, 48)), slhdsa.SHA2_128f)
	if err != nil {
		tb.Fatal(err)
	}
	slhSig, err := slhdsa.SignDeterministic(&slhSK, slhdsa.NewMessage(message), nil)
	if err != nil {
		tb.Fatal(err)
	}
	slhPKBytes, err := slhPK.MarshalBinary()
	if err != nil {
		tb.Fatal(err)
	}
	slhSKBytes, err := slhSK.MarshalBinary()
	if err != nil {
		tb.Fatal(err)
	}
	const slhSet = uint8(slhdsa.SHA2_128f)
	kemPK, kemSK := mlkem768.NewKeyFromSeed(append(seed[:], seed[:]...))
	kemPKBytes, kemSKBytes := make([]byte, mlkem768.PublicKeySize), make([]byte, mlkem768.PrivateKeySize)
	kemPK.Pack(kemPKBytes)
	kemSK.Pack(kemSKBytes)
	return map[common.Address][]sample{
		precompile.MLKEMAddress: {
			{"keyGen(uint8)", []any{uint8(5)}},
			{"keyGen(uint8,bytes32,bytes32)", []any{uint8(1), seed, seed}},
			{"encapsulate(bytes)", []any{kemPKBytes}},
			{"encapsulate(bytes,bytes32)", []any{kemPKBytes, seed}},
			{"decapsulate(bytes,bytes)", []any{kemSKBytes, make([]byte, mlkem768.CiphertextSize)}},
		},
		precompile.MLDSAAddress: {
			{"keyGen(uint8)", []any{uint8(87)}},
			{"keyGen(uint8,bytes32)", []any{uint8(65), seed}},
			{"sign(bytes,bytes)", []any{sk.Bytes(), message}},
			{"signWithContext(bytes,bytes,bytes)", []any{sk.Bytes(), message, context}},
			{"verify(bytes,bytes,bytes)", []any{pk.Bytes(), message, sig}},
			{"verifyWithContext(bytes,bytes,bytes,bytes)", []any{pk.Bytes(), message, bound, context}},
			{"verifyBatch(bytes[],bytes[],bytes[])", []any{[][]byte{pk.Bytes(), pk.Bytes()}, [][]byte{message, message}, [][]byte{sig, sig}}},
		},
		precompile.SLHDSAAddress: {
			{"keyGen(uint8)", []any{slhSet}},
			{"keyGen(uint8,bytes)", []any{slhSet, make([]byte, 48)}},
			{"sign(uint8,bytes,bytes)", []any{slhSet, slhSKBytes, message}},
			{"signWithContext(uint8,bytes,bytes,bytes)", []any{slhSet, slhSKBytes, message, context}},
			{"verify(uint8,bytes,bytes,bytes)", []any{slhSet, slhPKBytes, message, slhSig}},
			{"verifyWithContext(uint8,bytes,bytes,bytes,bytes)", []any{slhSet, slhPKBytes, message, slhSig, []byte{}}},
		},
	}
}

// eachSample runs f for every sample call as a subtest.
func eachSample(t *testing.T, f func(t *testing.T, n *evmtest.Native, input []byte)) {
	all := samples(t)
	for _, entry := range precompile.Entries() {
		if entry.ABI == nil {
			continue
		}
		covered := make(map[string]bool)
		for _, s := range all[entry.Address] {
			covered[s.signature] = true
			t.Run(fmt.Sprintf("%s.%s", entry.Name, s.signature), func(t *testing.T) {
				n := evmtest.New(t, evmtest.Block{}).Native(t, entry.Address)
				f(t, n, n.Pack(t, s.signature, s.args...))
			})
		}
		for _, m := range entry.ABI.Methods {
			if !covered[m.Sig] {
				t.Errorf("%s.%s has no sample call", entry.Name, m.Sig)
			}
		}
	}
}

func TestEveryCallTypeGivesTheSameResult(t *testing.T) {
	eachSample(t, func(t *testing.T, n *evmtest.Native, input []byte) {
		want, wantUsed, err := n.EVM.Do(vm.Call, n.Address, input, evmtest.Gas)
		if err != nil || len(want) == 0 {
			t.Fatalf("CALL = %x, %v, want a result", want, err)
		}
		for _, how := range evmtest.CallTypes {
			root := n.State.IntermediateRoot(true)
			got, used, err := n.EVM.Do(how, n.Address, input, evmtest.Gas)
			refused := n.Stateful && (how == vm.DelegateCall || how == vm.CallCode)
			switch {
			case refused:
				if !errors.Is(err, vm.ErrExecutionReverted) || n.RevertName(t, got) != "DirectCallOnly" {
					t.Errorf("%s = %x, %v, want a revert with DirectCallOnly", how, got, err)
				}
			case err != nil || !bytes.Equal(got, want) || used != wantUsed:
				t.Errorf("%s = %x for %d gas, %v; want what CALL gives, %x for %d gas", how, got, used, err, want, wantUsed)
			}
			if how != vm.Call && n.State.IntermediateRoot(true) != root {
				t.Errorf("%s changed the state", how)
			}
		}
	})
}

func TestGasIsExact(t *testing.T) {
	eachSample(t, func(t *testing.T, n *evmtest.Native, input []byte) {
		want, gas, err := n.EVM.Do(vm.Call, n.Address, input, evmtest.Gas)
		if err != nil {
			t.Fatal(err)
		}
		for _, how := range []vm.CallType{vm.Call, vm.StaticCall} {
			if got, used, err := n.EVM.Do(how, n.Address, input, gas); err != nil || used != gas || !bytes.Equal(got, want) {
				t.Errorf("%s with exactly %d gas = %x for %d gas, %v, want success", how, gas, got, used, err)
			}
			for _, short := range []uint64{0, 1, gas - 1} {
				if got, used, err := n.EVM.Do(how, n.Address, input, short); !errors.Is(err, vm.ErrOutOfGas) || used != short || len(got) != 0 {
					t.Errorf("%s with %d gas = %x for %d gas, %v, want out of gas and all of it taken", how, short, got, used, err)
				}
			}
		}
	})
}

func TestMalformedInputReverts(t *testing.T) {
	refuse := func(t *testing.T, n *evmtest.Native, what string, input []byte) {
		t.Helper()
		out, used, err := n.EVM.Do(vm.Call, n.Address, input, evmtest.Gas)
		if !errors.Is(err, vm.ErrExecutionReverted) {
			t.Errorf("%s: %x, %v, want a revert", what, out, err)
			return
		}
		if name := n.RevertName(t, out); name != "MalformedCalldata" && name != "UnknownFunction" {
			t.Errorf("%s: reverts with %s, want MalformedCalldata or UnknownFunction", what, name)
		}
		if want := contract.CallGas + contract.WordGas*contract.Words(len(input)); used != want {
			t.Errorf("%s: used %d gas, want %d and the rest back", what, used, want)
		}
	}
	eachSample(t, func(t *testing.T, n *evmtest.Native, input []byte) {
		refuse(t, n, "no input", nil)
		refuse(t, n, "half a selector", input[:2])
		refuse(t, n, "a selector alone", input[:4])
		refuse(t, n, "one byte short", input[:len(input)-1])
		refuse(t, n, "one word short", input[:len(input)-32])
		refuse(t, n, "one byte long", append(bytes.Clone(input), 0))
		refuse(t, n, "one word long", append(bytes.Clone(input), make([]byte, 32)...))
		for _, fill := range []byte{0x00, 0xff} {
			for _, size := range []int{1, 4, 36, 100, 1 << 12} {
				refuse(t, n, fmt.Sprintf("%d bytes of %#x", size, fill), bytes.Repeat([]byte{fill}, size))
			}
		}
		refuse(t, n, "arguments of 0xff", append(bytes.Clone(input[:4]), bytes.Repeat([]byte{0xff}, len(input)-4)...))
		// Zeros may be well-formed, as numbers, but no function takes them.
		zeros := append(bytes.Clone(input[:4]), make([]byte, len(input)-4)...)
		if out, _, err := n.EVM.Do(vm.Call, n.Address, zeros, evmtest.Gas); !errors.Is(err, vm.ErrExecutionReverted) || n.RevertName(t, out) == "" {
			t.Errorf("arguments of zeros: %x, %v, want a revert", out, err)
		}
	})
}

// Two EVMs stand for two nodes.
func TestResultsAreTheSameOnEveryNode(t *testing.T) {
	eachSample(t, func(t *testing.T, n *evmtest.Native, input []byte) {
		want, _, err := n.EVM.Do(vm.Call, n.Address, input, evmtest.Gas)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			other := evmtest.New(t, evmtest.Block{})
			if got, _, err := other.Do(vm.StaticCall, n.Address, input, evmtest.Gas); err != nil || !bytes.Equal(got, want) {
				t.Errorf("another EVM in the same block gives %x, %v, want %x", got, err, want)
			}
		}
	})
}

func FuzzCalls(f *testing.F) {
	entries := precompile.Entries()
	all := samples(f)
	for i, entry := range entries {
		f.Add(uint8(i), []byte{})
		f.Add(uint8(i), bytes.Repeat([]byte{0xff}, 160))
		if entry.ABI == nil {
			continue
		}
		n := evmtest.New(f, evmtest.Block{}).Native(f, entry.Address)
		for _, s := range all[entry.Address] {
			f.Add(uint8(i), n.Pack(f, s.signature, s.args...))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, input []byte) {
		entry := entries[int(which)%len(entries)]
		const gas = 3_000_000
		first := evmtest.New(t, evmtest.Block{})
		want, wantUsed, wantErr := first.Do(vm.Call, entry.Address, input, gas)
		if wantUsed > gas || (wantErr != nil && len(want) > 0 && !errors.Is(wantErr, vm.ErrExecutionReverted)) {
			t.Fatalf("%s(%x) = %x for %d gas, %v", entry.Name, input, want, wantUsed, wantErr)
		}
		if entry.ABI != nil && errors.Is(wantErr, vm.ErrExecutionReverted) {
			first.Native(t, entry.Address).RevertName(t, want)
		}
		got, used, err := evmtest.New(t, evmtest.Block{}).Do(vm.Call, entry.Address, input, gas)
		if !bytes.Equal(got, want) || used != wantUsed || !errors.Is(err, wantErr) {
			t.Fatalf("%s(%x) = %x, %d, %v, then %x, %d, %v", entry.Name, input, want, wantUsed, wantErr, got, used, err)
		}
	})
}
