package threshold_test

import (
	"bytes"
	"crypto/ecdsa"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/crypto"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
)

const (
	register    = "registerKey(bytes,uint16,address[],bytes32)"
	commit      = "commit(bytes32,bytes32,bytes,bytes,bytes)"
	consistent  = "isConsistent(bytes32,bytes32,address[],bytes,bytes[],bytes[])"
	check       = "checkPartial(bytes32,bytes32,address,bytes,bytes,bytes,bytes32,bytes32)"
	attest      = "attestationDigest(bytes32,bytes32,bytes32,bytes32)"
	blame       = "blame(bytes32,bytes32,address,bytes,bytes,bytes,bytes32,bytes32,bytes)"
	blamedQuery = "isBlamed(bytes32,address)"
	verifyKey   = "verify(bytes32,bytes32,bytes)"
)

// order is that of secp256k1.
var order = secp256k1.Params().N

// party is a participant with its account and its part of a presignature.
type party struct {
	account  *ecdsa.PrivateKey
	address  common.Address
	k, chi   *big.Int
	K, S     []byte
	sigma    [32]byte
	attested []byte
}

// parties deals a key and a presignature to n people, in rising order: what the
// rounds of the protocol would leave them with.
func parties(t *testing.T, n int) (key, nonce []byte, r *big.Int, list []*party) {
	t.Helper()
	random := rand.NewChaCha8([32]byte{0x21})
	scalar := func() *big.Int {
		b := make([]byte, 40)
		_, _ = random.Read(b)
		b[39] |= 1
		return new(big.Int).Mod(new(big.Int).SetBytes(b), order)
	}
	times := func(n *big.Int, p *secp256k1.JacobianPoint) (out secp256k1.JacobianPoint) {
		var s secp256k1.ModNScalar
		s.SetByteSlice(n.FillBytes(make([]byte, 32)))
		secp256k1.ScalarMultNonConst(&s, p, &out)
		out.ToAffine()
		return out
	}
	compress := func(p secp256k1.JacobianPoint) []byte {
		return secp256k1.NewPublicKey(&p.X, &p.Y).SerializeCompressed()
	}
	var base secp256k1.JacobianPoint
	secp256k1.ScalarBaseMultNonConst(new(secp256k1.ModNScalar).SetInt(1), &base)
	x, k := scalar(), scalar()
	key = compress(times(x, &base))
	point := times(new(big.Int).ModInverse(k, order), &base)
	rx := new(big.Int).SetBytes(point.X.Bytes()[:])
	restK, restChi := new(big.Int).Set(k), new(big.Int).Mod(new(big.Int).Mul(k, x), order)
	for i := range n {
		account, err := crypto.ToECDSA(scalar().FillBytes(make([]byte, 32)))
		if err != nil {
			t.Fatal(err)
		}
		p := &party{account: account, address: crypto.PubkeyToAddress(account.PublicKey), k: scalar(), chi: scalar()}
		if i == n-1 {
			p.k, p.chi = restK, restChi
		} else {
			restK.Mod(restK.Sub(restK, p.k), order)
			restChi.Mod(restChi.Sub(restChi, p.chi), order)
		}
		p.K = compress(times(p.k, &point))
		p.S = compress(times(p.chi, &point))
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *party) int { return a.address.Cmp(b.address) })
	return key, compress(point), new(big.Int).Mod(rx, order), list
}

// as calls a function for another account.
func as(t *testing.T, n *evmtest.Native, from common.Address, signature string, args ...any) string {
	t.Helper()
	out, _, err := n.Call(vm.AccountRef(from), n.Address, n.Pack(t, signature, args...), evmtest.Gas, new(uint256.Int))
	if err != nil {
		return n.RevertName(t, out)
	}
	return ""
}

func TestCGGMP21BlamesOnlyTheCheat(t *testing.T) {
	const n, cheat = 3, 1
	key, nonce, r, list := parties(t, n)
	e := evmtest.New(t, evmtest.Block{})
	chain := e.Native(t, precompile.CGGMP21Address)
	reverts := func(want, signature string, args ...any) {
		t.Helper()
		if got := chain.Do(t, signature, args...); got.Revert != want {
			t.Errorf("%s reverts with %q, %v, want %s", signature, got.Revert, got.Err, want)
		}
	}
	is := func(want any, signature string, args ...any) {
		t.Helper()
		if got := chain.Do(t, signature, args...); got.Err != nil || got.Revert != "" || got.Out[0] != want {
			t.Errorf("%s = %v, %v %q, want %v", signature, got.Out, got.Err, got.Revert, want)
		}
	}
	var addresses []common.Address
	var ks, ss [][]byte
	for _, p := range list {
		addresses, ks, ss = append(addresses, p.address), append(ks, p.K), append(ss, p.S)
	}
	salt, presignature := [32]byte{1}, [32]byte{2}
	reverts("Participants", register, key, uint16(4), addresses, salt)
	reverts("Participants", register, key, uint16(1), addresses, salt)
	reverts("Participants", register, key, uint16(2), []common.Address{addresses[1], addresses[0]}, salt)
	reverts("Encoding", register, key[1:], uint16(3), addresses, salt)
	out := chain.Do(t, register, key, uint16(3), addresses, salt)
	if out.Err != nil || out.Revert != "" || len(e.State.Logs()) != 1 {
		t.Fatalf("registerKey: %v %q, %d logs", out.Err, out.Revert, len(e.State.Logs()))
	}
	registered, err := chain.ABI.Events["KeyRegistered"].Inputs.NonIndexed().Unpack(e.State.Logs()[0].Data)
	if err != nil || !bytes.Equal(registered[0].([]byte), key) || registered[1] != uint16(3) {
		t.Errorf("KeyRegistered has %v, %v, want key and threshold", registered, err)
	}
	id := out.Out[0].([32]byte)
	is(id, register, key, uint16(3), addresses, salt)
	kept := chain.Do(t, "keyOf(bytes32)", id)
	if kept.Out[0] != evmtest.Caller || !bytes.Equal(kept.Out[1].([]byte), key) || kept.Out[2] != uint16(3) || !slices.Equal(kept.Out[3].([]common.Address), addresses) {
		t.Errorf("keyOf = %v, want what was registered", kept.Out)
	}
	reverts("UnknownKey", "keyOf(bytes32)", [32]byte{9})
	reverts("NotParticipant", commit, id, presignature, nonce, key, key)
	reverts("NotCommitted", consistent, id, presignature, addresses, nonce, ks, ss)
	for _, p := range list {
		if got := as(t, chain, p.address, commit, id, presignature, nonce, p.K, p.S); got != "" {
			t.Fatalf("commit reverts with %s", got)
		}
		if got := as(t, chain, p.address, commit, id, presignature, nonce, p.S, p.K); got != "CommittedBefore" {
			t.Errorf("a second commit reverts with %q, want CommittedBefore", got)
		}
	}
	is(true, consistent, id, presignature, addresses, nonce, ks, ss)
	reverts("NotCommitted", consistent, id, presignature, addresses, nonce, ss, ks)
	reverts("Signers", consistent, id, presignature, addresses[:2], nonce, ks[:2], ss[:2])

	digest := [32]byte(crypto.Keccak256([]byte("pay")))
	sum := new(big.Int)
	for i, p := range list {
		sigma := new(big.Int).Mul(p.k, new(big.Int).SetBytes(digest[:]))
		sigma.Mod(sigma.Add(sigma, new(big.Int).Mul(r, p.chi)), order)
		sum.Add(sum, sigma)
		if i == cheat {
			sigma.Xor(sigma, big.NewInt(1))
		}
		sigma.FillBytes(p.sigma[:])
		is(i != cheat, check, id, presignature, p.address, nonce, p.K, p.S, digest, p.sigma)
		toSign := chain.Do(t, attest, id, presignature, digest, p.sigma).Out[0].([32]byte)
		if p.attested, err = crypto.Sign(toSign[:], p.account); err != nil {
			t.Fatal(err)
		}
		p.attested[64] += 27
	}
	if sum.Mod(sum, order); sum.Cmp(new(big.Int).Rsh(order, 1)) > 0 {
		sum.Sub(order, sum)
	}
	sig := append(r.FillBytes(make([]byte, 32)), sum.FillBytes(make([]byte, 32))...)
	is(true, verifyKey, id, digest, sig)
	high := append(bytes.Clone(sig[:32]), new(big.Int).Sub(order, sum).FillBytes(make([]byte, 32))...)
	is(false, verifyKey, id, digest, high)
	reverts("Encoding", verifyKey, id, digest, append(sig, 27))

	good, bad := list[0], list[cheat]
	accuse := func(p *party, sigma [32]byte, attested []byte) []any {
		return []any{id, presignature, p.address, nonce, p.K, p.S, digest, sigma, attested}
	}
	reverts("PartialIsRight", blame, accuse(good, good.sigma, good.attested)...)
	// Nobody is blamed for what it didn't attest.
	reverts("Attestation", blame, accuse(good, bad.sigma, good.attested)...)
	reverts("Attestation", blame, accuse(good, bad.sigma, bad.attested)...)
	reverts("Attestation", blame, accuse(bad, bad.sigma, bad.attested[:64])...)
	reverts("NotCommitted", blame, id, presignature, bad.address, nonce, good.K, good.S, digest, bad.sigma, bad.attested)
	reverts("NotCommitted", blame, id, [32]byte{3}, bad.address, nonce, bad.K, bad.S, digest, bad.sigma, bad.attested)
	is(false, blamedQuery, id, bad.address)
	before := len(e.State.Logs())
	if got := chain.Do(t, blame, accuse(bad, bad.sigma, bad.attested)...); got.Err != nil || got.Revert != "" || len(e.State.Logs()) != before+1 {
		t.Errorf("blame: %v %q, want success and a log", got.Err, got.Revert)
	}
	is(true, blamedQuery, id, bad.address)
	is(false, blamedQuery, id, good.address)

	policy := e.Native(t, precompile.ECDSAAddress)
	for _, c := range []struct {
		want      any
		revert    string
		signature string
		args      []any
	}{
		{true, "", "verify(bytes,bytes32,bytes)", []any{key, digest, sig}},
		{false, "", "verify(bytes,bytes32,bytes)", []any{key, digest, high}},
		{false, "", "verify(bytes,bytes32,bytes)", []any{key, [32]byte{1}, sig}},
		{nil, "Encoding", "verify(bytes,bytes32,bytes)", []any{key[1:], digest, sig}},
		{true, "", "verifyPolicy(bytes32,uint16,bytes32,bytes)", []any{id, uint16(3), digest, sig}},
		{nil, "ThresholdTooLow", "verifyPolicy(bytes32,uint16,bytes32,bytes)", []any{id, uint16(4), digest, sig}},
		{nil, "UnknownKey", "verifyPolicy(bytes32,uint16,bytes32,bytes)", []any{digest, uint16(1), digest, sig}},
		{true, "", "verifyQuorum(bytes32[],uint16,bytes32,bytes[])", []any{[][32]byte{id}, uint16(1), digest, [][]byte{sig}}},
		{false, "", "verifyQuorum(bytes32[],uint16,bytes32,bytes[])", []any{[][32]byte{id}, uint16(1), digest, [][]byte{high}}},
		{false, "", "verifyQuorum(bytes32[],uint16,bytes32,bytes[])", []any{[][32]byte{id}, uint16(1), digest, [][]byte{{}}}},
		{nil, "Quorum", "verifyQuorum(bytes32[],uint16,bytes32,bytes[])", []any{[][32]byte{id, id}, uint16(2), digest, [][]byte{sig, sig}}},
		{nil, "Quorum", "verifyQuorum(bytes32[],uint16,bytes32,bytes[])", []any{[][32]byte{id}, uint16(0), digest, [][]byte{sig}}},
		{crypto.PubkeyToAddress(list[0].account.PublicKey), "", "accountOf(bytes)", []any{crypto.CompressPubkey(&list[0].account.PublicKey)}},
		{nil, "Encoding", "accountOf(bytes)", []any{make([]byte, 33)}},
	} {
		got := policy.Do(t, c.signature, c.args...)
		if got.Err != nil || got.Revert != c.revert || (c.revert == "" && got.Out[0] != c.want) {
			t.Errorf("%s = %v, %v %q, want %v %q", c.signature, got.Out, got.Err, got.Revert, c.want, c.revert)
		}
	}
}
