package threshold

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pars-network/pars/crypto/frost"
	"github.com/pars-network/pars/crypto/kem"
)

// cheap makes tests fast: what a passphrase costs is not what they are about.
var cheap = Cost{Passes: 1, MemoryKiB: 8, Lanes: 1}

// memory is a disk that forgets nothing and crashes when it is told to.
type memory struct {
	files map[string][]byte
	// crash is called before and after each write; a panic is the crash.
	crash func()
}

func (m *memory) Read(name string, limit int64) ([]byte, error) {
	b, ok := m.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	if int64(len(b)) > limit {
		return nil, errors.New("too large")
	}
	return bytes.Clone(b), nil
}

func (m *memory) Write(name string, data []byte) error {
	if m.crash != nil {
		m.crash()
	}
	m.files[name] = bytes.Clone(data)
	if m.crash != nil {
		m.crash()
	}
	return nil
}

func (m *memory) List(folder string) ([]string, error) {
	var names []string
	for name := range m.files {
		if rest, ok := strings.CutPrefix(name, folder+"/"); ok {
			names = append(names, rest)
		}
	}
	return names, nil
}

// post is a carrier in memory. It notes everything that was ever put.
type post struct {
	t     testing.TB
	files map[string][]byte
	crash func()
}

func (p *post) Get(name string) ([]byte, error) {
	if b, ok := p.files[name]; ok {
		return b, nil
	}
	return nil, fs.ErrNotExist
}

func (p *post) Put(name string, data []byte) error {
	if p.crash != nil {
		p.crash()
	}
	if old, ok := p.files[name]; ok && !bytes.Equal(old, data) {
		p.t.Errorf("%s was put with two contents", name)
	}
	p.files[name] = bytes.Clone(data)
	return nil
}

type party struct {
	*Home
	disk *memory
	cfg  Config
}

func people(t testing.TB, names ...string) (all []party, members []Member) {
	t.Helper()
	for i, name := range names {
		disk := &memory{files: map[string][]byte{}}
		cfg := Config{Passphrase: []byte("passphrase"), Rand: rand.NewChaCha8([32]byte{byte(i + 1)}), Cost: cheap, Disk: disk}
		h, err := Create(cfg, name)
		if err != nil {
			t.Fatal(err)
		}
		card, err := h.Card()
		if err != nil {
			t.Fatal(err)
		}
		m, err := ParseMember(card)
		if err != nil {
			t.Fatal(err)
		}
		all, members = append(all, party{h, disk, cfg}), append(members, m)
	}
	return all, members
}

func suiteOf(t testing.TB, id frost.SuiteID) *frost.Suite {
	t.Helper()
	s, err := frost.SuiteByID(id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// generate runs a key generation until nobody gets any further.
func generate(t testing.TB, all []party, carrier Carrier, plan Plan) ([]*DKG, []error) {
	t.Helper()
	dkgs, errs := make([]*DKG, len(all)), make([]error, len(all))
	for i, p := range all {
		d, err := p.StartDKG(carrier, plan)
		if err != nil {
			t.Fatal(err)
		}
		dkgs[i] = d
	}
	for range 4 {
		for i, d := range dkgs {
			_, errs[i] = d.Step()
		}
	}
	return dkgs, errs
}

func group(t testing.TB, all []party, members []Member, id frost.SuiteID, threshold int) []*Group {
	t.Helper()
	dkgs, errs := generate(t, all, &post{t: t, files: map[string][]byte{}}, Plan{"treasury", suiteOf(t, id), threshold, members})
	var groups []*Group
	for i, d := range dkgs {
		if errs[i] != nil {
			t.Fatalf("%s: %v", all[i].name, errs[i])
		}
		g, err := d.Group()
		if err != nil {
			t.Fatal(err)
		}
		groups = append(groups, g)
	}
	return groups
}

func TestKeysAndSignaturesOfEverySuite(t *testing.T) {
	for id := frost.Ed25519; id <= frost.Secp256k1; id++ {
		t.Run(fmt.Sprint(id), func(t *testing.T) {
			all, members := people(t, "sara", "reza", "نیما", "dara")
			groups := group(t, all, members, id, 3)
			for _, g := range groups {
				if g.ID() != groups[0].ID() || !bytes.Equal(g.Key, groups[0].Key) {
					t.Errorf("two members got different groups")
				}
			}
			carrier := &post{t: t, files: map[string][]byte{}}
			order := Order{Message: []byte("salaam"), Signers: []string{"dara", "نیما", "reza"}, Attempt: 1}
			var signers []*Sign
			for i := range all[1:] {
				s, err := all[i+1].StartSign(carrier, groups[i+1], order)
				if err != nil {
					t.Fatal(err)
				}
				signers = append(signers, s)
			}
			var sigs [3][]byte
			for range 3 {
				for i, s := range signers {
					var err error
					if sigs[i], _, err = s.Step(); err != nil {
						t.Fatal(err)
					}
				}
			}
			if sigs[0] == nil || !bytes.Equal(sigs[0], sigs[1]) || !bytes.Equal(sigs[0], sigs[2]) {
				t.Fatalf("signatures %x, want the same three times", sigs)
			}
			if ok, err := frost.Verify(groups[0].Suite, groups[0].Key, order.Message, sigs[0]); !ok || err != nil {
				t.Errorf("Verify = %v, %v", ok, err)
			}
			if id == frost.Ed25519 && !ed25519.Verify(groups[0].Key, order.Message, sigs[0]) {
				t.Error("crypto/ed25519 refuses the signature")
			}
			// After the end it is only repeated.
			again, err := all[1].StartSign(carrier, groups[1], order)
			if err != nil {
				t.Fatal(err)
			}
			if sig, st, err := again.Step(); err != nil || !st.Done || !bytes.Equal(sig, sigs[0]) {
				t.Errorf("once more: %x, %+v, %v", sig, st, err)
			}
		})
	}
}

func TestStatusSaysWhoIsMissing(t *testing.T) {
	all, members := people(t, "sara", "reza", "nima")
	carrier := &post{t: t, files: map[string][]byte{}}
	plan := Plan{"key", suiteOf(t, frost.Ristretto255), 2, members}
	d, err := all[0].StartDKG(carrier, plan)
	if err != nil {
		t.Fatal(err)
	}
	st, err := d.Step()
	slices.Sort(st.Missing)
	if err != nil || st.Round != 1 || !slices.Equal(st.Missing, []string{"nima", "reza"}) {
		t.Errorf("Step = %+v, %v, want reza and nima missing in round 1", st, err)
	}
	e, err := all[1].StartDKG(carrier, plan)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Step(); err != nil {
		t.Fatal(err)
	}
	// A cut file, and one by somebody else: nobody's fault, and not the end.
	carrier.files[FileName(d.Ceremony(), KindCommit, e.self)] = carrier.files[FileName(d.Ceremony(), KindCommit, e.self)][:100]
	third := 6 - d.self - e.self
	carrier.files[FileName(d.Ceremony(), KindCommit, third)] = d.first
	st, err = d.Step()
	if err != nil || len(st.Missing) != 2 || len(st.Unreadable) != 2 {
		t.Errorf("Step = %+v, %v, want two missing and two unreadable", st, err)
	}
}

func TestPlansThatCanNotWork(t *testing.T) {
	all, members := people(t, "sara", "reza")
	twin, _ := people(t, "reza")
	ed := suiteOf(t, frost.Ed25519)
	for name, plan := range map[string]Plan{
		"no label":        {"", ed, 2, members},
		"label of a path": {"../x", ed, 2, members},
		"threshold 1":     {"x", ed, 1, members},
		"threshold 3":     {"x", ed, 3, members},
		"alone":           {"x", ed, 2, members[:1]},
		"twice":           {"x", ed, 2, append(members, members[0])},
		"without oneself": {"x", ed, 2, []Member{members[1], {"ali", twin[0].key.Public()}}[:1]},
		"same name":       {"x", ed, 2, append(members, Member{"sara", members[1].Key})},
	} {
		if _, err := all[0].StartDKG(nil, plan); !errors.Is(err, ErrSetup) && !errors.Is(err, ErrName) {
			t.Errorf("%s: StartDKG = %v, want ErrSetup or ErrName", name, err)
		}
	}
	groups := group(t, all, members, frost.Ed25519, 2)
	for name, order := range map[string]Order{
		"too few":       {[]byte("m"), []string{"sara"}, 1},
		"stranger":      {[]byte("m"), []string{"sara", "ali"}, 1},
		"twice":         {[]byte("m"), []string{"sara", "sara"}, 1},
		"attempt 0":     {[]byte("m"), []string{"sara", "reza"}, 0},
		"without me":    {[]byte("m"), []string{"reza", "reza"}, 1},
		"large message": {make([]byte, MaxSigned+1), []string{"sara", "reza"}, 1},
	} {
		if _, err := all[0].StartSign(nil, groups[0], order); !errors.Is(err, ErrSetup) {
			t.Errorf("%s: StartSign = %v, want ErrSetup", name, err)
		}
	}
}

// blames checks that an error is a failure that names exactly these.
func blames(t *testing.T, who string, err error, proven bool, names ...string) {
	t.Helper()
	f := (*Failure)(nil)
	if !errors.As(err, &f) {
		t.Errorf("%s: %v, want a Failure", who, err)
		return
	}
	slices.Sort(f.Blamed)
	slices.Sort(names)
	if !slices.Equal(f.Blamed, names) || f.Proven != proven {
		t.Errorf("%s blames %v, proven %v (%v), want %v, proven %v", who, f.Blamed, f.Proven, f, names, proven)
	}
}

// cheat runs a key generation of sara, reza and nima in which nima's messages
// are what the function makes of them.
func cheat(t *testing.T, alter func(d *DKG, carrier *post)) (honest []*DKG, errs []error, carrier *post) {
	t.Helper()
	all, members := people(t, "sara", "reza", "nima")
	carrier = &post{t: t, files: map[string][]byte{}}
	plan := Plan{"key", suiteOf(t, frost.Ed25519), 2, members}
	var dkgs []*DKG
	for _, p := range all {
		d, err := p.StartDKG(carrier, plan)
		if err != nil {
			t.Fatal(err)
		}
		dkgs = append(dkgs, d)
	}
	errs = make([]error, 2)
	for range 4 {
		for i, d := range dkgs[:2] {
			_, errs[i] = d.Step()
		}
		alter(dkgs[2], carrier)
	}
	for i, d := range dkgs[:2] {
		if _, err := d.Group(); err == nil {
			t.Errorf("%s has a group all the same", all[i].name)
		}
		if len(d.state.Seed) > 0 || len(d.state.Group) > 0 {
			t.Errorf("%s keeps secrets of a failed key generation", all[i].name)
		}
		// The verdict outlives a restart.
		again, err := all[i].StartDKG(carrier, plan)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := again.Step(); err == nil || err.Error() != errs[i].Error() {
			t.Errorf("after a restart: %v, want %v", err, errs[i])
		}
	}
	return dkgs[:2], errs, carrier
}

func (d *DKG) speak(t *testing.T, k Kind, payload any) []byte {
	t.Helper()
	raw, err := d.home.message(d.ceremony, k, d.self, payload)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// firsts are the first messages that are in the carrier, nil if one is missing.
func (d *DKG) firsts(t *testing.T, carrier *post) (commits []commitWire, hashes [][32]byte) {
	t.Helper()
	d.state.First[d.self-1] = d.first
	for i := range d.plan.Members {
		raw := carrier.files[FileName(d.ceremony, KindCommit, uint16(i+1))]
		if raw == nil {
			return nil, nil
		}
		d.state.First[i] = raw
	}
	commits, hashes, err := d.checkFirst()
	if err != nil {
		t.Fatal(err)
	}
	return commits, hashes
}

// honestFirst puts nima's first message and, when all are there, returns what a
// second one is made of.
func (d *DKG) honestFirst(t *testing.T, carrier *post) ([]commitWire, [][32]byte) {
	carrier.files[FileName(d.ceremony, KindCommit, d.self)] = d.first
	return d.firsts(t, carrier)
}

func (d *DKG) boxes(t *testing.T, commits []commitWire, hashes [][32]byte) sharesWire {
	t.Helper()
	if err := d.sendShares(commits, hashes); err != nil {
		t.Fatal(err)
	}
	var w sharesWire
	msg, err := openMessage(d.state.Shares, d.ceremony, KindShares, d.self, d.home.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	decode(t, msg.payload, &w)
	return w
}

func TestAWrongKeyShareIsProven(t *testing.T) {
	for name, spoil := range map[string]func(d *DKG, w *sharesWire, to int, commits []commitWire){
		"a box that does not open": func(_ *DKG, w *sharesWire, to int, _ []commitWire) { w.Boxes[to][1700%len(w.Boxes[to])] ^= 1 },
		"an empty box":             func(_ *DKG, w *sharesWire, to int, _ []commitWire) { w.Boxes[to] = nil },
		"another share, well sealed": func(d *DKG, w *sharesWire, to int, commits []commitWire) {
			key, err := kem.ParsePublicKey(commits[to].Key)
			if err != nil {
				t.Fatal(err)
			}
			share := make([]byte, 32)
			share[0] = 7
			if w.Boxes[to], err = sealShare(d.home.rand, d.ceremony, d.self, uint16(to+1), key, share); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			sent := false
			_, errs, _ := cheat(t, func(d *DKG, carrier *post) {
				commits, hashes := d.honestFirst(t, carrier)
				if commits == nil || sent {
					return
				}
				w := d.boxes(t, commits, hashes)
				victim := 0
				if d.self == 1 {
					victim = 1
				}
				spoil(d, &w, victim, commits)
				carrier.files[FileName(d.ceremony, KindShares, d.self)] = d.speak(t, KindShares, w)
				sent = true
			})
			blames(t, "sara", errs[0], true, "nima")
			blames(t, "reza", errs[1], true, "nima")
		})
	}
}

func TestAComplaintWithoutGroundIsProven(t *testing.T) {
	for name, complaint := range map[string]func(d *DKG) resultWire{
		"against a right share": func(d *DKG) resultWire { return resultWire{Accused: uint64(d.self%3 + 1), Seed: d.pair.Seed()} },
		"with another seed":     func(d *DKG) resultWire { return resultWire{Accused: uint64(d.self%3 + 1), Seed: make([]byte, 96)} },
		"against nobody":        func(*DKG) resultWire { return resultWire{} },
		"against oneself":       func(d *DKG) resultWire { return resultWire{Accused: uint64(d.self), Seed: d.pair.Seed()} },
		"with no first message": func(d *DKG) resultWire { return resultWire{Accused: uint64(d.self%3 + 1), First: []byte{1}} },
	} {
		t.Run(name, func(t *testing.T) {
			_, errs, _ := cheat(t, func(d *DKG, carrier *post) {
				if commits, hashes := d.honestFirst(t, carrier); commits != nil && len(d.state.Shares) == 0 {
					d.boxes(t, commits, hashes)
					carrier.files[FileName(d.ceremony, KindResult, d.self)] = d.speak(t, KindResult, complaint(d))
				}
			})
			blames(t, "sara", errs[0], true, "nima")
			blames(t, "reza", errs[1], true, "nima")
		})
	}
}

func TestARogueFirstMessageIsProven(t *testing.T) {
	for name, spoil := range map[string]func(w *commitWire, others commitWire){
		"somebody else's commitment": func(w *commitWire, o commitWire) { w.Commitments[0] = o.Commitments[0] },
		"one coefficient more":       func(w *commitWire, o commitWire) { w.Commitments = append(w.Commitments, o.Commitments[0]) },
		"no sealing key":             func(w *commitWire, _ commitWire) { w.Key = nil },
		"a sealing key of low order": func(w *commitWire, _ commitWire) { clear(w.Key[:32]) },
		"no proof":                   func(w *commitWire, _ commitWire) { w.ProofR, w.ProofZ = nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			_, errs, _ := cheat(t, func(d *DKG, carrier *post) {
				own := FileName(d.ceremony, KindCommit, d.self)
				if carrier.files[own] != nil {
					return
				}
				id := d.self%3 + 1
				msg, err := openMessage(carrier.files[FileName(d.ceremony, KindCommit, id)], d.ceremony, KindCommit, id, d.plan.Members[id-1].Key)
				if err != nil {
					t.Fatal(err)
				}
				var w, other commitWire
				decode(t, msg.payload, &other)
				mine, err := openMessage(d.first, d.ceremony, KindCommit, d.self, d.home.key.Public())
				if err != nil {
					t.Fatal(err)
				}
				decode(t, mine.payload, &w)
				spoil(&w, other)
				carrier.files[own] = d.speak(t, KindCommit, w)
			})
			blames(t, "sara", errs[0], true, "nima")
			blames(t, "reza", errs[1], true, "nima")
		})
	}
}

// twoFaced gives one of the honest another first message than the other.
type twoFaced struct {
	*post
	name string
	lie  []byte
}

func (f *twoFaced) Get(name string) ([]byte, error) {
	if name == f.name {
		return f.lie, nil
	}
	return f.post.Get(name)
}

func TestDifferentFirstMessagesAreFoundAndProven(t *testing.T) {
	all, members := people(t, "sara", "reza", "nima")
	carrier := &post{t: t, files: map[string][]byte{}}
	plan := Plan{"key", suiteOf(t, frost.Ed25519), 2, members}
	start := func(p party, c Carrier) *DKG {
		d, err := p.StartDKG(c, plan)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	// nima runs the protocol twice, once for each of the others.
	nima := start(all[2], carrier)
	liar := party{Home: all[2].Home, disk: all[2].disk}
	liar.disk.files = maps.Clone(liar.disk.files)
	delete(liar.disk.files, nima.file())
	other := start(liar, carrier)
	if bytes.Equal(nima.first, other.first) {
		t.Fatal("the two first messages are the same")
	}
	carrier.files[FileName(nima.ceremony, KindCommit, nima.self)] = nima.first
	sara := start(all[0], carrier)
	reza := start(all[1], &twoFaced{carrier, FileName(nima.ceremony, KindCommit, nima.self), other.first})
	step := func(d *DKG) error { _, err := d.Step(); return err }
	for range 2 {
		for _, d := range []*DKG{sara, reza} {
			_ = step(d)
		}
		if commits, hashes := nima.firsts(t, carrier); commits != nil && len(nima.state.Shares) == 0 {
			nima.boxes(t, commits, hashes)
		}
	}
	// Whoever finds it first can't tell nima from the other one; the complaint
	// with the message inside proves it to the second.
	errs := []error{step(sara), step(reza)}
	proven := 0
	for i, err := range errs {
		f := (*Failure)(nil)
		if !errors.As(err, &f) || !slices.Contains(f.Blamed, "nima") {
			t.Fatalf("%d: %v, want a failure that blames nima", i, err)
		}
		if f.Proven {
			proven++
			blames(t, "who got the complaint", err, true, "nima")
		}
	}
	if proven == 0 {
		t.Errorf("nobody has a proof: %v", errs)
	}
}

func TestAWrongSignatureShareIsNamed(t *testing.T) {
	all, members := people(t, "sara", "reza", "nima")
	groups := group(t, all, members, frost.Secp256k1, 2)
	order := Order{Message: []byte("m"), Signers: []string{"sara", "nima"}, Attempt: 1}
	carrier := &post{t: t, files: map[string][]byte{}}
	sara, err := all[0].StartSign(carrier, groups[0], order)
	if err != nil {
		t.Fatal(err)
	}
	nima, err := all[2].StartSign(&post{t: t, files: carrier.files}, groups[2], order)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := sara.Step(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := nima.Step(); err != nil {
		t.Fatal(err)
	}
	name := FileName(nima.ceremony, KindSigShare, nima.group.Self)
	var w sigShareWire
	msg, err := openMessage(carrier.files[name], nima.ceremony, KindSigShare, nima.group.Self, nima.home.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	decode(t, msg.payload, &w)
	for what, spoil := range map[string]func(w *sigShareWire){
		"one bit":  func(w *sigShareWire) { w.Share[31] ^= 1 },
		"no share": func(w *sigShareWire) { w.Share = nil },
	} {
		t.Run(what, func(t *testing.T) {
			bad := w
			bad.Share = bytes.Clone(w.Share)
			spoil(&bad)
			if carrier.files[name], err = nima.home.message(nima.ceremony, KindSigShare, nima.group.Self, bad); err != nil {
				t.Fatal(err)
			}
			sara.state.Failure = nil
			_, _, err := sara.Step()
			blames(t, "sara", err, true, "nima")
		})
	}
	sara.state.Failure = nil
	w.Seen[0][0] ^= 1
	if carrier.files[name], err = nima.home.message(nima.ceremony, KindSigShare, nima.group.Self, w); err != nil {
		t.Fatal(err)
	}
	_, _, err = sara.Step()
	f := (*Failure)(nil)
	if !errors.As(err, &f) || !slices.Equal(f.Blamed, []string{"nima"}) {
		t.Errorf("a lie about what was seen: %v, want blame for nima", err)
	}
	// The next attempt, with honest people, works.
	order = Order{Message: []byte("m"), Signers: []string{"sara", "reza"}, Attempt: 2}
	a, err := all[0].StartSign(carrier, groups[0], order)
	if err != nil {
		t.Fatal(err)
	}
	b, err := all[1].StartSign(carrier, groups[1], order)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, s := range []*Sign{a, b} {
			if _, _, err := s.Step(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if sig, _, err := a.Step(); sig == nil || err != nil {
		t.Errorf("the next attempt = %x, %v", sig, err)
	}
}

var errCrash = errors.New("crash")

// survive runs f, which may crash.
func survive(f func()) (crashed bool) {
	defer func() {
		r := recover()
		if err, ok := r.(error); ok && errors.Is(err, errCrash) {
			crashed = true
		} else if r != nil {
			panic(r)
		}
	}()
	f()
	return false
}

// Sara's machine dies before and after every single write, in the key generation and
// in the signature; after each restart it goes on. The carrier sees one
// content for each name, so no nonce and no polynomial is ever used for two
// messages, and the result is the same.
func TestNoCrashMakesTwoMessagesOfOneSecret(t *testing.T) {
	for at := 1; ; at++ {
		all, members := people(t, "sara", "reza")
		carrier := &post{t: t, files: map[string][]byte{}}
		plan := Plan{"key", suiteOf(t, frost.Ed25519), 2, members}
		events := 0
		crash := func() {
			if events++; events == at {
				panic(errCrash)
			}
		}
		crashing := &post{t: t, files: carrier.files, crash: crash}
		all[0].disk.crash = crash
		reopen := func() *Home {
			h, err := Open(all[0].cfg)
			if err != nil {
				t.Fatal(err)
			}
			return h
		}
		sara, died := all[0].Home, false
		run := func(f func() bool, other func()) {
			for range 12 {
				finished := false
				if survive(func() { finished = f() }) {
					died = true
					sara = reopen()
				}
				other()
				if finished {
					return
				}
			}
			t.Fatalf("crash at event %d: no end", at)
		}
		rezaDKG, err := all[1].StartDKG(carrier, plan)
		if err != nil {
			t.Fatal(err)
		}
		run(func() bool {
			d, err := sara.StartDKG(crashing, plan)
			if err != nil {
				t.Fatal(err)
			}
			st, err := d.Step()
			if err != nil {
				t.Fatal(err)
			}
			return st.Done
		}, func() {
			if _, err := rezaDKG.Step(); err != nil {
				t.Fatal(err)
			}
		})
		groups, err := all[1].Groups()
		if err != nil || len(groups) != 1 {
			t.Fatalf("crash at event %d: reza has groups %v, %v", at, groups, err)
		}
		order := Order{Message: []byte("m"), Signers: []string{"sara", "reza"}, Attempt: 1}
		rezaSign, err := all[1].StartSign(carrier, groups[0], order)
		if err != nil {
			t.Fatal(err)
		}
		var sig []byte
		run(func() bool {
			g, err := sara.Group("key")
			if err != nil {
				t.Fatal(err)
			}
			s, err := sara.StartSign(crashing, g, order)
			if err != nil {
				t.Fatal(err)
			}
			var e error
			if sig, _, e = s.Step(); e != nil {
				t.Fatal(e)
			}
			return sig != nil
		}, func() {
			if _, _, err := rezaSign.Step(); err != nil {
				t.Fatal(err)
			}
		})
		if !ed25519.Verify(groups[0].Key, order.Message, sig) {
			t.Errorf("crash at event %d: the signature is wrong", at)
		}
		if !died {
			if at < 20 {
				t.Errorf("only %d places to crash at", at-1)
			}
			t.Logf("%d places to crash at", at-1)
			return
		}
	}
}

// Reza shows Sara other commitments after each of her crashes. With one pair of
// nonces she must never sign for two lists: that would give her share away.
func TestNoCrashSignsForTwoListsWithOneNonce(t *testing.T) {
	all, members := people(t, "sara", "reza")
	groups := group(t, all, members, frost.Ed25519, 2)
	order := Order{Message: []byte("m"), Signers: []string{"sara", "reza"}, Attempt: 1}
	clean := maps.Clone(all[0].disk.files)
	var lists [][]byte
	var name string
	for i := range 2 {
		reza := &post{t: t, files: map[string][]byte{}}
		all[1].rand = rand.NewChaCha8([32]byte{99, byte(i)})
		all[1].disk.files = maps.Clone(all[1].disk.files)
		s, err := all[1].StartSign(reza, groups[1], order)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Step(); err != nil {
			t.Fatal(err)
		}
		name = FileName(s.ceremony, KindNonces, groups[1].Self)
		lists = append(lists, reza.files[name])
		delete(all[1].disk.files, s.file())
	}
	if bytes.Equal(lists[0], lists[1]) {
		t.Fatal("the two first messages are the same")
	}
	for at := 1; ; at++ {
		events, died := 0, false
		crash := func() {
			if events++; events == at {
				panic(errCrash)
			}
		}
		all[0].disk.files, all[0].disk.crash = maps.Clone(clean), crash
		carrier := &post{t: t, files: map[string][]byte{}, crash: crash}
		for _, list := range lists {
			carrier.files[name] = list
			died = survive(func() {
				s, err := all[0].StartSign(carrier, groups[0], order)
				if err != nil {
					t.Fatal(err)
				}
				_, _, _ = s.Step() // the second list may be refused
			}) || died
		}
		if !died {
			t.Logf("%d places to crash at", at-1)
			return
		}
	}
}

// When a share of the signature is visible, what its nonces are made of is on
// no disk any more; and nothing on a disk is readable without the passphrase.
func TestSecretsAreEncryptedAndErased(t *testing.T) {
	all, members := people(t, "sara", "reza")
	groups := group(t, all, members, frost.P256, 2)
	for name, b := range all[0].disk.files {
		for what, secret := range map[string][]byte{"share": groups[0].share.Secret(), "master key": all[0].master, "seed": all[0].key.Seed()[:32]} {
			if bytes.Contains(b, secret) {
				t.Errorf("%s holds the %s", name, what)
			}
		}
	}
	carrier := &post{t: t, files: map[string][]byte{}}
	order := Order{Message: []byte("m"), Signers: []string{"sara", "reza"}, Attempt: 1}
	s, err := all[0].StartSign(carrier, groups[0], order)
	if err != nil {
		t.Fatal(err)
	}
	r, err := all[1].StartSign(carrier, groups[1], order)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, _, err := s.Step(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.Step(); err != nil {
			t.Fatal(err)
		}
	}
	var st signState
	if _, err := all[0].load(s.file(), &st); err != nil || len(st.Seed) > 0 || len(st.Share) == 0 {
		t.Errorf("after the share was shown the disk has a seed of %d bytes and a share of %d, %v", len(st.Seed), len(st.Share), err)
	}
	var dst dkgState
	if _, err := all[0].load("dkg/"+firstName(t, all[0], "dkg"), &dst); err != nil || len(dst.Seed) > 0 || len(dst.Group) > 0 {
		t.Errorf("after the key generation the disk has its seed, %v", err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if out := fmt.Sprintf(format, all[0].Home); !strings.Contains(out, "hidden") {
			t.Errorf("%s prints %s", format, out)
		}
	}
}

func firstName(t *testing.T, p party, folder string) string {
	t.Helper()
	names, err := p.disk.List(folder)
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	return names[0]
}

func TestFoldersOfTheSystem(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "home")
	cfg := Config{Dir: dir, Passphrase: []byte("right"), Rand: rand.NewChaCha8([32]byte{1}), Cost: cheap}
	if _, err := Open(cfg); !errors.Is(err, ErrNoHome) {
		t.Errorf("Open of nothing = %v, want ErrNoHome", err)
	}
	if _, err := Create(Config{Dir: dir, Rand: cfg.Rand, Cost: cheap}, "sara"); !errors.Is(err, ErrPassphrase) {
		t.Errorf("Create without a passphrase = %v, want ErrPassphrase", err)
	}
	h, err := Create(cfg, "sara")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(cfg); !errors.Is(err, ErrLocked) {
		t.Errorf("Open of an open folder = %v, want ErrLocked", err)
	}
	if err := h.save("sign/x.pars", signState{Seed: []byte("first")}); err != nil {
		t.Fatal(err)
	}
	if err := h.save("sign/x.pars", signState{Seed: []byte("second")}); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(cfg, "sara"); !errors.Is(err, ErrExists) {
		t.Errorf("Create of what is there = %v, want ErrExists", err)
	}
	wrong := cfg
	wrong.Passphrase = []byte("wrong")
	if _, err := Open(wrong); !errors.Is(err, ErrPassphrase) {
		t.Errorf("Open with a wrong passphrase = %v, want ErrPassphrase", err)
	}
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v, want it for its owner only", path, info.Mode())
		}
		if strings.HasSuffix(path, oldSuffix) || strings.HasSuffix(path, newSuffix) {
			t.Errorf("%s was left over", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	// What a crash in the middle of a write leaves is repaired.
	file := filepath.Join(dir, "sign", "x.pars")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, leave := range map[string]map[string][]byte{
		"before the new one was whole":      {"": good, newSuffix: good[:5]},
		"between the two renames":           {oldSuffix: good, newSuffix: good},
		"before the old one was erased":     {"": good, oldSuffix: []byte("older")},
		"while the old one was overwritten": {"": good, oldSuffix: nil},
	} {
		for _, suffix := range []string{"", oldSuffix, newSuffix} {
			_ = os.Remove(file + suffix)
			if data, ok := leave[suffix]; ok {
				if err := os.WriteFile(file+suffix, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		h, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var st signState
		if found, err := h.load("sign/x.pars", &st); err != nil || !found || string(st.Seed) != "second" {
			t.Errorf("crash %s: %q, %v, %v, want the last state", name, st.Seed, found, err)
		}
		for _, suffix := range []string{oldSuffix, newSuffix} {
			if _, err := os.Stat(file + suffix); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("crash %s: %s is left over", name, suffix)
			}
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
	}

	raw, err := os.ReadFile(filepath.Join(dir, keyName))
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw { // every bit of the key file counts
		bad := bytes.Clone(raw)
		bad[i] ^= 0x80
		if err := os.WriteFile(filepath.Join(dir, keyName), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(cfg); !errors.Is(err, ErrPassphrase) && !errors.Is(err, ErrDamaged) {
			t.Fatalf("byte %d altered: %v", i, err)
		}
	}
}
