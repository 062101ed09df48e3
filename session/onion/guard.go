package onion

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/wire"
)

const (
	// GuardTime is how long a guard is kept, but for up to [guardSpread] less or
	// more, so that clients that began together don't change together.
	GuardTime   = 30 * 24 * time.Hour
	guardSpread = 3 * 24 * time.Hour
	// maxGuards bounds how many nodes somebody who cuts links off can make a
	// client show its address to within a month.
	maxGuards = 8
	// guardGone is how long a guard without a valid record keeps its place.
	guardGone = 7 * 24 * time.Hour
	// firstRest and lastRest are how long a guard is left alone that could not be
	// reached.
	firstRest = 10 * time.Second
	lastRest  = 10 * time.Minute

	guardVersion = 1
	maxGuardFile = 4 << 10
)

// ErrGuards reports that none of the nodes that may know this client's address
// can be used. More are not chosen, because somebody may be cutting links off
// until a node of theirs is.
var ErrGuards = errors.New("onion: none of the first nodes that this client keeps can be reached")

// GuardKeeper keeps guards over restarts.
type GuardKeeper interface {
	// LoadGuards returns what was saved last, nil if nothing was.
	LoadGuards() ([]byte, error)
	SaveGuards(data []byte) error
}

// Guards are the few nodes that a client enters by, for about a month each: who
// runs one of many nodes sees the client's address never, or all the time, but
// does not see a bit of everybody. It is safe for concurrent use.
type Guards struct {
	keep GuardKeeper
	rand io.Reader
	now  func() time.Time

	mu   sync.Mutex
	list []*guard
}

type guard struct {
	id           nodes.ID
	since, until time.Time
	// gone is since when there is no valid record; zero if there is one.
	gone time.Time
	// confirmed is set once it did its part: it knows this client's address.
	confirmed bool
	// rest is until when it is left alone, pause how long that was. Not kept.
	rest  time.Time
	pause time.Duration
}

type guardFile struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Guards  []guardEntry
}

type guardEntry struct {
	_                  struct{} `cbor:",toarray"`
	ID                 [32]byte
	Since, Until, Gone uint64
	Confirmed          bool
}

// NewGuards reads the guards that were kept. keep may be nil; random is
// crypto/rand.Reader and now nil but in tests. Damaged data is an error: choosing
// new guards without saying so is what an attacker would want.
func NewGuards(keep GuardKeeper, random io.Reader, now func() time.Time) (*Guards, error) {
	if now == nil {
		now = time.Now
	}
	g := &Guards{keep: keep, rand: random, now: now}
	if keep == nil {
		return g, nil
	}
	data, err := keep.LoadGuards()
	if err != nil {
		return nil, fmt.Errorf("onion: reading the guards: %w", err)
	}
	if data == nil {
		return g, nil
	}
	var f guardFile
	if err := wire.Unmarshal(data, maxGuardFile, &f); err != nil {
		return nil, fmt.Errorf("onion: the kept guards are damaged: %w", err)
	}
	if f.Version != guardVersion || len(f.Guards) > maxGuards {
		return nil, fmt.Errorf("onion: the kept guards are damaged: version %d with %d guards, want %d with at most %d", f.Version, len(f.Guards), guardVersion, maxGuards)
	}
	for _, e := range f.Guards {
		if max(e.Since, e.Until, e.Gone) > 1<<40 || slices.ContainsFunc(g.list, func(o *guard) bool { return o.id == e.ID }) {
			return nil, errors.New("onion: the kept guards are damaged: a time beyond all limits, or a node twice")
		}
		entry := &guard{id: e.ID, since: time.Unix(int64(e.Since), 0), until: time.Unix(int64(e.Until), 0), confirmed: e.Confirmed}
		if e.Gone != 0 {
			entry.gone = time.Unix(int64(e.Gone), 0)
		}
		g.list = append(g.list, entry)
	}
	return g, nil
}

// List returns the guards in the order in which they are tried.
func (g *Guards) List() []nodes.ID {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []nodes.ID
	for _, e := range g.list {
		out = append(out, e.id)
	}
	return out
}

// choose returns the first guard that can be used. usable says of a node whether
// it has a valid record, and may whether this path may begin there; draw chooses
// a new one among those that are not in taken.
func (g *Guards) choose(usable, may func(nodes.ID) bool, draw func(taken []nodes.ID) (nodes.ID, bool)) (nodes.ID, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	changed := g.expire(now, usable)
	for {
		for _, e := range g.list {
			if e.gone.IsZero() && !now.Before(e.rest) && may(e.id) {
				return e.id, g.save(changed)
			}
		}
		if len(g.list) >= maxGuards {
			break
		}
		var taken []nodes.ID
		for _, e := range g.list {
			taken = append(taken, e.id)
		}
		id, ok := draw(taken)
		if !ok {
			break
		}
		e, err := g.newGuard(id, now)
		if err != nil {
			return nodes.ID{}, err
		}
		g.list = append(g.list, e)
		changed = true
	}
	// Better one that did not answer lately than none.
	for _, e := range g.list {
		if e.gone.IsZero() && may(e.id) {
			return e.id, g.save(changed)
		}
	}
	return nodes.ID{}, errors.Join(fmt.Errorf("%w: %d of them, of which %d have no valid record; check this machine's clock and network", ErrGuards, len(g.list), g.goneCount()), g.save(changed))
}

// expire drops guards whose time is over, under the lock, and reports whether
// anything is to be saved.
func (g *Guards) expire(now time.Time, usable func(nodes.ID) bool) bool {
	changed := false
	for _, e := range g.list {
		switch ok := usable(e.id); {
		case ok && !e.gone.IsZero():
			e.gone, changed = time.Time{}, true
		case !ok && e.gone.IsZero():
			e.gone, changed = now, true
		}
	}
	before := len(g.list)
	g.list = slices.DeleteFunc(g.list, func(e *guard) bool {
		return !now.Before(e.until) || now.Before(e.since.Add(-nodes.MaxSkew)) && e.since.Sub(now) > GuardTime ||
			!e.gone.IsZero() && now.Sub(e.gone) > guardGone
	})
	return changed || len(g.list) != before
}

func (g *Guards) goneCount() int {
	n := 0
	for _, e := range g.list {
		if !e.gone.IsZero() {
			n++
		}
	}
	return n
}

func (g *Guards) newGuard(id nodes.ID, now time.Time) (*guard, error) {
	spread, err := below(g.rand, uint64(2*guardSpread/time.Second))
	if err != nil {
		return nil, err
	}
	until := now.Add(GuardTime - guardSpread + time.Duration(spread)*time.Second)
	return &guard{id: id, since: now, until: until}, nil
}

// failed notes that a guard could not be reached.
func (g *Guards) failed(id nodes.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.list {
		if e.id == id {
			e.pause = min(lastRest, max(firstRest, 2*e.pause))
			e.rest = g.now().Add(e.pause)
		}
	}
}

// worked notes that a guard did its part. Guards after it that never did lose
// their place: they were chosen while this one, or the whole network, was out of
// reach, and know nothing.
func (g *Guards) worked(id nodes.ID) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := slices.IndexFunc(g.list, func(e *guard) bool { return e.id == id })
	if at < 0 {
		return nil
	}
	e, before := g.list[at], len(g.list)
	e.pause, e.rest = 0, time.Time{}
	changed := !e.confirmed
	e.confirmed = true
	rest := slices.DeleteFunc(g.list[at+1:], func(e *guard) bool { return !e.confirmed })
	g.list = g.list[:at+1+len(rest)]
	return g.save(changed || len(g.list) != before)
}

// save writes the guards, under the lock, if changed is set.
func (g *Guards) save(changed bool) error {
	if !changed || g.keep == nil {
		return nil
	}
	f := guardFile{Version: guardVersion}
	for _, e := range g.list {
		entry := guardEntry{ID: e.id, Since: uint64(e.since.Unix()), Until: uint64(e.until.Unix()), Confirmed: e.confirmed}
		if !e.gone.IsZero() {
			entry.Gone = uint64(e.gone.Unix())
		}
		f.Guards = append(f.Guards, entry)
	}
	data, err := wire.Marshal(f)
	if err != nil {
		return fmt.Errorf("onion: encoding the guards: %w", err)
	}
	if err := g.keep.SaveGuards(data); err != nil {
		return fmt.Errorf("onion: keeping the guards: %w", err)
	}
	return nil
}
