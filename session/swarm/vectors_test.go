package swarm

import (
	"bytes"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/nodes"
)

var rewrite = flag.Bool("rewrite", false, "write spec/vectors/swarm.json")

type placementVector struct {
	Epoch      uint64   `json:"epoch"`
	Randomness string   `json:"randomness"`
	Nodes      []string `json:"nodes"`
	Key        string   `json:"key"`
	Nearest    []string `json:"nearest"`
}

type itemVector struct {
	Name     string `json:"name"`
	Kind     uint64 `json:"kind"`
	Key      string `json:"key"`
	Hour     uint32 `json:"hour"`
	Fill     byte   `json:"fill"` // of the content after its header
	Size     int    `json:"content_size"`
	Header   string `json:"content_header"`
	ID       string `json:"id"`
	Work     int    `json:"searched_work"`
	Start    uint64 `json:"searched_from,string"`
	Stamp    uint64 `json:"stamp,string"`
	Strength string `json:"strength"`
	Got      int    `json:"work"`
	Encoded  string `json:"encoding_sha3"`
}

type requestVector struct {
	Name      string `json:"name"`
	Seed      string `json:"mailbox_seed"`
	Mailbox   string `json:"mailbox"`
	Node      string `json:"node"`
	Challenge string `json:"challenge"`
	Nonce     string `json:"nonce"`
	Verb      uint64 `json:"verb"`
	Body      string `json:"body"`
	Signed    string `json:"signed"`
	Request   string `json:"request"`
}

// The vectors of spec/swarm.md, which spec/check computes once more.
func TestVectors(t *testing.T) {
	var v struct {
		Placements []placementVector `json:"placements"`
		Items      []itemVector      `json:"items"`
		Requests   []requestVector   `json:"requests"`
		Pair       [3]string         `json:"pair"` // two nodes and the name of their common set
	}
	x := hex.EncodeToString
	for i := range byte(3) {
		e := nodes.Epoch{Number: 700 + uint64(i), Randomness: sha3.Sum256([]byte{i})}
		p := placementVector{Epoch: e.Number, Randomness: x(e.Randomness[:])}
		key := Key(sha3.Sum256([]byte{100, i}))
		p.Key = x(key[:])
		var all []placed
		for n := range byte(9) {
			id := nodes.ID(sha3.Sum256([]byte{200, n}))
			p.Nodes = append(p.Nodes, id.String())
			all = append(all, placed{at: e.Position(id)})
		}
		order := slices.Clone(p.Nodes)
		slices.SortFunc(order, func(a, b string) int {
			return closer(all[slices.Index(p.Nodes, a)].at, all[slices.Index(p.Nodes, b)].at, key)
		})
		p.Nearest = order[:Replicas]
		v.Placements = append(v.Placements, p)
	}

	_, box := mailboxOf(t, 1)
	env := envelopeItem(t, box, 0, start, 0)
	bundle := Item{Kind: Bundle, Key: Key(identity.SlotOf(identity.ID{9}, 2800)), Hour: 470736, Content: bytes.Repeat([]byte{7}, 16<<10)}
	for i, it := range []Item{env, bundle} {
		from := []Stamp{0, 1 << 63}[i]
		work := []int{MinWork, 12}[i]
		id := it.ID()
		var err error
		if it.Stamp, err = Search(t.Context(), id, work, from); err != nil {
			t.Fatal(err)
		}
		raw, err := it.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		s, sum := StrengthOf(id, it.Stamp), sha3.Sum256(raw)
		iv := itemVector{
			Name: []string{"an envelope", "a bundle"}[i], Kind: uint64(it.Kind), Key: x(it.Key[:]), Hour: it.Hour, Size: len(it.Content),
			ID: x(id[:]), Work: work, Start: uint64(from), Stamp: uint64(it.Stamp), Strength: x(s[:]), Got: s.Work(), Encoded: x(sum[:]),
		}
		if it.Kind == Envelope {
			iv.Header = x(it.Content[:44])
		} else {
			iv.Fill = 7
		}
		v.Items = append(v.Items, iv)
	}

	seed := bytes.Repeat([]byte{3}, sign.SeedSize)
	key, err := sign.NewPrivateKey(seed)
	if err != nil {
		t.Fatal(err)
	}
	node := nodes.ID(sha3.Sum256([]byte("node")))
	mailbox := identity.MailboxIDOf(key.Public())
	for _, c := range []struct {
		name string
		verb verb
		body any
		key  *sign.PrivateKey
	}{
		{"poll", verbPoll, pollBody{Run: [16]byte{1}, After: 300, Wait: 25}, key},
		{"delete", verbDelete, deleteBody{IDs: []ID{{1}, {2}}}, key},
		{"get", verbGet, getBody{Slot: Key{5}, After: 1}, nil},
	} {
		ch, n := challenge{0xcc, 1}, nonce{0xdd, 2}
		raw, err := newRequest(c.verb, c.body, c.key, node, ch, n)
		if err != nil {
			t.Fatal(err)
		}
		req, err := parseRequest(raw)
		if err != nil {
			t.Fatal(err)
		}
		msg, err := signedBytes(node, ch, n, c.verb, req.Body)
		if err != nil {
			t.Fatal(err)
		}
		r := requestVector{Name: c.name, Node: node.String(), Verb: uint64(c.verb), Body: x(req.Body), Request: x(raw)}
		if c.key != nil {
			r.Seed, r.Mailbox, r.Challenge, r.Nonce, r.Signed = x(seed), x(mailbox[:]), x(ch[:]), x(n[:]), x(msg)
		}
		v.Requests = append(v.Requests, r)
	}
	pair := pairSpace(node, nodes.ID{1})
	v.Pair = [3]string{node.String(), nodes.ID{1}.String(), x(pair[:])}
	checkVectors(t, v)
}

func checkVectors(t *testing.T, made any) {
	t.Helper()
	got, err := json.MarshalIndent(made, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("..", "..", "spec", "vectors", "swarm.json")
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
