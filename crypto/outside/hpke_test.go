package outside

import (
	"bytes"
	std "crypto/hpke"
	"testing"

	circl "github.com/cloudflare/circl/hpke"

	"github.com/pars-network/pars/crypto/hpke"
	"github.com/pars-network/pars/internal/vectors"
)

// Messages go both ways between our HPKE and Go's crypto/hpke, in base mode,
// which is all that it has, over its classical and post-quantum mechanisms.
func TestVectorsHPKEStandardLibraryRandom(t *testing.T) {
	r := random(t)
	tally := vectors.NewTally(t, "HPKE base", "Go's crypto/hpke, random, both ways")
	kems := []hpke.KEM{hpke.X25519, hpke.P256, hpke.MLKEM768X25519, hpke.MLKEM1024}
	for round := range rounds() {
		id := kems[round%len(kems)]
		kem, err := std.NewKEM(uint16(id))
		if err != nil {
			t.Fatal(err)
		}
		private, err := kem.GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		secret, err := private.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		setup := hpke.Setup{Mode: hpke.Base, KEM: id, KDF: hpke.HKDFSHA256, AEAD: hpke.AEAD(1 + r.IntN(3)), Info: r.bytes(r.IntN(50))}
		kdf, err := std.NewKDF(uint16(setup.KDF))
		if err != nil {
			t.Fatal(err)
		}
		aead, err := std.NewAEAD(uint16(setup.AEAD))
		if err != nil {
			t.Fatal(err)
		}
		aad, plaintext := r.bytes(r.IntN(30)), r.bytes(r.IntN(100))

		enc, sender, err := setup.Sender(private.PublicKey().Bytes(), nil, r.bytes(id.SeedSize()))
		if err != nil {
			t.Fatal(err)
		}
		recipient, err := std.NewRecipient(enc, private, kdf, aead, setup.Info)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			got, err := recipient.Open(aad, sender.Seal(aad, plaintext))
			tally.Check(t, err == nil && bytes.Equal(got, plaintext), "round %d: KEM %#x: crypto/hpke opens %x, %v", round, id, got, err)
		}
		enc, theirs, err := std.NewSender(private.PublicKey(), kdf, aead, setup.Info)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := setup.Recipient(secret, enc, nil)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := theirs.Seal(aad, plaintext)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ours.Open(aad, sealed)
		tally.Check(t, err == nil && bytes.Equal(got, plaintext), "round %d: KEM %#x: we open %x, %v", round, id, got, err)
	}
}

// All four modes, with circl on the other side.
func TestVectorsHPKECirclRandom(t *testing.T) {
	r := random(t)
	tally := vectors.NewTally(t, "HPKE all modes", "circl, random, both ways")
	type kem struct {
		ours   hpke.KEM
		theirs circl.KEM
	}
	kems := []kem{{hpke.X25519, circl.KEM_X25519_HKDF_SHA256}, {hpke.P256, circl.KEM_P256_HKDF_SHA256}}
	for round := range rounds() {
		k, mode := kems[round%2], hpke.Mode(round/2%4)
		scheme := k.theirs.Scheme()
		public, private := scheme.DeriveKeyPair(r.bytes(scheme.SeedSize()))
		senderPublic, senderPrivate := scheme.DeriveKeyPair(r.bytes(scheme.SeedSize()))
		marshal := func(m interface{ MarshalBinary() ([]byte, error) }) []byte {
			b, err := m.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		aead := 1 + r.IntN(3)
		setup := hpke.Setup{Mode: mode, KEM: k.ours, KDF: hpke.HKDFSHA256, AEAD: hpke.AEAD(aead), Info: r.bytes(r.IntN(50))}
		var key, peer []byte
		if mode == hpke.PSK || mode == hpke.AuthPSK {
			setup.PSK, setup.PSKID = r.bytes(32), r.bytes(1+r.IntN(20))
		}
		if mode.HasSender() {
			key, peer = marshal(senderPrivate), marshal(senderPublic)
		}
		suite := circl.NewSuite(k.theirs, circl.KDF_HKDF_SHA256, circl.AEAD(aead))
		sender, err := suite.NewSender(public, setup.Info)
		if err != nil {
			t.Fatal(err)
		}
		recipient, err := suite.NewReceiver(private, setup.Info)
		if err != nil {
			t.Fatal(err)
		}
		var enc []byte
		var s circl.Sealer
		open := func(enc []byte) (circl.Opener, error) {
			switch mode {
			case hpke.PSK:
				return recipient.SetupPSK(enc, setup.PSK, setup.PSKID)
			case hpke.Auth:
				return recipient.SetupAuth(enc, senderPublic)
			case hpke.AuthPSK:
				return recipient.SetupAuthPSK(enc, setup.PSK, setup.PSKID, senderPublic)
			default:
				return recipient.Setup(enc)
			}
		}
		switch mode {
		case hpke.PSK:
			enc, s, err = sender.SetupPSK(r, setup.PSK, setup.PSKID)
		case hpke.Auth:
			enc, s, err = sender.SetupAuth(r, senderPrivate)
		case hpke.AuthPSK:
			enc, s, err = sender.SetupAuthPSK(r, senderPrivate, setup.PSK, setup.PSKID)
		default:
			enc, s, err = sender.Setup(r)
		}
		if err != nil {
			t.Fatal(err)
		}
		aad, plaintext := r.bytes(r.IntN(30)), r.bytes(r.IntN(100))
		sealed, err := s.Seal(plaintext, aad)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := setup.Recipient(marshal(private), enc, peer)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ours.Open(aad, sealed)
		tally.Check(t, err == nil && bytes.Equal(got, plaintext), "round %d: mode %d, KEM %#x: we open %x, %v", round, mode, k.ours, got, err)

		enc, mine, err := setup.Sender(marshal(public), key, r.bytes(k.ours.SeedSize()))
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := open(enc)
		if err != nil {
			t.Fatal(err)
		}
		got, err = theirs.Open(mine.Seal(aad, plaintext), aad)
		tally.Check(t, err == nil && bytes.Equal(got, plaintext), "round %d: mode %d, KEM %#x: circl opens %x, %v", round, mode, k.ours, got, err)
		a, errA := mine.Export([]byte("x"), 40)
		tally.Check(t, errA == nil && bytes.Equal(a, theirs.Export([]byte("x"), 40)), "round %d: the exports differ", round)
	}
}
