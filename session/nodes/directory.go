package nodes

import (
	"bytes"
	"crypto/sha3"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// MaxDirectory is how many records a directory holds unless it is told
// otherwise: 40 MB of records.
const MaxDirectory = 4096

var (
	// ErrRandomness reports that nothing agreed is known of an epoch's randomness.
	ErrRandomness = errors.New("no randomness is known")
	// ErrNotAdmitted reports a record of a node that the registry does not admit.
	ErrNotAdmitted = errors.New("the registry does not admit the node")
	// ErrFull reports a directory that holds as many nodes as it may.
	ErrFull = errors.New("the directory of nodes is full")
)

// Keeper keeps records over restarts. A directory calls it from one goroutine at
// a time.
type Keeper interface {
	// Put keeps the record of a node in place of the one before.
	Put(id ID, record []byte) error
	// Delete forgets the record of a node.
	Delete(id ID) error
	// All calls f with every record that was kept, until f returns false.
	All(f func(record []byte) bool) error
}

// Config of a [Directory]. Network is required.
type Config struct {
	// Network is the id of the network whose records are taken.
	Network uint32
	// Registry says who may be in the directory; nil means [Open].
	Registry Registry
	// Keeper keeps records over restarts; nil means that nothing does.
	Keeper Keeper
	// Max is how many records are held at most; 0 means [MaxDirectory].
	Max int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log hears of records that could not be kept; nil means nowhere.
	Log *slog.Logger
}

// Directory is the set of service nodes that are known: for each the newest
// record, verified, admitted and not expired. It is safe for concurrent use.
type Directory struct {
	cfg Config

	mu      sync.RWMutex
	records map[ID]*Record
	// changed is closed at the next change and replaced.
	changed chan struct{}
	// list is the snapshot that readers share, nil after a change. expires is
	// when the first record of it does.
	list    []*Record
	expires time.Time
}

// NewDirectory makes a directory with what the keeper kept. Kept records that
// are worth nothing any more are forgotten.
func NewDirectory(cfg Config) (*Directory, error) {
	if cfg.Registry == nil {
		cfg.Registry = Open{Network: cfg.Network}
	}
	if cfg.Max == 0 {
		cfg.Max = MaxDirectory
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	d := &Directory{cfg: cfg, records: map[ID]*Record{}, changed: make(chan struct{})}
	if cfg.Keeper == nil {
		return d, nil
	}
	var stale []ID
	err := cfg.Keeper.All(func(raw []byte) bool {
		r, err := Parse(raw)
		if err != nil {
			cfg.Log.Warn("a kept node record is damaged", "error", err)
			return true
		}
		if d.check(r) != nil {
			stale = append(stale, r.ID())
			return true
		}
		if r.NewerThan(d.records[r.ID()]) {
			d.records[r.ID()] = r
		}
		return len(d.records) < cfg.Max
	})
	if err != nil {
		return nil, fmt.Errorf("nodes: reading kept records: %w", err)
	}
	for _, id := range stale {
		if d.records[id] != nil {
			continue
		}
		if err := cfg.Keeper.Delete(id); err != nil {
			return nil, fmt.Errorf("nodes: forgetting an expired record: %w", err)
		}
	}
	return d, nil
}

func (d *Directory) check(r *Record) error {
	if err := r.Check(d.cfg.Network, d.cfg.Now()); err != nil {
		return err
	}
	if !d.cfg.Registry.Admits(r.ID()) {
		return fmt.Errorf("%w: %s", ErrNotAdmitted, r.ID())
	}
	return nil
}

// Add takes a record in and reports whether it was news: of a node that was not
// known, or newer than what was. Errors match those of [Record.Check],
// [ErrNotAdmitted] and [ErrFull].
func (d *Directory) Add(r *Record) (news bool, err error) {
	if err := d.check(r); err != nil {
		return false, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.records[r.ID()]
	if !r.NewerThan(old) {
		return false, nil
	}
	if old == nil && len(d.records) >= d.cfg.Max && !d.expire() {
		return false, fmt.Errorf("%w: %d nodes", ErrFull, len(d.records))
	}
	if d.cfg.Keeper != nil {
		if err := d.cfg.Keeper.Put(r.ID(), r.raw); err != nil {
			// A record that is not kept is fetched again after a restart.
			d.cfg.Log.Warn("keeping a node record", "node", r.ID().Short(), "error", err)
		}
	}
	d.records[r.ID()] = r
	d.change()
	return true, nil
}

// AddBytes is [Parse] and [Directory.Add] in one. A record that is known, byte
// for byte, costs no verification.
func (d *Directory) AddBytes(raw []byte) (r *Record, news bool, err error) {
	body, _, _, err := decode(raw)
	if err != nil {
		return nil, false, err
	}
	// The ID of an unverified key: good for looking up, for nothing else.
	if r := d.get(idOfBytes(body.Key)); r != nil && bytes.Equal(r.raw, raw) {
		return r, false, nil
	}
	if r, err = Parse(raw); err != nil {
		return nil, false, err
	}
	news, err = d.Add(r)
	return r, news, err
}

// change tells who waits, under the lock.
func (d *Directory) change() {
	d.list = nil
	close(d.changed)
	d.changed = make(chan struct{})
}

// expire drops what has expired or is admitted no more, under the lock, and
// reports whether there was any.
func (d *Directory) expire() bool {
	found := false
	for id, r := range d.records {
		if d.check(r) == nil {
			continue
		}
		delete(d.records, id)
		found = true
		if d.cfg.Keeper != nil {
			if err := d.cfg.Keeper.Delete(id); err != nil {
				d.cfg.Log.Warn("forgetting a node record", "node", id.Short(), "error", err)
			}
		}
	}
	if found {
		d.change()
	}
	return found
}

// Expire drops records that have expired, or whose node the registry admits no
// more, and reports whether there were any. Readers never see expired records
// anyway; calling it now and then frees memory and tells who watches.
func (d *Directory) Expire() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.expire()
}

func (d *Directory) get(id ID) *Record {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.records[id]
}

// Get returns the record of a node, and false if there is none that is valid.
func (d *Directory) Get(id ID) (*Record, bool) {
	r := d.get(id)
	if r == nil || d.check(r) != nil {
		return nil, false
	}
	return r, true
}

// List returns the valid records in the order of their IDs. The slice is the
// caller's to read, not to change.
func (d *Directory) List() []*Record {
	now := d.cfg.Now()
	d.mu.RLock()
	list, fresh := d.list, now.Before(d.expires)
	d.mu.RUnlock()
	if list != nil && fresh {
		return list
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	list = make([]*Record, 0, len(d.records))
	first := now.Add(MaxLifetime + MaxSkew)
	for _, r := range d.records {
		if d.check(r) != nil {
			continue
		}
		list = append(list, r)
		if r.Expires().Before(first) {
			first = r.Expires()
		}
	}
	slices.SortFunc(list, func(a, b *Record) int { return a.ID().Compare(b.ID()) })
	d.list, d.expires = list, first
	return list
}

// With returns the valid records of nodes that offer all of the services, in the
// order of their IDs.
func (d *Directory) With(services Services) []*Record {
	var out []*Record
	for _, r := range d.List() {
		if r.Services().Has(services) {
			out = append(out, r)
		}
	}
	return out
}

// Len returns how many valid records there are.
func (d *Directory) Len() int { return len(d.List()) }

// Changed returns a channel that is closed at the next change of the directory.
// Take it before reading, so that no change is missed.
func (d *Directory) Changed() <-chan struct{} {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.changed
}

// Digest returns a hash over the valid records: equal directories have equal
// digests.
func (d *Directory) Digest() [32]byte {
	h := sha3.New256()
	for _, r := range d.List() {
		// SHA3 never fails to write. Length and order are fixed: 32 bytes each.
		sum := sha3.Sum256(r.raw)
		_, _ = h.Write(sum[:])
	}
	return [32]byte(h.Sum(nil))
}

// Epoch returns an epoch with its randomness: the registry's word, or if it has
// none that of more than half of the valid records that say something about it.
// It fails while neither is there.
func (d *Directory) Epoch(number uint64) (Epoch, error) {
	if r, ok := d.cfg.Registry.Randomness(number); ok {
		return Epoch{Number: number, Randomness: r}, nil
	}
	votes, all := map[[32]byte]int{}, 0
	for _, r := range d.List() {
		if e := r.Epoch(); e.Number == number {
			votes[e.Randomness]++
			all++
		}
	}
	for r, n := range votes {
		if 2*n > all {
			return Epoch{Number: number, Randomness: r}, nil
		}
	}
	return Epoch{}, fmt.Errorf("%w: of epoch %d, which %d of %d known nodes name", ErrRandomness, number, all, d.Len())
}
