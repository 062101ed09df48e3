package main

import (
	"fmt"
	mathrand "math/rand/v2"

	"github.com/pars-network/pars/crypto/frost"
	"github.com/pars-network/pars/precompile"
)

// frostCommitment is a Commitment as the ABI packer wants it.
type frostCommitment struct {
	Id      uint16 //nolint:revive // the ABI packer looks for this name
	Hiding  []byte
	Binding []byte
}

var frostNames = map[frost.SuiteID]string{
	frost.Ed25519: "Ed25519", frost.Ristretto255: "ristretto255", frost.Ed448: "Ed448",
	frost.P256: "P-256", frost.Secp256k1: "secp256k1",
}

// frost has 1 to 64 people whose shares don't add up to a signature: it shows
// only after all the work.
func (b *builder) frost() {
	to := precompile.FROSTAddress
	for id := frost.Ed25519; id <= frost.Secp256k1; id++ {
		suite, err := frost.SuiteByID(id)
		if err != nil {
			b.fail(err)
			return
		}
		random := mathrand.NewChaCha8([32]byte{byte(id)})
		key, err := frostKey(suite, random)
		if err != nil {
			b.fail(err)
			return
		}
		message := []byte("a message of the usual kind: 32B")
		var list []frostCommitment
		var plain []frost.Commitment
		var shares [][]byte
		for n := uint16(1); n <= 64; n++ {
			person, err := frost.NewShare(suite, n, key.Secret(), key.GroupKey())
			if err != nil {
				b.fail(err)
				return
			}
			nonces, c, err := person.Commit(random)
			if err != nil {
				b.fail(err)
				return
			}
			list, plain = append(list, frostCommitment{c.ID, c.Hiding, c.Binding}), append(plain, c)
			name := fmt.Sprintf("FROST %s", frostNames[id])
			share, err := person.Sign(nonces, message, plain)
			if err != nil {
				b.fail(err)
				return
			}
			shares = append(shares, share)
			if n == 1 {
				// A signature of the right form: one that is wrong costs as much.
				sig := append(append([]byte{}, c.Hiding...), share...)
				long := make([]byte, 100_000)
				verify := "verify(uint8,bytes,bytes,bytes)"
				b.add(name+" verify", to, false, verify, uint8(id), key.GroupKey(), message, sig)
				b.add(name+" verify, 100 kB message", to, false, verify, uint8(id), key.GroupKey(), long, sig)
				b.add(name+" verifyShare, 1 signer, 100 kB message", to, false, frostShare, uint8(id), key.GroupKey(), long, list, uint16(1), key.PublicKey(), share)
			}
			if n == 1 || n == 2 || n == 16 || n == 64 {
				b.add(fmt.Sprintf("%s verifyShare, %d signers", name, n), to, false, frostShare, uint8(id), key.GroupKey(), message, list, n, key.PublicKey(), share)
				b.add(fmt.Sprintf("%s aggregate, %d signers", name, n), to, true, "aggregate(uint8,bytes,bytes,(uint16,bytes,bytes)[],bytes[])", uint8(id), key.GroupKey(), message, list, shares)
			}
		}
	}
}

const frostShare = "verifyShare(uint8,bytes,bytes,(uint16,bytes,bytes)[],uint16,bytes,bytes)"

// frostKey makes a key that two share, and returns the first share.
func frostKey(suite *frost.Suite, random *mathrand.ChaCha8) (*frost.Share, error) {
	context := []byte("gasbench")
	first, round1, err := frost.NewDKG(suite, 1, 2, 2, context, random)
	if err != nil {
		return nil, err
	}
	second, round2, err := frost.NewDKG(suite, 2, 2, 2, context, random)
	if err != nil {
		return nil, err
	}
	if _, err := first.Shares([]frost.Round1{round1, round2}); err != nil {
		return nil, err
	}
	sent, err := second.Shares([]frost.Round1{round1, round2})
	if err != nil {
		return nil, err
	}
	share, _, err := first.Finish(map[uint16][]byte{2: sent[1]})
	return share, err
}
