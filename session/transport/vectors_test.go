package transport

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"flag"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"filippo.io/mldsa"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

var rewrite = flag.Bool("rewrite", false, "write spec/vectors/pq-sigma.json anew from the second implementation")

const vectorFile = "../../spec/vectors/pq-sigma.json"

// vector is one run of the protocol with everything fixed. Byte strings are hex.
type vector struct {
	Comment            string              `json:"comment"`
	Protocol           string              `json:"protocol"`
	InitiatorNodeSeed  hexBytes            `json:"initiator_node_seed"` // ML-DSA-87 seed, Ed25519 seed
	ResponderNodeSeed  hexBytes            `json:"responder_node_seed"`
	InitiatorPeerID    string              `json:"initiator_peer_id"`
	ResponderPeerID    string              `json:"responder_peer_id"`
	InitiatorX25519    hexBytes            `json:"initiator_x25519_private"`
	InitiatorMLKEMSeed hexBytes            `json:"initiator_mlkem_seed"` // d, z
	ResponderX25519    hexBytes            `json:"responder_x25519_private"`
	ResponderMLKEMCoin hexBytes            `json:"responder_mlkem_m"`
	InitiatorMuxers    []string            `json:"initiator_muxers"`
	ResponderMuxers    []string            `json:"responder_muxers"`
	ChosenMuxer        string              `json:"chosen_muxer"`
	X25519Shared       hexBytes            `json:"x25519_shared"`
	MLKEMShared        hexBytes            `json:"mlkem_shared"`
	Transcripts        []hexBytes          `json:"transcript_hashes"` // th1 to th6 of spec/link.md
	Secret             hexBytes            `json:"handshake_secret"`
	Keys               map[string]hexBytes `json:"keys"`
	Message1           hexBytes            `json:"message_1"`
	Message2           hexBytes            `json:"message_2"`
	Message3           hexBytes            `json:"message_3"`
	Records            []recordVector      `json:"initiator_records"` // in order, on one link
}

type recordVector struct {
	Kind   int      `json:"kind"` // 0 data, 1 key update
	Data   hexBytes `json:"data"`
	Record hexBytes `json:"record"`
}

type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }
func (h *hexBytes) UnmarshalText(t []byte) (err error) {
	*h, err = hex.DecodeString(string(t))
	return err
}

// second is a second implementation of spec/link.md for the vectors. It shares
// no code with the package: ML-KEM is the standard library's, ML-DSA filippo's,
// and it is written straight down.
func second(t *testing.T) vector {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	fill := func(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }
	v := vector{
		Comment:           "One run of /pars/pq-sigma/1; see spec/link.md. Byte strings are hex.",
		Protocol:          "/pars/pq-sigma/1",
		InitiatorNodeSeed: fill(0x11, 64), ResponderNodeSeed: fill(0x22, 64),
		InitiatorX25519: fill(0x33, 32), InitiatorMLKEMSeed: fill(0x44, 64),
		ResponderX25519: fill(0x55, 32), ResponderMLKEMCoin: fill(0x66, 32),
		InitiatorMuxers: []string{"/yamux/1.0.0", "/mplex/6.7.0"}, ResponderMuxers: []string{"/other/1", "/yamux/1.0.0"},
		ChosenMuxer: "/yamux/1.0.0",
		Keys:        map[string]hexBytes{},
	}
	type node struct {
		pq  *mldsa.PrivateKey
		ed  ed25519.PrivateKey
		pub []byte
	}
	newNode := func(seed []byte) (n node) {
		var err error
		n.pq, err = mldsa.NewPrivateKey(mldsa.MLDSA87(), seed[:32])
		must(err)
		n.ed = ed25519.NewKeyFromSeed(seed[32:])
		n.pub = slices.Concat(n.pq.PublicKey().Bytes(), n.ed[32:])
		return n
	}
	sign := func(n node, context string, msg []byte) []byte {
		sig, err := n.pq.SignDeterministic(msg, &mldsa.Options{Context: context})
		must(err)
		edMsg := slices.Concat([]byte("pars ed25519 v1"), []byte{byte(len(context))}, []byte(context), msg)
		return append(sig, ed25519.Sign(n.ed, edMsg)...)
	}
	muxers := func(list []string) []byte {
		b := []byte{byte(len(list))}
		for _, m := range list {
			b = append(append(b, byte(len(m))), m...)
		}
		return b
	}
	head := func(kind byte, n int) []byte { return []byte{kind, byte(n >> 8), byte(n)} }
	initiator, responder := newNode(v.InitiatorNodeSeed), newNode(v.ResponderNodeSeed)

	peerID := func(n node) string {
		envelope := slices.Concat([]byte{0x08, 0xd1, 0xa0, 0x01, 0x12, 0xc0, 0x14}, n.pub) // protobuf: type 0x5051, 2,624 bytes
		sum := sha256.Sum256(envelope)
		return peer.ID(append([]byte{0x12, 0x20}, sum[:]...)).String() // base58
	}
	v.InitiatorPeerID, v.ResponderPeerID = peerID(initiator), peerID(responder)

	// Message 1.
	xi, err := ecdh.X25519().NewPrivateKey(v.InitiatorX25519)
	must(err)
	dk, err := mlkem.NewDecapsulationKey1024(v.InitiatorMLKEMSeed)
	must(err)
	v.Message1 = slices.Concat(head(1, 1600), xi.PublicKey().Bytes(), dk.EncapsulationKey().Bytes())

	// The exchange.
	xr, err := ecdh.X25519().NewPrivateKey(v.ResponderX25519)
	must(err)
	v.X25519Shared, err = xr.ECDH(xi.PublicKey())
	must(err)
	kem, ct, err := mlkemtest.Encapsulate1024(dk.EncapsulationKey(), v.ResponderMLKEMCoin)
	must(err)
	v.MLKEMShared = kem

	transcript := sha512.New()
	add := func(parts ...[]byte) {
		for _, p := range parts {
			transcript.Write(p)
		}
	}
	th := func() []byte {
		sum := transcript.Sum(nil)
		v.Transcripts = append(v.Transcripts, sum)
		return sum
	}
	add([]byte("/pars/pq-sigma/1\nX25519+ML-KEM-1024 Ed25519+ML-DSA-87 HKDF-SHA-512 AES-256-GCM\n"))
	proofSize := func(list []string) int { return 2624 + len(muxers(list)) + 4691 + 64 + 16 }
	head2 := head(2, 1600+proofSize(v.ResponderMuxers))
	add(v.Message1, head2, xr.PublicKey().Bytes(), ct)
	th1 := th()
	v.Secret, err = hkdf.Extract(sha512.New, slices.Concat(v.MLKEMShared, v.X25519Shared), th1)
	must(err)
	derive := func(name string, secret, th []byte, n int) []byte {
		info := "pars pq-sigma v1 " + name
		if th != nil {
			info += "\x00" + string(th)
		}
		k, err := hkdf.Expand(sha512.New, secret, info, n)
		must(err)
		return k
	}
	key := func(name string, th []byte, n int) []byte {
		v.Keys[name] = derive(name, v.Secret, th, n)
		return v.Keys[name]
	}
	gcm := func(k []byte) cipher.AEAD {
		block, err := aes.NewCipher(k)
		must(err)
		g, err := cipher.NewGCM(block)
		must(err)
		return g
	}
	prove := func(n node, role string, list []string, header []byte) []byte {
		mux := muxers(list)
		add(n.pub, mux)
		sig := sign(n, "pars pq-sigma v1 "+role, th())
		add(sig)
		m := hmac.New(sha512.New, key(role+" finished", th1, 64))
		m.Write(th())
		mac := m.Sum(nil)
		add(mac)
		return gcm(key(role+" handshake", th1, 32)).Seal(nil, make([]byte, 12), slices.Concat(n.pub, mux, sig, mac), header)
	}
	v.Message2 = slices.Concat(head2, xr.PublicKey().Bytes(), ct, prove(responder, "responder", v.ResponderMuxers, head2))
	head3 := head(3, proofSize(v.InitiatorMuxers))
	add(head3)
	v.Message3 = slices.Concat(head3, prove(initiator, "initiator", v.InitiatorMuxers, head3))
	th6 := th() // th2 to th5 are of the proofs
	traffic := key("initiator traffic", th6, 64)
	key("responder traffic", th6, 64)

	// Records of the initiator: data, a key update, data under the next key.
	count := uint64(0)
	k, iv := derive("record key", traffic, nil, 32), derive("record iv", traffic, nil, 12)
	record := func(kind int, data []byte) {
		nonce := bytes.Clone(iv)
		for i := range 8 {
			nonce[4+i] ^= byte(count >> (56 - 8*i))
		}
		count++
		n := len(data) + 1 + 16
		aad := []byte{byte(n >> 8), byte(n)}
		v.Records = append(v.Records, recordVector{kind, data, append(bytes.Clone(aad), gcm(k).Seal(nil, nonce, append(bytes.Clone(data), byte(kind)), aad)...)})
	}
	record(0, []byte("first"))
	record(0, []byte("second"))
	record(1, []byte{})
	traffic = derive("next", traffic, nil, 64)
	k, iv, count = derive("record key", traffic, nil, 32), derive("record iv", traffic, nil, 12), 0
	record(0, []byte("third"))
	return v
}

func TestVectorsAreThoseOfASecondImplementation(t *testing.T) {
	want := second(t)
	text, err := json.MarshalIndent(want, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *rewrite {
		if err := os.WriteFile(vectorFile, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := os.ReadFile(vectorFile)
	if err != nil || !bytes.Equal(stored, text) {
		t.Errorf("%s differs from what the second implementation gives (%v); if the protocol was meant to change, run with -rewrite", vectorFile, err)
	}
}

// The package, given the inputs of the vectors, sends the same bytes and ends
// with the same secrets.
func TestVectorsAreReproduced(t *testing.T) {
	text, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vector
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	sides := func() (i, r *handshake) {
		ik, err := NewNodeKey(v.InitiatorNodeSeed)
		if err != nil {
			t.Fatal(err)
		}
		rk, err := NewNodeKey(v.ResponderNodeSeed)
		if err != nil {
			t.Fatal(err)
		}
		i = &handshake{key: ik, want: rk.ID(), random: bytes.NewReader(slices.Concat(v.InitiatorX25519, v.InitiatorMLKEMSeed))}
		r = &handshake{key: rk, random: bytes.NewReader(slices.Concat(v.ResponderX25519, v.ResponderMLKEMCoin))}
		for _, m := range v.InitiatorMuxers {
			i.muxers = append(i.muxers, protocol.ID(m))
		}
		for _, m := range v.ResponderMuxers {
			r.muxers = append(r.muxers, protocol.ID(m))
		}
		return i, r
	}
	i, r := sides()
	sentI, sentR := reading(v.Message2), reading(v.Message1, v.Message3)
	outI, err := i.initiate(sentI)
	if err != nil {
		t.Fatal(err)
	}
	outR, err := r.respond(sentR)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(sentI.Bytes(), slices.Concat(v.Message1, v.Message3)) || !bytes.Equal(sentR.Bytes(), v.Message2) {
		t.Error("the messages are not those of the vectors")
	}
	if outI.id.String() != v.ResponderPeerID || outR.id.String() != v.InitiatorPeerID || string(outI.muxer) != v.ChosenMuxer || outR.muxer != outI.muxer {
		t.Errorf("peers %s and %s, muxers %s and %s", outI.id, outR.id, outI.muxer, outR.muxer)
	}
	for name, c := range map[string][2][]byte{
		"initiator traffic": {outI.send, outR.recv},
		"responder traffic": {outI.recv, outR.send},
	} {
		if !bytes.Equal(c[0], v.Keys[name]) || !bytes.Equal(c[1], v.Keys[name]) {
			t.Errorf("%s secrets are %x and %x, want %x", name, c[0], c[1], v.Keys[name])
		}
	}
	wire := &tap{on: true}
	c := newConn(struct{ net.Conn }{wire}, i.key.ID(), outI, defaultKeyLimits, time.Now)
	for n, rec := range v.Records {
		if err := c.writeRecord(byte(rec.Kind), rec.Data); err != nil {
			t.Fatal(err)
		}
		if rec.Kind == recordUpdate {
			c.out.advance(time.Now())
		}
		if !bytes.Equal(wire.records[n], rec.Record) {
			t.Errorf("record %d is %x, want %x", n, wire.records[n], rec.Record)
		}
	}
}
