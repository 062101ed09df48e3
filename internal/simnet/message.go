package simnet

import (
	"bytes"
	"time"
)

// Handle says who receives the messages that are sent to the node. handle runs
// on the goroutine that runs the network, must not block and owns data.
func (n *Node) Handle(handle func(from ID, data []byte)) {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	n.handler = handle
}

// Misbehave passes everything that the node sends as messages through a
// behaviour from now on, also after a restart; nil ends it.
func (n *Node) Misbehave(b Behaviour[[]byte]) {
	random := n.net.source("behaviour " + string(rune('0'+n.id)))
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	n.act, n.actRand = b, random
}

// Send sends a message to another node. Nobody learns whether it arrives. The
// bytes are copied.
func (n *Node) Send(to ID, data []byte) {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	if !n.up {
		return
	}
	data = bytes.Clone(data)
	if n.act == nil {
		n.post(to, data, 0)
		return
	}
	for _, p := range n.act(n.actRand, Parcel[[]byte]{To: to, Item: data}) {
		n.post(p.To, p.Item, p.After)
	}
}

// post puts one message on the link, with all that the link does to it; net.mu
// is held.
func (n *Node) post(to ID, data []byte, wait time.Duration) {
	w, dst := n.net.wire(n.id, to), n.net.nodes[to]
	n.net.count(w, n, dst, len(data))
	copies := 1
	if w.happens(w.link.Duplicate) {
		copies = 2
	}
	for range copies {
		d := w.delay(len(data)) + wait
		if w.happens(w.link.Reorder) {
			d += time.Duration(w.random.Int64N(int64(max(10*w.link.Delay, time.Second))))
		}
		if w.happens(w.link.Loss) {
			continue
		}
		w.seq++
		n.net.schedule(&event{at: time.Now().Add(d), to: to, from: n.id, seq: w.seq, kind: "message", data: data, do: func() {
			dst.receive(n.id, data)
		}})
	}
}

func (n *Node) receive(from ID, data []byte) {
	n.net.mu.Lock()
	handle := n.handler
	if !n.up || n.net.cut(from, n.id) {
		handle = nil
	}
	n.net.mu.Unlock()
	if handle != nil {
		handle(from, bytes.Clone(data))
	}
}
