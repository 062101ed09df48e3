package nodes

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
	"time"

	ma "github.com/multiformats/go-multiaddr"
	"go.uber.org/goleak"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/session/transport"
	"github.com/pars-network/pars/session/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is when the tests take place.
var start = time.Date(2027, 3, 21, 12, 0, 0, 0, time.UTC)

// keyOf returns the node key number n, the same at every run.
func keyOf(t testing.TB, n byte) *transport.NodeKey {
	t.Helper()
	k, err := transport.NewNodeKey(bytes.Repeat([]byte{n}, sign.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func onionOf(t testing.TB, n byte) *kem.PublicKey {
	t.Helper()
	k, err := kem.NewPrivateKey(bytes.Repeat([]byte{n}, kem.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	return k.Public()
}

func claimsOf(t testing.TB, n byte) Claims {
	return Claims{
		Network: params.Dev.ID, Onion: OnionKey{Key: onionOf(t, n), Expires: start.Add(48 * time.Hour)},
		Addrs:    []ma.Multiaddr{ma.StringCast(fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", 9000+int(n))), ma.StringCast("/dns4/node.example/tcp/443")},
		Services: Store | Relay, Epoch: Epoch{Number: EpochOf(start), Randomness: [32]byte{7}},
		Seq: 1, Expires: start.Add(Lifetime),
	}
}

func recordOf(t testing.TB, n byte, edit func(*Claims)) *Record {
	t.Helper()
	c := claimsOf(t, n)
	if edit != nil {
		edit(&c)
	}
	r, err := Sign(keyOf(t, n), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRecordSaysWhatWasSigned(t *testing.T) {
	key, c := keyOf(t, 1), claimsOf(t, 1)
	r, err := Sign(key, c)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(r.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []*Record{r, again} {
		if got.ID() != IDOf(key.Composite()) || got.Peer() != key.ID() || !got.Key().Equal(key.Composite()) {
			t.Errorf("the record is of %s at %s, want %s at %s", got.ID(), got.Peer(), IDOf(key.Composite()), key.ID())
		}
		if o := got.Onion(); !o.Key.Equal(c.Onion.Key) || !o.Expires.Equal(c.Onion.Expires) || !got.OnionExpires().Equal(o.Expires) {
			t.Error("another onion key than was signed")
		}
		if fmt.Sprint(got.Addrs()) != fmt.Sprint(c.Addrs) || got.Services() != c.Services || got.Epoch() != c.Epoch ||
			got.Seq() != c.Seq || !got.Expires().Equal(c.Expires) || got.Network() != c.Network {
			t.Errorf("got %+v, want %+v", got.claims, c)
		}
		if err := got.Check(params.Dev.ID, start); err != nil {
			t.Errorf("Check = %v, want nil", err)
		}
	}
	if len(r.raw) > MaxRecord*9/10 {
		t.Errorf("a usual record has %d bytes, want well below %d", len(r.raw), MaxRecord)
	}
}

func TestRecordsAreRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*Claims)
		want error
	}{
		{"no onion key", func(c *Claims) { c.Onion.Key = nil }, ErrRecord},
		{"too many addresses", func(c *Claims) {
			for i := range MaxAddrs {
				c.Addrs = append(c.Addrs, ma.StringCast(fmt.Sprintf("/ip4/10.0.0.1/tcp/%d", i+1)))
			}
		}, ErrRecord},
		{"an address twice", func(c *Claims) { c.Addrs = append(c.Addrs, c.Addrs[0]) }, ErrRecord},
		{"a UDP address", func(c *Claims) { c.Addrs = []ma.Multiaddr{ma.StringCast("/ip4/10.0.0.1/udp/1")} }, ErrRecord},
		{"a relayed address", func(c *Claims) {
			c.Addrs = []ma.Multiaddr{ma.StringCast("/ip4/10.0.0.1/tcp/1/p2p/QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC/p2p-circuit")}
		}, ErrRecord},
		{"port 0", func(c *Claims) { c.Addrs = []ma.Multiaddr{ma.StringCast("/ip4/10.0.0.1/tcp/0")} }, ErrRecord},
		{"a host alone", func(c *Claims) { c.Addrs = []ma.Multiaddr{ma.StringCast("/ip4/10.0.0.1")} }, ErrRecord},
		{"a time that overflows", func(c *Claims) { c.Expires = time.Unix(maxUnix+1, 0) }, ErrRecord},
		{"many addresses", func(c *Claims) { c.Addrs = c.Addrs[:1] }, nil},
		{"no address", func(c *Claims) { c.Addrs = nil }, nil},
	} {
		claims := claimsOf(t, 1)
		c.edit(&claims)
		if _, err := Sign(keyOf(t, 1), claims); !errors.Is(err, c.want) {
			t.Errorf("%s: Sign = %v, want %v", c.name, err, c.want)
		}
	}
}

func TestRecordTimes(t *testing.T) {
	r := recordOf(t, 1, nil)
	for _, c := range []struct {
		name    string
		network uint32
		now     time.Time
		want    error
	}{
		{"now", params.Dev.ID, start, nil},
		{"another network", params.Mainnet.ID, start, ErrNetwork},
		{"the last second", params.Dev.ID, r.Expires().Add(-time.Second), nil},
		{"its expiry", params.Dev.ID, r.Expires(), ErrExpired},
		{"a clock that is behind", params.Dev.ID, r.Expires().Add(-MaxLifetime - MaxSkew), nil},
		{"a clock that is far behind", params.Dev.ID, r.Expires().Add(-MaxLifetime - MaxSkew - time.Second), ErrLifetime},
	} {
		if err := r.Check(c.network, c.now); !errors.Is(err, c.want) {
			t.Errorf("%s: Check = %v, want %v", c.name, err, c.want)
		}
	}
}

func TestEveryBitOfARecordIsSigned(t *testing.T) {
	raw := recordOf(t, 1, nil).Bytes()
	for i := 0; i < len(raw); i += 97 {
		bad := bytes.Clone(raw)
		bad[i] ^= 1
		if _, err := Parse(bad); !errors.Is(err, ErrRecord) && !errors.Is(err, ErrSignature) {
			t.Fatalf("a bit of byte %d was flipped and Parse = %v", i, err)
		}
	}
	// Signed for something else.
	body, data, _, err := decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	_ = body
	sig, err := keyOf(t, 1).SignAs("pars other v1", data)
	if err != nil {
		t.Fatal(err)
	}
	other, err := wire.Marshal(recordWire{Version: recordVersion, Body: data, Signature: sig})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(other); !errors.Is(err, ErrSignature) {
		t.Errorf("signed under another context: Parse = %v, want ErrSignature", err)
	}
}

func TestNewerRecordWins(t *testing.T) {
	a := recordOf(t, 1, nil)
	b := recordOf(t, 1, func(c *Claims) { c.Seq = 2 })
	c := recordOf(t, 1, func(c *Claims) { c.Services = Store })
	if !b.NewerThan(a) || a.NewerThan(b) || a.NewerThan(a) || !a.NewerThan(nil) || a.NewerThan(c) == c.NewerThan(a) {
		t.Error("records of one node are not in one order")
	}
}

func TestServicesInWords(t *testing.T) {
	for s, want := range map[Services]string{0: "none", Store: "store", Relay: "relay", Store | Relay: "store,relay", 1<<20 | Store: "store"} {
		if s.String() != want {
			t.Errorf("Services(%d) = %q, want %q", s, s, want)
		}
	}
}

func TestIDText(t *testing.T) {
	id := IDOf(keyOf(t, 1).Composite())
	if got, err := ParseID(id.String()); err != nil || got != id {
		t.Errorf("ParseID(%s) = %s, %v", id, got, err)
	}
	for _, s := range []string{"", "00", id.String()[1:], "zz" + id.String()[2:]} {
		if _, err := ParseID(s); !errors.Is(err, ErrID) {
			t.Errorf("ParseID(%q) = %v, want ErrID", s, err)
		}
	}
}

func TestEpochs(t *testing.T) {
	n := EpochOf(start)
	e := Epoch{Number: n}
	if e.Start().After(start) || !(Epoch{Number: n + 1}).Start().After(start) || EpochOf(e.Start()) != n || EpochOf(time.Unix(-5, 0)) != 0 {
		t.Errorf("epoch %d begins at %s, and %s is in it", n, e.Start(), start)
	}
	// Another epoch, other randomness or another node stand elsewhere.
	id := ID{1}
	at := map[Position]bool{}
	for _, p := range []Position{e.Position(id), e.Position(ID{2}), Epoch{Number: n + 1}.Position(id), Epoch{Number: n, Randomness: [32]byte{1}}.Position(id)} {
		at[p] = true
	}
	if len(at) != 4 {
		t.Errorf("four different placements give %d positions", len(at))
	}
}

func TestLinkContextsAreRefused(t *testing.T) {
	for _, c := range []string{"pars libp2p v1", "pars pq-sigma v1 initiator", "pars pq-sigma v1 responder"} {
		if _, err := keyOf(t, 1).SignAs(c, []byte("x")); err == nil {
			t.Errorf("SignAs(%q) = nil, want an error", c)
		}
	}
}

func FuzzParse(f *testing.F) {
	raw := recordOf(f, 1, nil).Bytes()
	f.Add(raw)
	f.Add(raw[:len(raw)-1])
	short, err := hex.DecodeString("830140")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(short)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b)
		if err != nil {
			if !errors.Is(err, ErrRecord) && !errors.Is(err, ErrSignature) {
				t.Errorf("Parse = %v, want ErrRecord or ErrSignature", err)
			}
			return
		}
		if !bytes.Equal(r.Bytes(), b) || len(b) > MaxRecord {
			t.Error("a record of other bytes than were given")
		}
	})
}

// FuzzClaims looks at what comes before the signature, which a fuzzer can't make.
func FuzzClaims(f *testing.F) {
	_, data, _, err := decode(recordOf(f, 1, nil).Bytes())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, b []byte) {
		var body recordBody
		if err := wire.Unmarshal(b, MaxRecord, &body); err != nil {
			return
		}
		c, err := body.claims()
		if err != nil {
			return
		}
		if len(c.Addrs) > MaxAddrs || c.Expires.Unix() > maxUnix {
			t.Errorf("claims beyond the limits: %+v", c)
		}
	})
}
