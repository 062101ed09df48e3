package onion

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"sync"
	"time"

	ma "github.com/multiformats/go-multiaddr"
	"github.com/pars-network/pars/session/nodes"
)

var (
	// ErrPath reports that there are too few nodes for a path.
	ErrPath = errors.New("onion: too few service nodes are known for a path of three")
	// ErrDestination reports a node that can't be asked over the onion.
	ErrDestination = errors.New("onion: the node can't be asked")
)

// chooser finds paths.
type chooser struct {
	directory Directory
	guards    *Guards
	weight    func(*nodes.Record) uint64
	rand      io.Reader
	now       func() time.Time
	health    health
}

// usable returns the record of a node to which a layer can be sealed now.
func (c *chooser) usable(id nodes.ID) (*nodes.Record, bool) {
	r, ok := c.directory.Get(id)
	return r, ok && r.Services().Has(nodes.Relay) && c.now().Before(r.OnionExpires())
}

// candidates are all nodes that may pass packets on.
func (c *chooser) candidates() []*nodes.Record {
	now := c.now()
	return slices.DeleteFunc(slices.Clone(c.directory.With(nodes.Relay)), func(r *nodes.Record) bool { return !now.Before(r.OnionExpires()) })
}

// path chooses guard and middle for a way to a node. The middle is none of
// nodes.Avoided, as long as there are others. tried are nodes that were in
// the middle before.
func (c *chooser) path(ctx context.Context, to nodes.ID, tried []nodes.ID) ([3]*nodes.Record, error) {
	last, ok := c.usable(to)
	if !ok {
		return [3]*nodes.Record{}, fmt.Errorf("%w: no valid record of %s that offers to relay is known", ErrDestination, to.Short())
	}
	all := c.candidates()
	first, err := c.guard(all, last)
	if err != nil {
		return [3]*nodes.Record{}, err
	}
	// The conditions give way one after the other where there are few nodes,
	// the least important first; that the three differ never does.
	ends := []string{}
	ends = append(append(ends, groups(first)...), groups(last)...)
	avoid := nodes.Avoided(ctx)
	conditions := []func(*nodes.Record) bool{
		func(r *nodes.Record) bool { return r.ID() != first.ID() && r.ID() != to },
		func(r *nodes.Record) bool { return !slices.Contains(avoid, r.ID()) },
		func(r *nodes.Record) bool { return !intersect(groups(r), ends) },
		func(r *nodes.Record) bool { return !c.health.ails(r.ID(), c.now()) && !slices.Contains(tried, r.ID()) },
	}
	for n := len(conditions); n > 0; n-- {
		fit := slices.DeleteFunc(slices.Clone(all), func(r *nodes.Record) bool {
			return slices.ContainsFunc(conditions[:n], func(ok func(*nodes.Record) bool) bool { return !ok(r) })
		})
		if len(fit) == 0 {
			continue
		}
		middle, err := c.draw(fit)
		if err != nil {
			return [3]*nodes.Record{}, err
		}
		return [3]*nodes.Record{first, middle, last}, nil
	}
	return [3]*nodes.Record{}, fmt.Errorf("%w: %d that relay", ErrPath, len(all))
}

// guard chooses where to enter.
func (c *chooser) guard(all []*nodes.Record, last *nodes.Record) (*nodes.Record, error) {
	lastGroups := groups(last)
	byID := map[nodes.ID]*nodes.Record{}
	for _, r := range all {
		byID[r.ID()] = r
	}
	var drawErr error
	id, err := c.guards.choose(
		func(id nodes.ID) bool { return byID[id] != nil },
		func(id nodes.ID) bool { return id != last.ID() },
		func(taken []nodes.ID) (nodes.ID, bool) {
			// A guard is for every destination, so this one's place only counts
			// if there is a choice.
			for _, apart := range []bool{true, false} {
				fit := slices.DeleteFunc(slices.Clone(all), func(r *nodes.Record) bool {
					return r.ID() == last.ID() || slices.Contains(taken, r.ID()) || apart && intersect(groups(r), lastGroups)
				})
				if len(fit) == 0 {
					continue
				}
				r, err := c.draw(fit)
				drawErr = err
				return idOrZero(r), err == nil
			}
			return nodes.ID{}, false
		})
	if drawErr != nil {
		return nil, drawErr
	}
	if err != nil {
		if len(all) < 3 {
			err = fmt.Errorf("%w: %d that relay", ErrPath, len(all))
		}
		return nil, err
	}
	return byID[id], nil
}

func idOrZero(r *nodes.Record) nodes.ID {
	if r == nil {
		return nodes.ID{}
	}
	return r.ID()
}

// draw chooses by weight.
func (c *chooser) draw(from []*nodes.Record) (*nodes.Record, error) {
	var total uint64
	weights := make([]uint64, len(from))
	for i, r := range from {
		w := uint64(1)
		if c.weight != nil {
			w = min(c.weight(r), 1<<32)
		}
		weights[i] = w
		total += w
	}
	if total == 0 {
		return nil, fmt.Errorf("%w: %d nodes, none of which has any weight", ErrPath, len(from))
	}
	at, err := below(c.rand, total)
	if err != nil {
		return nil, err
	}
	for i, w := range weights {
		if at < w {
			return from[i], nil
		}
		at -= w
	}
	panic("onion: a number below the sum of the weights is below none of the sums")
}

// below returns a uniform number below n > 0.
func below(random io.Reader, n uint64) (uint64, error) {
	var b [8]byte
	for {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return 0, fmt.Errorf("onion: reading randomness: %w", err)
		}
		// The numbers at the end that would make the first ones likelier are not taken.
		if v := binary.BigEndian.Uint64(b[:]); v < (1<<64-1)/n*n {
			return v % n, nil
		}
	}
}

// groups say which nodes are likely to have one operator: the first 16 bits of
// an IPv4 address, the first 32 of an IPv6 address, or a name. Addresses that
// only mean something in a local network tell nothing.
func groups(r *nodes.Record) []string {
	var out []string
	for _, a := range r.Addrs() {
		if len(a) == 0 {
			continue
		}
		host := a[0]
		switch host.Protocol().Code {
		case ma.P_IP4, ma.P_IP6:
			ip, ok := netip.AddrFromSlice(host.RawValue())
			if !ok || !ip.IsGlobalUnicast() || ip.IsPrivate() {
				continue
			}
			bits := 16
			if ip.Is6() && !ip.Is4In6() {
				bits = 32
			}
			if p, err := ip.Unmap().Prefix(bits); err == nil {
				out = append(out, p.String())
			}
		default:
			out = append(out, host.Value())
		}
	}
	return out
}

func intersect(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// health remembers which nodes failed lately. The zero value is ready.
type health struct {
	mu   sync.Mutex
	ills map[nodes.ID]ill
}

type ill struct {
	until time.Time
	pause time.Duration
}

const (
	firstAvoid = 15 * time.Second
	lastAvoid  = 10 * time.Minute
	maxIlls    = 1024
)

// failed avoids a node for a while, for longer every time.
func (h *health) failed(id nodes.ID, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ills == nil {
		h.ills = map[nodes.ID]ill{}
	}
	if _, known := h.ills[id]; !known && len(h.ills) >= maxIlls {
		clear(h.ills)
	}
	pause := min(lastAvoid, max(firstAvoid, 2*h.ills[id].pause))
	h.ills[id] = ill{until: now.Add(pause), pause: pause}
}

func (h *health) worked(ids ...nodes.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		delete(h.ills, id)
	}
}

func (h *health) ails(id nodes.ID, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return now.Before(h.ills[id].until)
}
