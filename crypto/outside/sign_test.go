package outside

import (
	"encoding/hex"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/pars-network/pars/crypto/cggmp21"
	"github.com/pars-network/pars/crypto/ecies"
	"github.com/pars-network/pars/crypto/frost"
	"github.com/pars-network/pars/internal/vectors"
)

// group runs a key generation of 2 of 3.
func group(t *testing.T, r source, s *frost.Suite) (shares []*frost.Share, publics [][]byte) {
	t.Helper()
	var people []*frost.DKG
	var first []frost.Round1
	context := r.bytes(32)
	for id := uint16(1); id <= 3; id++ {
		d, m, err := frost.NewDKG(s, id, 3, 2, context, r)
		if err != nil {
			t.Fatal(err)
		}
		people, first = append(people, d), append(first, m)
	}
	inbox := []map[uint16][]byte{{}, {}, {}}
	for i, d := range people {
		out, err := d.Shares(first)
		if err != nil {
			t.Fatal(err)
		}
		for to, share := range out {
			inbox[to-1][uint16(i+1)] = share
		}
	}
	for i, d := range people {
		share, _, err := d.Finish(inbox[i])
		if err != nil {
			t.Fatal(err)
		}
		shares, publics = append(shares, share), append(publics, share.PublicKey())
	}
	return shares, publics
}

func TestVectorsFROSTRandom(t *testing.T) {
	r, n := random(t), start(t)
	names := []string{"Ed25519", "ristretto255", "Ed448", "P-256", "secp256k1"}
	for id := frost.Ed25519; id <= frost.Secp256k1; id++ {
		suite, err := frost.SuiteByID(id)
		if err != nil {
			t.Fatal(err)
		}
		whole := vectors.NewTally(t, "FROST "+names[id-1], "@noble/curves, random signatures")
		parts := vectors.NewTally(t, "FROST "+names[id-1], "@noble/curves, random shares")
		shares, publics := group(t, r, suite)
		key := shares[0].GroupKey()
		for round := range cases(30) { // 6 comparisons, 5 suites
			if round%50 == 49 {
				shares, publics = group(t, r, suite)
				key = shares[0].GroupKey()
			}
			pick := [][2]int{{0, 1}, {1, 2}, {0, 2}}[r.IntN(3)]
			message := r.bytes(r.IntN(200))
			var list []frost.Commitment
			var nonces []*frost.Nonces
			var sent []any
			for _, i := range pick {
				nonce, c, err := shares[i].Commit(r)
				if err != nil {
					t.Fatal(err)
				}
				list, nonces = append(list, c), append(nonces, nonce)
				sent = append(sent, []any{c.ID, hex.EncodeToString(c.Hiding), hex.EncodeToString(c.Binding)})
			}
			signed := map[uint16][]byte{}
			for j, i := range pick {
				z, err := shares[i].Sign(nonces[j], message, list)
				if err != nil {
					t.Fatal(err)
				}
				signed[shares[i].ID()] = z
				parts.Check(t, n.truth("frostVerifyShare", id, key, publics, sent, message, shares[i].ID(), z), "round %d: the other side refuses the share of %d", round, i+1)
				bad := r.altered(z)
				ours := frost.VerifyShare(suite, key, message, list, shares[i].ID(), publics[i], bad) == nil
				theirs := n.truth("frostVerifyShare", id, key, publics, sent, message, shares[i].ID(), bad)
				parts.Check(t, !ours && !theirs, "round %d: an altered share: ours %v, theirs %v", round, ours, theirs)
			}
			sig, err := frost.Aggregate(suite, key, message, list, signed)
			if err != nil {
				t.Fatal(err)
			}
			whole.Check(t, n.truth("frostVerify", id, key, message, sig), "round %d: the other side refuses %x under %x", round, sig, key)
			bad := r.altered(sig)
			ours, _ := frost.Verify(suite, key, message, bad)
			theirs := n.truth("frostVerify", id, key, message, bad)
			whole.Check(t, !ours && !theirs, "round %d: altered %x: ours %v, theirs %v", round, bad, ours, theirs)
		}
	}
}

func TestVectorsECDSARandom(t *testing.T) {
	r, n := random(t), start(t)
	tally := vectors.NewTally(t, "ECDSA secp256k1, low s", "@noble/curves, random, both ways")
	for round := range rounds() {
		secret, digest := secp256k1.PrivKeyFromBytes(r.bytes(32)), r.bytes(32)
		var made [2]vectors.Hex
		n.ask(&made, "ecdsaSign", secret.Serialize(), digest)
		ok, err := cggmp21.Verify(made[0], [32]byte(digest), made[1])
		tally.Check(t, ok, "round %d: we refuse %x under %x: %v", round, made[1], made[0], err)
		sig := ecdsa.SignCompact(secret, digest, true)[1:]
		key := secret.PubKey().SerializeCompressed()
		ok, _ = cggmp21.Verify(key, [32]byte(digest), sig)
		tally.Check(t, ok && n.truth("ecdsaVerify", key, digest, sig), "round %d: %x by decred is refused", round, sig)
		bad := r.altered(sig)
		ours, _ := cggmp21.Verify(key, [32]byte(digest), bad)
		theirs := n.truth("ecdsaVerify", key, digest, bad)
		tally.Check(t, !ours && !theirs, "round %d: altered %x: ours %v, theirs %v", round, bad, ours, theirs)
	}
}

func TestVectorsECIESRandom(t *testing.T) {
	r, n := random(t), start(t)
	tally := vectors.NewTally(t, "ECIES", "spec/check over noble, random, both ways")
	for round := range rounds() {
		secret, ephemeral := secp256k1.PrivKeyFromBytes(r.bytes(32)), secp256k1.PrivKeyFromBytes(r.bytes(32)).Serialize()
		key := secret.PubKey().SerializeCompressed()
		info, plaintext := r.bytes(r.IntN(40)), r.bytes(r.IntN(200))
		sealed, err := ecies.Seal(key, ephemeral, info, plaintext)
		want := n.text("eciesSeal", key, ephemeral, info, plaintext)
		tally.Check(t, err == nil && hex.EncodeToString(sealed) == want, "round %d: Seal = %x, %v, want %s", round, sealed, err, want)
		got, err := ecies.Open(secret.Serialize(), info, sealed)
		tally.Check(t, err == nil && string(got) == string(plaintext), "round %d: Open = %x, %v", round, got, err)
		bad := r.altered(sealed)
		_, err = ecies.Open(secret.Serialize(), info, bad)
		var theirs any
		n.ask(&theirs, "eciesOpen", secret.Serialize(), info, bad)
		_, opened := theirs.(string)
		tally.Check(t, err != nil && !opened, "round %d: altered %x: ours %v, theirs %v", round, bad, err, theirs)
	}
}
