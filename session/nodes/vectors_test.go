package nodes

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/pars-network/pars/session/wire"
)

var rewrite = flag.Bool("rewrite", false, "write spec/vectors/nodes.json")

type recordVector struct {
	Seed       string   `json:"key_seed"`
	OnionSeed  string   `json:"onion_seed"`
	Network    uint32   `json:"network"`
	OnionUntil int64    `json:"onion_expires"`
	Addrs      []string `json:"addresses"`
	Services   uint64   `json:"services"`
	Epoch      uint64   `json:"epoch"`
	Randomness string   `json:"randomness"`
	Seq        uint64   `json:"seq"`
	Expires    int64    `json:"expires"`
	ID         string   `json:"node_id"`
	Peer       string   `json:"peer_id"`
	Position   string   `json:"position"`
	Signed     string   `json:"signed_body"`
	Record     string   `json:"record"`
}

type epochVector struct {
	Unix       int64  `json:"unix"`
	Epoch      uint64 `json:"epoch"`
	Network    uint32 `json:"network"`
	Randomness string `json:"open_randomness"`
}

type exchangeVector struct {
	Digest  string `json:"directory_digest"`
	Hello   string `json:"hello"`
	Summary string `json:"summary"`
	Want    string `json:"want"`
	Batch   string `json:"batch"`
}

// The vectors of spec/nodes.md, which spec/check computes once more.
func TestVectors(t *testing.T) {
	var v struct {
		Records  []recordVector `json:"records"`
		Epochs   []epochVector  `json:"epochs"`
		Exchange exchangeVector `json:"exchange"`
	}
	x := hex.EncodeToString
	d := directory(t, Config{})
	for n := byte(1); n <= 2; n++ {
		r := recordOf(t, n, func(c *Claims) {
			if n == 2 {
				c.Addrs, c.Services = nil, Relay
			}
		})
		add(t, d, r)
		_, data, _, err := decode(r.raw)
		if err != nil {
			t.Fatal(err)
		}
		rv := recordVector{
			Seed: x(bytes.Repeat([]byte{n}, 64)), OnionSeed: x(bytes.Repeat([]byte{n}, 96)), Network: r.Network(),
			OnionUntil: r.OnionExpires().Unix(), Addrs: []string{}, Services: uint64(r.Services()), Epoch: r.Epoch().Number, Randomness: x(r.claims.Epoch.Randomness[:]),
			Seq: r.Seq(), Expires: r.Expires().Unix(), ID: r.ID().String(), Peer: r.Peer().String(),
			Signed: x(data), Record: x(r.raw),
		}
		at := r.Epoch().Position(r.ID())
		rv.Position = x(at[:])
		for _, a := range r.Addrs() {
			rv.Addrs = append(rv.Addrs, x(a.Bytes()))
		}
		v.Records = append(v.Records, rv)
	}
	for _, u := range []int64{0, 2591999, 2592000, start.Unix()} {
		e := uint64(u / 2592000)
		for _, network := range []uint32{6133, 1337} {
			r, _ := Open{Network: network}.Randomness(e)
			v.Epochs = append(v.Epochs, epochVector{u, e, network, x(r[:])})
		}
	}
	digest := d.Digest()
	marshal := func(m any) string {
		raw, err := wire.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return x(raw)
	}
	s := summary{}
	w := want{}
	b := batch{}
	for _, r := range d.List() {
		s.Entries = append(s.Entries, entry{ID: r.ID(), Seq: r.Seq(), Sum: sumOf(r)})
		id := r.ID()
		w.IDs = append(w.IDs, id[:])
		b.Records = append(b.Records, r.raw)
	}
	v.Exchange = exchangeVector{
		Digest: x(digest[:]), Hello: marshal(hello{Version: 1, Network: uint64(d.cfg.Network), Digest: digest}),
		Summary: marshal(s), Want: marshal(w), Batch: marshal(b),
	}
	checkVectors(t, "nodes.json", v)
}

func checkVectors(t *testing.T, name string, made any) {
	t.Helper()
	got, err := json.MarshalIndent(made, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("..", "..", "spec", "vectors", name)
	if *rewrite {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; make it with -rewrite", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what this package makes; a change of format changes spec/ and, with -rewrite, this file", path)
	}
}
