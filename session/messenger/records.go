package messenger

import (
	"errors"
	"fmt"
	"time"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/store"
	"github.com/pars-network/pars/session/wire"
)

// Kinds of records. The numbers are part of the format on disk.
const (
	kindContact store.Kind = 0x01 // name: Session ID
	kindMessage store.Kind = 0x02 // name: Session ID, number: position in the log
	kindLog     store.Kind = 0x03 // name: "log", number: position; value: Session ID
	kindByID    store.Kind = 0x04 // name: direction, Session ID, message id; value: position
	kindOutbox  store.Kind = 0x05 // name: Session ID, number: order of queuing
	kindHeld    store.Kind = 0x06 // the same, answers that wait for a request's acceptance
	kindInbox   store.Kind = 0x07 // name: "inbox", number: order of arrival; value: envelope
	kindSeen    store.Kind = 0x08 // name: digest of an envelope that was opened; value: when
	kindReplay  store.Kind = 0x09 // name: tag of a set-up; value: prekey and when
	kindBundle  store.Kind = 0x0a // name: "own"; value: our newest bundle
	kindBlocked store.Kind = 0x0b // name: Session ID; value: since when
	kindCopy    store.Kind = 0x0c // name: Session ID and device, number: position of a message it has not confirmed
	kindUnknown store.Kind = 0x0d // name: "unknown"; value: an envelope that nothing opened
	kindTold    store.Kind = 0x0e // name: Session ID and device; value: when the bundle that it has of us was issued
	kindEvent   store.Kind = 0x0f // name: Session ID, number: position in the log; value: an event
	kindOwed    store.Kind = 0x10 // name: Session ID and device; value: ids of its messages that are stored and not confirmed yet

	kindIdentity = store.Erasable | 0x01 // name: "identity"
	kindRing     = store.Erasable | 0x02 // name: "ring"
	kindPending  = store.Erasable | 0x03 // name: tag of our set-up
	kindRatchet  = store.Erasable | 0x04 // name: Session ID and device; value: their conversations
	kindHanded   = store.Erasable | 0x05 // as kindEvent, for keys of groups until they are confirmed
)

var (
	nameLog      = []byte("log")
	nameInbox    = []byte("inbox")
	nameOwn      = []byte("own")
	nameIdentity = []byte("identity")
	nameRing     = []byte("ring")
	nameUnknown  = []byte("unknown")
)

// recordVersion is the first field of every record here.
const recordVersion = 1

// Store is what the messenger keeps its records in; *store.Store is one.
type Store interface {
	Get(kind store.Kind, name []byte, num uint64) ([]byte, error)
	Scan(kind store.Kind, name []byte, from uint64, f func(store.Record) bool) error
	Last(kind store.Kind, name []byte) (num uint64, ok bool, err error)
	Commit(b *store.Batch) error
}

type identityRecord struct {
	_         struct{} `cbor:",toarray"`
	Version   uint64
	Phrase    string
	CreatedMs uint64
}

type contactRecord struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Name    string
	AddedMs uint64
	// Card is the bundle of the card that was added, Latest a newer one that
	// came with a message; either may be empty.
	Card, Latest []byte
	// Used are the one-time prekeys of Card that were used.
	Used      [][]byte
	Request   bool
	Confirmed bool
}

type messageRecord struct {
	_         struct{} `cbor:",toarray"`
	Version   uint64
	ID        [16]byte
	Sent      bool
	Text      string
	SentMs    uint64
	StoredMs  uint64
	State     uint64
	Stored    uint64
	Total     uint64
	Failure   string
	Again     uint64
	AsRequest bool
}

type outboxRecord struct {
	_        struct{} `cbor:",toarray"`
	Version  uint64
	Envelope []byte
	// Message is the position of the message in the log, 0 if the envelope shows
	// in none; Device is whom it is for.
	Message   uint64
	ExpiresMs uint64
	Device    [16]byte
}

// outboxRecordV1 is what earlier versions wrote.
type outboxRecordV1 struct {
	_         struct{} `cbor:",toarray"`
	Version   uint64
	Envelope  []byte
	Message   uint64
	ExpiresMs uint64
}

// loadOutboxRecord reads an outbox record of this or an earlier version.
func loadOutboxRecord(s Store, id identity.ID, num uint64) (r outboxRecord, ok bool, err error) {
	ok, err = load(s, kindOutbox, id[:], num, &r)
	if !errors.Is(err, store.ErrCorrupt) {
		return r, ok, err
	}
	var old outboxRecordV1
	if ok, err := load(s, kindOutbox, id[:], num, &old); err != nil || !ok {
		return r, ok, err
	}
	return outboxRecord{Version: recordVersion, Envelope: old.Envelope, Message: old.Message, ExpiresMs: old.ExpiresMs}, true, nil
}

type unknownRecord struct {
	_        struct{} `cbor:",toarray"`
	Version  uint64
	Envelope []byte
	Ms       uint64
}

type replayRecord struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Prekey  [16]byte
	SeenMs  uint64
}

type pendingRecord struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	State   []byte
	Message uint64
	// CreatedMs is when the set-up says that it was made.
	CreatedMs uint64
}

type whenRecord struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Ms      uint64
}

// put adds an encoded record to a batch. The structs above always encode; a
// record that does not is a mistake here and stops the change.
func put(b *store.Batch, kind store.Kind, name []byte, num uint64, record any) error {
	data, err := wire.Marshal(record)
	if err != nil {
		return fmt.Errorf("messenger: encoding a record: %w", err)
	}
	b.Put(kind, name, num, data)
	return nil
}

// decode reads a record. What it can't read is corrupt: the store has already
// authenticated it.
func decode(data []byte, record any) error {
	if err := wire.Unmarshal(data, store.MaxValue, record); err != nil {
		return fmt.Errorf("%w: %T does not decode", store.ErrCorrupt, record)
	}
	return nil
}

// load reads one record; ok is false if there is none.
func load(s Store, kind store.Kind, name []byte, num uint64, record any) (ok bool, err error) {
	data, err := s.Get(kind, name, num)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, decode(data, record)
}

// byIDName names the index entry of a message.
func byIDName(sent bool, peer identity.ID, id envelope.MessageID) []byte {
	direction := byte('r')
	if sent {
		direction = 's'
	}
	return append(append([]byte{direction}, peer[:]...), id[:]...)
}

// ms is a time as records hold it.
func ms(t time.Time) uint64 { return uint64(max(0, t.UnixMilli())) }

func fromMs(v uint64) time.Time { return time.UnixMilli(int64(min(v, 1<<53))) }
