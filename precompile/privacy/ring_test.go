package privacy_test

import (
	"math/rand/v2"
	"testing"

	"filippo.io/edwards25519"
	"github.com/ava-labs/libevm/core/vm"

	"github.com/pars-network/pars/crypto/ring"
	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
)

const (
	lsag      = "verifyLSAG(bytes32[],bytes32,bytes,bytes)"
	lsagUse   = "useLSAG(bytes32[],bytes32,bytes,bytes)"
	clsag     = "verifyCLSAG(bytes32[],bytes32[],bytes32,bytes32,bytes)"
	clsagUse  = "useCLSAG(bytes32[],bytes32[],bytes32,bytes32,bytes)"
	usedQuery = "isUsed(address,bytes32)"
)

// voter is a member with a commitment that opens to opening over offset.
type voter struct {
	secret, opening    []byte
	public, commitment [32]byte
}

func voters(t testing.TB, n int, random *rand.ChaCha8) (out []voter, offset [32]byte) {
	t.Helper()
	scalar := func() *edwards25519.Scalar {
		var wide [64]byte
		_, _ = random.Read(wide[:])
		s, err := edwards25519.NewScalar().SetUniformBytes(wide[:])
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	base := func(s *edwards25519.Scalar) *edwards25519.Point { return new(edwards25519.Point).ScalarBaseMult(s) }
	off := base(scalar())
	for range n {
		x, z := scalar(), scalar()
		c := base(z)
		out = append(out, voter{x.Bytes(), z.Bytes(), [32]byte(base(x).Bytes()), [32]byte(c.Add(c, off).Bytes())})
	}
	return out, [32]byte(off.Bytes())
}

func slices(v []voter) (keys, commitments [][]byte, packedKeys, packedCommitments [][32]byte) {
	for i := range v {
		keys, commitments = append(keys, v[i].public[:]), append(commitments, v[i].commitment[:])
		packedKeys, packedCommitments = append(packedKeys, v[i].public), append(packedCommitments, v[i].commitment)
	}
	return keys, commitments, packedKeys, packedCommitments
}

func TestLSAGOnChain(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	people, _ := voters(t, 8, random)
	keys, _, packed, _ := slices(people)
	message := []byte("ballot 7: yes")
	sig, img, err := ring.SignLSAG(random, keys, 3, people[3].secret, message)
	if err != nil {
		t.Fatal(err)
	}
	image := [32]byte(img)
	n := evmtest.New(t, evmtest.Block{}).Native(t, precompile.RingAddress)
	if r := n.Do(t, lsag, packed, image, message, sig); r.Err != nil || r.Revert != "" || r.Out[0] != true {
		t.Errorf("verifyLSAG = %v %v %q, want true", r.Out, r.Err, r.Revert)
	}
	if r := n.Do(t, lsag, packed, image, []byte("ballot 7: no"), sig); r.Err != nil || r.Revert != "" || r.Out[0] != false {
		t.Errorf("verifyLSAG of another message = %v %v %q, want false", r.Out, r.Err, r.Revert)
	}
	for want, args := range map[string][]any{
		"RingMembers":       {packed[:1], image, message, sig},
		"Point":             {packed, [32]byte{1}, message, sig},
		"SignatureEncoding": {packed, image, message, sig[:len(sig)-1]},
	} {
		if r := n.Do(t, lsag, args...); r.Revert != want {
			t.Errorf("verifyLSAG reverts with %q (%v), want %s", r.Revert, r.Err, want)
		}
	}
	if r := n.Do(t, lsagUse, packed, image, []byte("other"), sig); r.Revert != "InvalidSignature" {
		t.Errorf("useLSAG of another message reverts with %q, want InvalidSignature", r.Revert)
	}
	caller := evmtest.Caller
	if r := n.Do(t, usedQuery, caller, image); r.Err != nil || r.Out[0] != false {
		t.Errorf("isUsed before = %v %v, want false", r.Out, r.Err)
	}
	if r := n.Do(t, lsagUse, packed, image, message, sig); r.Err != nil || r.Revert != "" {
		t.Errorf("useLSAG = %v %q, want success", r.Err, r.Revert)
	}
	if logs := n.State.Logs(); len(logs) != 1 || logs[0].Topics[2] != image {
		t.Errorf("logs = %+v, want one KeyImageUsed", logs)
	}
	if r := n.Do(t, lsagUse, packed, image, message, sig); r.Revert != "ImageUsed" {
		t.Errorf("useLSAG again reverts with %q, want ImageUsed", r.Revert)
	}
	if r := n.Do(t, usedQuery, caller, image); r.Err != nil || r.Out[0] != true {
		t.Errorf("isUsed after = %v %v, want true", r.Out, r.Err)
	}
	if r := n.Do(t, usedQuery, precompile.RingAddress, image); r.Err != nil || r.Out[0] != false {
		t.Errorf("isUsed for another account = %v %v, want false", r.Out, r.Err)
	}
	for how, want := range map[vm.CallType]string{vm.StaticCall: "ReadOnlyCall", vm.DelegateCall: "DirectCallOnly", vm.CallCode: "DirectCallOnly"} {
		if r := n.DoAs(t, how, evmtest.Gas, lsagUse, packed, image, message, sig); r.Revert != want {
			t.Errorf("useLSAG by %s reverts with %q, want %s", how, r.Revert, want)
		}
	}
}

func TestCLSAGOnChain(t *testing.T) {
	random := rand.NewChaCha8([32]byte{2})
	people, offset := voters(t, 5, random)
	keys, commitments, packed, packedCommitments := slices(people)
	message := [32]byte{9}
	made, err := ring.SignCLSAG(random, keys, commitments, offset[:], 4, people[4].secret, people[4].opening, message[:])
	if err != nil {
		t.Fatal(err)
	}
	n := evmtest.New(t, evmtest.Block{}).Native(t, precompile.RingAddress)
	if r := n.Do(t, clsag, packed, packedCommitments, offset, message, made.Bytes()); r.Err != nil || r.Revert != "" || r.Out[0] != true {
		t.Errorf("verifyCLSAG = %v %v %q, want true", r.Out, r.Err, r.Revert)
	}
	if r := n.Do(t, clsag, packed, packedCommitments, offset, [32]byte{8}, made.Bytes()); r.Err != nil || r.Revert != "" || r.Out[0] != false {
		t.Errorf("verifyCLSAG of another message = %v %v %q, want false", r.Out, r.Err, r.Revert)
	}
	if r := n.Do(t, clsag, packed, packedCommitments[:4], offset, message, made.Bytes()); r.Revert != "CommitmentCount" {
		t.Errorf("one commitment too few reverts with %q, want CommitmentCount", r.Revert)
	}
	if r := n.Do(t, clsag, [][32]byte{}, [][32]byte{}, offset, message, made.Bytes()); r.Revert != "RingMembers" {
		t.Errorf("an empty ring reverts with %q, want RingMembers", r.Revert)
	}
	r := n.Do(t, clsagUse, packed, packedCommitments, offset, message, made.Bytes())
	if r.Err != nil || r.Revert != "" || r.Out[0] != [32]byte(made.Image) {
		t.Errorf("useCLSAG = %v %v %q, want the image %x", r.Out, r.Err, r.Revert, made.Image)
	}
	if r := n.Do(t, clsagUse, packed, packedCommitments, offset, message, made.Bytes()); r.Revert != "ImageUsed" {
		t.Errorf("useCLSAG again reverts with %q, want ImageUsed", r.Revert)
	}
}
