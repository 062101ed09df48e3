package main

import (
	"fmt"

	"github.com/pars-network/pars/crypto/ecies"
	"github.com/pars-network/pars/crypto/hpke"
	"github.com/pars-network/pars/precompile"
)

func (b *builder) ecies() {
	to := precompile.ECIESAddress
	var private, ephemeral [32]byte
	for i := range private {
		private[i], ephemeral[i] = 0x55, 0xaa
	}
	public, err := ecies.PublicKey(private[:])
	if err != nil {
		b.fail(err)
		return
	}
	b.add("ECIES publicKey", to, false, "publicKey(bytes32)", private)
	for _, n := range []int{32, 100_000} {
		info, plaintext := make([]byte, n), make([]byte, n)
		sealed, err := ecies.Seal(public, ephemeral[:], info, plaintext)
		if err != nil {
			b.fail(err)
			return
		}
		b.add(fmt.Sprintf("ECIES seal, %d bytes", n), to, false, "seal(bytes,bytes32,bytes,bytes)", public, ephemeral, info, plaintext)
		b.add(fmt.Sprintf("ECIES open, %d bytes", n), to, false, "open(bytes32,bytes,bytes)", private, info, sealed)
	}
}

// hpkeSetup is a Setup as the ABI packer wants it.
type hpkeSetup struct {
	Mode                        uint8
	Kem, Kdf, Aead              uint16
	Info, Psk, PskId, SenderKey []byte //nolint:revive // the ABI packer looks for these names
}

func (b *builder) hpke() {
	const tuple = "((uint8,uint16,uint16,uint16,bytes,bytes,bytes,bytes),bytes,bytes,bytes,bytes)"
	to := precompile.HPKEAddress
	ikm := make([]byte, 64)
	measure := func(name string, s hpke.Setup, size int) {
		pk, sk, err := hpke.DeriveKeyPair(s.KEM, ikm)
		if err != nil {
			b.fail(err)
			return
		}
		seed := make([]byte, s.KEM.SeedSize())
		for i := range seed {
			seed[i] = 0x55
		}
		var senderPublic, senderPrivate []byte
		if s.Mode.HasSender() {
			senderPublic, senderPrivate = pk, sk
		}
		enc, sender, err := s.Sender(pk, senderPrivate, seed)
		if err != nil {
			b.fail(err)
			return
		}
		aad, plaintext := make([]byte, size), make([]byte, size)
		packed := hpkeSetup{uint8(s.Mode), uint16(s.KEM), uint16(s.KDF), uint16(s.AEAD), s.Info, s.PSK, s.PSKID, senderPrivate}
		b.add(name+" seal", to, false, "seal"+tuple, packed, pk, seed, aad, plaintext)
		packed.SenderKey = senderPublic
		b.add(name+" open", to, false, "open"+tuple, packed, sk, enc, aad, sender.Seal(aad, plaintext))
	}
	for _, k := range []struct {
		id   hpke.KEM
		name string
	}{
		{hpke.P256, "P-256"}, {hpke.X25519, "X25519"}, {hpke.MLKEM768, "ML-KEM-768"}, {hpke.MLKEM1024, "ML-KEM-1024"},
		{hpke.MLKEM768P256, "MLKEM768-P256"}, {hpke.MLKEM1024P384, "MLKEM1024-P384"}, {hpke.MLKEM768X25519, "X-Wing"},
	} {
		s := hpke.Setup{KEM: k.id, KDF: hpke.HKDFSHA512, AEAD: hpke.ChaCha20Poly1305}
		b.add("HPKE "+k.name+" deriveKeyPair", to, false, "deriveKeyPair(uint16,bytes)", uint16(k.id), ikm)
		measure("HPKE "+k.name, s, 32)
		if k.id == hpke.P256 || k.id == hpke.X25519 {
			s.Mode, s.PSK, s.PSKID = hpke.AuthPSK, ikm, ikm
			measure("HPKE "+k.name+" auth-psk", s, 32)
		}
	}
	for _, aead := range []hpke.AEAD{hpke.AES128GCM, hpke.AES256GCM, hpke.ChaCha20Poly1305} {
		measure(fmt.Sprintf("HPKE X25519, AEAD %d, 100 kB", aead), hpke.Setup{KEM: hpke.X25519, KDF: hpke.HKDFSHA256, AEAD: aead}, 100_000)
	}
	for _, kdf := range []hpke.KDF{hpke.HKDFSHA256, hpke.HKDFSHA384} {
		s := hpke.Setup{KEM: hpke.X25519, KDF: kdf, AEAD: hpke.AES128GCM, Mode: hpke.PSK, Info: make([]byte, 100_000), PSK: make([]byte, 100_000), PSKID: make([]byte, 100_000)}
		measure(fmt.Sprintf("HPKE X25519, KDF %d, 100 kB inputs", kdf), s, 32)
	}
	s := hpke.Setup{KEM: hpke.X25519, KDF: hpke.SHAKE256, AEAD: hpke.AES128GCM, Info: make([]byte, 65_000)}
	measure("HPKE X25519, SHAKE256, 65 kB info", s, 32)
}
