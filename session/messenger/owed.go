package messenger

import (
	"fmt"

	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/store"
)

// Receipts are owed, durably, until the inbox is empty: what came together is
// confirmed together, in one envelope for each device.

// maxOwed is how many messages of a device are confirmed at once without waiting
// for the inbox to be empty.
const maxOwed = 64

type owedRecord struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	IDs     [][16]byte
}

func (m *Messenger) loadOwed() error {
	var failed error
	err := m.cfg.Store.Scan(kindOwed, nil, 0, func(r store.Record) bool {
		p, ok := pairOf(r.Name)
		var w owedRecord
		if failed = decode(r.Value, &w); failed == nil && !ok {
			failed = store.ErrCorrupt
		}
		m.owed[p] = w.ids()
		return failed == nil
	})
	return firstError(err, failed)
}

func (w owedRecord) ids() (out []envelope.MessageID) {
	for _, id := range w.IDs {
		out = append(out, id)
	}
	return out
}

// owe notes that messages of a device are stored here.
func (ch *change) owe(p pair, ids []envelope.MessageID) error {
	all, ok := ch.owed[p]
	if !ok {
		all = ch.m.owed[p]
	}
	all = append(all[:len(all):len(all)], ids...)
	ch.owed[p] = all
	if len(all) < maxOwed {
		return nil
	}
	return ch.pay(p)
}

// pay sends the receipt that a device is owed.
func (ch *change) pay(p pair) error {
	all, ok := ch.owed[p]
	if !ok {
		all = ch.m.owed[p]
	}
	ch.owed[p] = nil
	if len(all) == 0 || ch.set(p).Active() == nil {
		return nil // the conversation was forgotten: its messages come again
	}
	receipt, err := ch.receipt(p, all[:min(len(all), envelope.MaxReceipts)])
	if err != nil {
		return err
	}
	return ch.encrypt(p, 0, receipt)
}

// putOwed writes what is owed after the change.
func (ch *change) putOwed() error {
	for p, ids := range ch.owed {
		if len(ids) == 0 {
			ch.b.Delete(kindOwed, p.name(), 0)
			continue
		}
		w := owedRecord{Version: recordVersion}
		for _, id := range ids {
			w.IDs = append(w.IDs, id)
		}
		if err := put(&ch.b, kindOwed, p.name(), 0, w); err != nil {
			return err
		}
	}
	return nil
}

// payAll sends every receipt that is owed. The caller holds mu.
func (m *Messenger) payAll() error {
	if len(m.owed) == 0 {
		return nil
	}
	ch := m.begin()
	for p := range m.owed {
		if err := ch.pay(p); isMistake(err) {
			m.cfg.Logger.Warn("a receipt can't be sent", "error", err)
		} else if err != nil {
			return fmt.Errorf("messenger: a receipt: %w", err)
		}
	}
	return ch.commit()
}
