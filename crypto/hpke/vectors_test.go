package hpke

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/pars-network/pars/internal/vectors"
)

// vector is one in the format of RFC 9180's authors.
type vector struct {
	Mode        json.Number `json:"mode"`
	KEM         KEM         `json:"kem_id"`
	KDF         KDF         `json:"kdf_id"`
	AEAD        AEAD        `json:"aead_id"`
	Info        vectors.Hex `json:"info"`
	IkmE        vectors.Hex `json:"ikmE"`
	IkmR        vectors.Hex `json:"ikmR"`
	SKR         vectors.Hex `json:"skRm"`
	PKR         vectors.Hex `json:"pkRm"`
	SKS         vectors.Hex `json:"skSm"`
	PKS         vectors.Hex `json:"pkSm"`
	PSK         vectors.Hex `json:"psk"`
	PSKID       vectors.Hex `json:"psk_id"`
	Enc         vectors.Hex `json:"enc"`
	Encryptions []struct {
		AAD vectors.Hex `json:"aad"`
		CT  vectors.Hex `json:"ct"`
		PT  vectors.Hex `json:"pt"`
	} `json:"encryptions"`
	Exports []struct {
		Context vectors.Hex `json:"exporter_context"`
		Length  int         `json:"L"`
		Value   vectors.Hex `json:"exported_value"`
	} `json:"exports"`
}

func rfc9180(tb testing.TB) (out []vector) {
	tb.Helper()
	f, err := os.Open(filepath.Join(vectors.ModuleDir(tb, "github.com/cloudflare/circl"), "hpke", "testdata", "vectors_rfc9180_5f503c5.json.gz"))
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = f.Close() }() // only read
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(&out); err != nil {
		tb.Fatal(err)
	}
	return out
}

func postQuantum(tb testing.TB) (out []vector) {
	tb.Helper()
	raw, err := os.ReadFile(filepath.Join(runtime.GOROOT(), "src", "crypto", "hpke", "testdata", "hpke-pq.json")) //nolint:staticcheck // the tree that runs this test
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		tb.Fatal(err)
	}
	return out
}

// agrees runs both sides of a vector, with all messages and exports.
func (v vector) agrees(t *testing.T) bool {
	t.Helper()
	mode, err := v.Mode.Int64()
	if err != nil {
		t.Fatal(err)
	}
	s := Setup{KEM: v.KEM, KDF: v.KDF, AEAD: v.AEAD, Mode: Mode(mode), Info: v.Info, PSK: v.PSK, PSKID: v.PSKID}
	pk, sk, err := DeriveKeyPair(v.KEM, v.IkmR)
	if err != nil || !bytes.Equal(pk, v.PKR) || !bytes.Equal(sk, v.SKR) {
		t.Logf("DeriveKeyPair = %x, %x, %v", pk, sk, err)
		return false
	}
	// Longer ones go on with candidates for the curve's scalar, in case that the
	// first is none.
	seed := v.IkmE[:min(len(v.IkmE), v.KEM.SeedSize())]
	enc, sender, err := s.Sender(v.PKR, v.SKS, seed)
	if err != nil || !bytes.Equal(enc, v.Enc) {
		t.Logf("Sender = %x, %v, want %x", enc, err, v.Enc)
		return false
	}
	recipient, err := s.Recipient(v.SKR, v.Enc, v.PKS)
	if err != nil {
		t.Log(err)
		return false
	}
	for i, e := range v.Encryptions {
		if got := sender.Seal(e.AAD, e.PT); !bytes.Equal(got, e.CT) {
			t.Logf("message %d = %x, want %x", i, got, e.CT)
			return false
		}
		if got, err := recipient.Open(e.AAD, e.CT); err != nil || !bytes.Equal(got, e.PT) {
			t.Logf("opening message %d = %x, %v, want %x", i, got, err, e.PT)
			return false
		}
	}
	for i, x := range v.Exports {
		if got, err := recipient.Export(x.Context, x.Length); err != nil || !bytes.Equal(got, x.Value) {
			t.Logf("export %d = %x, %v, want %x", i, got, err, x.Value)
			return false
		}
	}
	return true
}

func run(t *testing.T, list []vector, tally *vectors.Tally) {
	for i, v := range list {
		if _, err := v.KEM.mechanism(); err != nil {
			tally.Skip("of a KEM that is not offered")
			continue
		}
		if v.KDF == 0x12 || v.KDF == 0x13 {
			tally.Skip("of TurboSHAKE, which is not offered")
			continue
		}
		if v.AEAD == 0xffff {
			tally.Skip("of export-only suites")
			continue
		}
		tally.Check(t, v.agrees(t), "vector %d: mode %s, KEM %#x, KDF %#x, AEAD %#x", i, v.Mode, v.KEM, v.KDF, v.AEAD)
	}
}

func TestVectorsHPKE(t *testing.T) {
	run(t, rfc9180(t), vectors.NewTally(t, "HPKE", "RFC 9180, circl"))
}

func TestVectorsHPKEPostQuantum(t *testing.T) {
	run(t, postQuantum(t), vectors.NewTally(t, "HPKE post-quantum", "draft-ietf-hpke-pq, Go"))
}

func TestAlteredAndMalformedInputsAreNamed(t *testing.T) {
	s := Setup{KEM: X25519, KDF: HKDFSHA256, AEAD: ChaCha20Poly1305}
	pk, sk, err := DeriveKeyPair(X25519, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	enc, sender, err := s.Sender(pk, nil, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	ct := sender.Seal([]byte("aad"), []byte("message"))
	for i := range ct {
		bad := bytes.Clone(ct)
		bad[i] ^= 1
		r, err := s.Recipient(sk, enc, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Open([]byte("aad"), bad); !errors.Is(err, ErrOpen) {
			t.Errorf("byte %d altered: %v, want ErrOpen", i, err)
		}
	}
	psk := bytes.Repeat([]byte{1}, MinPSK)
	for name, c := range map[string]struct {
		change       func(*Setup)
		sk, enc, pkS []byte
		want         error
	}{
		"unknown KEM":                  {func(s *Setup) { s.KEM = 0x12 }, sk, enc, nil, ErrSuite},
		"unknown KDF":                  {func(s *Setup) { s.KDF = 4 }, sk, enc, nil, ErrSuite},
		"export only":                  {func(s *Setup) { s.AEAD = 0xffff }, sk, enc, nil, ErrSuite},
		"mode 4":                       {func(s *Setup) { s.Mode = 4 }, sk, enc, nil, ErrSuite},
		"auth with ML-KEM":             {func(s *Setup) { s.KEM, s.Mode = MLKEM768, Auth }, sk, enc, pk, ErrSuite},
		"PSK in base mode":             {func(s *Setup) { s.PSK, s.PSKID = psk, []byte("a") }, sk, enc, nil, ErrInputs},
		"no PSK in PSK mode":           {func(s *Setup) { s.Mode = PSK }, sk, enc, nil, ErrInputs},
		"short PSK":                    {func(s *Setup) { s.Mode, s.PSK, s.PSKID = PSK, psk[1:], []byte("a") }, sk, enc, nil, ErrInputs},
		"PSK without name":             {func(s *Setup) { s.Mode, s.PSK = PSK, psk }, sk, enc, nil, ErrInputs},
		"sender in base mode":          {nil, sk, enc, pk, ErrInputs},
		"no sender in auth mode":       {func(s *Setup) { s.Mode = Auth }, sk, enc, nil, ErrInputs},
		"short private key":            {nil, sk[1:], enc, nil, ErrKey},
		"short encapsulated key":       {nil, sk, enc[1:], nil, ErrKey},
		"encapsulated key 0, order 2":  {nil, sk, make([]byte, 32), nil, ErrKey},
		"encapsulated key 1, order 4":  {nil, sk, append([]byte{1}, make([]byte, 31)...), nil, ErrKey},
		"sender's key of small order":  {func(s *Setup) { s.Mode = Auth }, sk, enc, make([]byte, 32), ErrKey},
		"P-256 key 0":                  {func(s *Setup) { s.KEM = P256 }, make([]byte, 32), make([]byte, 65), nil, ErrKey},
		"P-256 point off the curve":    {func(s *Setup) { s.KEM = P256 }, sk, append([]byte{4}, make([]byte, 64)...), nil, ErrKey},
		"P-256 compressed point":       {func(s *Setup) { s.KEM = P256 }, sk, append([]byte{2}, make([]byte, 32)...), nil, ErrKey},
		"ML-KEM key of 32 bytes":       {func(s *Setup) { s.KEM = MLKEM1024 }, sk, enc, nil, ErrKey},
		"ML-KEM ciphertext of 32":      {func(s *Setup) { s.KEM = MLKEM768 }, append(sk, sk...), enc, nil, ErrKey},
		"hybrid ciphertext of 32":      {func(s *Setup) { s.KEM = MLKEM768X25519 }, sk, enc, nil, ErrKey},
		"hybrid point of small order":  {func(s *Setup) { s.KEM = MLKEM768X25519 }, sk, make([]byte, 1088+32), nil, ErrKey},
		"a one-stage KDF, 64 kB infos": {func(s *Setup) { s.KDF, s.Info = SHAKE256, make([]byte, 1<<16) }, sk, enc, nil, ErrInputs},
	} {
		changed := s
		if c.change != nil {
			c.change(&changed)
		}
		if _, err := changed.Recipient(c.sk, c.enc, c.pkS); !errors.Is(err, c.want) {
			t.Errorf("%s: Recipient = %v, want %v", name, err, c.want)
		}
	}
}

func FuzzRecipient(f *testing.F) {
	for _, id := range []KEM{P256, X25519, MLKEM768, MLKEM1024, MLKEM768P256, MLKEM1024P384, MLKEM768X25519} {
		pk, sk, err := DeriveKeyPair(id, bytes.Repeat([]byte{byte(id)}, 64))
		if err != nil {
			f.Fatal(err)
		}
		enc, _, err := Setup{KEM: id, KDF: HKDFSHA256, AEAD: AES128GCM}.Sender(pk, nil, bytes.Repeat([]byte{1}, id.SeedSize()))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint16(id), uint16(HKDFSHA256), uint16(AES128GCM), uint8(0), sk, enc, []byte{})
		f.Add(uint16(id), uint16(SHAKE128), uint16(AES256GCM), uint8(2), sk, enc, pk)
	}
	f.Fuzz(func(t *testing.T, kem, kdf, aead uint16, mode uint8, sk, enc, sender []byte) {
		s := Setup{KEM: KEM(kem), KDF: KDF(kdf), AEAD: AEAD(aead), Mode: Mode(mode)}
		c, err := s.Recipient(sk, enc, sender)
		if err != nil {
			return
		}
		if _, err := c.Open(nil, make([]byte, Overhead)); !errors.Is(err, ErrOpen) {
			t.Errorf("zeros open: %v", err)
		}
	})
}
