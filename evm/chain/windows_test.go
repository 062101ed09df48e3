package chain

import (
	"testing"

	"github.com/pars-network/pars/evm/genesis"
	"github.com/pars-network/pars/params"
)

func TestScheduleAndGapAreCounted(t *testing.T) {
	net := newTestNet(t, 3, genesis.Options{})
	nodes := net.started(3)
	give(t, net.transfer(0), nodes...)
	round(nodes)
	for _, n := range nodes {
		m := n.metrics.schedule
		if got := gaugeValue(t, m.missed); got != 0 {
			t.Errorf("windows missed after a block of rank 0 = %v, want 0", got)
		}
		if got, want := gaugeValue(t, m.own), float64(n.rank()); got != want {
			t.Errorf("own rank = %v, want %v", got, want)
		}
		if got := gaugeValue(t, m.proposers); got != 3 {
			t.Errorf("proposers = %v, want 3", got)
		}
	}

	give(t, net.transfer(0), nodes...)
	byRank := make([]*testNode, len(nodes))
	for _, n := range nodes {
		byRank[n.rank()] = n
	}
	parent := nodes[0].bc.CurrentBlock().Time
	b := byRank[2].build()
	for _, n := range nodes {
		n.adopt(b)
	}
	for rank, n := range byRank {
		m := n.metrics.schedule
		if got := gaugeValue(t, m.missed); got != 2 {
			t.Errorf("windows missed after a block of rank 2 = %v, want 2", got)
		}
		if got := gaugeValue(t, m.proposed); got != 2 {
			t.Errorf("rank of the block = %v, want 2", got)
		}
		want := 1.0
		if rank == 2 {
			want = 0
		}
		if got := gaugeValue(t, m.ownMissed); got != want {
			t.Errorf("own windows missed by rank %d = %v, want %v", rank, got, want)
		}
		if got := gaugeValue(t, n.metrics.height); got != 2 {
			t.Errorf("height = %v, want 2", got)
		}
		if got, least := gaugeValue(t, n.metrics.timestamp), float64(parent)+(params.BlockSpacingMs+2*params.WindowMs)/1000.0; got < least {
			t.Errorf("time of the block = %v, want at least %v", got, least)
		}
	}
	families, err := nodes[0].Metrics().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "pars_chain_block_gap_seconds" {
			h := f.GetMetric()[0].GetHistogram()
			// Genesis to block 1 is no gap.
			if h.GetSampleCount() != 1 || h.GetSampleSum() < 0.9 {
				t.Errorf("gaps = %d of %v s, want one of at least 0.9 s", h.GetSampleCount(), h.GetSampleSum())
			}
			return
		}
	}
	t.Error("no pars_chain_block_gap_seconds")
}
