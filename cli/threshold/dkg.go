package threshold

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/pars-network/pars/crypto/frost"
	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/wire"
)

// Plan is what the members of a group to be agree on before. All give the same.
type Plan struct {
	// Label names the group, and this one attempt to make its key: after an attempt
	// that failed, the next one needs another label.
	Label     string
	Suite     *frost.Suite
	Threshold int
	Members   []Member // in any order, oneself included
}

// DKG is this person's side of one key generation.
type DKG struct {
	home     *Home
	carrier  Carrier
	plan     Plan // members in order
	self     uint16
	ceremony Ceremony
	state    dkgState
	frost    *frost.DKG
	pair     *kem.PrivateKey
	first    []byte // our own first message
}

// dkgState is what survives a crash. It is written before a message that
// depends on it is shown to anybody.
type dkgState struct {
	_ struct{} `cbor:",toarray"`
	// Seed is what everything secret comes from; it is erased at the end.
	Seed []byte
	// First are the first messages by participant, fixed once Shares is there.
	First [][]byte
	// Shares and Result are our own second and third message.
	Shares []byte
	Result []byte
	// Group is the outcome that waits for everybody's confirmation.
	Group []groupWire
	// Failure ends it.
	Failure []failureWire
	Done    bool
}

func (d *DKG) file() string { return "dkg/" + d.ceremony.String() + ".pars" }

// StartDKG starts a key generation, or goes on with it where it was. Errors
// match [ErrSetup] and [ErrName].
func (h *Home) StartDKG(carrier Carrier, plan Plan) (*DKG, error) {
	if err := checkName(plan.Label); err != nil {
		return nil, err
	}
	members, err := arrange(plan.Members)
	if err != nil {
		return nil, err
	}
	if plan.Threshold < 2 || plan.Threshold > len(members) {
		return nil, fmt.Errorf("%w: threshold %d of %d members, want 2 to %d", ErrSetup, plan.Threshold, len(members), len(members))
	}
	plan.Members = members
	d := &DKG{home: h, carrier: carrier, plan: plan}
	fields := []any{plan.Label, uint64(plan.Suite.ID()), uint64(plan.Threshold)}
	for i, m := range members {
		fields = append(fields, m.Name, m.Key.Bytes())
		if m.Key.Equal(h.key.Public()) {
			d.self = uint16(i + 1)
		}
	}
	if d.self == 0 {
		return nil, fmt.Errorf("%w: your own card is not among the members'", ErrSetup)
	}
	d.ceremony = digest.Sum("pars threshold dkg v1", fields...)
	found, err := h.load(d.file(), &d.state)
	if err != nil {
		return nil, err
	}
	if !found {
		d.state = dkgState{Seed: make([]byte, 32), First: make([][]byte, len(members))}
		if _, err := io.ReadFull(h.rand, d.state.Seed); err != nil {
			return nil, fmt.Errorf("threshold: reading randomness: %w", err)
		}
		if err := h.save(d.file(), d.state); err != nil {
			return nil, err
		}
	}
	if d.over() {
		return d, nil
	}
	return d, d.begin()
}

// begin derives our polynomial, sealing key and first message from the seed.
func (d *DKG) begin() error {
	var own frost.Round1
	var err error
	n := uint16(len(d.plan.Members))
	d.frost, own, err = frost.NewDKG(d.plan.Suite, d.self, n, uint16(d.plan.Threshold), d.ceremony[:], expand(d.state.Seed, d.ceremony, "polynomial"))
	if err != nil {
		return err
	}
	if d.pair, err = kem.Generate(expand(d.state.Seed, d.ceremony, "sealing")); err != nil {
		return err
	}
	d.first, err = d.home.message(d.ceremony, KindCommit, d.self, commitWire{
		Key: d.pair.Public().Bytes(), Commitments: own.Commitments, ProofR: own.ProofR, ProofZ: own.ProofZ,
	})
	return err
}

func (d *DKG) over() bool { return d.state.Done || len(d.state.Failure) > 0 }

// Ceremony names the key generation: everybody's program shows the same, or
// they don't agree on the plan.
func (d *DKG) Ceremony() Ceremony { return d.ceremony }

// name is what the member with this identifier is called.
func (d *DKG) name(id uint16) string { return d.plan.Members[id-1].Name }

// Step goes as far as the messages in the carrier allow. An error that is a
// [*Failure] ends the key generation; it is returned again by every later Step.
func (d *DKG) Step() (Status, error) {
	st := Status{Round: 1, Rounds: 3}
	err := d.step(&st)
	if f := (*Failure)(nil); errors.As(err, &f) && len(d.state.Failure) == 0 {
		// Whoever saved nothing has no use for the seed, and nobody else either.
		d.state.Failure = failed(f)
		clear(d.state.Seed)
		d.state.Seed, d.state.Group = nil, nil
		if err := d.save(); err != nil {
			return st, err
		}
	}
	if len(d.state.Result) > 0 && !d.state.Done {
		if err := d.put(KindResult, d.state.Result); err != nil {
			return st, err
		}
	}
	return st, err
}

func (d *DKG) save() error { return d.home.save(d.file(), d.state) }

func (d *DKG) put(k Kind, raw []byte) error {
	return d.carrier.Put(FileName(d.ceremony, k, d.self), raw)
}

func (d *DKG) step(st *Status) error {
	if len(d.state.Failure) > 0 {
		return d.state.Failure[0].failure()
	}
	// What we said before is said again: the carrier may have lost it.
	for k, raw := range map[Kind][]byte{KindShares: d.state.Shares, KindResult: d.state.Result} {
		if len(raw) > 0 {
			if err := d.put(k, raw); err != nil {
				return err
			}
		}
	}
	if d.state.Done {
		st.Round, st.Done = 3, true
		return d.put(KindCommit, d.state.First[d.self-1])
	}
	if err := d.put(KindCommit, d.first); err != nil {
		return err
	}
	if err := d.readFirst(st); err != nil || len(st.Missing) > 0 {
		return err
	}
	commits, hashes, err := d.checkFirst()
	if err != nil {
		return err
	}
	if len(d.state.Shares) == 0 {
		if err := d.sendShares(commits, hashes); err != nil {
			return err
		}
	}
	st.Round = 2
	if len(d.state.Result) == 0 {
		if err := d.readShares(st, hashes); err != nil || len(st.Missing) > 0 {
			return errors.Join(err, d.lookForComplaints(commits, hashes))
		}
	}
	st.Round = 3
	return d.readResults(st, commits, hashes)
}

// readFirst collects first messages. The first valid one of a sender is the one
// that counts, and another one beside it is proof of a lie. Once everybody's second
// message has shown that all saw the same, another one changes nothing.
func (d *DKG) readFirst(st *Status) error {
	for i, m := range d.plan.Members {
		id := uint16(i + 1)
		if id == d.self {
			d.state.First[i] = d.first
			continue
		}
		known := d.state.First[i]
		var mute Status
		raw, msg := fetch(d.carrier, d.ceremony, KindCommit, id, m, &mute)
		switch {
		case len(known) == 0 && raw == nil:
			st.Missing, st.Unreadable = append(st.Missing, mute.Missing...), append(st.Unreadable, mute.Unreadable...)
		case len(known) == 0:
			d.state.First[i] = raw
			if err := d.save(); err != nil {
				return err
			}
		case raw != nil && len(d.state.Result) == 0:
			before, err := openMessage(known, d.ceremony, KindCommit, id, m.Key)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrDamaged, err)
			}
			if before.hash != msg.hash {
				return d.complain(&Failure{[]string{m.Name}, true, m.Name + " signed two different first messages"}, resultWire{Accused: uint64(id), First: known})
			}
		}
	}
	return nil
}

// checkFirst decodes and verifies all first messages. Whatever is wrong in one
// is its sender's fault, and everybody sees the same.
func (d *DKG) checkFirst() (commits []commitWire, hashes [][32]byte, err error) {
	var round []frost.Round1
	for i, m := range d.plan.Members {
		id := uint16(i + 1)
		msg, err := openMessage(d.state.First[i], d.ceremony, KindCommit, id, m.Key)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		var w commitWire
		err = wire.Unmarshal(msg.payload, MaxMessage, &w)
		if err == nil {
			_, err = kem.ParsePublicKey(w.Key)
		}
		if err != nil {
			return nil, nil, &Failure{[]string{m.Name}, true, fmt.Sprintf("the first message of %s is malformed: %v", m.Name, err)}
		}
		commits, hashes = append(commits, w), append(hashes, msg.hash)
		round = append(round, frost.Round1{ID: id, Commitments: w.Commitments, ProofR: w.ProofR, ProofZ: w.ProofZ})
	}
	if _, err := d.frost.Shares(round); err != nil {
		if b := (*frost.BlamedError)(nil); errors.As(err, &b) {
			return nil, nil, &Failure{[]string{d.name(b.ID)}, true, fmt.Sprintf("the first message of %s is wrong: %v", d.name(b.ID), err)}
		}
		return nil, nil, err
	}
	return commits, hashes, nil
}

func (d *DKG) rounds(commits []commitWire) (round []frost.Round1) {
	for i, w := range commits {
		round = append(round, frost.Round1{ID: uint16(i + 1), Commitments: w.Commitments, ProofR: w.ProofR, ProofZ: w.ProofZ})
	}
	return round
}

// sendShares makes our second message and keeps it before it is shown.
func (d *DKG) sendShares(commits []commitWire, hashes [][32]byte) error {
	shares, err := d.frost.Shares(d.rounds(commits))
	if err != nil {
		return err
	}
	w := sharesWire{Seen: hashes, Boxes: make([][]byte, len(commits))}
	for i, c := range commits {
		to := uint16(i + 1)
		if to == d.self {
			continue
		}
		recipient, err := kem.ParsePublicKey(c.Key)
		if err != nil {
			return err
		}
		box, err := sealShare(d.home.rand, d.ceremony, d.self, to, recipient, shares[to])
		if errors.Is(err, kem.ErrLowOrder) {
			return &Failure{[]string{d.name(to)}, true, d.name(to) + " has a sealing key of low order"}
		}
		if err != nil {
			return err
		}
		w.Boxes[i] = box
		clear(shares[to])
	}
	if d.state.Shares, err = d.home.message(d.ceremony, KindShares, d.self, w); err != nil {
		return err
	}
	if err := d.save(); err != nil {
		return err
	}
	return d.put(KindShares, d.state.Shares)
}

// readShares collects everybody's second message; when all are there it
// computes the key and says so to the others.
func (d *DKG) readShares(st *Status, hashes [][32]byte) error {
	received := make(map[uint16][]byte)
	for i, m := range d.plan.Members {
		id := uint16(i + 1)
		if id == d.self {
			continue
		}
		raw, msg := fetch(d.carrier, d.ceremony, KindShares, id, m, st)
		if raw == nil {
			continue
		}
		var w sharesWire
		if err := wire.Unmarshal(msg.payload, MaxMessage, &w); err != nil || len(w.Seen) != len(hashes) || len(w.Boxes) != len(hashes) {
			return &Failure{[]string{m.Name}, true, fmt.Sprintf("the second message of %s is malformed: %d hashes and %d shares, want %d", m.Name, len(w.Seen), len(w.Boxes), len(hashes))}
		}
		for j, h := range w.Seen {
			if h != hashes[j] {
				return d.complain(d.split(uint16(j+1), id), resultWire{Accused: uint64(j + 1), First: d.state.First[j]})
			}
		}
		share, err := openShare(d.ceremony, id, d.self, d.pair, w.Boxes[d.self-1])
		if err != nil {
			return d.accuse(id)
		}
		received[id] = share
	}
	if len(st.Missing) > 0 {
		return nil
	}
	share, publics, err := d.frost.Finish(received)
	if err != nil {
		if b := (*frost.BlamedError)(nil); errors.As(err, &b) {
			return d.accuse(b.ID)
		}
		return err
	}
	return d.confirm(share, publics)
}

// split is the failure when we and another one saw different first messages of
// a third: one of the two lies. Our own message we know.
func (d *DKG) split(author, witness uint16) *Failure {
	switch author {
	case d.self, witness:
		return &Failure{[]string{d.name(witness)}, author == witness, fmt.Sprintf("%s claims another first message of %s than there is", d.name(witness), d.name(author))}
	}
	return &Failure{
		[]string{d.name(author), d.name(witness)}, false,
		fmt.Sprintf("%s sent different first messages to you and to %s, or %s lies about it", d.name(author), d.name(witness), d.name(witness)),
	}
}

// accuse tells the others whose share is wrong, and gives our sealing key of
// this ceremony away so that they can see it for themselves. Nobody will use the
// key that was being made: we never confirm it.
func (d *DKG) accuse(id uint16) error {
	return d.complain(&Failure{[]string{d.name(id)}, true, fmt.Sprintf("the share from %s does not fit the commitments of %s", d.name(id), d.name(id))},
		resultWire{Accused: uint64(id), Seed: d.pair.Seed()})
}

func (d *DKG) complain(f *Failure, w resultWire) error {
	if len(d.state.Result) > 0 {
		return f // what we said in the third round stands
	}
	raw, err := d.home.message(d.ceremony, KindResult, d.self, w)
	if err != nil {
		return err
	}
	d.state.Result = raw // saved together with the failure, before it is shown
	return f
}

func (d *DKG) confirm(share *frost.Share, publics map[uint16][]byte) error {
	w := groupWire{
		Label: d.plan.Label, Suite: uint64(d.plan.Suite.ID()), Threshold: uint64(d.plan.Threshold), Members: membersWire(d.plan.Members),
		Self: uint64(d.self), Key: share.GroupKey(), Secret: share.Secret(),
	}
	for id := range uint16(len(d.plan.Members)) {
		w.PublicKeys = append(w.PublicKeys, publics[id+1])
	}
	raw, err := d.home.message(d.ceremony, KindResult, d.self, resultWire{Result: d.outcome(w)})
	if err != nil {
		return err
	}
	d.state.Group, d.state.Result = []groupWire{w}, raw
	if err := d.save(); err != nil {
		return err
	}
	return d.put(KindResult, raw)
}

// outcome is what all have to agree on in the third round.
func (d *DKG) outcome(w groupWire) [32]byte {
	return digest.Sum("pars threshold result v1", d.ceremony[:], w.Key, bytes.Join(w.PublicKeys, nil))
}

// readResults waits for everybody's confirmation and keeps the key.
func (d *DKG) readResults(st *Status, commits []commitWire, hashes [][32]byte) error {
	if len(d.state.Group) == 0 {
		return errors.New("threshold: a third message of ours without a group")
	}
	want := d.outcome(d.state.Group[0])
	for i, m := range d.plan.Members {
		id := uint16(i + 1)
		if id == d.self {
			continue
		}
		w, err := d.result(id, m, st)
		if err != nil {
			return err
		}
		switch {
		case w == nil:
		case w.Result == [32]byte{}:
			return d.judge(id, *w, commits, hashes)
		case w.Result != want:
			return &Failure{[]string{m.Name}, false, m.Name + " got another key out of the same messages, or says so"}
		}
	}
	if len(st.Missing) > 0 {
		return nil
	}
	if err := d.home.save(groupFile(d.ceremony), d.state.Group[0]); err != nil {
		return err
	}
	clear(d.state.Seed)
	d.state.Seed, d.state.Group, d.state.Done = nil, nil, true
	st.Done = true
	return d.save()
}

func (d *DKG) result(id uint16, m Member, st *Status) (*resultWire, error) {
	raw, msg := fetch(d.carrier, d.ceremony, KindResult, id, m, st)
	if raw == nil {
		return nil, nil
	}
	var w resultWire
	if err := wire.Unmarshal(msg.payload, MaxMessage, &w); err != nil || w.Accused > uint64(len(d.plan.Members)) {
		return nil, &Failure{[]string{m.Name}, true, fmt.Sprintf("the third message of %s is malformed", m.Name)}
	}
	return &w, nil
}

// lookForComplaints is for who still waits in the second round: somebody may
// have ended it already.
func (d *DKG) lookForComplaints(commits []commitWire, hashes [][32]byte) error {
	var mute Status
	for i, m := range d.plan.Members {
		if id := uint16(i + 1); id != d.self {
			if w, err := d.result(id, m, &mute); err != nil {
				return err
			} else if w != nil && w.Result == [32]byte{} {
				return d.judge(id, *w, commits, hashes)
			}
		}
	}
	return nil
}

// judge decides who is wrong, the accuser or the accused. nil means that a
// message is missing for it.
func (d *DKG) judge(accuser uint16, w resultWire, commits []commitWire, hashes [][32]byte) error {
	bogus := &Failure{[]string{d.name(accuser)}, true, fmt.Sprintf("%s complains without a ground", d.name(accuser))}
	accused := uint16(w.Accused)
	if accused == 0 || accused == accuser {
		return bogus
	}
	m := d.plan.Members[accused-1]
	if len(w.First) > 0 {
		msg, err := openMessage(w.First, d.ceremony, KindCommit, accused, m.Key)
		switch {
		case err != nil:
			return bogus
		case msg.hash != hashes[accused-1]:
			return &Failure{[]string{m.Name}, true, m.Name + " signed two different first messages"}
		default:
			return &Failure{[]string{d.name(accuser), m.Name}, false, fmt.Sprintf("%s says that somebody got another first message of %s", d.name(accuser), m.Name)}
		}
	}
	pair, err := kem.NewPrivateKey(w.Seed)
	if err != nil || !bytes.Equal(pair.Public().Bytes(), commits[accuser-1].Key) {
		return bogus
	}
	var mute Status
	raw, msg := fetch(d.carrier, d.ceremony, KindShares, accused, m, &mute)
	if accused == d.self {
		raw = d.state.Shares
		if msg, err = openMessage(raw, d.ceremony, KindShares, accused, m.Key); err != nil {
			return bogus // we had not sent any share yet
		}
	}
	if raw == nil {
		return nil
	}
	var shares sharesWire
	if err := wire.Unmarshal(msg.payload, MaxMessage, &shares); err != nil || len(shares.Boxes) != len(commits) {
		return &Failure{[]string{m.Name}, true, fmt.Sprintf("the second message of %s is malformed", m.Name)}
	}
	share, err := openShare(d.ceremony, accused, accuser, pair, shares.Boxes[accuser-1])
	if err == nil {
		err = frost.CheckKeyShare(d.plan.Suite, commits[accused-1].Commitments, accuser, share)
	}
	if err == nil {
		return bogus
	}
	return &Failure{[]string{m.Name}, true, fmt.Sprintf("the share from %s to %s does not fit the commitments of %s", m.Name, d.name(accuser), m.Name)}
}

// Group is the result of a key generation that is done.
func (d *DKG) Group() (*Group, error) {
	var w groupWire
	found, err := d.home.load(groupFile(d.ceremony), &w)
	if err != nil || !found {
		return nil, errors.Join(err, errors.New("threshold: the key generation is not done"))
	}
	defer clear(w.Secret)
	return groupOf(w)
}

// members returns the members with these names, in the order of identifiers.
func (g *Group) members(names []string) ([]uint16, error) {
	var ids []uint16
	for i, m := range g.Members {
		if slices.Contains(names, m.Name) {
			ids = append(ids, uint16(i+1))
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(g.Members, func(m Member) bool { return m.Name == name }) {
			return nil, fmt.Errorf("%w: %s is no member of %s", ErrSetup, name, g.Label)
		}
	}
	if len(ids) != len(names) {
		return nil, fmt.Errorf("%w: a signer is there twice", ErrSetup)
	}
	return ids, nil
}
