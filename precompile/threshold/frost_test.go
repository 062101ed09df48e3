package threshold_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
)

// vectors is what the chain sees of an RFC 9591 vector file.
type vectors struct {
	Inputs struct {
		GroupKey string `json:"group_public_key"`
		Message  string
	}
	Round1 struct {
		Outputs []struct {
			Identifier uint16
			Hiding     string `json:"hiding_nonce_commitment"`
			Binding    string `json:"binding_nonce_commitment"`
		}
	} `json:"round_one_outputs"`
	Round2 struct {
		Outputs []struct {
			Share string `json:"sig_share"`
		}
	} `json:"round_two_outputs"`
	Final struct{ Sig string } `json:"final_output"`
}

type commitment struct {
	Id      uint16 //nolint:revive // the ABI packer looks for this name
	Hiding  []byte
	Binding []byte
}

func TestRFC9591VectorsOnChain(t *testing.T) {
	for i, name := range []string{"ed25519-sha512", "ristretto255-sha512", "ed448-shake256", "p256-sha256", "secp256k1-sha256"} {
		suite := uint8(i + 1)
		file, err := os.ReadFile("../../crypto/frost/testdata/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var v vectors
		if err := json.Unmarshal(file, &v); err != nil {
			t.Fatal(err)
		}
		unhex := func(s string) []byte {
			b, err := hex.DecodeString(s)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		key, msg, sig := unhex(v.Inputs.GroupKey), unhex(v.Inputs.Message), unhex(v.Final.Sig)
		var list []commitment
		var shares [][]byte
		for k, o := range v.Round1.Outputs {
			list = append(list, commitment{o.Identifier, unhex(o.Hiding), unhex(o.Binding)})
			shares = append(shares, unhex(v.Round2.Outputs[k].Share))
		}
		n := evmtest.New(t, evmtest.Block{}).Native(t, precompile.FROSTAddress)
		if r := n.Do(t, "verify(uint8,bytes,bytes,bytes)", suite, key, msg, sig); r.Err != nil || r.Revert != "" || r.Out[0] != true {
			t.Errorf("%s: verify = %v, %v, want true", name, r.Out, r.Err)
		}
		if r := n.Do(t, "verify(uint8,bytes,bytes,bytes)", suite, key, append([]byte{1}, msg...), sig); r.Err != nil || r.Revert != "" || r.Out[0] != false {
			t.Errorf("%s: verify of another message = %v, %v, want false", name, r.Out, r.Err)
		}
		r := n.Do(t, "aggregate(uint8,bytes,bytes,(uint16,bytes,bytes)[],bytes[])", suite, key, msg, list, shares)
		if r.Err != nil || r.Revert != "" || !bytes.Equal(r.Out[0].([]byte), sig) {
			t.Errorf("%s: aggregate = %x, %v, want %x", name, r.Out, r.Err, sig)
		}
		r = n.Do(t, "aggregate(uint8,bytes,bytes,(uint16,bytes,bytes)[],bytes[])", suite, key, msg, list, [][]byte{shares[0], shares[0]})
		if r.Revert != "WrongShare" {
			t.Errorf("%s: aggregate of a wrong share reverts with %q, want WrongShare", name, r.Revert)
		}
		if r := n.Do(t, "verify(uint8,bytes,bytes,bytes)", suite, key, msg, sig[1:]); r.Revert != "Encoding" {
			t.Errorf("%s: verify of a short signature reverts with %q, want Encoding", name, r.Revert)
		}
	}
}
