package main

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
)

// ecdsa has a key of 64 participants at 0x0801, who committed to G three times,
// and sixteen keys for a quorum at 0x0802.
func (b *builder) ecdsa() {
	const (
		register = "registerKey(bytes,uint16,address[],bytes32)"
		commit   = "commit(bytes32,bytes32,bytes,bytes,bytes)"
	)
	to := precompile.CGGMP21Address
	private, err := crypto.ToECDSA(bytes.Repeat([]byte{0x55}, 32))
	if err != nil {
		b.fail(err)
		return
	}
	key := crypto.CompressPubkey(&private.PublicKey)
	participants := []common.Address{evmtest.Caller, crypto.PubkeyToAddress(private.PublicKey)}
	for i := byte(1); len(participants) < 64; i++ {
		participants = append(participants, common.Address{i, i})
	}
	sortAddresses(participants)
	prepare := func(from common.Address, signature string, args ...any) {
		b.before = append(b.before, call{address: to, from: from, input: b.pack(to, signature, args...)})
	}
	id := func(salt [32]byte) (out [32]byte) {
		parts := [][]byte{[]byte("pars cggmp21 key v1"), evmtest.Caller[:], salt[:], binary.BigEndian.AppendUint16(nil, 2), key}
		for _, p := range participants {
			parts = append(parts, p[:])
		}
		return [32]byte(crypto.Keccak256(parts...))
	}
	var ids [][32]byte
	for i := range byte(16) {
		salt := [32]byte{i}
		prepare(evmtest.Caller, register, key, uint16(2), participants, salt)
		ids = append(ids, id(salt))
	}
	first, presignature := id([32]byte{}), [32]byte{1}
	points := make([][]byte, len(participants))
	for i, p := range participants {
		points[i] = key
		prepare(p, commit, first, presignature, key, key, key)
	}
	digest, sigma := [32]byte(bytes.Repeat([]byte{0x66}, 32)), [32]byte(bytes.Repeat([]byte{0x77}, 32))
	sig, err := crypto.Sign(digest[:], private)
	if err != nil {
		b.fail(err)
		return
	}
	toSign := crypto.Keccak256([]byte("pars cggmp21 partial v1"), common.LeftPadBytes(evmtest.Config().ChainID.Bytes(), 32), first[:], presignature[:], digest[:], sigma[:])
	attestation, err := crypto.Sign(toSign, private)
	if err != nil {
		b.fail(err)
		return
	}
	attestation[64] += 27
	accused := crypto.PubkeyToAddress(private.PublicKey)
	b.add("CGGMP21 registerKey again, 64 participants", to, false, register, key, uint16(2), participants, [32]byte{})
	b.add("CGGMP21 keyOf, 64 participants", to, false, "keyOf(bytes32)", first)
	b.add("revert: CGGMP21 commit again", to, true, commit, first, presignature, key, key, key)
	b.add("CGGMP21 commitmentOf", to, false, "commitmentOf(bytes32,bytes32,address)", first, presignature, accused)
	b.add("CGGMP21 isConsistent, 2 signers", to, false, "isConsistent(bytes32,bytes32,address[],bytes,bytes[],bytes[])", first, presignature, participants[:2], key, points[:2], points[:2])
	b.add("CGGMP21 isConsistent, 64 signers", to, false, "isConsistent(bytes32,bytes32,address[],bytes,bytes[],bytes[])", first, presignature, participants, key, points, points)
	b.add("CGGMP21 checkPartial", to, false, "checkPartial(bytes32,bytes32,address,bytes,bytes,bytes,bytes32,bytes32)", first, presignature, accused, key, key, key, digest, sigma)
	b.add("CGGMP21 attestationDigest", to, false, "attestationDigest(bytes32,bytes32,bytes32,bytes32)", first, presignature, digest, sigma)
	b.add("CGGMP21 blame", to, false, "blame(bytes32,bytes32,address,bytes,bytes,bytes,bytes32,bytes32,bytes)", first, presignature, accused, key, key, key, digest, sigma, attestation)
	b.add("CGGMP21 isBlamed", to, false, "isBlamed(bytes32,address)", first, accused)
	b.add("CGGMP21 verify", to, false, "verify(bytes32,bytes32,bytes)", first, digest, sig[:64])

	to = precompile.ECDSAAddress
	b.add("threshold ECDSA verify", to, false, "verify(bytes,bytes32,bytes)", key, digest, sig[:64])
	b.add("threshold ECDSA verifyPolicy", to, false, "verifyPolicy(bytes32,uint16,bytes32,bytes)", first, uint16(2), digest, sig[:64])
	sortIDs(ids)
	sigs := make([][]byte, len(ids))
	none := make([][]byte, len(ids))
	for i := range sigs {
		sigs[i], none[i] = sig[:64], []byte{}
	}
	b.add("threshold ECDSA verifyQuorum, 16 keys", to, false, "verifyQuorum(bytes32[],uint16,bytes32,bytes[])", ids, uint16(16), digest, sigs)
	b.add("threshold ECDSA verifyQuorum, 16 absent", to, false, "verifyQuorum(bytes32[],uint16,bytes32,bytes[])", ids, uint16(16), digest, none)
	b.add("threshold ECDSA accountOf", to, false, "accountOf(bytes)", key)
}

func sortAddresses(list []common.Address) {
	slices.SortFunc(list, func(a, b common.Address) int { return a.Cmp(b) })
}

func sortIDs(list [][32]byte) {
	slices.SortFunc(list, func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
}
