package localnet

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxPacket is the largest IPv4 packet, in bytes.
	maxPacket = 65_535
	// maxUnderway is how many packets may be on their way from one node to
	// another; more are lost, as in a router whose buffer is full.
	maxUnderway = 8192
)

// wire is one end of the network: every Read returns one IP packet that its
// host sends, every Write delivers one to it.
type wire struct {
	io.ReadWriteCloser
	addr netip.Addr
}

// packet is on its way.
type packet struct {
	due  time.Time
	data []byte
}

// router carries packets between wires with delays and losses.
type router struct {
	wires []wire
	// oneWay is the delay from wire i to wire j, lost says whether a packet
	// between them is lost now.
	oneWay func(i, j int) time.Duration
	lost   func(i, j int) bool
	sides  atomic.Pointer[[]int] // see cut
	wg     sync.WaitGroup
	cancel context.CancelFunc
}

// newRouter carries packets until it is closed. Packets between the same two
// wires keep their order.
func newRouter(wires []wire, oneWay func(i, j int) time.Duration, lost func(i, j int) bool) *router {
	ctx, cancel := context.WithCancel(context.Background())
	r := &router{wires: wires, oneWay: oneWay, lost: lost, cancel: cancel}
	index := make(map[netip.Addr]int, len(wires))
	for i, w := range wires {
		index[w.addr] = i
	}
	for i := range wires {
		out := make([]chan packet, len(wires))
		for j := range wires {
			if j == i {
				continue
			}
			out[j] = make(chan packet, maxUnderway)
			r.wg.Go(func() { deliver(ctx, out[j], r.wires[j]) })
		}
		r.wg.Go(func() { r.collect(i, index, out) })
	}
	return r
}

// collect reads what wire i sends and puts it on its way.
func (r *router) collect(i int, index map[netip.Addr]int, out []chan packet) {
	buffer := make([]byte, maxPacket)
	for {
		n, err := r.wires[i].Read(buffer)
		if errors.Is(err, os.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) {
			return
		}
		if err != nil {
			continue // the interface is down for a moment
		}
		to, ok := destination(buffer[:n])
		if !ok {
			continue
		}
		j, known := index[to]
		if !known || j == i || r.apart(i, j) || r.lost(i, j) {
			continue
		}
		p := packet{due: time.Now().Add(r.oneWay(i, j)), data: append([]byte(nil), buffer[:n]...)}
		select {
		case out[j] <- p:
		default: // the buffer is full
		}
	}
}

// deliver writes packets to w when they are due.
func deliver(ctx context.Context, packets <-chan packet, w io.Writer) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var p packet
		select {
		case <-ctx.Done():
			return
		case p = <-packets:
		}
		if wait := time.Until(p.due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
		}
		// What can't be delivered is lost.
		_, _ = w.Write(p.data)
	}
}

// destination is where an IPv4 packet wants to go (RFC 791, section 3.1).
func destination(p []byte) (netip.Addr, bool) {
	if len(p) < 20 || p[0]>>4 != 4 {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4([4]byte(p[16:20])), true
}

// close ends the router and its wires; packets on their way are lost.
func (r *router) close() error {
	r.cancel()
	var errs []error
	for _, w := range r.wires {
		errs = append(errs, w.Close())
	}
	r.wg.Wait()
	return errors.Join(errs...)
}

// dice loses packets between nodes, but none to or from the wire host, which is
// the user's.
func dice(loss float64, host int) func(i, j int) bool {
	return func(i, j int) bool {
		return i != host && j != host && rand.Float64() < loss
	}
}
