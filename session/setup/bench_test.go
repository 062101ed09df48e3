package setup

import (
	"crypto/sha3"
	"testing"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/session/identity"
)

// Each benchmark has a twin that runs only the primitives that the protocol
// can't do without, so that the difference is what this package costs.

// envelopePrimitives encrypts and hashes n bytes, as often as every byte of an
// envelope must be.
func envelopePrimitives(b *testing.B, data []byte) {
	box, err := newBox(data[:keySize], data[:nonceSize], data[:32])
	if err != nil {
		b.Fatal(err)
	}
	_ = sha3.Sum256(box.seal(data))
}

func BenchmarkInitiate(b *testing.B) {
	alice, bob := newPerson(b, "alice", 0), newPerson(b, "bob", 1)
	msg, rand := text(b, alice, bob, "salaam"), stream("bench")
	for b.Loop() {
		if _, _, err := Initiate(rand, start, alice.from(), bob.to(0), msg, 0); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInitiatePrimitives(b *testing.B) {
	bob, rand := newPerson(b, "bob", 1), stream("bench")
	d, own, data := bob.bundle.Devices()[0], mustKEM(b, "alice"), make([]byte, 32<<10)
	for b.Loop() {
		e, err := newEphemeral(rand)
		if err != nil {
			b.Fatal(err)
		}
		_ = e.PublicKey()
		if _, err := kem.Generate(rand); err != nil { // the ratchet's first key
			b.Fatal(err)
		}
		for _, k := range []*kem.PublicKey{d.Key, d.Signed, d.OneTime[0]} {
			if _, _, err := k.Encapsulate(rand); err != nil {
				b.Fatal(err)
			}
			if _, err := e.ECDH(k.X()); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := own.DH(d.Signed.X()); err != nil {
			b.Fatal(err)
		}
		envelopePrimitives(b, data)
	}
}

func BenchmarkAccept(b *testing.B) {
	alice, bob := newPerson(b, "alice", 0), newPerson(b, "bob", 1)
	env, _ := initiate(b, alice, bob, 0, text(b, alice, bob, "salaam"))
	for b.Loop() {
		if _, err := Accept(start, env, bob.account.ID(), bob.ring, memory{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAcceptPrimitives(b *testing.B) {
	alice, bob := newPerson(b, "alice", 0), newPerson(b, "bob", 1)
	raw, x := alice.bundle.Bytes(), alice.ring.Device().Public().X()
	ratchet := mustKEM(b, "ratchet").Public().Bytes()
	data := make([]byte, 32<<10)
	id := identity.PrekeyIDOf(bob.bundle.Devices()[0].Signed)
	idOPK := identity.PrekeyIDOf(bob.bundle.Devices()[0].OneTime[0])
	ct, _, err := bob.ring.Device().Public().Encapsulate(stream("ct"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := identity.ParseBundle(raw); err != nil { // four keys and a signature
			b.Fatal(err)
		}
		if _, err := kem.ParsePublicKey(ratchet); err != nil {
			b.Fatal(err)
		}
		signed, _, _ := bob.ring.Signed(id) // derives the pair from its seed
		oneTime, _ := bob.ring.OneTime(idOPK)
		for _, k := range []*kem.PrivateKey{bob.ring.Device(), signed, oneTime} {
			if _, err := k.DH(x); err != nil {
				b.Fatal(err)
			}
			if _, err := k.Decapsulate(ct); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := signed.DH(x); err != nil {
			b.Fatal(err)
		}
		envelopePrimitives(b, data)
	}
}

// An envelope for somebody else is what a device sees most.
func BenchmarkAcceptForeign(b *testing.B) {
	alice, bob, carol := newPerson(b, "alice", 0), newPerson(b, "bob", 0), newPerson(b, "carol", 0)
	env, _ := initiate(b, alice, bob, -1, text(b, alice, bob, "salaam"))
	for b.Loop() {
		if _, err := Accept(start, env, carol.account.ID(), carol.ring, carol.seen); err == nil {
			b.Fatal("accepted")
		}
	}
}

func BenchmarkAnswer(b *testing.B) {
	alice, bob := newPerson(b, "alice", 0), newPerson(b, "bob", 0)
	env, _ := initiate(b, alice, bob, -1, text(b, alice, bob, "salaam"))
	got, err := bob.accept(start, env)
	if err != nil {
		b.Fatal(err)
	}
	msg, rand := receipt(b, alice, bob, got.Message.ID), stream("bench")
	for b.Loop() {
		once := *got
		if _, _, err := once.Answer(rand, start, msg, 0); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAnswerPrimitives(b *testing.B) {
	device, ratchet, rand := mustKEM(b, "device").Public(), mustKEM(b, "ratchet").Public(), stream("bench")
	data := make([]byte, 8<<10)
	for b.Loop() {
		own, err := kem.Generate(rand)
		if err != nil {
			b.Fatal(err)
		}
		for _, k := range []*kem.PublicKey{device, ratchet} {
			if _, _, err := k.Encapsulate(rand); err != nil {
				b.Fatal(err)
			}
			if _, err := own.DH(k.X()); err != nil {
				b.Fatal(err)
			}
		}
		envelopePrimitives(b, data)
	}
}

func BenchmarkOpenAnswer(b *testing.B) {
	alice, bob := newPerson(b, "alice", 0), newPerson(b, "bob", 0)
	env, pending := initiate(b, alice, bob, -1, text(b, alice, bob, "salaam"))
	got, err := bob.accept(start, env)
	if err != nil {
		b.Fatal(err)
	}
	back, _, err := got.Answer(stream("bench"), start, receipt(b, alice, bob, got.Message.ID), 0)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := pending.Open(back, alice.ring.Device()); err != nil {
			b.Fatal(err)
		}
	}
}
