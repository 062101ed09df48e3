package control

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/pars-network/pars/session/wire"
)

func hello() Handshake {
	return Handshake{Versions: []uint64{1}, Network: 1337, Roles: RoleLight | RoleService, Software: "pars/test", Limits: Limits{HeartbeatMs: 15_000}}
}

// vectors are the frames of spec/control.md.
var vectors = []struct {
	name string
	body body
	hex  string
}{
	{"handshake", &Handshake{Versions: []uint64{1}, Network: 6133, Roles: RoleService, Software: "pars/0.1.0", Limits: Limits{HeartbeatMs: 15_000}},
		"8200a50181010219" + "17f50302046a706172732f302e312e3005a101193a98"},
	{"refusal", &Handshake{Versions: []uint64{1}, Network: 6133, Roles: RoleService, Software: "pars/0.1.0", Limits: Limits{HeartbeatMs: 15_000}, Refusal: &Refusal{Code: RefusedNetwork, Reason: "other network"}},
		"8200a6018101021917f50302046a706172732f302e312e3005a101193a9806a20101026d6f74686572206e6574776f726b"},
	{"heartbeat", &Heartbeat{Seq: 1}, "8205a10101"},
	{"heartbeat answer", &Heartbeat{Seq: 1, Answer: true}, "8205a2010102f5"},
	{"oracle request", &OracleRequest{Ref: 7, Step: 2, Kind: "price", Query: []byte{0xab}},
		"8202a50107025820" + strings.Repeat("00", 32) + "03020465707269636505" + "41ab"},
	{"unsupported", unsupported(7, Hash{}, TypeOracleRequest),
		"8204a50107020103582" + "0" + strings.Repeat("00", 32) + "045820" + strings.Repeat("00", 32) + "05782" + "94f7261636c655265717565737420697320756e737570706f727465642062792074686973206e6f6465"},
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		got, err := encode(v.body)
		if err != nil || hex.EncodeToString(got) != v.hex {
			t.Errorf("%s is %x, %v, want %s", v.name, got, err, v.hex)
			continue
		}
		back, err := decode(got)
		if err != nil || !reflect.DeepEqual(back, v.body) {
			t.Errorf("%s came back as %+v, %v", v.name, back, err)
		}
	}
}

func TestTypesAreNumberedAsInTheMission(t *testing.T) {
	for i, want := range []string{"Handshake", "SessionCreate", "OracleRequest", "Attestation", "Receipt", "Heartbeat"} {
		if got := Type(i).String(); got != want {
			t.Errorf("type %d is %s, want %s", i, got, want)
		}
		if b := newBody(Type(i)); typeOf(b) != Type(i) {
			t.Errorf("the body of type %d is a %T", i, b)
		}
	}
	if got := Type(6).String(); got != "frame type 6" {
		t.Errorf("type 6 is %s", got)
	}
}

func TestEveryTypeComesBack(t *testing.T) {
	sig := bytes.Repeat([]byte{9}, maxSignature)
	for _, b := range []body{
		&SessionCreate{Ref: 1, Session: Hash{1}, Service: Hash{2}, Epoch: 3, Tx: Hash{4}, Committee: make([]Hash, 7), Input: make([]byte, maxPayload-2000)},
		&SessionCreate{Ref: 1, Committee: make([]Hash, maxCommittee)},
		&OracleRequest{Ref: 1, Session: Hash{1}, Step: 1, Kind: "http", Query: make([]byte, maxPayload)},
		&Attestation{Ref: 1, Session: Hash{1}, Step: 5, Output: Hash{2}, Validator: Hash{3}, Signature: sig},
		&Receipt{Ref: 1, Status: StatusFailed, Reason: strings.Repeat("x", maxReason)},
	} {
		var stream bytes.Buffer
		if err := writeFrame(&stream, b); err != nil {
			t.Errorf("%s: %v", typeOf(b), err)
			continue
		}
		back, err := readFrame(bufio.NewReader(&stream))
		if err != nil || !reflect.DeepEqual(back, b) {
			t.Errorf("%s did not come back: %v", typeOf(b), err)
		}
	}
}

func TestFramesThatBreakTheirLimitsAreRefused(t *testing.T) {
	bad := func(change func(*Handshake)) *Handshake {
		h := hello()
		change(&h)
		return &h
	}
	for name, b := range map[string]body{
		"no version":              bad(func(h *Handshake) { h.Versions = nil }),
		"nine versions":           bad(func(h *Handshake) { h.Versions = []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9} }),
		"versions out of order":   bad(func(h *Handshake) { h.Versions = []uint64{2, 1} }),
		"a long software name":    bad(func(h *Handshake) { h.Software = strings.Repeat("x", 65) }),
		"a name with an escape":   bad(func(h *Handshake) { h.Software = "\x1b[31m" }),
		"a heartbeat of 1 ms":     bad(func(h *Handshake) { h.Limits.HeartbeatMs = 1 }),
		"a heartbeat of an hour":  bad(func(h *Handshake) { h.Limits.HeartbeatMs = 3_600_000 }),
		"a refusal without code":  bad(func(h *Handshake) { h.Refusal = &Refusal{} }),
		"a long reason to refuse": bad(func(h *Handshake) { h.Refusal = &Refusal{Code: 1, Reason: strings.Repeat("x", 257)} }),
		"a large committee":       &SessionCreate{Committee: make([]Hash, maxCommittee+1)},
		"a large input":           &SessionCreate{Input: make([]byte, maxPayload+1)},
		"no kind":                 &OracleRequest{},
		"a large query":           &OracleRequest{Kind: "x", Query: make([]byte, maxPayload+1)},
		"no signature":            &Attestation{},
		"a long signature":        &Attestation{Signature: make([]byte, maxSignature+1)},
		"a long reason":           &Receipt{Reason: strings.Repeat("x", 257)},
		"heartbeat 0":             &Heartbeat{},
	} {
		if out, err := encode(b); err == nil {
			t.Errorf("%s was sent as %x", name, out)
		}
		inner, err := wire.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		data, err := wire.Marshal(frame{Type: typeOf(b), Body: inner})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(data); !errors.Is(err, ErrFrame) {
			t.Errorf("%s was read: %v, want ErrFrame", name, err)
		}
	}
}

func TestMalformedFramesAreRefused(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":              "",
		"an array of one":      "8105",
		"type 6":               "8206a0",
		"a type in two bytes":  "821805a10101",
		"a body of its own":    "820501",
		"another type's body":  "8205a50181010219" + "17f50302046a706172732f302e312e3005a101193a98",
		"an unknown key":       "8205a2010103f5",
		"an explicit default":  "8205a2010102f4",
		"something after":      "8205a1010100",
		"a heartbeat too long": "8205a2010118" + strings.Repeat("ff", 80),
	} {
		data, err := hex.DecodeString(in)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := decode(data); !errors.Is(err, ErrFrame) {
			t.Errorf("%s is %+v, %v, want ErrFrame", name, b, err)
		}
	}
}

// The limit is of the type, and holds before the rest of the frame is there.
func TestLengthsAreCheckedByType(t *testing.T) {
	for typ := range typeCount {
		head := binary.BigEndian.AppendUint32(nil, uint32(maxFrame[typ])+1)
		if _, err := readFrame(bufio.NewReader(bytes.NewReader(append(head, 0x82, byte(typ))))); !errors.Is(err, ErrFrame) {
			t.Errorf("a %s above its limit: %v, want ErrFrame", typ, err)
		}
	}
	if _, err := readFrame(bufio.NewReader(bytes.NewReader([]byte{0, 0}))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half a length: %v, want io.ErrUnexpectedEOF", err)
	}
	if _, err := readFrame(bufio.NewReader(bytes.NewReader(nil))); !errors.Is(err, io.EOF) {
		t.Errorf("nothing: %v, want io.EOF", err)
	}
}

func TestCompatibility(t *testing.T) {
	a := hello()
	a.Versions = []uint64{1, 2, 3}
	b := hello()
	b.Versions = []uint64{2, 3, 4}
	if v, no := a.compatible(&b); v != 3 || no != nil {
		t.Errorf("version %d, %v, want 3", v, no)
	}
	b.Versions = []uint64{4}
	if _, no := a.compatible(&b); no == nil || no.Code != RefusedVersion {
		t.Errorf("no common version: %v, want RefusedVersion", no)
	}
	b.Network = 6133
	if _, no := a.compatible(&b); no == nil || no.Code != RefusedNetwork || !strings.Contains(no.Reason, "6133 (pars)") {
		t.Errorf("another network: %v, want RefusedNetwork naming it", no)
	}
}

func TestRolesPrint(t *testing.T) {
	if got := (RoleService | RoleBootstrap).String(); got != "service,bootstrap" {
		t.Errorf("roles print as %s", got)
	}
	if got := Roles(0).String(); got != "none" {
		t.Errorf("no roles print as %s", got)
	}
	if !(RoleService | RoleLight).Has(RoleLight) || RoleLight.Has(RoleService) {
		t.Error("Has does not tell roles apart")
	}
}

func FuzzDecode(f *testing.F) {
	for _, v := range vectors {
		b, err := hex.DecodeString(v.hex)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := decode(data)
		if err != nil {
			return
		}
		if again, err := encode(b); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%x is encoded again as %x, %v", data, again, err)
		}
	})
}

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{0, 0, 0, 5, 0x82, 5, 0xa1, 1, 1})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x82, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReader(bytes.NewReader(data))
		for {
			if _, err := readFrame(r); err != nil {
				return
			}
		}
	})
}
