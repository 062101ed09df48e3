package setup

import (
	"slices"
	"testing"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/wire"
)

// flightParts are what an attacker can choose when it makes a first flight.
type flightParts struct {
	bundle  []byte            // in the identity box
	claimed identity.DeviceID // in the identity box
	id      identity.ID       // in the transcript
	public  *kem.PublicKey    // in the transcript
	private *kem.PrivateKey   // in DH(IK_A, SPK_B)
	peer    *identity.Bundle
	message envelope.Message
	// tamper changes the plaintexts before they are sealed.
	tamper func(address, who, first []byte) (a, w, f []byte)
}

// buildFlight makes a first flight without one-time prekey as spec/setup.md
// says, without any of the checks of [Initiate].
func buildFlight(t testing.TB, p flightParts) []byte {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	rand := stream("attacker")
	device := p.peer.Devices()[0]
	ephemeral, err := newEphemeral(rand)
	must(err)
	cipherIK, sharedIK, err := device.Key.Encapsulate(rand)
	must(err)
	cipherSPK, sharedSPK, err := device.Signed.Encapsulate(rand)
	must(err)
	message, err := p.message.Bytes()
	must(err)
	who, err := wire.Marshal(identityWire{Bundle: p.bundle, Device: p.claimed})
	must(err)
	first, err := wire.Marshal(firstWire{Ratchet: mustKEM(t, "ratchet").Public().Bytes(), Message: message})
	must(err)
	addr := address{prekey: identity.PrekeyIDOf(device.Signed), identityBox: uint32(len(who) + tagSize)}.bytes()
	fixed := offIdentity + len(who) + tagSize
	env, err := envelope.New(p.peer.Mailbox(), start, 0, fixed+envelope.PadOverhead+len(first)+tagSize)
	must(err)
	padded := envelope.Pad(first, len(env.Sealed)-fixed-tagSize)
	if p.tamper != nil {
		addr, who, padded = p.tamper(addr, who, padded)
	}

	s := newSchedule()
	epk := ephemeral.PublicKey().Bytes()
	s.absorbAddress(env.Header(), p.peer.ID(), device.Key, epk, cipherIK)
	dh, err := ephemeral.ECDH(device.Key.X())
	must(err)
	b, err := s.mix(labelAddress, dh, sharedIK)
	must(err)
	addressBox := b.seal(addr)
	s.absorbIdentity(addressBox, device.Signed, cipherSPK)
	dh, err = ephemeral.ECDH(device.Signed.X())
	must(err)
	b, err = s.mix(labelIdentity, dh, sharedSPK)
	must(err)
	identityBox := b.seal(who)
	s.absorbMessage(identityBox, p.id, p.public, nil, nil)
	dh, err = p.private.DH(device.Signed.X())
	must(err)
	b, err = s.mix(labelMessage, dh)
	must(err)
	env.Sealed = slices.Concat(epk, cipherIK, addressBox, cipherSPK, identityBox, b.seal(padded))
	raw, err := env.Bytes()
	must(err)
	return raw
}

func honestParts(t testing.TB, alice, bob *person) flightParts {
	return flightParts{
		bundle: alice.bundle.Bytes(), claimed: alice.ring.DeviceID(), id: alice.account.ID(), public: alice.ring.Device().Public(),
		private: alice.ring.Device(), peer: bob.bundle, message: text(t, alice, bob, "x"),
	}
}

// A sender that holds all keys but whose program is wrong, or hostile, gets the
// same refusal as everybody else, and no panic.
func TestHostilePlaintextsAreRefused(t *testing.T) {
	alice, bob := newPerson(t, "alice", 0), newPerson(t, "bob", 0)
	if _, err := Accept(start, buildFlight(t, honestParts(t, alice, bob)), bob.account.ID(), bob.ring, memory{}); err != nil {
		t.Fatalf("the honest flight: %v", err)
	}
	box := func(n uint32) func(a, w, f []byte) ([]byte, []byte, []byte) {
		return func(a, w, f []byte) ([]byte, []byte, []byte) {
			a[16], a[17], a[18], a[19] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
			return a, w, f
		}
	}
	same := func(change func(a, w, f []byte)) func(a, w, f []byte) ([]byte, []byte, []byte) {
		return func(a, w, f []byte) ([]byte, []byte, []byte) { change(a, w, f); return a, w, f }
	}
	for name, tamper := range map[string]func(a, w, f []byte) ([]byte, []byte, []byte){
		"another signed prekey":                  same(func(a, _, _ []byte) { a[0] ^= 1 }),
		"an identity box of nothing":             box(0),
		"an identity box of one byte":            box(1),
		"an identity box of 4 GiB":               box(1<<32 - 1),
		"an identity box to the end":             box(32<<10 - envelope.HeaderSize - offIdentity),
		"an identity that is not CBOR":           same(func(_, w, _ []byte) { w[0] = 0xff }),
		"a bundle with a wrong signature":        same(func(_, w, _ []byte) { w[5000] ^= 1 }),
		"a device that the bundle does not list": same(func(_, w, _ []byte) { w[len(w)-3] ^= 1 }),
		"padding that is not zero":               same(func(_, _, f []byte) { f[len(f)-1] = 1 }),
		"a length beyond the padding":            same(func(_, _, f []byte) { f[0] = 1 }),
		"a ratchet key that is none": same(func(_, _, f []byte) {
			copy(f[8:], "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
		}),
		"a message that is none": same(func(_, _, f []byte) { f[4+1+3+kem.PublicKeySize+2] = 0xff }),
	} {
		parts := honestParts(t, alice, bob)
		parts.tamper = tamper
		env := buildFlight(t, parts)
		if _, err := Accept(start, env, bob.account.ID(), bob.ring, memory{}); err == nil || err.Error() != ErrRefused.Error() {
			t.Errorf("%s: %v, want ErrRefused", name, err)
		}
	}
	parts := honestParts(t, alice, bob)
	parts.id = bob.account.ID()
	if _, err := Accept(start, buildFlight(t, parts), bob.account.ID(), bob.ring, memory{}); err == nil {
		t.Error("a transcript with another sender's ID was accepted")
	}
}
