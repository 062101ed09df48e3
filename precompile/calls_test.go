package precompile_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/ava-labs/libevm/accounts/abi"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/cloudflare/circl/kem/mlkem/mlkem768"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/slhdsa"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
	"github.com/pars-network/pars/precompile/contract"
)

// sample is a call that succeeds, once the calls in before were made.
type sample struct {
	signature string
	args      []any
	before    []sample
	// to and from are another contract and caller, for calls in before.
	to, from common.Address
	// setUp, of a call in before, is run instead of a call.
	setUp func(testing.TB, *evmtest.EVM)
}

// prepare makes the calls in before in an EVM.
func prepare(tb testing.TB, e *evmtest.EVM, address common.Address, before []sample) {
	tb.Helper()
	for _, b := range before {
		if b.setUp != nil {
			b.setUp(tb, e)
			continue
		}
		to, from := address, evmtest.Caller
		if b.to != (common.Address{}) {
			to = b.to
		}
		if b.from != (common.Address{}) {
			from = b.from
		}
		input := e.Native(tb, to).Pack(tb, b.signature, b.args...)
		if out, _, err := e.Call(vm.AccountRef(from), to, input, evmtest.Gas, new(uint256.Int)); err != nil {
			tb.Fatalf("setting up with %s: %x, %v", b.signature, out, err)
		}
		e.NextTransaction()
	}
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
	all := sampleHashes()
	maps.Copy(all, sampleECDSA(tb))
	maps.Copy(all, map[common.Address][]sample{
		precompile.MLKEMAddress: {
			{signature: "keyGen(uint8)", args: []any{uint8(5)}},
			{signature: "keyGen(uint8,bytes32,bytes32)", args: []any{uint8(1), seed, seed}},
			{signature: "encapsulate(bytes)", args: []any{kemPKBytes}},
			{signature: "encapsulate(bytes,bytes32)", args: []any{kemPKBytes, seed}},
			{signature: "decapsulate(bytes,bytes)", args: []any{kemSKBytes, make([]byte, mlkem768.CiphertextSize)}},
		},
		precompile.MLDSAAddress: {
			{signature: "keyGen(uint8)", args: []any{uint8(87)}},
			{signature: "keyGen(uint8,bytes32)", args: []any{uint8(65), seed}},
			{signature: "sign(bytes,bytes)", args: []any{sk.Bytes(), message}},
			{signature: "signWithContext(bytes,bytes,bytes)", args: []any{sk.Bytes(), message, context}},
			{signature: "verify(bytes,bytes,bytes)", args: []any{pk.Bytes(), message, sig}},
			{signature: "verifyWithContext(bytes,bytes,bytes,bytes)", args: []any{pk.Bytes(), message, bound, context}},
			{signature: "verifyBatch(bytes[],bytes[],bytes[])", args: []any{[][]byte{pk.Bytes(), pk.Bytes()}, [][]byte{message, message}, [][]byte{sig, sig}}},
		},
		precompile.SLHDSAAddress: {
			{signature: "keyGen(uint8)", args: []any{slhSet}},
			{signature: "keyGen(uint8,bytes)", args: []any{slhSet, make([]byte, 48)}},
			{signature: "sign(uint8,bytes,bytes)", args: []any{slhSet, slhSKBytes, message}},
			{signature: "signWithContext(uint8,bytes,bytes,bytes)", args: []any{slhSet, slhSKBytes, message, context}},
			{signature: "verify(uint8,bytes,bytes,bytes)", args: []any{slhSet, slhPKBytes, message, slhSig}},
			{signature: "verifyWithContext(uint8,bytes,bytes,bytes,bytes)", args: []any{slhSet, slhPKBytes, message, slhSig, []byte{}}},
		},
		precompile.AIAddress:     sampleAI(tb),
		precompile.QuoterAddress: sampleQuoter(),
		precompile.GraphAddress:  sampleGraph(tb),
		precompile.OracleAddress: sampleOracle(tb),
		precompile.RingAddress:   sampleRing(tb),
		precompile.ECIESAddress:  sampleECIES(tb),
		precompile.HPKEAddress:   sampleHPKE(tb),
		precompile.FROSTAddress:  sampleFROST(tb),
		precompile.STARKAddress:  sampleSTARK(tb),
	})
	return all
}

// scene is one sample call in an EVM that is ready for it.
type scene struct {
	*evmtest.Native
	method abi.Method
	input  []byte
	before []sample
}

// writes reports whether the function may change state.
func (s *scene) writes() bool {
	return s.method.StateMutability != "view" && s.method.StateMutability != "pure"
}

// node returns the contract in another EVM at the same block and state.
func (s *scene) node(t *testing.T) *evmtest.Native {
	t.Helper()
	n := evmtest.New(t, evmtest.Block{}).Native(t, s.Address)
	prepare(t, n.EVM, n.Address, s.before)
	return n
}

// do makes the sample call in an EVM of its own: what it reads is cold.
func (s *scene) do(t *testing.T, how vm.CallType, gas uint64) (out []byte, used uint64, err error) {
	t.Helper()
	n := s.node(t)
	return n.EVM.Do(how, n.Address, s.input, gas)
}

// eachSample runs f for every sample call as a subtest.
func eachSample(t *testing.T, f func(t *testing.T, s *scene)) {
	all := samples(t)
	for _, entry := range precompile.Entries() {
		if entry.ABI == nil {
			continue
		}
		methods := make(map[string]abi.Method)
		for _, m := range entry.ABI.Methods {
			methods[m.Sig] = m
		}
		covered := make(map[string]bool)
		for _, sample := range all[entry.Address] {
			covered[sample.signature] = true
			t.Run(fmt.Sprintf("%s.%s", entry.Name, sample.signature), func(t *testing.T) {
				s := &scene{Native: evmtest.New(t, evmtest.Block{}).Native(t, entry.Address), method: methods[sample.signature], before: sample.before}
				s.input = s.Pack(t, sample.signature, sample.args...)
				s.Native = s.node(t)
				f(t, s)
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
	eachSample(t, func(t *testing.T, s *scene) {
		want, wantUsed, err := s.do(t, vm.Call, evmtest.Gas)
		if err != nil || (len(want) == 0) != (len(s.method.Outputs) == 0) {
			t.Fatalf("CALL = %x, %v, want a result", want, err)
		}
		for _, how := range evmtest.CallTypes {
			refusal := ""
			switch {
			case s.Stateful && (how == vm.DelegateCall || how == vm.CallCode):
				refusal = "DirectCallOnly"
			case s.writes() && how == vm.StaticCall:
				refusal = "ReadOnlyCall"
			}
			n := s.node(t)
			root := n.State.IntermediateRoot(true)
			got, used, err := n.EVM.Do(how, n.Address, s.input, evmtest.Gas)
			switch {
			case refusal != "":
				if !errors.Is(err, vm.ErrExecutionReverted) || n.RevertName(t, got) != refusal {
					t.Errorf("%s = %x, %v, want a revert with %s", how, got, err, refusal)
				}
			case err != nil || !bytes.Equal(got, want) || used != wantUsed:
				t.Errorf("%s = %x for %d gas, %v; want what CALL gives, %x for %d gas", how, got, used, err, want, wantUsed)
			}
			if changed := n.State.IntermediateRoot(true) != root; changed != (s.writes() && refusal == "") {
				t.Errorf("%s changed the state: %t, of a function that writes: %t", how, changed, s.writes())
			}
		}
	})
}

func TestGasIsExact(t *testing.T) {
	eachSample(t, func(t *testing.T, s *scene) {
		want, gas, err := s.do(t, vm.Call, evmtest.Gas)
		if err != nil {
			t.Fatal(err)
		}
		ways := []vm.CallType{vm.Call, vm.StaticCall}
		if s.writes() {
			ways = ways[:1]
		}
		for _, how := range ways {
			if got, used, err := s.do(t, how, gas); err != nil || used != gas || !bytes.Equal(got, want) {
				t.Errorf("%s with exactly %d gas = %x for %d gas, %v, want success", how, gas, got, used, err)
			}
			for _, short := range []uint64{0, 1, gas - 1} {
				n := s.node(t)
				root := n.State.IntermediateRoot(true)
				if got, used, err := n.EVM.Do(how, n.Address, s.input, short); !errors.Is(err, vm.ErrOutOfGas) || used != short || len(got) != 0 {
					t.Errorf("%s with %d gas = %x for %d gas, %v, want out of gas and all of it taken", how, short, got, used, err)
				}
				if n.State.IntermediateRoot(true) != root {
					t.Errorf("%s with %d gas changed the state", how, short)
				}
			}
		}
	})
}

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// Gas is consensus: a change of this file is a fork.
func TestGasOfEachSampleIsTheGoldenOne(t *testing.T) {
	const golden = "testdata/gas.txt"
	var lines []string
	eachSample(t, func(t *testing.T, s *scene) {
		_, used, err := s.do(t, vm.Call, evmtest.Gas)
		if err != nil {
			t.Fatal(err)
		}
		_, name, _ := strings.Cut(t.Name(), "/")
		lines = append(lines, fmt.Sprintf("%s %d\n", name, used))
	})
	got := strings.Join(lines, "")
	if *rewrite {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("gas of the samples is\n%s\nwant %s (go test ./precompile -rewrite writes it anew):\n%s", got, golden, want)
	}
}

func TestMalformedInputReverts(t *testing.T) {
	// refuse wants the revert of input that no function takes, and the price of
	// finding that out.
	refuse := func(t *testing.T, s *scene, what string, input []byte) {
		t.Helper()
		out, used, err := s.EVM.Do(vm.Call, s.Address, input, evmtest.Gas)
		if !errors.Is(err, vm.ErrExecutionReverted) {
			t.Errorf("%s: %x, %v, want a revert", what, out, err)
			return
		}
		if name := s.RevertName(t, out); name != "MalformedCalldata" && name != "UnknownFunction" {
			t.Errorf("%s: reverts with %s, want MalformedCalldata or UnknownFunction", what, name)
		}
		if want := contract.CallGas + contract.WordGas*contract.Words(len(input)); used != want {
			t.Errorf("%s: used %d gas, want %d and the rest back", what, used, want)
		}
	}
	eachSample(t, func(t *testing.T, s *scene) {
		refuse(t, s, "no input", nil)
		refuse(t, s, "half a selector", s.input[:2])
		refuse(t, s, "one byte long", append(bytes.Clone(s.input), 0))
		refuse(t, s, "one word long", append(bytes.Clone(s.input), make([]byte, 32)...))
		refuse(t, s, "one byte short", s.input[:len(s.input)-1])
		if len(s.method.Inputs) > 0 {
			refuse(t, s, "a selector alone", s.input[:4])
			refuse(t, s, "one word short", s.input[:len(s.input)-32])
		}
		for _, fill := range []byte{0x00, 0xff} {
			for _, size := range []int{1, 4, 36, 100, 1 << 12} {
				refuse(t, s, fmt.Sprintf("%d bytes of %#x", size, fill), bytes.Repeat([]byte{fill}, size))
			}
			// Words of one byte are well-formed where all arguments are numbers.
			arguments := bytes.Repeat([]byte{fill}, len(s.input)-4)
			input := append(bytes.Clone(s.input[:4]), arguments...)
			what := fmt.Sprintf("arguments of %#x", fill)
			if _, err := contract.Decode(s.method.Inputs, arguments); err != nil {
				refuse(t, s, what, input)
			} else if out, _, err := s.EVM.Do(vm.Call, s.Address, input, evmtest.Gas); err != nil && (!errors.Is(err, vm.ErrExecutionReverted) || s.RevertName(t, out) == "") {
				t.Errorf("%s: %x, %v, want a result or a revert", what, out, err)
			}
		}
	})
}

// Two EVMs stand for two nodes.
func TestResultsAreTheSameOnEveryNode(t *testing.T) {
	eachSample(t, func(t *testing.T, s *scene) {
		want, _, err := s.EVM.Do(vm.Call, s.Address, s.input, evmtest.Gas)
		if err != nil {
			t.Fatal(err)
		}
		root := s.State.IntermediateRoot(true)
		for range 3 {
			other := s.node(t)
			if got, _, err := other.EVM.Do(vm.Call, s.Address, s.input, evmtest.Gas); err != nil || !bytes.Equal(got, want) {
				t.Errorf("another EVM in the same block gives %x, %v, want %x", got, err, want)
			}
			if got := other.State.IntermediateRoot(true); got != root {
				t.Errorf("another EVM in the same block ends in state %s, want %s", got, root)
			}
		}
	})
}

func FuzzCalls(f *testing.F) {
	entries := precompile.Entries()
	all := samples(f)
	before := make([][]sample, len(entries))
	for i, entry := range entries {
		f.Add(uint8(i), []byte{})
		f.Add(uint8(i), bytes.Repeat([]byte{0xff}, 160))
		if entry.ABI == nil {
			continue
		}
		n := evmtest.New(f, evmtest.Block{}).Native(f, entry.Address)
		for _, s := range all[entry.Address] {
			f.Add(uint8(i), n.Pack(f, s.signature, s.args...))
			// Functions that read find what the samples of reading need.
			if len(s.before) > len(before[i]) {
				before[i] = s.before
			}
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, input []byte) {
		at := int(which) % len(entries)
		entry := entries[at]
		const gas = 3_000_000
		prepared := func() *evmtest.EVM {
			e := evmtest.New(t, evmtest.Block{})
			prepare(t, e, entry.Address, before[at])
			return e
		}
		first := prepared()
		want, wantUsed, wantErr := first.Do(vm.Call, entry.Address, input, gas)
		if wantUsed > gas || (wantErr != nil && len(want) > 0 && !errors.Is(wantErr, vm.ErrExecutionReverted)) {
			t.Fatalf("%s(%x) = %x for %d gas, %v", entry.Name, input, want, wantUsed, wantErr)
		}
		if entry.ABI != nil && errors.Is(wantErr, vm.ErrExecutionReverted) {
			first.Native(t, entry.Address).RevertName(t, want)
		}
		got, used, err := prepared().Do(vm.Call, entry.Address, input, gas)
		if !bytes.Equal(got, want) || used != wantUsed || !errors.Is(err, wantErr) {
			t.Fatalf("%s(%x) = %x, %d, %v, then %x, %d, %v", entry.Name, input, want, wantUsed, wantErr, got, used, err)
		}
	})
}
