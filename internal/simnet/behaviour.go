package simnet

import (
	"math/rand/v2"
	"time"
)

// Parcel is something on its way to a node.
type Parcel[M any] struct {
	To   ID
	Item M
	// After is how long the sender waits before it goes.
	After time.Duration
}

// Behaviour is what a hostile node makes of something that it should send: it
// returns what it sends instead. M is what the behaviour understands: bytes of
// a message ([Node.Misbehave]) or an object of the layer under test, whose
// driver calls the behaviour itself. All randomness is from r.
type Behaviour[M any] func(r *rand.Rand, p Parcel[M]) []Parcel[M]

// Chain passes what one behaviour sends through the next.
func Chain[M any](list ...Behaviour[M]) Behaviour[M] {
	return func(r *rand.Rand, p Parcel[M]) []Parcel[M] {
		parcels := []Parcel[M]{p}
		for _, b := range list {
			var next []Parcel[M]
			for _, q := range parcels {
				for _, out := range b(r, q) {
					out.After += q.After
					next = append(next, out)
				}
			}
			parcels = next
		}
		return parcels
	}
}

// Withhold keeps everything from a share of the nodes, the same ones always,
// and delivers to the rest: who was left out must hear it from others.
func Withhold[M any](share float64) Behaviour[M] {
	without := map[ID]bool{}
	return func(r *rand.Rand, p Parcel[M]) []Parcel[M] {
		drop, known := without[p.To]
		if !known {
			drop = r.Float64() < share
			without[p.To] = drop
		}
		if drop {
			return nil
		}
		return []Parcel[M]{p}
	}
}

// Flood adds n forged items to each that it sends.
func Flood[M any](n int, forge func(r *rand.Rand, m M) M) Behaviour[M] {
	return func(r *rand.Rand, p Parcel[M]) []Parcel[M] {
		out := []Parcel[M]{p}
		for range n {
			out = append(out, Parcel[M]{To: p.To, Item: forge(r, p.Item)})
		}
		return out
	}
}

// Replay remembers the last keep items, whoever they were for, and with each
// that it sends repeats up to n of them, within late.
func Replay[M any](keep, n int, late time.Duration) Behaviour[M] {
	var old []M
	return func(r *rand.Rand, p Parcel[M]) []Parcel[M] {
		out := []Parcel[M]{p}
		for range min(n, len(old)) {
			out = append(out, Parcel[M]{To: p.To, Item: old[r.IntN(len(old))], After: time.Duration(r.Int64N(int64(late) + 1))})
		}
		if old = append(old, p.Item); len(old) > keep {
			old = old[1:]
		}
		return out
	}
}

// Equivocate tells half of the nodes one thing and half another: twin makes the
// other version of an item and must make the same one for the same item, or says
// that there is none.
func Equivocate[M any](twin func(m M) (M, bool)) Behaviour[M] {
	side := map[ID]bool{}
	return func(r *rand.Rand, p Parcel[M]) []Parcel[M] {
		other, known := side[p.To]
		if !known {
			other = r.IntN(2) == 1
			side[p.To] = other
		}
		if other {
			if t, ok := twin(p.Item); ok {
				p.Item = t
			}
		}
		return []Parcel[M]{p}
	}
}

// LieAboutTime lets the sender's claims about time be wrong by up to most, in
// either direction: shift makes the item that claims so.
func LieAboutTime[M any](most time.Duration, shift func(m M, by time.Duration) M) Behaviour[M] {
	return func(r *rand.Rand, p Parcel[M]) []Parcel[M] {
		p.Item = shift(p.Item, time.Duration(r.Int64N(2*int64(most)+1))-most)
		return []Parcel[M]{p}
	}
}
