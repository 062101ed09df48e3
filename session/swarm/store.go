package swarm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
)

var (
	// ErrFull is matched by the errors of a limit that was reached.
	ErrFull = errors.New("full")
	// ErrMailboxFull reports a mailbox that has as much as it may.
	ErrMailboxFull = fmt.Errorf("the mailbox is %w: its owner has to fetch first", ErrFull)
	// ErrSlotFull reports a slot whose rivals all have stronger stamps.
	ErrSlotFull = fmt.Errorf("the slot is %w of bundles with stronger stamps", ErrFull)
	// ErrDiskFull reports a node without room.
	ErrDiskFull = fmt.Errorf("the node's disk is %w", ErrFull)
	// ErrStamp reports a stamp below what the node asks for now.
	ErrStamp = errors.New("the stamp shows too little work")
	// ErrDeleted reports an item that its owner has deleted.
	ErrDeleted = errors.New("the owner has deleted it")
)

// Limits bound what a store keeps. Zero fields mean the defaults.
type Limits struct {
	// Bytes is how much all contents together may take; 0 means 4 GiB. On disk
	// it may be twice that while deleted items wait for compaction. In memory an item takes
	// about 250 bytes: 130 MB if the disk is full of the smallest.
	Bytes int64
	// Reserve is how many bytes of the device are left to others; 0 means 256 MiB.
	Reserve uint64
	// MailboxBytes and MailboxItems bound one mailbox; 0 means 16 MiB and 2,048.
	MailboxBytes int64
	MailboxItems int
	// Tombs is how many deletions are remembered of items that were not here;
	// 0 means 65,536.
	Tombs int
	// Rate is how many writes a second the node takes before it asks for more
	// work; 0 means 50.
	Rate float64
}

func (l Limits) orDefault() Limits {
	for _, d := range []struct {
		v *int64
		d int64
	}{{&l.Bytes, 4 << 30}, {&l.MailboxBytes, 16 << 20}} {
		if *d.v == 0 {
			*d.v = d.d
		}
	}
	if l.Reserve == 0 {
		l.Reserve = 256 << 20
	}
	if l.MailboxItems == 0 {
		l.MailboxItems = 2048
	}
	if l.Tombs == 0 {
		l.Tombs = 1 << 16
	}
	if l.Rate == 0 {
		l.Rate = 50
	}
	return l
}

// entry is what memory has of an item.
type entry struct {
	id   ID
	key  Key
	kind Kind
	hour uint32
	size int32
	// seq orders the items of a key as this process came to have them.
	seq   uint64
	stamp Stamp
}

// box is what lies under one key.
type box struct {
	entries []*entry // by seq
	bytes   int64
	// pending are writes on their way to the disk.
	pending      int
	pendingBytes int64
	waiters      []*waiter
}

func (b *box) empty() bool { return len(b.entries) == 0 && b.pending == 0 && len(b.waiters) == 0 }

// Store is what a service node keeps. Everything but contents is in memory. It is
// safe for concurrent use.
type Store struct {
	disk   Disk
	limits Limits
	now    func() time.Time

	mu      sync.Mutex
	boxes   map[Key]*box
	items   map[ID]*entry
	pending map[ID]chan struct{}
	tombs   map[ID]uint32 // -> hour from which on they may be forgotten
	// extra counts tombs of items that were not here.
	extra   int
	bytes   int64
	seq     uint64
	waiting int

	roomAt time.Time
	roomy  bool

	load   float64 // writes of the last minute, decaying
	loadAt time.Time
}

// First letters of the keys on disk; an ID follows.
const (
	diskIndex   = 'i' // kind (1) | key (32) | hour (4) | size (4) | stamp (8)
	diskContent = 'c' // the content
	diskTomb    = 't' // hour (4)
)

// ErrCorrupt reports records on disk that this package did not write.
var ErrCorrupt = errors.New("swarm: damaged store")

// OpenStore reads what a disk has. now nil means time.Now. The caller closes the
// disk after the store is used no more.
func OpenStore(disk Disk, limits Limits, now func() time.Time) (*Store, error) {
	if now == nil {
		now = time.Now
	}
	s := &Store{
		disk: disk, limits: limits.orDefault(), now: now,
		boxes: map[Key]*box{}, items: map[ID]*entry{}, pending: map[ID]chan struct{}{}, tombs: map[ID]uint32{},
	}
	err := disk.Scan([]byte{diskIndex}, func(k, v []byte) error {
		e, err := decodeEntry(k, v)
		if err != nil {
			return err
		}
		s.insert(e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = disk.Scan([]byte{diskTomb}, func(k, v []byte) error {
		if len(k) != 1+len(ID{}) || len(v) != 4 {
			return fmt.Errorf("%w: a deletion of %d and %d bytes", ErrCorrupt, len(k), len(v))
		}
		s.tombs[ID(k[1:])] = binary.BigEndian.Uint32(v)
		return nil
	})
	return s, err
}

func (e *entry) encode() []byte {
	b := append(make([]byte, 0, 49), byte(e.kind))
	b = append(b, e.key[:]...)
	b = binary.BigEndian.AppendUint32(b, e.hour)
	b = binary.BigEndian.AppendUint32(b, uint32(e.size))
	return binary.BigEndian.AppendUint64(b, uint64(e.stamp))
}

func decodeEntry(k, v []byte) (*entry, error) {
	if len(k) != 1+len(ID{}) || len(v) != 49 || Kind(v[0]) > Bundle {
		return nil, fmt.Errorf("%w: an item's record of %d and %d bytes", ErrCorrupt, len(k), len(v))
	}
	return &entry{
		id: ID(k[1:]), kind: Kind(v[0]), key: Key(v[1:33]), hour: binary.BigEndian.Uint32(v[33:]),
		size: int32(binary.BigEndian.Uint32(v[37:]) & 0x7fffffff), stamp: Stamp(binary.BigEndian.Uint64(v[41:])),
	}, nil
}

func diskKey(letter byte, id ID) []byte { return append([]byte{letter}, id[:]...) }

func (s *Store) box(key Key) *box {
	b := s.boxes[key]
	if b == nil {
		b = &box{}
		s.boxes[key] = b
	}
	return b
}

// tidy forgets a box with nothing in it.
func (s *Store) tidy(key Key, b *box) {
	if b.empty() {
		delete(s.boxes, key)
	}
}

// insert makes an item visible, under the lock.
func (s *Store) insert(e *entry) {
	s.seq++
	e.seq = s.seq
	b := s.box(e.key)
	b.entries = append(b.entries, e)
	b.bytes += int64(e.size)
	s.bytes += int64(e.size)
	s.items[e.id] = e
}

// remove makes an item invisible, under the lock.
func (s *Store) remove(e *entry) {
	b := s.boxes[e.key]
	b.entries = slices.DeleteFunc(b.entries, func(o *entry) bool { return o == e })
	b.bytes -= int64(e.size)
	s.bytes -= int64(e.size)
	delete(s.items, e.id)
	s.tidy(e.key, b)
}

// Put stores an item. It returns nil when the item is durable, now or since
// before. work is how many bits its stamp must have at least; a mailbox or a node
// that fills up asks for more, see [Store.Work]. Errors match [ErrItem],
// [ErrStamp], [ErrFull], [ErrDeleted], [envelope.ErrExpired],
// [envelope.ErrLifetime]; any other is a trouble of this node.
func (s *Store) Put(it Item, work int) error {
	if err := it.check(); err != nil {
		return err
	}
	if err := it.checkTime(s.now()); err != nil {
		return err
	}
	e := &entry{id: it.ID(), key: it.Key, kind: it.Kind, hour: it.Hour, size: int32(len(it.Content)), stamp: it.Stamp}
	done, err := s.reserve(e, work)
	if done == nil || err != nil {
		return err
	}
	defer close(done)
	err = s.disk.Apply([]Change{{diskKey(diskIndex, e.id), e.encode()}, {diskKey(diskContent, e.id), it.Content}})
	evicted, err := s.publish(e, err)
	if evicted == nil {
		return err
	}
	err = s.disk.Apply([]Change{{Key: diskKey(diskIndex, evicted.id)}, {Key: diskKey(diskContent, evicted.id)}})
	if evicted == e {
		err = errors.Join(ErrSlotFull, err)
	}
	return err
}

// reserve checks the limits and takes the room that an item needs. A nil channel
// without an error means that the item is there.
func (s *Store) reserve(e *entry, work int) (chan struct{}, error) {
	for {
		s.mu.Lock()
		under := s.pending[e.id]
		if under == nil {
			break
		}
		s.mu.Unlock()
		<-under // somebody else is writing the same
	}
	defer s.mu.Unlock()
	if s.items[e.id] != nil {
		return nil, nil
	}
	if _, dead := s.tombs[e.id]; dead {
		return nil, ErrDeleted
	}
	strength := StrengthOf(e.id, e.stamp)
	if err := s.room(e, strength); err != nil {
		return nil, err // nobody is to work for what is refused anyway
	}
	if got := strength.Work(); got < work {
		return nil, fmt.Errorf("%w: %d bits, want %d", ErrStamp, got, work)
	}
	s.count()
	b := s.box(e.key)
	b.pending++
	b.pendingBytes += int64(e.size)
	s.bytes += int64(e.size)
	done := make(chan struct{})
	s.pending[e.id] = done
	return done, nil
}

// room checks the limits, under the lock.
func (s *Store) room(e *entry, strength Strength) error {
	if s.bytes+int64(e.size) > s.limits.Bytes || !s.deviceHasRoom() {
		return ErrDiskFull
	}
	b := s.boxes[e.key]
	if b == nil {
		return nil
	}
	if e.kind == Bundle {
		if n := len(b.entries) + b.pending; n < MaxRivals {
			return nil
		}
		if w := weakest(b.entries); w == nil || !strength.Stronger(StrengthOf(w.id, w.stamp)) {
			return ErrSlotFull
		}
		return nil
	}
	if b.bytes+b.pendingBytes+int64(e.size) > s.limits.MailboxBytes || len(b.entries)+b.pending >= s.limits.MailboxItems {
		return ErrMailboxFull
	}
	return nil
}

// deviceHasRoom asks the device at most once a second, under the lock.
func (s *Store) deviceHasRoom() bool {
	now := s.now()
	if d := now.Sub(s.roomAt); d >= time.Second || d < 0 {
		free, err := s.disk.Room()
		s.roomAt, s.roomy = now, err == nil && free >= s.limits.Reserve
	}
	return s.roomy
}

func weakest(entries []*entry) *entry {
	var w *entry
	for _, e := range entries {
		if e.kind == Bundle && (w == nil || StrengthOf(w.id, w.stamp).Stronger(StrengthOf(e.id, e.stamp))) {
			w = e
		}
	}
	return w
}

// publish makes a written item visible and wakes who waits for it. It returns
// the rival that had to go.
func (s *Store) publish(e *entry, failed error) (evicted *entry, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.boxes[e.key]
	b.pending--
	b.pendingBytes -= int64(e.size)
	s.bytes -= int64(e.size)
	delete(s.pending, e.id)
	if failed != nil {
		s.tidy(e.key, b)
		return nil, failed
	}
	s.insert(e)
	rivals := 0
	for _, o := range b.entries {
		if o.kind == Bundle {
			rivals++
		}
	}
	if rivals > MaxRivals {
		evicted = weakest(b.entries)
		s.remove(evicted)
	}
	for _, w := range b.waiters {
		w.wake()
	}
	return evicted, nil
}

// Content returns the content of an item.
func (s *Store) Content(id ID) ([]byte, error) { return s.disk.Get(diskKey(diskContent, id)) }

// Item returns an item.
func (s *Store) Item(id ID) (Item, error) {
	s.mu.Lock()
	e := s.items[id]
	s.mu.Unlock()
	if e == nil {
		return Item{}, ErrNotFound
	}
	content, err := s.Content(id)
	if err != nil {
		return Item{}, err
	}
	return Item{Kind: e.kind, Key: e.key, Hour: e.hour, Content: content, Stamp: e.stamp}, nil
}

// After returns contents of a key's items of one kind after a position, oldest first, at
// most max bytes of them and at least one, with the position to go on from and whether there
// is more.
func (s *Store) After(kind Kind, key Key, after uint64, max int) (contents [][]byte, next uint64, more bool, err error) {
	hour := uint32(s.now().Unix() / 3600)
	s.mu.Lock()
	next = after
	var ids []ID
	size := 0
	if b := s.boxes[key]; b != nil {
		for _, e := range b.entries {
			if e.kind != kind || e.seq <= after || e.hour <= hour {
				continue
			}
			if len(ids) > 0 && size+int(e.size) > max {
				more = true
				break
			}
			ids, size, next = append(ids, e.id), size+int(e.size), e.seq
		}
	}
	s.mu.Unlock()
	for _, id := range ids {
		c, err := s.Content(id)
		if errors.Is(err, ErrNotFound) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, 0, false, err
		}
		contents = append(contents, c)
	}
	return contents, next, more, nil
}

// Delete removes items of a mailbox for good: they are not taken again, whoever
// brings them, also those that were not here yet. It is durable when it returns.
func (s *Store) Delete(key Key, ids []ID) error {
	late := hourOf(s.now().Add(envelope.MaxTTL + identity.MaxSkew + 2*time.Hour))
	var changes []Change
	var entries []*entry
	s.mu.Lock()
	for _, id := range ids {
		e := s.items[id]
		if e != nil && (e.key != key || e.kind != Envelope) {
			continue // not theirs
		}
		hour := late
		if e != nil {
			hour = e.hour + 1
			entries = append(entries, e)
			changes = append(changes, Change{Key: diskKey(diskIndex, id)}, Change{Key: diskKey(diskContent, id)})
		} else if _, dead := s.tombs[id]; dead {
			continue
		} else if s.extra >= s.limits.Tombs {
			continue // it may come back, and its owner will delete it again
		} else {
			s.extra++
		}
		s.tombs[id] = hour
		changes = append(changes, Change{diskKey(diskTomb, id), binary.BigEndian.AppendUint32(nil, hour)})
	}
	for _, e := range entries {
		if s.items[e.id] == e {
			s.remove(e)
		}
	}
	s.mu.Unlock()
	if len(changes) == 0 {
		return nil
	}
	return s.disk.Apply(changes)
}

func hourOf(t time.Time) uint32 { return uint32(t.Unix() / 3600) }

// Drop forgets items without keeping others from bringing them again: they
// belong elsewhere now.
func (s *Store) Drop(ids []ID) error {
	var changes []Change
	s.mu.Lock()
	for _, id := range ids {
		if e := s.items[id]; e != nil {
			s.remove(e)
			changes = append(changes, Change{Key: diskKey(diskIndex, id)}, Change{Key: diskKey(diskContent, id)})
		}
	}
	s.mu.Unlock()
	if len(changes) == 0 {
		return nil
	}
	return s.disk.Apply(changes)
}

// Expire forgets what has expired, and returns how many items that were.
func (s *Store) Expire() (int, error) {
	hour := hourOf(s.now())
	var changes []Change
	s.mu.Lock()
	var old []*entry
	for _, e := range s.items {
		if e.hour <= hour {
			old = append(old, e)
		}
	}
	for _, e := range old {
		s.remove(e)
		changes = append(changes, Change{Key: diskKey(diskIndex, e.id)}, Change{Key: diskKey(diskContent, e.id)})
	}
	for id, until := range s.tombs {
		if until <= hour {
			delete(s.tombs, id)
			changes = append(changes, Change{Key: diskKey(diskTomb, id)})
		}
	}
	s.extra = min(s.extra, len(s.tombs))
	s.mu.Unlock()
	for len(changes) > 0 {
		n := min(len(changes), 1024)
		if err := s.disk.Apply(changes[:n]); err != nil {
			return len(old), err
		}
		changes = changes[n:]
	}
	return len(old), nil
}
