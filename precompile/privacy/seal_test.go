package privacy_test

import (
	"bytes"
	"testing"

	"github.com/pars-network/pars/crypto/ecies"
	"github.com/pars-network/pars/crypto/hpke"
	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
)

func TestECIESOnChain(t *testing.T) {
	n := evmtest.New(t, evmtest.Block{}).Native(t, precompile.ECIESAddress)
	private, ephemeral, info, plaintext := [32]byte{5}, [32]byte{6}, []byte("dispute 7"), []byte("the offer")
	public, err := ecies.PublicKey(private[:])
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := ecies.Seal(public, ephemeral[:], info, plaintext)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		signature string
		want      []byte
		args      []any
	}{
		{"publicKey(bytes32)", public, []any{private}},
		{"seal(bytes,bytes32,bytes,bytes)", sealed, []any{public, ephemeral, info, plaintext}},
		{"open(bytes32,bytes,bytes)", plaintext, []any{private, info, sealed}},
	} {
		if r := n.Do(t, c.signature, c.args...); r.Err != nil || r.Revert != "" || !bytes.Equal(r.Out[0].([]byte), c.want) {
			t.Errorf("%s = %x, %v %q, want %x", c.signature, r.Out, r.Err, r.Revert, c.want)
		}
	}
	for _, c := range []struct {
		want, signature string
		args            []any
	}{
		{"InvalidKey", "publicKey(bytes32)", []any{[32]byte{}}},
		{"InvalidKey", "seal(bytes,bytes32,bytes,bytes)", []any{public[1:], ephemeral, info, plaintext}},
		{"InvalidKey", "open(bytes32,bytes,bytes)", []any{private, info, make([]byte, len(sealed))}},
		{"MessageLength", "open(bytes32,bytes,bytes)", []any{private, info, sealed[:ecies.Overhead-1]}},
		{"OpenFailed", "open(bytes32,bytes,bytes)", []any{private, []byte("dispute 8"), sealed}},
		{"OpenFailed", "open(bytes32,bytes,bytes)", []any{ephemeral, info, sealed}},
	} {
		if r := n.Do(t, c.signature, c.args...); r.Revert != c.want {
			t.Errorf("%s reverts with %q, %v, want %s", c.signature, r.Revert, r.Err, c.want)
		}
	}
}

// setup is a Setup as the ABI packer wants it.
type setup struct {
	Mode                        uint8
	Kem, Kdf, Aead              uint16
	Info, Psk, PskId, SenderKey []byte //nolint:revive // the ABI packer looks for these names
}

func TestHPKEOnChainInEveryMode(t *testing.T) {
	const (
		tuple  = "((uint8,uint16,uint16,uint16,bytes,bytes,bytes,bytes),bytes,bytes,bytes,bytes)"
		derive = "deriveKeyPair(uint16,bytes)"
	)
	n := evmtest.New(t, evmtest.Block{}).Native(t, precompile.HPKEAddress)
	ikm, psk, aad, plaintext := make([]byte, 32), bytes.Repeat([]byte{3}, 32), []byte("aad"), []byte("message")
	for _, kem := range []hpke.KEM{hpke.P256, hpke.X25519, hpke.MLKEM768, hpke.MLKEM1024, hpke.MLKEM768P256, hpke.MLKEM1024P384, hpke.MLKEM768X25519} {
		pair := n.Do(t, derive, uint16(kem), ikm)
		if pair.Err != nil || pair.Revert != "" {
			t.Fatalf("deriveKeyPair(%#x): %v %q", kem, pair.Err, pair.Revert)
		}
		pk, sk := pair.Out[0].([]byte), pair.Out[1].([]byte)
		for mode := uint8(0); mode < 4; mode++ {
			s := setup{Mode: mode, Kem: uint16(kem), Kdf: 1, Aead: 2, Info: []byte("info")}
			if mode&1 != 0 {
				s.Psk, s.PskId = psk, []byte("psk")
			}
			if mode&2 != 0 {
				s.SenderKey = sk
			}
			seed := bytes.Repeat([]byte{7}, kem.SeedSize())
			sealed := n.Do(t, "seal"+tuple, s, pk, seed, aad, plaintext)
			if mode&2 != 0 && kem != hpke.P256 && kem != hpke.X25519 {
				if sealed.Revert != "UnknownSuite" {
					t.Errorf("KEM %#x, mode %d: %v, reverts with %q, want UnknownSuite", kem, mode, sealed.Err, sealed.Revert)
				}
				continue
			}
			if sealed.Err != nil || sealed.Revert != "" {
				t.Errorf("KEM %#x, mode %d: seal: %v %q", kem, mode, sealed.Err, sealed.Revert)
				continue
			}
			enc, ct := sealed.Out[0].([]byte), sealed.Out[1].([]byte)
			if mode&2 != 0 {
				s.SenderKey = pk
			}
			if r := n.Do(t, "open"+tuple, s, sk, enc, aad, ct); r.Err != nil || r.Revert != "" || !bytes.Equal(r.Out[0].([]byte), plaintext) {
				t.Errorf("KEM %#x, mode %d: open = %x, %v %q, want %x", kem, mode, r.Out, r.Err, r.Revert, plaintext)
			}
			for want, change := range map[string]func(s *setup, sk, enc *[]byte){
				"OpenFailed":   func(s *setup, _, _ *[]byte) { s.Info = nil },
				"SetupInputs":  func(s *setup, _, _ *[]byte) { s.Psk = []byte{1} },
				"UnknownSuite": func(s *setup, _, _ *[]byte) { s.Aead = 0xffff },
				"InvalidKey":   func(_ *setup, sk, _ *[]byte) { *sk = (*sk)[1:] },
			} {
				changed, sk, enc := s, sk, enc
				change(&changed, &sk, &enc)
				if r := n.Do(t, "open"+tuple, changed, sk, enc, aad, ct); r.Revert != want {
					t.Errorf("KEM %#x, mode %d: open reverts with %q, %v, want %s", kem, mode, r.Revert, r.Err, want)
				}
			}
		}
	}
}
