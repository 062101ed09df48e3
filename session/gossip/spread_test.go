package gossip

import (
	"slices"
	"testing"
	"time"

	"github.com/pars-network/pars/internal/simnet"
)

// wan is links of 20 to 200 ms, each with a delay of its own.
func wan(n *simnet.Net) {
	r := n.Rand("wan")
	delays := map[[2]simnet.ID]time.Duration{}
	n.SetLinks(func(a, b simnet.ID) simnet.Link {
		pair := [2]simnet.ID{min(a, b), max(a, b)}
		if delays[pair] == 0 {
			delays[pair] = time.Duration(20+r.IntN(181)) * time.Millisecond
		}
		return simnet.Link{Delay: delays[pair], Jitter: delays[pair] / 20}
	})
}

func TestSpread(t *testing.T) {
	simnet.Test(t, simnet.Config{}, func(t *testing.T, n *simnet.Net) {
		peers := overlay(n, 50, 10, Config{SpaceRate: 10000})
		wan(n)
		n.Run(5 * time.Second)
		r := n.Rand("authors")
		number := uint(0)
		phase := func(messages int) {
			before := n.Traffic()
			var ids []ID
			start := map[ID]time.Time{}
			for range messages {
				number++
				i := r.IntN(len(peers))
				v := note{Author: [32]byte{byte(i)}, Number: number, Body: make([]byte, 1024), Valid: true}
				start[v.id()] = time.Now()
				ids = append(ids, v.id())
				if err := peers[i].s.Publish(space1, v.encode()); err != nil {
					t.Fatal(err)
				}
				n.Run(50 * time.Millisecond)
			}
			n.Run(10 * time.Second)
			var delays []time.Duration
			lost := 0
			for _, p := range peers {
				for _, id := range ids {
					at, ok := p.board.when[id]
					if !ok {
						lost++
						continue
					}
					delays = append(delays, at.Sub(start[id]))
				}
			}
			slices.Sort(delays)
			bytes := n.Traffic().Bytes - before.Bytes
			t.Logf("%d messages: p50 %v p99 %v max %v, lost %d, %.2fx ideal", messages, delays[len(delays)/2], delays[len(delays)*99/100], delays[len(delays)-1], lost, float64(bytes)/float64(messages*49*1024))
		}
		for range 6 {
			phase(200)
		}
		var total Stats
		for _, p := range peers {
			st := p.s.Stats()
			total.Duplicates += st.Duplicates
			total.Grafts += st.Grafts
			total.Prunes += st.Prunes
			total.Announced += st.Announced
			total.Dropped += st.Dropped
		}
		t.Logf("%+v", total)
	})
}
