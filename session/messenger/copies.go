package messenger

import (
	"time"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/store"
)

// A copy is one message on its way to one device, from when it is queued until
// the device says that it has it. Copies are what is sent again when a
// conversation changes, or when a day has passed.

const (
	// copyRest is after how long without a receipt a copy is sent again; it
	// doubles with every time.
	copyRest = 24 * time.Hour
	// maxTries bounds how often one copy is sealed.
	maxTries = 12
)

type copyName struct {
	pair pair
	seq  uint64
}

type copyRecord struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	ID      [16]byte
	// Peer is whose log the message stands in: not the device's account for an own
	// device.
	Peer [32]byte
	// Stored is whether the device has some envelope with it.
	Stored bool
	// Via is the transcript of the conversation, or the tag of the set-up, that
	// it was sealed in last.
	Via [32]byte
	// SealedMs is when that was, Tries how often it happened.
	SealedMs uint64
	Tries    uint64
}

// copyOf returns a copy, nil if there is none.
func (ch *change) copyOf(n copyName) (*copyRecord, error) {
	if r, ok := ch.copies[n]; ok {
		return r, nil
	}
	r := new(copyRecord)
	ok, err := load(ch.m.cfg.Store, kindCopy, n.pair.name(), n.seq, r)
	if err != nil || !ok {
		return nil, err
	}
	ch.copies[n] = r
	return r, nil
}

// sealed notes that a copy was sealed once more.
func (ch *change) sealed(n copyName, id envelope.MessageID, peer identity.ID, via [32]byte) error {
	r, err := ch.copyOf(n)
	if err != nil {
		return err
	}
	if r == nil {
		r = &copyRecord{Version: recordVersion, ID: id, Peer: peer}
		ch.copies[n] = r
	}
	r.Via, r.SealedMs = via, ms(ch.now)
	r.Tries++
	return nil
}

// waitingFor lists the copies that a device has not confirmed, in order.
func (ch *change) waitingFor(p pair) ([]copyName, error) {
	var out []copyName
	err := ch.m.cfg.Store.Scan(kindCopy, p.name(), 0, func(r store.Record) bool {
		out = append(out, copyName{p, r.Num})
		return true
	})
	if err != nil {
		return nil, err
	}
	// What this change has made or removed.
	kept := out[:0]
	for _, n := range out {
		if r, ok := ch.copies[n]; !ok || r != nil {
			kept = append(kept, n)
		}
	}
	return kept, nil
}

// confirmed takes the receipt of a device.
func (ch *change) confirmed(p pair, ids []envelope.MessageID) error {
	want := map[envelope.MessageID]bool{}
	for _, id := range ids {
		want[id] = true
	}
	waiting, err := ch.waitingFor(p)
	if err != nil {
		return err
	}
	for _, n := range waiting {
		r, err := ch.copyOf(n)
		if err != nil {
			return err
		}
		if r == nil || !want[r.ID] {
			continue
		}
		if p.account != ch.m.account.ID() {
			if err := ch.delivered(entry{r.Peer, n.seq}, !r.Stored); err != nil {
				return err
			}
		}
		ch.copies[n] = nil
		if err := ch.eraseHanded(n, r.Peer[:]); err != nil {
			return err
		}
	}
	return nil
}

// delivered notes in the log that a device has a message.
func (ch *change) delivered(e entry, another bool) error {
	r, err := ch.message(e)
	if err != nil || r == nil {
		return err
	}
	if another {
		r.Stored = min(r.Stored+1, r.Total)
	}
	r.State, r.Failure, r.Stored = uint64(Delivered), "", max(r.Stored, 1)
	ch.changed = append(ch.changed, e.seq)
	return nil
}
