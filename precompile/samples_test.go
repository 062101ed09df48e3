package precompile_test

import (
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"filippo.io/edwards25519"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/crypto/ecies"
	"github.com/pars-network/pars/crypto/frost"
	"github.com/pars-network/pars/crypto/hpke"
	"github.com/pars-network/pars/crypto/ring"
	"github.com/pars-network/pars/crypto/stark"
	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/internal/vectors"
	"github.com/pars-network/pars/precompile"
)

// sampleRing signs with a ring of four in both schemes. A member's commitment is
// its key plus the offset, so that its secret opens the difference.
func sampleRing(tb testing.TB) []sample {
	tb.Helper()
	const members, signer = 4, 2
	random := rand.NewChaCha8([32]byte{0x07})
	scalar := func() *edwards25519.Scalar {
		var wide [64]byte
		_, _ = random.Read(wide[:])
		s, err := edwards25519.NewScalar().SetUniformBytes(wide[:])
		if err != nil {
			tb.Fatal(err)
		}
		return s
	}
	offset := new(edwards25519.Point).ScalarBaseMult(scalar())
	var secret []byte
	var keys, commitments [][]byte
	var packedKeys, packedCommitments [][32]byte
	for i := range members {
		x := scalar()
		key := new(edwards25519.Point).ScalarBaseMult(x)
		commitment := new(edwards25519.Point).Add(key, offset)
		if i == signer {
			secret = x.Bytes()
		}
		keys, commitments = append(keys, key.Bytes()), append(commitments, commitment.Bytes())
		packedKeys, packedCommitments = append(packedKeys, [32]byte(key.Bytes())), append(packedCommitments, [32]byte(commitment.Bytes()))
	}
	message := crypto.Keccak256Hash([]byte("a message of the samples"))
	sig, image, err := ring.SignLSAG(random, keys, signer, secret, message[:])
	if err != nil {
		tb.Fatal(err)
	}
	concise, err := ring.SignCLSAG(random, keys, commitments, offset.Bytes(), signer, secret, secret, message[:])
	if err != nil {
		tb.Fatal(err)
	}
	lsag := []any{packedKeys, [32]byte(image), message[:], sig}
	clsag := []any{packedKeys, packedCommitments, [32]byte(offset.Bytes()), message, concise.Bytes()}
	const use = "useLSAG(bytes32[],bytes32,bytes,bytes)"
	return []sample{
		{signature: "verifyLSAG(bytes32[],bytes32,bytes,bytes)", args: lsag},
		{signature: "verifyCLSAG(bytes32[],bytes32[],bytes32,bytes32,bytes)", args: clsag},
		{signature: use, args: lsag},
		{signature: "useCLSAG(bytes32[],bytes32[],bytes32,bytes32,bytes)", args: clsag},
		{signature: "isUsed(address,bytes32)", args: []any{evmtest.Caller, [32]byte(image)}, before: []sample{{signature: use, args: lsag}}},
	}
}

// frostCommitment is a Commitment as the ABI packer wants it.
type frostCommitment struct {
	Id      uint16 //nolint:revive // the ABI packer looks for this name
	Hiding  []byte
	Binding []byte
}

// sampleFROST is the RFC's vector for ristretto255.
func sampleFROST(tb testing.TB) []sample {
	tb.Helper()
	file, err := os.ReadFile("../crypto/frost/testdata/ristretto255-sha512.json")
	if err != nil {
		tb.Fatal(err)
	}
	var v struct {
		Inputs struct {
			GroupKey vectors.Hex `json:"group_public_key"`
			Message  vectors.Hex
			Shares   []struct {
				Identifier uint16
				Share      vectors.Hex `json:"participant_share"`
			} `json:"participant_shares"`
		}
		Round1 struct {
			Outputs []struct {
				Identifier uint16
				Hiding     vectors.Hex `json:"hiding_nonce_commitment"`
				Binding    vectors.Hex `json:"binding_nonce_commitment"`
			}
		} `json:"round_one_outputs"`
		Round2 struct {
			Outputs []struct {
				Share vectors.Hex `json:"sig_share"`
			}
		} `json:"round_two_outputs"`
		Final struct{ Sig vectors.Hex } `json:"final_output"`
	}
	if err := json.Unmarshal(file, &v); err != nil {
		tb.Fatal(err)
	}
	suite, err := frost.SuiteByID(frost.Ristretto255)
	if err != nil {
		tb.Fatal(err)
	}
	var list []frostCommitment
	var shares [][]byte
	for i, o := range v.Round1.Outputs {
		list = append(list, frostCommitment{o.Identifier, o.Hiding, o.Binding})
		shares = append(shares, v.Round2.Outputs[i].Share)
	}
	first := v.Inputs.Shares[0]
	person, err := frost.NewShare(suite, first.Identifier, first.Share, v.Inputs.GroupKey)
	if err != nil {
		tb.Fatal(err)
	}
	id, key, message := uint8(frost.Ristretto255), []byte(v.Inputs.GroupKey), []byte(v.Inputs.Message)
	return []sample{
		{signature: "verify(uint8,bytes,bytes,bytes)", args: []any{id, key, message, []byte(v.Final.Sig)}},
		{signature: "verifyShare(uint8,bytes,bytes,(uint16,bytes,bytes)[],uint16,bytes,bytes)", args: []any{id, key, message, list, first.Identifier, person.PublicKey(), shares[0]}},
		{signature: "aggregate(uint8,bytes,bytes,(uint16,bytes,bytes)[],bytes[])", args: []any{id, key, message, list, shares}},
	}
}

// sampleSTARK is Winterfell's proof of 1,024 steps of x -> x^3 + 42.
func sampleSTARK(tb testing.TB) []sample {
	tb.Helper()
	air := &stark.AIR{Hash: stark.Blake3, Width: 1, Exemptions: 1, PublicInputs: 2}
	root, err := air.Compile("next[0] - (current[0]^3 + 42)")
	if err != nil {
		tb.Fatal(err)
	}
	air.Constraints = []stark.Constraint{{Root: root, Base: 3}}
	air.Assertions = []stark.Assertion{
		{Values: []stark.Value{{Public: true, N: 0}}},
		{FromEnd: true, Values: []stark.Value{{Public: true, N: 1}}},
	}
	description, err := air.MarshalBinary()
	if err != nil {
		tb.Fatal(err)
	}
	proof, err := os.ReadFile("../crypto/stark/testdata/winterfell/vdf3_n1024_blake3_256_q42f8.bin")
	if err != nil {
		tb.Fatal(err)
	}
	id := [32]byte(crypto.Keccak256Hash(description))
	public := []byte("\x15\xcd\x5b\x07\x00\x00\x00\x00\x69\xef\xea\xa3\xfa\x77\x4d\xcf")
	options, length := []byte{42, 8, 16, 2, 8, 31, 0, 0, 1, 1}, big.NewInt(1024)
	register := sample{signature: "registerAIR(bytes)", args: []any{description}}
	return []sample{
		register,
		{signature: "airOf(bytes32)", args: []any{id}, before: []sample{register}},
		{signature: "verify(bytes32,uint256,bytes,bytes,bytes)", args: []any{id, length, options, public, proof}, before: []sample{register}},
		{signature: "security(bytes,uint256)", args: []any{options, length}},
	}
}

func sampleHashes() map[common.Address][]sample {
	one, two := big.NewInt(1), big.NewInt(2)
	return map[common.Address][]sample{
		precompile.PoseidonAddress: {
			{signature: "bn254(uint256[])", args: []any{[]*big.Int{one, two}}},
			{signature: "starknet(uint256,uint256)", args: []any{one, two}},
			{signature: "starknetMany(uint256[])", args: []any{[]*big.Int{one, two, one}}},
		},
		precompile.PedersenAddress: {
			{signature: "starknet(uint256,uint256)", args: []any{one, two}},
			{signature: "commit(uint256,uint256)", args: []any{one, two}},
			{signature: "opens(uint256,uint256,uint256,uint256)", args: []any{one, two, one, new(big.Int)}},
			{signature: "generators()"},
		},
	}
}

func sampleECIES(tb testing.TB) []sample {
	tb.Helper()
	private, ephemeral, info := [32]byte{31: 7}, [32]byte{31: 9}, []byte("info")
	public, err := ecies.PublicKey(private[:])
	if err != nil {
		tb.Fatal(err)
	}
	sealed, err := ecies.Seal(public, ephemeral[:], info, []byte("a message of the samples"))
	if err != nil {
		tb.Fatal(err)
	}
	return []sample{
		{signature: "publicKey(bytes32)", args: []any{private}},
		{signature: "seal(bytes,bytes32,bytes,bytes)", args: []any{public, ephemeral, info, []byte("a message of the samples")}},
		{signature: "open(bytes32,bytes,bytes)", args: []any{private, info, sealed}},
	}
}

// hpkeSetup is a Setup as the ABI packer wants it.
type hpkeSetup struct {
	Mode                        uint8
	Kem, Kdf, Aead              uint16
	Info, Psk, PskId, SenderKey []byte //nolint:revive // the ABI packer looks for these names
}

func sampleHPKE(tb testing.TB) []sample {
	tb.Helper()
	const tuple = "(uint8,uint16,uint16,uint16,bytes,bytes,bytes,bytes),bytes,bytes,bytes,bytes)"
	ikm, aad, plaintext := make([]byte, 32), []byte("aad"), []byte("a message of the samples")
	setup := hpke.Setup{KEM: hpke.X25519, KDF: hpke.HKDFSHA256, AEAD: hpke.ChaCha20Poly1305, Mode: hpke.Auth, Info: []byte("info")}
	pk, sk, err := hpke.DeriveKeyPair(setup.KEM, ikm)
	if err != nil {
		tb.Fatal(err)
	}
	enc, sender, err := setup.Sender(pk, sk, ikm)
	if err != nil {
		tb.Fatal(err)
	}
	packed := hpkeSetup{Mode: uint8(setup.Mode), Kem: uint16(setup.KEM), Kdf: uint16(setup.KDF), Aead: uint16(setup.AEAD), Info: setup.Info, SenderKey: sk}
	opener := packed
	opener.SenderKey = pk
	return []sample{
		{signature: "deriveKeyPair(uint16,bytes)", args: []any{packed.Kem, ikm}},
		{signature: "seal(" + tuple, args: []any{packed, pk, ikm, aad, plaintext}},
		{signature: "open(" + tuple, args: []any{opener, sk, enc, aad, sender.Seal(aad, plaintext)}},
	}
}

// sampleECDSA has a group of two whose key and nonce are one: then R = G, shares
// of k and kx are any numbers that add up to 1, and the key is G.
func sampleECDSA(tb testing.TB) map[common.Address][]sample {
	tb.Helper()
	attester, err := crypto.HexToECDSA("0000000000000000000000000000000000000000000000000000000000000007")
	if err != nil {
		tb.Fatal(err)
	}
	point := func(n byte) []byte {
		key, err := ecies.PublicKey(append(make([]byte, 31), n))
		if err != nil {
			tb.Fatal(err)
		}
		return key
	}
	// 3 G and -2 G, which has the other sign of y.
	minusTwo := point(2)
	minusTwo[0] ^= 1
	participants := []common.Address{evmtest.Caller, crypto.PubkeyToAddress(attester.PublicKey)}
	if participants[0].Cmp(participants[1]) > 0 {
		participants[0], participants[1] = participants[1], participants[0]
	}
	base, threshold, salt, presignature := point(1), uint16(2), [32]byte{1}, [32]byte{2}
	parts := append([]byte("pars cggmp21 key v1"), evmtest.Caller[:]...)
	parts = append(append(append(parts, salt[:]...), 0, 2), base...)
	for _, p := range participants {
		parts = append(parts, p[:]...)
	}
	key := [32]byte(crypto.Keccak256Hash(parts))
	register := sample{signature: "registerKey(bytes,uint16,address[],bytes32)", args: []any{base, threshold, participants, salt}}
	commit := sample{signature: "commit(bytes32,bytes32,bytes,bytes,bytes)", args: []any{key, presignature, base, point(3), minusTwo}, before: []sample{register}}
	other := sample{signature: commit.signature, args: []any{key, presignature, base, minusTwo, point(3)}, from: participants[0]}
	if other.from == evmtest.Caller {
		other.from = participants[1]
	}
	both := []sample{register, commit, other}
	digest := [32]byte{31: 5}
	// sigma = 3 x 5 + r (-2) is another number than this.
	wrong := [32]byte{31: 9}
	toSign := crypto.Keccak256([]byte("pars cggmp21 partial v1"), common.LeftPadBytes([]byte{0x05, 0x39}, 32), key[:], presignature[:], digest[:], wrong[:])
	attestation, err := crypto.Sign(toSign, attester)
	if err != nil {
		tb.Fatal(err)
	}
	attestation[64] += 27
	private, err := crypto.HexToECDSA("0000000000000000000000000000000000000000000000000000000000000001")
	if err != nil {
		tb.Fatal(err)
	}
	sig, err := crypto.Sign(digest[:], private)
	if err != nil {
		tb.Fatal(err)
	}
	sig = sig[:64]
	ks, ss := [][]byte{point(3), minusTwo}, [][]byte{minusTwo, point(3)}
	if participants[0] != evmtest.Caller {
		ks, ss = ss, ks
	}
	mine := []any{key, presignature, evmtest.Caller, base, point(3), minusTwo, digest, wrong}
	theirs := []any{key, presignature, other.from, base, minusTwo, point(3), digest, wrong, attestation}
	stored := []sample{register}
	return map[common.Address][]sample{
		precompile.CGGMP21Address: {
			register,
			{signature: "keyOf(bytes32)", args: []any{key}, before: stored},
			commit,
			{signature: "commitmentOf(bytes32,bytes32,address)", args: []any{key, presignature, evmtest.Caller}, before: both},
			{signature: "isConsistent(bytes32,bytes32,address[],bytes,bytes[],bytes[])", args: []any{key, presignature, participants, base, ks, ss}, before: both},
			{signature: "checkPartial(bytes32,bytes32,address,bytes,bytes,bytes,bytes32,bytes32)", args: mine, before: both},
			{signature: "attestationDigest(bytes32,bytes32,bytes32,bytes32)", args: []any{key, presignature, digest, wrong}},
			{signature: "blame(bytes32,bytes32,address,bytes,bytes,bytes,bytes32,bytes32,bytes)", args: theirs, before: both},
			{signature: "isBlamed(bytes32,address)", args: []any{key, evmtest.Caller}},
			{signature: "verify(bytes32,bytes32,bytes)", args: []any{key, digest, sig}, before: stored},
		},
		precompile.ECDSAAddress: {
			{signature: "verify(bytes,bytes32,bytes)", args: []any{base, digest, sig}},
			{signature: "verifyPolicy(bytes32,uint16,bytes32,bytes)", args: []any{key, threshold, digest, sig}, before: at(precompile.CGGMP21Address, stored)},
			{signature: "verifyQuorum(bytes32[],uint16,bytes32,bytes[])", args: []any{[][32]byte{key}, uint16(1), digest, [][]byte{sig}}, before: at(precompile.CGGMP21Address, stored)},
			{signature: "accountOf(bytes)", args: []any{base}},
		},
	}
}

// at sends calls to another contract.
func at(address common.Address, calls []sample) []sample {
	out := slices.Clone(calls)
	for i := range out {
		out[i].to = address
	}
	return out
}
