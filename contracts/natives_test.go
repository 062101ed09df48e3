package contracts_test

import (
	"math/big"
	"math/rand/v2"
	"os"
	"testing"

	"filippo.io/edwards25519"
	"github.com/ava-labs/libevm/common"

	"github.com/pars-network/pars/crypto/frost"
	"github.com/pars-network/pars/crypto/ring"
	"github.com/pars-network/pars/crypto/stark"
	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
)

func TestRingVoteCountsEveryMemberOnce(t *testing.T) {
	const voters = 8
	random := rand.NewChaCha8([32]byte{7})
	var secrets, keys [][]byte
	var packed [][32]byte
	for range voters {
		var wide [64]byte
		_, _ = random.Read(wide[:])
		x, err := edwards25519.NewScalar().SetUniformBytes(wide[:])
		if err != nil {
			t.Fatal(err)
		}
		key := new(edwards25519.Point).ScalarBaseMult(x).Bytes()
		secrets, keys, packed = append(secrets, x.Bytes()), append(keys, key), append(packed, [32]byte(key))
	}
	e := evmtest.New(t, evmtest.Block{Time: 1000})
	code := compiled(t, "RingVote.sol", "RingVote")
	ballot := deploy(t, e, code, 0, packed, big.NewInt(2), big.NewInt(2000))
	cast := func(ballot *deployed, voter int, signed, sent int64) (uint64, string) {
		out, _, _ := ballot.call(t, "messageFor", big.NewInt(signed))
		sig, image, err := ring.SignLSAG(random, keys, voter, secrets[voter], out[0].([]byte))
		if err != nil {
			t.Fatal(err)
		}
		_, used, revert := ballot.call(t, "vote", big.NewInt(sent), [32]byte(image), sig)
		return used, revert
	}
	for voter := range voters {
		used, revert := cast(ballot, voter, int64(voter%2), int64(voter%2))
		if revert != "" {
			t.Errorf("voter %d: revert %q, want success", voter, revert)
		}
		if voter == 0 {
			t.Logf("a vote in a ring of %d used %d gas", voters, used)
		}
	}
	if _, revert := cast(ballot, 3, 0, 0); revert != "ImageUsed" {
		t.Errorf("a second vote: revert %q, want ImageUsed", revert)
	}
	for choice := range int64(2) {
		if out, _, _ := ballot.call(t, "votesFor", big.NewInt(choice)); out[0].(*big.Int).Int64() != voters/2 {
			t.Errorf("choice %d has %d votes, want %d", choice, out[0], voters/2)
		}
	}
	other := deploy(t, e, code, 0, packed, big.NewInt(2), big.NewInt(2000))
	if _, revert := cast(other, 3, 0, 1); revert != "InvalidSignature" {
		t.Errorf("a vote changed on its way: revert %q, want InvalidSignature", revert)
	}
	if _, revert := cast(other, 3, 2, 2); revert != "UnknownChoice" {
		t.Errorf("choice 2: revert %q, want UnknownChoice", revert)
	}
	if _, revert := cast(other, 3, 1, 1); revert != "" {
		t.Errorf("the same voter in another ballot: revert %q, want success", revert)
	}
	late := deploy(t, e, code, 0, packed, big.NewInt(2), big.NewInt(1000))
	if _, revert := cast(late, 3, 1, 1); revert != "Closed" {
		t.Errorf("a late vote: revert %q, want Closed", revert)
	}
}

// trustees share a key among n people of whom t sign, and signs with the first t.
func trustees(t *testing.T, suite *frost.Suite, n, threshold uint16, random *rand.ChaCha8) (key []byte, sign func([]byte) []byte) {
	t.Helper()
	dkgs, round1 := make([]*frost.DKG, n), make([]frost.Round1, n)
	for i := range dkgs {
		var err error
		if dkgs[i], round1[i], err = frost.NewDKG(suite, uint16(i+1), n, threshold, []byte("treasury"), random); err != nil {
			t.Fatal(err)
		}
	}
	sent := make([]map[uint16][]byte, n)
	for i, d := range dkgs {
		var err error
		if sent[i], err = d.Shares(round1); err != nil {
			t.Fatal(err)
		}
	}
	shares := make([]*frost.Share, n)
	for i, d := range dkgs {
		received := make(map[uint16][]byte)
		for j := range dkgs {
			if j != i {
				received[uint16(j+1)] = sent[j][uint16(i+1)]
			}
		}
		var err error
		if shares[i], _, err = d.Finish(received); err != nil {
			t.Fatal(err)
		}
	}
	return shares[0].GroupKey(), func(message []byte) []byte {
		nonces, list := make([]*frost.Nonces, threshold), make([]frost.Commitment, threshold)
		for i := range nonces {
			var err error
			if nonces[i], list[i], err = shares[i].Commit(random); err != nil {
				t.Fatal(err)
			}
		}
		parts := make(map[uint16][]byte)
		for i := range nonces {
			part, err := shares[i].Sign(nonces[i], message, list)
			if err != nil {
				t.Fatal(err)
			}
			parts[shares[i].ID()] = part
		}
		sig, err := frost.Aggregate(suite, shares[0].GroupKey(), message, list, parts)
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
}

func TestFrostTreasuryObeysAQuorum(t *testing.T) {
	for id := frost.Ed25519; id <= frost.Secp256k1; id++ {
		suite, err := frost.SuiteByID(id)
		if err != nil {
			t.Fatal(err)
		}
		random := rand.NewChaCha8([32]byte{byte(id)})
		key, sign := trustees(t, suite, 3, 2, random)
		next, signNext := trustees(t, suite, 2, 2, random)
		e := evmtest.New(t, evmtest.Block{})
		treasury := deploy(t, e, compiled(t, "FrostTreasury.sol", "FrostTreasury"), 1000, uint8(id), key)
		to := common.HexToAddress("0x71")
		sig := sign(treasury.message(t, to, 300, nil))
		for _, c := range []struct {
			name   string
			value  int64
			revert string
		}{
			{"another amount", 301, "BadSignature"},
			{"what was signed", 300, ""},
			{"the same signature again", 300, "BadSignature"},
		} {
			if _, _, revert := treasury.call(t, "execute", to, big.NewInt(c.value), []byte{}, sig); revert != c.revert {
				t.Errorf("suite %d, %s: revert %q, want %q", id, c.name, revert, c.revert)
			}
		}
		if got := e.State.GetBalance(to).Uint64(); got != 300 {
			t.Errorf("suite %d: %d wei moved, want 300", id, got)
		}
		if _, _, revert := treasury.call(t, "execute", to, big.NewInt(1), []byte{}, sig[1:]); revert != "Encoding" {
			t.Errorf("suite %d, a short signature: revert %q, want Encoding", id, revert)
		}
		set, err := treasury.ABI.Pack("setKey", uint8(id), next)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, revert := treasury.call(t, "setKey", uint8(id), next); revert != "OnlySelf" {
			t.Errorf("suite %d, setKey by a stranger: revert %q, want OnlySelf", id, revert)
		}
		if _, _, revert := treasury.call(t, "execute", treasury.address, new(big.Int), set, sign(treasury.message(t, treasury.address, 0, set))); revert != "" {
			t.Errorf("suite %d, setKey: revert %q, want success", id, revert)
		}
		if _, _, revert := treasury.call(t, "execute", to, big.NewInt(7), []byte{}, signNext(treasury.message(t, to, 7, nil))); revert != "" {
			t.Errorf("suite %d, the next group: revert %q, want success", id, revert)
		}
	}
}

func TestSlowBeaconTakesOnlyAProof(t *testing.T) {
	air := &stark.AIR{Hash: stark.Blake3, Width: 1, Exemptions: 1, PublicInputs: 2}
	root, err := air.Compile("next[0] - (current[0]^3 + 42)")
	if err != nil {
		t.Fatal(err)
	}
	air.Constraints = []stark.Constraint{{Root: root, Base: 3}}
	air.Assertions = []stark.Assertion{
		{Values: []stark.Value{{Public: true, N: 0}}},
		{FromEnd: true, Values: []stark.Value{{Public: true, N: 1}}},
	}
	description, err := air.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	proof, err := os.ReadFile("../crypto/stark/testdata/winterfell/vdf3_n1024_blake3_256_q42f8.bin")
	if err != nil {
		t.Fatal(err)
	}
	e := evmtest.New(t, evmtest.Block{})
	registered := e.Native(t, precompile.STARKAddress).Do(t, "registerAIR(bytes)", description)
	if registered.Err != nil || registered.Revert != "" {
		t.Fatal(registered.Err, registered.Revert)
	}
	const start, outcome = uint64(123456789), uint64(14937727457433415529)
	options := []byte{42, 8, 16, 2, 8, 31, 0, 0, 1, 1}
	beacon := deploy(t, e, compiled(t, "SlowBeacon.sol", "SlowBeacon"), 0, registered.Out[0], big.NewInt(1024), options, start)
	if _, _, revert := beacon.call(t, "publish", outcome+1, proof); revert != "BadProof" {
		t.Errorf("another outcome: revert %q, want BadProof", revert)
	}
	if _, _, revert := beacon.call(t, "publish", outcome, proof[1:]); revert != "MalformedProof" {
		t.Errorf("a proof cut short: revert %q, want MalformedProof", revert)
	}
	_, used, revert := beacon.call(t, "publish", outcome, proof)
	if revert != "" {
		t.Fatalf("the proof: revert %q, want success", revert)
	}
	t.Logf("a proof of 1,023 steps used %d gas", used)
	if out, _, _ := beacon.call(t, "outcome"); out[0] != outcome {
		t.Errorf("outcome = %v, want %d", out, outcome)
	}
	if _, _, revert := beacon.call(t, "publish", outcome, proof); revert != "KnownBefore" {
		t.Errorf("again: revert %q, want KnownBefore", revert)
	}
}
