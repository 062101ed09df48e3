package sync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/pars-network/pars/session/wire"
)

// state is what a machine waits for.
type state uint8

const (
	waitHello    state = iota
	waitPlan           // the initiator's first message after both hellos
	waitSymbols        // of the other side, which sketches
	waitSketched       // the other side's answer to symbols
	waitRanges         // the other side's turn
	waitWant           // what the other side lacks
	waitTransfer       // vertices, acks and the final
	finished
)

// machine is one side of a session, without clock, goroutines or stream: handle
// takes a frame, next gives the next one to send.
type machine struct {
	ctx       context.Context
	initiator bool
	open      Opener
	space     ID
	nonces    [2][nonceSize]byte // the initiator's, the responder's

	snap Snapshot
	sink Sink

	state state
	pass  int // 1 or 2
	queue [][]byte
	mine  hello
	peer  hello
	line  uint64 // the common prune line
	set   *set
	key   key

	sketch  *sketch
	decoder *decoder
	sent    int // symbols
	ranger  *ranger

	offers []ID     // to be sent without being asked
	wanted []uint64 // tags that the other side asked for

	out outgoing
	in  incoming

	final     *final // ours, once it is queued
	peerFinal *final

	result  Result
	failure error // that the session ends with, once all is sent
}

// Opener returns the state of a space for a session with one peer, and where
// what comes goes to. An error that matches [ErrBusy] is answered so, any other
// as if the space did not exist.
type Opener func(space ID) (Snapshot, Sink, error)

// Result is what a session did.
type Result struct {
	// Space is the space that was synced.
	Space ID
	// Line is the common prune line: below it nothing was compared.
	Line uint64
	// Equal says that both sides have proved to have the same vertices at or above
	// Line. Without it the error, or More, says why not.
	Equal bool
	// More says that a limit of one session was reached: sync again for the rest.
	More bool
	// Sent and Received count vertices, the received ones those that were stored.
	Sent, Received int
	// Payload is how many bytes the vertices that went either way have.
	Payload int64
	// Bytes read from and written to the stream, all included.
	BytesIn, BytesOut int64
	// Passes is 1, or 2 if the first one missed something.
	Passes int
	// Symbols is how many coded symbols were used, Turns how many turns of ranges
	// this side took.
	Symbols, Turns int
}

func newInitiator(ctx context.Context, space ID, snap Snapshot, sink Sink, nonce [nonceSize]byte) (*machine, error) {
	m := &machine{ctx: ctx, initiator: true, space: space, snap: snap, sink: sink, pass: 1}
	m.nonces[0] = nonce
	m.hello(nonce, planYours)
	return m, m.push(m.mine)
}

func newResponder(ctx context.Context, open Opener, nonce [nonceSize]byte) *machine {
	m := &machine{ctx: ctx, open: open, pass: 1}
	m.nonces[1] = nonce
	return m
}

// hello fills in this side's hello.
func (m *machine) hello(nonce [nonceSize]byte, plan uint64) {
	heads := slices.SortedFunc(slices.Values(m.snap.Heads()), func(a, b Head) int { return compareIDs(a.ID, b.ID) })
	m.mine = hello{Type: typeHello, Version: version, Space: m.space, Nonce: nonce, Line: m.snap.Line(), Count: m.snap.Count(), Plan: plan}
	if len(heads) > 0 || m.mine.Count == 0 {
		m.mine.Frontier = frontierDigest(heads)
	}
	if len(heads) <= maxHeads {
		for _, h := range heads {
			m.mine.Heads = append(m.mine.Heads, head{ID: h.ID, Lamport: h.Lamport})
		}
	}
}

func (m *machine) push(message any) error {
	b, err := wire.Marshal(message)
	if err == nil {
		m.queue = append(m.queue, b)
	}
	return err
}

// done reports whether the session has ended well.
func (m *machine) done() bool { return m.state == finished && len(m.queue) == 0 }

// next returns the next frame to send, nil when there is none for now.
func (m *machine) next() ([]byte, error) {
	if len(m.queue) == 0 {
		if err := m.fill(); err != nil {
			return nil, err
		}
	}
	if len(m.queue) == 0 {
		return nil, nil
	}
	b := m.queue[0]
	m.queue = m.queue[1:]
	return b, nil
}

// fill queues what the state of the transfer allows to send.
func (m *machine) fill() error {
	if m.state != waitTransfer {
		return nil
	}
	if m.in.batches > m.in.acked {
		m.in.acked = m.in.batches
		return m.push(ack{Type: typeAck, Batches: m.in.batches})
	}
	if m.out.ready() {
		batch, err := m.out.batch(m.snap)
		if err != nil {
			return err
		}
		for _, v := range batch.Vertices {
			m.result.Payload += int64(len(v))
		}
		m.result.Sent += len(batch.Vertices)
		m.result.More = m.result.More || batch.End == endMore
		return m.push(batch)
	}
	if m.final == nil && m.in.ended && m.out.ended {
		return m.conclude()
	}
	return nil
}

// handle takes the next frame of the peer in.
func (m *machine) handle(frame []byte) error {
	t, err := typeOf(frame)
	if err != nil {
		return violation("%w", err)
	}
	if !m.expects(t) {
		return violation("a message of type %d in state %d", t, m.state)
	}
	message, err := decode(t, frame)
	if err != nil {
		return violation("%w", err)
	}
	switch msg := message.(type) {
	case *hello:
		return m.onHello(msg)
	case *refuse:
		if msg.Code == refuseBusy {
			return ErrBusy
		}
		return ErrUnknownSpace
	case *symbols:
		return m.onSymbols(msg.Symbols)
	case *more:
		return m.onMore(msg.Have)
	case *ranges:
		return m.onRanges(msg, len(frame))
	case *want:
		return m.onWant(msg)
	case *vertices:
		return m.onVertices(msg)
	case *ack:
		return m.out.ack(msg.Batches)
	case *final:
		return m.onFinal(msg)
	}
	return violation("a message of type %d", t)
}

// expects reports whether a message of type t may come now.
func (m *machine) expects(t uint64) bool {
	switch t {
	case typeHello:
		return m.state == waitHello
	case typeRefuse:
		return m.state == waitHello && m.initiator
	case typeSymbols:
		return m.state == waitSymbols || m.state == waitPlan
	case typeMore:
		return m.state == waitSketched && len(m.queue) == 0
	case typeRanges:
		// Nobody answers what was not sent yet.
		return (m.state == waitRanges || m.state == waitPlan || m.state == waitSketched) && len(m.queue) == 0
	case typeWant:
		return m.state == waitWant || m.state == waitSketched || m.state == waitRanges && m.ranger != nil
	case typeVertices:
		return m.state == waitTransfer && !m.in.ended || m.state == waitPlan
	case typeAck:
		return m.state == waitTransfer
	default:
		return m.state == waitTransfer && m.in.ended && m.out.ended && m.peerFinal == nil
	}
}

func (m *machine) onHello(h *hello) error {
	m.peer = *h
	if m.initiator {
		if h.Space != m.space {
			return violation("a hello for space %x, want %x", h.Space[:4], m.space[:4])
		}
		m.nonces[1] = h.Nonce
		return m.follow()
	}
	if h.Plan != planYours {
		return violation("plan %d of an initiator", h.Plan)
	}
	m.space, m.nonces[0] = h.Space, h.Nonce
	var err error
	if m.snap, m.sink, err = m.open(h.Space); err != nil {
		m.result.Space = h.Space
		return m.refuse(err)
	}
	m.hello(m.nonces[1], planYours)
	return m.lead()
}

// prepare reads this side's set, once both hellos are there.
func (m *machine) prepare() (err error) {
	m.line = max(m.mine.Line, m.peer.Line)
	m.key = newKey(m.space, m.nonces[0], m.nonces[1], m.pass)
	if m.set, err = newSet(m.snap, m.line); err != nil {
		return fmt.Errorf("sync: reading the snapshot: %w", err)
	}
	return nil
}

// equal reports whether both frontiers are the same, so that both sets are.
func (m *machine) equal() bool {
	return len(m.peer.Frontier) > 0 && bytes.Equal(m.mine.Frontier, m.peer.Frontier) &&
		(m.mine.Line != m.peer.Line || m.mine.Count == m.peer.Count)
}

// ahead returns what this side has and the peer has not, if this side has all
// heads of the peer at or above the common prune line, and so all that the peer has.
func (m *machine) ahead() (iter.Seq2[ID, error], error) {
	if len(m.peer.Heads) == 0 && m.peer.Count > 0 {
		return nil, nil // too many heads to list, or no causal order
	}
	var known []ID
	for _, h := range m.peer.Heads {
		if h.Lamport < m.line {
			continue
		}
		if has, err := m.set.has(h.ID); err != nil || !has {
			return nil, err
		}
		known = append(known, h.ID)
	}
	if len(known) == 0 {
		return m.set.since(nil), nil
	}
	var ids []ID
	for id, err := range m.set.since(known) {
		if err != nil {
			return nil, err
		}
		if ids = append(ids, id); len(ids) > MaxVertices {
			break
		}
	}
	// A store may give up a search and list too much, which the peer would take
	// amiss. Where both lines are the same, the counts tell.
	own := uint64(m.set.len())
	if m.mine.Line == m.peer.Line && len(ids) <= MaxVertices && uint64(len(ids)) != own-m.peer.Count {
		return nil, nil
	}
	return listed(ids), nil
}

// lead is the responder's choice after the initiator's hello.
func (m *machine) lead() error {
	if err := m.prepare(); err != nil {
		return err
	}
	var rest iter.Seq2[ID, error]
	equal := m.equal()
	if !equal {
		var err error
		if rest, err = m.ahead(); err != nil {
			return err
		}
	}
	plan := uint64(planYours)
	switch {
	case equal:
		plan = planEqual
		m.mine.Heads = nil
	case rest != nil:
		plan = planVertices
	case uint64(m.set.len()) >= m.peer.Count:
		// The initiator has something that this side lacks and not more than it,
		// so each lacks something: no answer could be better than this.
		plan = m.method()
	}
	m.mine.Plan = plan
	if err := m.push(m.mine); err != nil {
		return err
	}
	switch plan {
	case planEqual:
		return m.transfer(nil, true)
	case planVertices:
		return m.transfer(rest, true)
	case planYours:
		m.state = waitPlan
		return nil
	}
	return m.start(plan)
}

// follow is what the initiator does after the responder's hello.
func (m *machine) follow() error {
	if err := m.prepare(); err != nil {
		return err
	}
	switch m.peer.Plan {
	case planEqual:
		return m.transfer(nil, true)
	case planVertices:
		return m.transfer(nil, false)
	case planSymbols:
		m.state = waitSymbols
		return nil
	case planRanges:
		m.state = waitRanges
		return nil
	}
	rest, err := m.ahead()
	switch {
	case err != nil:
		return err
	case rest != nil:
		return m.transfer(rest, true)
	}
	return m.start(m.method())
}

// method chooses between symbols and ranges.
func (m *machine) method() uint64 {
	own, theirs := uint64(m.set.len()), m.peer.Count
	if own > maxSketched || max(own, theirs)-min(own, theirs) > maxSymbols/2 {
		return planRanges
	}
	return planSymbols
}

// start begins reconciliation.
func (m *machine) start(plan uint64) error {
	if plan == planRanges {
		return m.startRanges()
	}
	own, theirs := uint64(m.set.len()), m.peer.Count
	n := max(firstSymbols, (max(own, theirs)-min(own, theirs))*3/2+64)
	if total := own + min(theirs, maxSymbols); total < firstSymbols/2 {
		n = max(minSymbols, total*2)
	}
	if err := m.sketchSet(); err != nil {
		return err
	}
	return m.sendSymbols(int(min(n, maxSymbols)))
}

func (m *machine) sketchSet() (err error) {
	m.sketch, err = newSketch(&m.key, m.set.len(), m.set.from(ID{}))
	return err
}

// refuse answers an initiator that asked for what it doesn't get.
func (m *machine) refuse(err error) error {
	code := uint64(refuseUnknown)
	if errors.Is(err, ErrBusy) {
		code = refuseBusy
	}
	m.state, m.failure = finished, err
	return m.push(refuse{Type: typeRefuse, Code: code})
}
