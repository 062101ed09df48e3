package contract_test

import (
	"crypto/sha3"
	"encoding/binary"
	"io"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
)

// The key that keyGen(uint8) draws can be recomputed from what is public.
func TestRandomnessIsWhatThePageSays(t *testing.T) {
	parent := common.HexToHash("0x70a7e27")
	n := evmtest.New(t, evmtest.Block{Number: 41, Parent: parent}).Native(t, precompile.MLDSAAddress)
	input := n.Pack(t, "keyGen(uint8)", uint8(65))

	const domain = "pars/precompile/ml-dsa/keyGen/v1"
	var preimage []byte
	preimage = binary.BigEndian.AppendUint64(preimage, uint64(len(domain)))
	preimage = append(preimage, domain...)
	preimage = append(preimage, common.LeftPadBytes([]byte{0x05, 0x39}, 32)...) // chain 1337
	preimage = append(preimage, common.LeftPadBytes([]byte{41}, 32)...)
	preimage = append(preimage, parent[:]...)
	preimage = append(preimage, evmtest.Caller[:]...)
	preimage = binary.BigEndian.AppendUint64(preimage, uint64(len(input)))
	preimage = append(preimage, input...)
	h := sha3.NewSHAKE256()
	_, _ = h.Write(preimage)
	var seed [32]byte
	if _, err := io.ReadFull(h, seed[:]); err != nil {
		t.Fatal(err)
	}
	pk, _ := mldsa65.NewKeyFromSeed(&seed)

	for _, how := range evmtest.CallTypes {
		r := n.DoAs(t, how, evmtest.Gas, "keyGen(uint8)", uint8(65))
		if r.Out == nil || string(r.Out[0].([]byte)) != string(pk.Bytes()) {
			t.Errorf("keyGen(65) by %s is not drawn from SHAKE256(domain, chain, number, parent, caller, input)", how)
		}
	}
}

func TestRandomnessDependsOnTheBlock(t *testing.T) {
	seen := make(map[string]evmtest.Block)
	for _, b := range []evmtest.Block{
		{}, {Number: 8}, {Parent: common.Hash{31: 1}}, {Number: 8, Parent: common.Hash{31: 1}},
	} {
		n := evmtest.New(t, b).Native(t, precompile.MLDSAAddress)
		r := n.DoAs(t, vm.StaticCall, evmtest.Gas, "keyGen(uint8)", uint8(44))
		if r.Out == nil {
			t.Fatalf("keyGen(44) in block %+v: revert %q, error %v", b, r.Revert, r.Err)
		}
		pk := string(r.Out[0].([]byte))
		if other, ok := seen[pk]; ok {
			t.Errorf("keyGen(44) gives one key in the blocks %+v and %+v", b, other)
		}
		seen[pk] = b
	}
}
