package swarm

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/wire"
)

// serve sends bytes to a server and reads its answer, which must be one.
func serve(t testing.TB, s *Server, raw []byte) response {
	t.Helper()
	out := s.Serve(t.Context(), Source{Name: "client"}, raw)
	r, err := parseResponse(out)
	if err != nil {
		t.Fatalf("a response that is none: %v", err)
	}
	return r
}

func ask(t testing.TB, p *mate, v verb, body any, key *sign.PrivateKey, c challenge, n byte) []byte {
	t.Helper()
	raw, err := newRequest(v, body, key, p.id, c, nonce{n})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestRequestsCantBeReplayed(t *testing.T) {
	w := newNetwork(t, 3)
	key, box := mailboxOf(t, 1)
	peers := w.holders(box)
	a, b := peers[0], peers[1]
	for _, p := range peers {
		if err := p.store.Put(envelopeItem(t, box, 1, start, 0), MinWork); err != nil {
			t.Fatal(err)
		}
	}
	// Without the node's challenge nothing is answered; the answer brings it.
	first := serve(t, a.server, ask(t, a, verbPoll, pollBody{}, key, challenge{}, 1))
	if first.Answer != answerSign {
		t.Fatalf("a poll over no challenge: %s, want sign", first.Answer)
	}
	req := ask(t, a, verbPoll, pollBody{}, key, first.Challenge, 1)
	if r := serve(t, a.server, req); r.Answer != answerOK {
		t.Fatalf("a poll: %s %q, want ok", r.Answer, r.Reason)
	}
	for _, c := range []struct {
		name string
		to   *mate
		raw  func() []byte
		want answer
	}{
		{"the same again", a, func() []byte { return req }, answerRefused},
		{"at another replica", b, func() []byte { return req }, answerSign},
		{"signed for another replica over its challenge", b, func() []byte {
			return ask(t, a, verbPoll, pollBody{}, key, b.server.challenges.current(), 9)
		}, answerRefused},
		{"as another verb", a, func() []byte {
			r, err := parseRequest(ask(t, a, verbPoll, pollBody{}, key, first.Challenge, 2))
			if err != nil {
				t.Fatal(err)
			}
			r.Verb = verbDelete
			raw, err := wire.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			return raw
		}, answerRefused},
		{"with another body", a, func() []byte {
			r, err := parseRequest(ask(t, a, verbPoll, pollBody{}, key, first.Challenge, 3))
			if err != nil {
				t.Fatal(err)
			}
			if r.Body, err = wire.Marshal(pollBody{Wait: 1}); err != nil {
				t.Fatal(err)
			}
			raw, err := wire.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			return raw
		}, answerRefused},
	} {
		if r := serve(t, c.to.server, c.raw()); r.Answer != c.want || len(r.Body) > 0 {
			t.Errorf("%s: %s with %d bytes, want %s and nothing", c.name, r.Answer, len(r.Body), c.want)
		}
	}
	// A challenge lives for one to two periods; the nonce is remembered as long.
	w.clock.add(challengeLife)
	if r := serve(t, a.server, req); r.Answer != answerRefused {
		t.Errorf("a replay in the next period: %s, want refused", r.Answer)
	}
	w.clock.add(challengeLife)
	if r := serve(t, a.server, req); r.Answer != answerSign {
		t.Errorf("a replay two periods later: %s, want sign", r.Answer)
	}
	// A restart forgets the nonces, and with them the challenges.
	w.clock.add(-2 * challengeLife)
	w.start(a)
	if r := serve(t, a.server, req); r.Answer != answerSign {
		t.Errorf("a replay after a restart: %s, want sign", r.Answer)
	}
}

func TestOnlyTheOwnerReadsAndDeletes(t *testing.T) {
	w := newNetwork(t, 1)
	_, box := mailboxOf(t, 1)
	thief, _ := mailboxOf(t, 2)
	p := w.holders(box)[0]
	it := envelopeItem(t, box, 1, start, 0)
	if err := p.store.Put(it, MinWork); err != nil {
		t.Fatal(err)
	}
	ch := p.server.challenges.current()
	r := serve(t, p.server, ask(t, p, verbPoll, pollBody{}, thief, ch, 1))
	var l listBody
	if err := parseBody(r.Body, &l); err != nil || len(l.Contents) != 0 {
		t.Errorf("another mailbox's owner reads %d envelopes, %v", len(l.Contents), err)
	}
	if r := serve(t, p.server, ask(t, p, verbDelete, deleteBody{IDs: []ID{it.ID()}}, thief, ch, 2)); r.Answer != answerOK {
		t.Errorf("a deletion: %s", r.Answer)
	}
	r = serve(t, p.server, ask(t, p, verbGet, getBody{Slot: box}, nil, ch, 0))
	if err := parseBody(r.Body, &l); err != nil || len(l.Contents) != 0 {
		t.Errorf("a get of a mailbox as if it were a slot reads %d envelopes, %v", len(l.Contents), err)
	}
	if got := numbers(t, p.store, box); len(got) != 1 {
		t.Errorf("after another's deletion the mailbox has %v, want its envelope", got)
	}
}

func TestAnswersOfPut(t *testing.T) {
	w := newNetwork(t, 20)
	w.limits = Limits{MailboxItems: 1}
	_, box := mailboxOf(t, 1)
	p := w.holders(box)[0]
	w.start(p)
	var far *mate
	for _, o := range w.peers {
		if !w.maps.Now().Near(o.id, box) {
			far = o
		}
	}
	body := func(it Item) []byte {
		raw, err := it.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	it := envelopeItem(t, box, 1, start, 0)
	weak := it
	for weak.Stamp = 0; StrengthOf(weak.ID(), weak.Stamp).Work() >= MinWork; weak.Stamp++ {
	}
	for _, c := range []struct {
		name string
		to   *mate
		body []byte
		want answer
	}{
		{"junk", p, []byte{1, 2, 3}, answerRefused},
		{"a weak stamp", p, body(weak), answerWork},
		{"a node far away", far, body(it), answerOther},
		{"an envelope", p, body(it), answerOK},
		{"the same", p, body(it), answerOK},
		{"an expired one", p, body(envelopeItem(t, box, 2, start.Add(-15*24*time.Hour), 0)), answerRefused},
	} {
		if r := serve(t, c.to.server, ask(t, c.to, verbPut, c.body, nil, challenge{}, 0)); r.Answer != c.want {
			t.Errorf("%s: %s %q, want %s", c.name, r.Answer, r.Reason, c.want)
		} else if c.want == answerWork && r.Work != MinWork {
			t.Errorf("%s: %d bits, want %d", c.name, r.Work, MinWork)
		}
	}
	full := envelopeItem(t, box, 3, start, 0)
	if r := serve(t, p.server, ask(t, p, verbPut, body(full), nil, challenge{}, 0)); r.Answer != answerFull {
		t.Errorf("a full mailbox: %s %q, want full", r.Answer, r.Reason)
	}
	p.disk.free = 0
	w.clock.add(time.Minute)
	if r := serve(t, p.server, ask(t, p, verbPut, body(envelopeItem(t, box, 4, start, 0)), nil, challenge{}, 0)); r.Answer != answerFull || r.Reason != ErrDiskFull.Error() {
		t.Errorf("a full disk: %s %q, want full and why", r.Answer, r.Reason)
	}
}

// What a deletion leaves behind must not tell a writer that the owner fetched it.
func TestAWriterDoesNotLearnOfDeletions(t *testing.T) {
	w := newNetwork(t, 1)
	_, box := mailboxOf(t, 1)
	p := w.holders(box)[0]
	it := envelopeItem(t, box, 1, start, 0)
	raw, err := it.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	put := func() []byte {
		return p.server.Serve(t.Context(), Source{}, ask(t, p, verbPut, raw, nil, challenge{}, 0))
	}
	put()
	before := put()
	if err := p.store.Delete(box, []ID{it.ID()}); err != nil {
		t.Fatal(err)
	}
	if after := put(); !bytes.Equal(before, after) {
		t.Errorf("writing again is answered %x before and %x after a deletion", before, after)
	}
	if len(numbers(t, p.store, box)) != 0 {
		t.Error("a deleted envelope came back")
	}
}

func TestSourcesAreLimited(t *testing.T) {
	w := newNetwork(t, 1)
	_, box := mailboxOf(t, 1)
	p := w.holders(box)[0]
	var err error
	p.server, err = NewServer(ServerConfig{Node: p.id, Store: p.store, Maps: w.maps, Now: w.clock.now, Rate: Rate{PerSecond: 1, Burst: 3, Sources: 4}})
	if err != nil {
		t.Fatal(err)
	}
	get := ask(t, p, verbGet, getBody{}, nil, challenge{}, 0)
	count := func(src Source, n int) (ok int) {
		for range n {
			r, err := parseResponse(p.server.Serve(t.Context(), src, get))
			if err != nil {
				t.Fatal(err)
			}
			if r.Answer == answerOK {
				ok++
			}
		}
		return ok
	}
	if n := count(Source{Name: "a"}, 10); n != 3 {
		t.Errorf("%d of 10 requests were answered, want the burst of 3", n)
	}
	if n := count(Source{Name: "relay", Relays: true}, 200); n != 3*relayFactor {
		t.Errorf("%d of 200 requests of a relay were answered, want %d", n, 3*relayFactor)
	}
	w.clock.add(2 * time.Second)
	if n := count(Source{Name: "a"}, 10); n != 2 {
		t.Errorf("two seconds later %d were answered, want 2", n)
	}
	served := 0
	for i := range 20 {
		served += count(Source{Name: fmt.Sprint("s", i)}, 1)
	}
	if served != 2 || len(p.server.rate.all) > 4 {
		t.Errorf("%d of 20 newcomers were answered with %d sources remembered, want 2 and 4", served, len(p.server.rate.all))
	}
}

// Malformed requests by the thousand: every one gets an answer, nothing changes.
func TestHostileRequestsChangeNothing(t *testing.T) {
	w := newNetwork(t, 3)
	key, box := mailboxOf(t, 1)
	p := w.holders(box)[0]
	it := envelopeItem(t, box, 1, start, 0)
	if err := p.store.Put(it, MinWork); err != nil {
		t.Fatal(err)
	}
	body, err := it.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	ch := p.server.challenges.current()
	good := [][]byte{
		ask(t, p, verbPut, body, nil, challenge{}, 0),
		ask(t, p, verbPoll, pollBody{}, key, ch, 1),
		ask(t, p, verbDelete, deleteBody{IDs: []ID{it.ID()}}, key, ch, 2),
		ask(t, p, verbGet, getBody{Slot: box}, nil, challenge{}, 0),
	}
	before := p.store.Stats()
	r := random(uint64(start.Unix()))
	for range 5000 {
		raw := bytes.Clone(good[r.IntN(len(good))])
		switch r.IntN(4) {
		case 0:
			raw = raw[:r.IntN(len(raw))]
		case 1:
			for range 1 + r.IntN(3) {
				raw[r.IntN(len(raw))] ^= byte(1 << r.IntN(8))
			}
		case 2:
			at := r.IntN(min(len(raw), 64))
			raw[at] = byte(r.Uint32())
		default:
			raw = make([]byte, r.IntN(200))
			for i := range raw {
				raw[i] = byte(r.Uint32())
			}
		}
		out := p.server.Serve(t.Context(), Source{Name: "hostile"}, raw)
		if _, err := parseResponse(out); err != nil || len(out) > MaxRequest {
			t.Fatalf("the answer to %x is no response: %v", raw[:min(len(raw), 80)], err)
		}
	}
	// A flipped bit of a put may give another valid item only by changing content
	// and still having the work: 2^-8 of the flips that reach the content.
	after := p.store.Stats()
	if after.Items < before.Items || numbers(t, p.store, box) == nil {
		t.Errorf("before %+v, after %+v", before, after)
	}
	for _, e := range p.store.items {
		if StrengthOf(e.id, e.stamp).Work() < MinWork {
			t.Error("an item without work was stored")
		}
	}
}

func TestNoncesAreBounded(t *testing.T) {
	c := challenges{now: (&clock{t: start}).now}
	for i := range maxNonces + 10 {
		fresh, full := c.use(nonce{byte(i), byte(i >> 8), byte(i >> 16)})
		if !fresh || full != (i >= maxNonces) {
			t.Fatalf("nonce %d: %v, %v", i, fresh, full)
		}
	}
}

func TestPollEndsWithItsContext(t *testing.T) {
	w := newNetwork(t, 1)
	key, box := mailboxOf(t, 1)
	p := w.holders(box)[0]
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan []byte)
	raw := ask(t, p, verbPoll, pollBody{Wait: 20}, key, p.server.challenges.current(), 1)
	go func() { done <- p.server.Serve(ctx, Source{}, raw) }()
	cancel()
	<-done
	if st := p.store.Stats(); st.Waiting != 0 || st.Keys != 0 {
		t.Errorf("after the end of a poll: %+v", st)
	}
}

func FuzzServe(f *testing.F) {
	w := newNetwork(f, 1)
	key, box := mailboxOf(f, 1)
	p := w.holders(box)[0]
	ch := p.server.challenges.current()
	f.Add(ask(f, p, verbPoll, pollBody{}, key, ch, 1))
	f.Add(ask(f, p, verbGet, getBody{Slot: Key(identity.Slot{1})}, nil, ch, 1))
	f.Add(ask(f, p, verbDelete, deleteBody{IDs: []ID{{1}}}, key, ch, 1))
	it := envelopeItem(f, box, 1, start, 0)
	body, err := it.Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ask(f, p, verbPut, body, nil, ch, 1))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		out := p.server.Serve(context.Background(), Source{}, raw)
		if _, err := parseResponse(out); err != nil || len(out) > MaxRequest {
			t.Errorf("%d bytes are answered by no response: %v", len(out), err)
		}
	})
}

// The stated bound: a request of the greatest size fits, a list of the greatest
// size too.
func TestGreatestMessagesFit(t *testing.T) {
	it := Item{Kind: Envelope, Key: Key{1}, Hour: 1<<32 - 1, Content: make([]byte, MaxContent), Stamp: 1<<64 - 1}
	raw, err := wire.Marshal(itemWire{Version: 1, Key: it.Key, Hour: uint64(it.Hour), Content: it.Content, Stamp: uint64(it.Stamp)})
	if err != nil || len(raw) > maxItem {
		t.Errorf("the greatest item has %d bytes, want at most %d; %v", len(raw), maxItem, err)
	}
	put, err := newRequest(verbPut, raw, nil, nodes.ID{}, challenge{}, nonce{})
	if err != nil || len(put) > MaxRequest {
		t.Errorf("the greatest put has %d bytes, want at most %d; %v", len(put), MaxRequest, err)
	}
	key, _ := mailboxOf(t, 1)
	del, err := newRequest(verbDelete, deleteBody{IDs: make([]ID, MaxDelete)}, key, nodes.ID{}, challenge{}, nonce{})
	if err != nil || len(del) > MaxRequest {
		t.Errorf("the greatest deletion has %d bytes, want at most %d; %v", len(del), MaxRequest, err)
	}
	list, err := wire.Marshal(listBody{Next: 1<<64 - 1, More: true, Contents: [][]byte{make([]byte, MaxContent)}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := wire.Marshal(response{Work: 255, Reason: string(make([]byte, maxReason)), Body: list})
	if err != nil || len(out) > MaxRequest {
		t.Errorf("the greatest response has %d bytes, want at most %d; %v", len(out), MaxRequest, err)
	}
}
