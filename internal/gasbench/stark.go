package main

import (
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"

	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/crypto/stark"
	"github.com/pars-network/pars/precompile"
)

const (
	winterfell    = "crypto/stark/testdata/winterfell"
	starkRegister = "registerAIR(bytes)"
	starkProve    = "verify(bytes32,uint256,bytes,bytes,bytes)"
)

// starkClaim is a proof of Winterfell's with its statement.
type starkClaim struct {
	proof, public, options []byte
	length                 *big.Int
}

func (b *builder) starkClaim(name string) (c starkClaim) {
	proof, err := os.ReadFile(filepath.Join(winterfell, name+".bin"))
	if err != nil {
		b.fail(fmt.Errorf("run gasbench at the root of the repository: %w", err))
		return c
	}
	var meta struct {
		Length int64  `json:"trace_length"`
		Public string `json:"public_inputs_hex"`
	}
	file, err := os.ReadFile(filepath.Join(winterfell, name+".json"))
	if err == nil {
		err = json.Unmarshal(file, &meta)
	}
	if err != nil {
		b.fail(err)
		return c
	}
	if c.public, err = hex.DecodeString(meta.Public); err != nil {
		b.fail(err)
	}
	c.proof, c.length = proof, big.NewInt(meta.Length)
	c.options = proof[15:25] // the header ends with them
	return c
}

// register adds the AIR to the state of the run and returns its id.
func (b *builder) register(air *stark.AIR) ([]byte, [32]byte) {
	description, err := air.MarshalBinary()
	if err != nil {
		b.fail(err)
		return nil, [32]byte{}
	}
	b.before = append(b.before, call{address: precompile.STARKAddress, input: b.pack(precompile.STARKAddress, starkRegister, description)})
	return description, [32]byte(crypto.Keccak256Hash(description))
}

func constraint(b *builder, air *stark.AIR, base uint8, text string) {
	root, err := air.Compile(text)
	if err != nil {
		b.fail(err)
	}
	air.Constraints = append(air.Constraints, stark.Constraint{Root: root, Base: base})
}

func public(n uint64) []stark.Value { return []stark.Value{{Public: true, N: n}} }

// stark has the proofs of 4,096 rows, and proofs of a small statement in the
// place of much larger ones: they fail, once all of that statement is computed.
func (b *builder) stark() {
	to := precompile.STARKAddress
	for _, hash := range []stark.Hash{stark.Blake3, stark.SHA3} {
		air := &stark.AIR{Hash: hash, Width: 2, Exemptions: 1, PublicInputs: 1}
		constraint(b, air, 1, "next[0] - (current[0] + current[1])")
		constraint(b, air, 1, "next[1] - (current[1] + next[0])")
		air.Assertions = []stark.Assertion{
			{Column: 0, Values: []stark.Value{{N: 1}}},
			{Column: 1, Values: []stark.Value{{N: 1}}},
			{Column: 1, FromEnd: true, Values: public(0)},
		}
		_, id := b.register(air)
		c := b.starkClaim(fmt.Sprintf("fib_small_n4096_%s_q42f8", hash))
		b.add(fmt.Sprintf("STARK verify, 4,096 rows, 42 queries, %s", hash), to, false, starkProve, id, c.length, c.options, c.public, c.proof)
		if hash == stark.Blake3 {
			c := b.starkClaim("fib_small_n1024_blake3_256_q42f8x3")
			b.add("STARK verify, 1,024 rows, 42 queries, cubic extension", to, false, starkProve, id, c.length, c.options, c.public, c.proof)
		}
	}
	b.starkFormat()
	b.starkLimits("products", func(air *stark.AIR) {
		for i := 0; i < 4000; i++ {
			at := uint16(len(air.Nodes) - 1)
			air.Nodes = append(air.Nodes, stark.Node{Op: stark.OpMul, A: at, B: at})
		}
		for len(air.Constraints) < 990 {
			air.Constraints = append(air.Constraints, stark.Constraint{Root: uint16(len(air.Nodes) - 1), Base: 2})
		}
	})
	b.starkLimits("periodic values", func(air *stark.AIR) {
		for range 2 {
			air.Periodic = append(air.Periodic, make([]uint64, 1024))
		}
		for range 8 {
			air.Periodic = append(air.Periodic, make([]uint64, 64))
		}
	})
	b.starkLimits("asserted values", func(air *stark.AIR) {
		air.Assertions = []stark.Assertion{{Kind: stark.Sequence, Stride: 2, Step: 1, Values: make([]stark.Value, 512)}}
		for i := uint32(0); len(air.Assertions) < stark.MaxAssertions; i += 2 {
			air.Assertions = append(air.Assertions, stark.Assertion{Step: i, Values: []stark.Value{{N: 5}}})
		}
	})
	b.starkLimits("short columns and exemptions", func(air *stark.AIR) {
		// As many quotient columns as the proof has.
		air.Exemptions, air.Constraints[0].Base = stark.MaxExemptions, 2
		for range stark.MaxPeriodic {
			air.Periodic = append(air.Periodic, make([]uint64, 2))
		}
	})
	b.starkLimits("assertions with long powers", func(air *stark.AIR) {
		air.Assertions = nil
		for i := range uint32(128) {
			air.Assertions = append(air.Assertions, stark.Assertion{Kind: stark.Periodic, Stride: 128, Step: i, Values: []stark.Value{{N: 5}}})
		}
	})
	b.add("STARK security", to, false, "security(bytes,uint256)", []byte{255, 128, 32, 3, 2, 255, 0, 0, 1, 1}, big.NewInt(1<<24))
	b.add("STARK security, 2 rows blown up by 2", to, false, "security(bytes,uint256)", []byte{255, 2, 0, 1, 2, 0, 0, 0, 1, 1}, big.NewInt(1<<30))
}

// starkFormat measures proofs at the limits of the format, which crypto/stark makes
// in its tests.
func (b *builder) starkFormat() {
	file, err := os.Open("crypto/stark/testdata/limits.json.gz")
	if err != nil {
		b.fail(err)
		return
	}
	defer file.Close()
	var proofs []struct {
		Name       string
		Length     uint64
		Options    []byte
		AIR, Proof []byte
	}
	z, err := gzip.NewReader(file)
	if err == nil {
		err = json.NewDecoder(z).Decode(&proofs)
	}
	if err != nil {
		b.fail(err)
		return
	}
	for _, p := range proofs {
		air, err := stark.ParseAIR(p.AIR)
		if err != nil {
			b.fail(err)
			return
		}
		_, id := b.register(air)
		b.add("STARK verify, "+p.Name, precompile.STARKAddress, false, starkProve, id, new(big.Int).SetUint64(p.Length), p.Options, []byte{}, p.Proof)
	}
}

// starkLimits measures an AIR that change takes to the limits.
func (b *builder) starkLimits(what string, change func(*stark.AIR)) {
	to := precompile.STARKAddress
	air := &stark.AIR{Hash: stark.Blake3, Width: 1, Exemptions: 1, PublicInputs: 2}
	constraint(b, air, 3, "next[0] - (current[0]^3 + 42)")
	air.Assertions = []stark.Assertion{{Values: public(0)}, {FromEnd: true, Values: public(1)}}
	change(air)
	description, id := b.register(air)
	c := b.starkClaim("vdf3_n1024_blake3_256_q42f8")
	if b.err != nil {
		return
	}
	// The number of constraints is the first thing after the header, in
	// Winterfell's integers of one or two bytes.
	count := uint16(len(air.Constraints) + len(air.Assertions))
	number := []byte{byte(count<<1 | 1)}
	if count >= 1<<7 {
		number = binary.LittleEndian.AppendUint16(nil, count<<2|2)
	}
	proof := append(append(append([]byte{}, c.proof[:25]...), number...), c.proof[26:]...)
	if a, err := stark.ParseAIR(description); err != nil {
		b.fail(err)
	} else if o, err := stark.ParseOptions(c.options); err != nil {
		b.fail(err)
	} else if err := stark.Verify(a, c.length.Uint64(), o, []uint64{1, 2}, proof); err == nil || err.Error() != stark.ErrInvalid.Error() {
		b.fail(fmt.Errorf("the proof with many %s ends with %w, want %w", what, err, stark.ErrInvalid))
	}
	b.add("STARK verify, an AIR of many "+what, to, false, starkProve, id, c.length, c.options, c.public, proof)
	b.add("STARK registerAIR again, many "+what, to, false, starkRegister, description)
	// What fails last in reading: bytes after the end.
	b.add("revert: STARK registerAIR, many "+what, to, true, starkRegister, append(append([]byte{}, description...), 0))
	b.add("STARK airOf, many "+what, to, false, "airOf(bytes32)", id)
}
