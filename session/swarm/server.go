package swarm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/wire"
)

// Source is where a request comes from.
type Source struct {
	// Name tells sources apart, such as the peer id of a link. It is used for
	// rates, never stored, and appears in no log.
	Name string
	// Relays says that the source passes on what others send, so that it may ask
	// for more.
	Relays bool
}

// relayFactor is how many times as much a relay may ask for.
const relayFactor = 50

// ServerConfig of a [Server]. Node, Store and Maps are required.
type ServerConfig struct {
	// Node is the ID of this node, for which requests are signed.
	Node  nodes.ID
	Store *Store
	Maps  *Maps
	Rate  Rate
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Rand gives the secret of challenges; nil means crypto/rand.
	Rand io.Reader
	// Log hears of troubles of this node; nil means nowhere.
	Log *slog.Logger
	// Metrics counts; nil means that nothing does.
	Metrics *Metrics
}

// Server answers requests of clients. It is safe for concurrent use.
type Server struct {
	cfg        ServerConfig
	run        [16]byte
	challenges challenges
	rate       buckets
}

// NewServer makes a server.
func NewServer(cfg ServerConfig) (*Server, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		cfg: cfg, challenges: challenges{now: cfg.Now},
		rate: buckets{rate: cfg.Rate.orDefault(), now: cfg.Now, all: map[string]bucket{}},
	}
	for _, b := range [][]byte{s.run[:], s.challenges.secret[:]} {
		if _, err := io.ReadFull(cfg.Rand, b); err != nil {
			return nil, fmt.Errorf("swarm: reading randomness: %w", err)
		}
	}
	return s, nil
}

// reply is an answer before it is encoded.
type reply struct {
	answer answer
	work   int
	reason string
	body   any
}

func refuse(a answer, format string, args ...any) reply {
	return reply{answer: a, reason: fmt.Sprintf(format, args...)}
}

// Serve answers one request of at most [MaxRequest] bytes; the response is no
// longer. It always gives one, whatever the request is. A poll takes up to
// [MaxWait], or until ctx ends.
func (s *Server) Serve(ctx context.Context, from Source, raw []byte) []byte {
	began := time.Now()
	v, r := s.serve(ctx, from, raw)
	s.cfg.Metrics.served(v, r.answer, time.Since(began))
	out := response{Version: messageVersion, Answer: r.answer, Challenge: s.challenges.current(), Work: uint64(r.work), Reason: r.reason}
	out.Reason = out.Reason[:min(len(out.Reason), maxReason)]
	if r.body != nil {
		body, err := wire.Marshal(r.body)
		if err != nil {
			s.cfg.Log.Error("encoding an answer", "verb", v.String(), "error", err)
			out.Answer, out.Reason = answerBusy, "trouble of this node"
		}
		out.Body = body
	}
	data, err := wire.Marshal(out)
	if err != nil {
		s.cfg.Log.Error("encoding a response", "verb", v.String(), "error", err)
	}
	return data
}

func (s *Server) serve(ctx context.Context, from Source, raw []byte) (verb, reply) {
	times := 1.0
	if from.Relays {
		times = relayFactor
	}
	if !s.rate.take(from.Name, times) {
		return verbCount, refuse(answerBusy, "too many requests from this source")
	}
	req, err := parseRequest(raw)
	if err != nil {
		return verbCount, refuse(answerRefused, "not a request")
	}
	switch req.Verb {
	case verbPut:
		return req.Verb, s.put(req)
	case verbGet:
		return req.Verb, s.get(req)
	case verbPoll:
		return req.Verb, s.owned(req, func(k Key) reply { return s.poll(ctx, k, req.Body) })
	default:
		return req.Verb, s.owned(req, func(k Key) reply { return s.delete(k, req.Body) })
	}
}

func (s *Server) put(req request) reply {
	it, err := ParseItem(req.Body)
	if err != nil {
		return refuse(answerRefused, "not an item")
	}
	if !s.cfg.Maps.Now().Near(s.cfg.Node, it.Key) {
		return refuse(answerOther, "the key belongs to other nodes")
	}
	work := s.cfg.Store.Work(it.Key)
	err = s.cfg.Store.Put(it, work)
	r := reply{work: work}
	switch {
	case err == nil:
	case errors.Is(err, ErrStamp):
		r.answer, r.reason = answerWork, fmt.Sprintf("a stamp of %d bits is needed", work)
	case errors.Is(err, ErrSlotFull):
		// How much it takes to be stronger is found out with a get: the rivals'
		// stamps are not told, so ask for a bit more than this one had.
		r.answer, r.reason, r.work = answerFull, err.Error(), min(StrengthOf(it.ID(), it.Stamp).Work()+1, MaxWork)
	case errors.Is(err, ErrFull):
		r.answer, r.reason = answerFull, err.Error()
	case errors.Is(err, ErrDeleted):
		// Who writes it again must not learn that its owner has fetched it.
	case errors.Is(err, envelope.ErrExpired), errors.Is(err, envelope.ErrLifetime):
		r.answer, r.reason = answerRefused, err.Error()
	default:
		s.cfg.Log.Error("storing an item", "error", err)
		r.answer, r.reason = answerBusy, "trouble of this node"
	}
	return r
}

func (s *Server) get(req request) reply {
	var b getBody
	if parseBody(req.Body, &b) != nil {
		return refuse(answerRefused, "not a request for a slot")
	}
	return s.list(Bundle, b.Slot, b.After)
}

func (s *Server) list(kind Kind, key Key, after uint64) reply {
	contents, next, more, err := s.cfg.Store.After(kind, key, after, MaxContent)
	if err != nil {
		s.cfg.Log.Error("reading items", "error", err)
		return refuse(answerBusy, "trouble of this node")
	}
	return reply{work: s.cfg.Store.Work(key), body: listBody{Run: s.run, Next: next, More: more, Contents: contents}}
}

// owned lets the owner of a mailbox through.
func (s *Server) owned(req request, f func(Key) reply) reply {
	var o owner
	if parseBody(req.Owner, &o) != nil {
		return refuse(answerRefused, "not an owner's signature")
	}
	if !s.challenges.known(o.Challenge) {
		return refuse(answerSign, "sign over the challenge of this response")
	}
	key, ok := o.verify(s.cfg.Node, req.Verb, req.Body)
	if !ok {
		return refuse(answerRefused, "the owner's signature is wrong")
	}
	switch fresh, full := s.challenges.use(o.Nonce); {
	case !fresh:
		return refuse(answerRefused, "the request was answered before")
	case full:
		return refuse(answerBusy, "too many signed requests")
	}
	return f(key)
}

func (s *Server) poll(ctx context.Context, key Key, raw []byte) reply {
	var b pollBody
	if parseBody(raw, &b) != nil {
		return refuse(answerRefused, "not a poll")
	}
	after := b.After
	if b.Run != s.run {
		after = 0
	}
	if wait := b.wait(); wait > 0 {
		woken, end := s.cfg.Store.Wait(key, after)
		timer := time.NewTimer(wait)
		select {
		case <-woken:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		end()
	}
	return s.list(Envelope, key, after)
}

func (s *Server) delete(key Key, raw []byte) reply {
	var b deleteBody
	if parseBody(raw, &b) != nil || len(b.IDs) == 0 || len(b.IDs) > MaxDelete {
		return refuse(answerRefused, "want 1 to %d items to delete", MaxDelete)
	}
	if err := s.cfg.Store.Delete(key, b.IDs); err != nil {
		s.cfg.Log.Error("deleting items", "error", err)
		return refuse(answerBusy, "trouble of this node")
	}
	return reply{}
}
