package group

import (
	"fmt"
	"slices"
	"time"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/store"
	"github.com/pars-network/pars/session/wire"
)

// The kinds of our records, named by the space but for the last two. What holds keys is
// erasable: replacing it destroys the old one.
const (
	kindGroup      = store.Erasable | 0x20 // number 0: what a device is in a group
	kindKeys       = store.Erasable | 0x21 // number: order of opening
	kindHanding    = store.Erasable | 0x22 // number: order
	kindOps        = store.Kind(0x20)      // number: position of the vertex
	kindMessage    = store.Kind(0x21)      // the same
	kindWaiting    = store.Kind(0x22)      // the same; the value is empty
	kindRoster     = store.Kind(0x23)      // number: order of coming
	kindInvitation = store.Kind(0x24)      // name: the space
)

// Store keeps records; *store.Store is one.
type Store interface {
	Scan(kind store.Kind, name []byte, from uint64, f func(store.Record) bool) error
	Commit(b *store.Batch) error
}

const recordVersion = 1

type (
	ownRecord struct {
		_       struct{} `cbor:",toarray"`
		Version uint64
		Rules   rulesWire
		// Seed is of the key that this device writes with in Epoch, Next of the one
		// that is about to replace it; Intro introduced the first.
		Seed, Next []byte
		Epoch      [32]byte
		Intro      []opIDWire
		// Authors are all keys of this device, to know its own vertices by.
		Authors [][32]byte
		// Inviter is who added us; zero for the founder.
		Inviter [32]byte
		// Read and Mailed are the positions up to which the graph was read, and
		// own vertices were put into mailboxes.
		Read, Mailed uint64
		// Secrets wait for the vertex that opens their epoch.
		Secrets [][]byte
		// Drafts are what own vertices say that were not read back yet.
		Drafts []draftWire
		// Invited may join; Accepted have said yes.
		Invited  []invitedWire
		Accepted []acceptedWire
		LeftMs   uint64
	}
	rulesWire struct {
		_    struct{} `cbor:",toarray"`
		Seed [32]byte
	}
	draftWire struct {
		_     struct{} `cbor:",toarray"`
		Tag   [16]byte
		Epoch [32]byte
		Index uint64
		Plain []byte
	}
	invitedWire struct {
		_       struct{} `cbor:",toarray"`
		Account [32]byte
		Role    uint64
	}
	acceptedWire struct {
		_       struct{} `cbor:",toarray"`
		Account [32]byte
		Device  bindingWire
	}
	chainWire struct {
		_       struct{} `cbor:",toarray"`
		Tag     [16]byte
		Account [32]byte
		Device  [16]byte
		Next    uint64
		Key     [32]byte
		Skipped []skippedWire
	}
	skippedWire struct {
		_     struct{} `cbor:",toarray"`
		Index uint64
		Key   [32]byte
	}
	keysRecord struct {
		_        struct{} `cbor:",toarray"`
		Version  uint64
		Epoch    [32]byte
		OpenedMs uint64
		Wrap     [32]byte
		Mailbox  [64]byte
		Chains   []chainWire
	}
	opsRecord struct {
		_       struct{} `cbor:",toarray"`
		Version uint64
		Vertex  [32]byte
		Lamport uint64
		Author  [32]byte
		Intro   []opIDWire
		Epochs  []epochWire
		Ops     []opWire
	}
	messageRecord struct {
		_       struct{} `cbor:",toarray"`
		Version uint64
		Vertex  [32]byte
		Lamport uint64
		Author  [32]byte
		Intro   []opIDWire
		Message []byte
	}
	rosterRecord struct {
		_       struct{} `cbor:",toarray"`
		Version uint64
		Anchor  [32]byte
		Intro   uint64
		Num     uint64
		// Have are the parts that have come, in their places.
		Have [][]byte
	}
	handingRecord struct {
		_       struct{} `cbor:",toarray"`
		Version uint64
		// Secret goes to each of To; Vertex, once known, is where its epoch opens. Roster
		// says that they need to be told who is in the group.
		Secret []byte
		Epoch  [32]byte
		To     [][32]byte
		Roster []invitedWire // joiners; the role is the index of their op
	}
	invitationRecord struct {
		_       struct{} `cbor:",toarray"`
		Version uint64
		Inviter [32]byte
		Rules   rulesWire
		Title   string
		Role    uint64
		AtMs    uint64
		Seed    []byte // of our key, once accepted
	}
)

func put(b *store.Batch, kind store.Kind, name []byte, num uint64, record any) error {
	data, err := wire.Marshal(record)
	if err != nil {
		return fmt.Errorf("group: encoding a record: %w", err)
	}
	b.Put(kind, name, num, data)
	return nil
}

func decode(r store.Record, into any) error {
	if err := wire.Unmarshal(r.Value, store.MaxValue, into); err != nil {
		return fmt.Errorf("%w: %T of a group does not decode", store.ErrCorrupt, into)
	}
	return nil
}

// scan reads all records of a kind and name, each as a T.
func scan[T any](s Store, kind store.Kind, name []byte, f func(r store.Record, v *T) error) error {
	var failed error
	err := s.Scan(kind, name, 0, func(r store.Record) bool {
		var v T
		if failed = decode(r, &v); failed == nil {
			failed = f(r, &v)
		}
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	return err
}

func (k *keys) record() keysRecord {
	r := keysRecord{Version: recordVersion, Epoch: k.epoch, OpenedMs: toMs(k.opened), Wrap: k.wrap, Mailbox: k.mailbox}
	for t, c := range k.chains {
		w := chainWire{Tag: t, Account: c.device.Account, Device: c.device.Device, Next: c.next, Key: c.key}
		for i, key := range c.skipped {
			w.Skipped = append(w.Skipped, skippedWire{Index: i, Key: key})
		}
		slices.SortFunc(w.Skipped, func(a, b skippedWire) int { return int(a.Index) - int(b.Index) })
		r.Chains = append(r.Chains, w)
	}
	slices.SortFunc(r.Chains, func(a, b chainWire) int { return slices.Compare(a.Tag[:], b.Tag[:]) })
	return r
}

func (r *keysRecord) keys() *keys {
	k := &keys{epoch: r.Epoch, opened: fromMs(r.OpenedMs), wrap: r.Wrap, mailbox: r.Mailbox, chains: map[tag]*chain{}}
	for _, w := range r.Chains {
		c := &chain{device: Device{w.Account, w.Device}, next: w.Next, key: w.Key}
		for _, s := range w.Skipped {
			if c.skipped == nil {
				c.skipped = map[uint64][32]byte{}
			}
			c.skipped[s.Index] = s.Key
		}
		k.chains[w.Tag] = c
	}
	return k
}

func (r *opsRecord) entries() ([]Entry, error) {
	c := contents{}
	for _, w := range r.Ops {
		op, err := w.op()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", store.ErrCorrupt, err)
		}
		c.ops = append(c.ops, op)
	}
	v := &dag.Vertex{Lamport: r.Lamport, Author: r.Author}
	return entries(r.Vertex, v, payload{Intro: r.Intro}.introduced(), payload{Epochs: r.Epochs}, c), nil
}

// Message is one message of a group, as it was decrypted.
type Message struct {
	Vertex dag.ID
	// Lamport is the vertex's: by it and the id messages stand in one order everywhere.
	Lamport uint64
	// From wrote it; zero if that can't be told here.
	From Device
	// Outside says that the author was removed and the message stands beside or behind
	// the removal: it is shown as such, and changes nothing.
	Outside bool
	envelope.Message
}

func toMs(t time.Time) uint64 { return uint64(max(0, t.UnixMilli())) }

func fromMs(ms uint64) time.Time { return time.UnixMilli(int64(min(ms, 1<<50))).UTC() }

func invitedIndex(list []invitedWire, account identity.ID) int {
	return slices.IndexFunc(list, func(w invitedWire) bool { return w.Account == account })
}
