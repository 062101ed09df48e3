package setup

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"pgregory.net/rapid"
)

// flight is a first envelope on its way.
type flight struct {
	env      []byte
	from, to int
	pending  *Pending
	body     string
	oneTime  *identity.PrekeyID
	accepted bool
	answer   []byte
	root     *Root
	finished bool
}

// TestAnyOrderOfEvents lets three people set up with one another while the
// network delivers late, twice, to the wrong people or never, prekeys rotate
// and clocks go on. Whatever happens: a flight is accepted at most once and only by
// whom it was written to, a one-time prekey is used once, and two sides that
// finish hold one root.
func TestAnyOrderOfEvents(t *testing.T) {
	if os.Getenv("PARS_TEST_FULL") == "" {
		// A history is dozens of set-ups, slow under the race detector.
		checks := flag.Lookup("rapid.checks").Value
		before := checks.String()
		if err := checks.Set("20"); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = checks.Set(before) }()
	}
	rapid.Check(t, func(t *rapid.T) {
		tb := t
		now, step := start, 0
		var people []*person
		for i := range 3 {
			people = append(people, machinePerson(tb, i))
		}
		used := map[identity.PrekeyID]bool{}
		var flights []*flight
		rand := func() *recorder { step++; return &recorder{from: stream(fmt.Sprint("step", step))} }
		issue := func(p *person) {
			if _, err := p.ring.Rotate(rand(), now); err != nil {
				tb.Fatal(err)
			}
			for tag, prekey := range p.seen {
				if !p.ring.HasSigned(prekey) {
					delete(p.seen, tag)
				}
			}
			var err error
			if p.bundle, err = p.ring.Issue(rand(), p.account, now, identity.IssueOptions{OneTime: 1}); err != nil {
				tb.Fatal(err)
			}
		}
		pick := func() *flight {
			if len(flights) == 0 {
				tb.Skip("nothing on its way")
			}
			return rapid.SampledFrom(flights).Draw(tb, "flight")
		}
		t.Repeat(map[string]func(*rapid.T){
			"set up": func(t *rapid.T) {
				from := rapid.IntRange(0, 2).Draw(t, "from")
				to := (from + rapid.IntRange(1, 2).Draw(t, "distance")) % 3
				f := &flight{from: from, to: to, body: fmt.Sprint("message ", len(flights))}
				target := people[to].to(-1)
				if rapid.Bool().Draw(t, "one-time") {
					target = people[to].to(0)
					id := identity.PrekeyIDOf(target.OneTime)
					f.oneTime = &id
				}
				msg := envelope.Message{Kind: envelope.Text, Sent: now, Body: []byte(f.body)}
				var err error
				if f.env, f.pending, err = Initiate(rand(), now, people[from].from(), target, msg, 0); err != nil {
					t.Fatal(err)
				}
				flights = append(flights, f)
			},
			"deliver": func(t *rapid.T) {
				f := pick()
				at := rapid.IntRange(0, 2).Draw(t, "at")
				got, err := people[at].accept(now, f.env)
				var gone *OneTimeGoneError
				switch {
				case errors.As(err, &gone):
					if at != f.to || f.accepted || f.oneTime == nil || !used[*f.oneTime] {
						t.Fatal("asked to set up again without reason")
					}
				case err != nil:
					if err.Error() != ErrRefused.Error() {
						t.Fatal(err)
					}
					if at == f.to && !f.accepted {
						t.Fatal("a flight was refused by whom it was written to")
					}
				default:
					if at != f.to || f.accepted || string(got.Message.Body) != f.body || got.From.ID() != people[f.from].account.ID() {
						t.Fatalf("accepted by %d, written by %d to %d, before: %v", at, f.from, f.to, f.accepted)
					}
					if f.oneTime != nil {
						if used[*f.oneTime] {
							t.Fatal("a one-time prekey was used twice")
						}
						used[*f.oneTime] = true
					}
					f.accepted = true
					ack := envelope.Message{Kind: envelope.Text, Sent: now, Body: []byte("answer to " + f.body)}
					back, est, err := got.Answer(rand(), now, ack, 0)
					if err != nil {
						t.Fatal(err)
					}
					f.answer, f.root = back, est.Root
				}
			},
			"deliver an answer": func(t *rapid.T) {
				f, other := pick(), pick()
				if f.answer == nil {
					t.Skip("no answer yet")
				}
				reply, err := other.pending.Open(f.answer, people[other.from].ring.Device())
				if other != f {
					if !errors.Is(err, ErrRefused) {
						t.Fatalf("another set-up opens the answer: %v", err)
					}
					return
				}
				if err != nil || string(reply.Message.Body) != "answer to "+f.body {
					t.Fatalf("the answer: %v", err)
				}
				if r := reply.Established.Root; r.Key() != f.root.Key() || r.Transcript != f.root.Transcript || !r.Own().Public().Equal(f.root.Peer()) {
					t.Fatal("two sides, two roots")
				}
				f.finished = true
			},
			"publish": func(t *rapid.T) { issue(people[rapid.IntRange(0, 2).Draw(t, "who")]) },
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 72).Draw(t, "hours")) * time.Hour)
				for _, p := range people {
					// Nobody's bundle grows old, and no flight waits longer than it may.
					if now.Sub(p.bundle.Issued()) > 20*24*time.Hour {
						issue(p)
					}
				}
				kept := flights[:0]
				for _, f := range flights {
					if env, err := envelope.Parse(f.env); err == nil && now.Before(env.Expires()) {
						kept = append(kept, f)
					}
				}
				flights = kept
			},
		})
	})
}

// machinePerson is [newPerson] without a testing.TB.
func machinePerson(t *rapid.T, i int) *person {
	rand := stream(fmt.Sprint("machine", i))
	seed := make([]byte, identity.AccountSeedSize)
	if _, err := rand.Read(seed); err != nil {
		t.Fatal(err)
	}
	account, err := identity.NewAccount(seed)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := identity.NewKeyRing(rand, start)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := ring.Issue(rand, account, start, identity.IssueOptions{OneTime: 1})
	if err != nil {
		t.Fatal(err)
	}
	return &person{account: account, ring: ring, bundle: bundle, seen: memory{}}
}
