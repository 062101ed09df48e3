package frost

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/pars-network/pars/internal/vectors"
)

// vectorFile is one of the RFC's vector files (testdata/README.md).
type vectorFile struct {
	Inputs struct {
		Participants []uint16 `json:"participant_list"`
		GroupSecret  string   `json:"group_secret_key"`
		GroupKey     string   `json:"group_public_key"`
		Message      string
		Shares       []struct {
			Identifier uint16
			Share      string `json:"participant_share"`
		} `json:"participant_shares"`
	}
	Round1 struct {
		Outputs []struct {
			Identifier    uint16
			HidingRandom  string `json:"hiding_nonce_randomness"`
			BindingRandom string `json:"binding_nonce_randomness"`
			Hiding        string `json:"hiding_nonce_commitment"`
			Binding       string `json:"binding_nonce_commitment"`
			Factor        string `json:"binding_factor"`
		}
	} `json:"round_one_outputs"`
	Round2 struct {
		Outputs []struct {
			Identifier uint16
			Share      string `json:"sig_share"`
		}
	} `json:"round_two_outputs"`
	Final struct{ Sig string } `json:"final_output"`
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var vectorNames = map[SuiteID]string{
	Ed25519: "ed25519-sha512", Ristretto255: "ristretto255-sha512", Ed448: "ed448-shake256",
	P256: "p256-sha256", Secp256k1: "secp256k1-sha256",
}

func TestVectorsRFC9591(t *testing.T) {
	tally := vectors.NewTally(t, "FROST", "RFC 9591: nonces, shares, signatures")
	for id, name := range vectorNames {
		t.Run(name, func(t *testing.T) {
			s, err := SuiteByID(id)
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile("testdata/" + name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var v vectorFile
			if err := json.Unmarshal(b, &v); err != nil {
				t.Fatal(err)
			}
			groupKey, msg := unhex(t, v.Inputs.GroupKey), unhex(t, v.Inputs.Message)
			secret, ok := s.decodeScalar(unhex(t, v.Inputs.GroupSecret))
			if !ok || !bytes.Equal(s.group.base(secret).encode(), groupKey) {
				t.Fatal("the group key is not the secret's")
			}
			shares := map[uint16]*Share{}
			for _, p := range v.Inputs.Shares {
				if shares[p.Identifier], err = NewShare(s, p.Identifier, unhex(t, p.Share), groupKey); err != nil {
					t.Fatal(err)
				}
			}
			var commitments []Commitment
			nonces := map[uint16]*Nonces{}
			for _, o := range v.Round1.Outputs {
				random := bytes.NewReader(append(unhex(t, o.HidingRandom), unhex(t, o.BindingRandom)...))
				n, c, err := shares[o.Identifier].Commit(random)
				if err != nil {
					t.Fatal(err)
				}
				ok := hex.EncodeToString(c.Hiding) == o.Hiding && hex.EncodeToString(c.Binding) == o.Binding
				tally.Check(t, ok, "signer %d commits to %x %x, want %s %s", o.Identifier, c.Hiding, c.Binding, o.Hiding, o.Binding)
				nonces[o.Identifier], commitments = n, append(commitments, c)
			}
			session, err := newSession(s, groupKey, msg, commitments)
			if err != nil {
				t.Fatal(err)
			}
			for i, o := range v.Round1.Outputs {
				if got := fmt.Sprintf("%x", s.encodeScalar(session.factors[i])); got != o.Factor {
					t.Errorf("binding factor of %d = %s, want %s", o.Identifier, got, o.Factor)
				}
			}
			parts := map[uint16][]byte{}
			for _, o := range v.Round2.Outputs {
				z, err := shares[o.Identifier].Sign(nonces[o.Identifier], msg, commitments)
				if err != nil {
					t.Fatal(err)
				}
				tally.Check(t, hex.EncodeToString(z) == o.Share, "share of %d = %x, want %s", o.Identifier, z, o.Share)
				if err := VerifyShare(s, groupKey, msg, commitments, o.Identifier, shares[o.Identifier].PublicKey(), z); err != nil {
					t.Errorf("VerifyShare(%d) = %v, want nil", o.Identifier, err)
				}
				parts[o.Identifier] = z
			}
			sig, err := Aggregate(s, groupKey, msg, commitments, parts)
			tally.Check(t, err == nil && hex.EncodeToString(sig) == v.Final.Sig, "Aggregate = %x, %v, want %s", sig, err, v.Final.Sig)
		})
	}
}
