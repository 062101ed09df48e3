package ratchet

import (
	"encoding/binary"
	"time"
)

// A marker lets a side recognise a message of its conversation whose header key
// it does not have, because one of the two went back to an older state. Marker
// keys change every week and only forwards.

const weekSeconds = 7 * 24 * 3600

// maxWeeks bounds how far marker keys are computed forwards: ten years.
const maxWeeks = 520

func weekOf(t time.Time) uint64 { return seconds(t) / weekSeconds }

// markerAt returns the marker key of a week from that of an earlier one; ok is
// false if week is before it or too far ahead.
func markerAt(k key, from, week uint64) (key, bool) {
	if week < from || week-from > maxWeeks {
		return key{}, false
	}
	for range week - from {
		k = nextMarker(k)
	}
	return k, true
}

// forgetWeeks drops the marker keys of weeks before the one before now.
func (s *State) forgetWeeks(now time.Time) {
	week := weekOf(now)
	if week < s.week+2 {
		return
	}
	week--
	send, ok := markerAt(s.markerSend, s.week, week)
	recv, _ := markerAt(s.markerRecv, s.week, week)
	if ok {
		s.week, s.markerSend, s.markerRecv = week, send, recv
	}
}

// markerFor returns the key with which to mark a message at now. A clock that
// went back marks with the earliest key there is.
func (s *State) markerFor(now time.Time) (key, error) {
	k, ok := markerAt(s.markerSend, s.week, max(weekOf(now), s.week))
	if !ok {
		return key{}, ErrExhausted
	}
	return k, nil
}

// marked reports whether the peer of this conversation made an envelope.
func (s *State) marked(now time.Time, raw []byte) bool {
	k, ok := markerAt(s.markerRecv, s.week, max(weekOf(now), s.week+1)-1)
	if !ok {
		return false
	}
	for range 3 {
		aead, err := newAEAD(&k)
		if err != nil {
			return false
		}
		var buf [markerPlain]byte
		if _, err := aead.Open(buf[:0], raw[offNonce:offHeader], raw[offMarker:offRest], raw[:offMarker]); err == nil {
			return true
		}
		k = nextMarker(k)
	}
	return false
}

func sealMarker(k key, raw []byte, index, number uint32) ([]byte, error) {
	aead, err := newAEAD(&k)
	if err != nil {
		return nil, err
	}
	var plain [markerPlain]byte
	binary.BigEndian.PutUint32(plain[:], index)
	binary.BigEndian.PutUint32(plain[4:], number)
	return aead.Seal(raw, raw[offNonce:offHeader], plain[:], raw), nil
}
