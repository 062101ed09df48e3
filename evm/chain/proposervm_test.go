package chain

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/ava-labs/avalanchego/database/memdb"
	"github.com/ava-labs/avalanchego/snow"
	"github.com/ava-labs/avalanchego/snow/engine/enginetest"
	"github.com/ava-labs/avalanchego/upgrade"
	"github.com/ava-labs/avalanchego/upgrade/upgradetest"
	"github.com/ava-labs/avalanchego/vms/proposervm"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pars-network/pars/evm/genesis"
)

// AvalancheGo wraps every chain into proposervm. With the constant Snowman time
// it stays in its pre-fork state: what it builds, parses and stores is our block
// and nothing around it, under every upgrade schedule that is in use.
func TestProposerVMPassesBlocksThrough(t *testing.T) {
	for name, upgrades := range map[string]upgrade.Config{
		"default": upgrade.Default, "mainnet": upgrade.Mainnet, "latest": upgradetest.GetConfig(upgradetest.Latest),
	} {
		t.Run(name, func(t *testing.T) {
			net := newTestNet(t, 1, genesis.Options{})
			inner := net.node(0)
			outer, db := proposervm.New(nil, proposervm.Config{}), memdb.New()
			start := func() {
				inner.prepare()
				inner.sctx.NetworkUpgrades = upgrades
				outer = proposervm.New(inner.VM, proposervm.Config{Upgrades: upgrades, MinBlkDelay: time.Second, NumHistoricalBlocks: 10, Registerer: prometheus.NewRegistry()})
				if err := outer.Initialize(context.Background(), inner.sctx, db, net.genesis, nil, nil, nil, enginetest.SenderStub{}); err != nil {
					t.Fatal(err)
				}
				for _, s := range []snow.State{snow.Bootstrapping, snow.NormalOp} {
					if err := outer.SetState(context.Background(), s); err != nil {
						t.Fatal(err)
					}
				}
				last := must(outer.LastAccepted(context.Background()))(t)
				if err := outer.SetPreference(context.Background(), last); err != nil {
					t.Fatal(err)
				}
			}
			start()
			for h := uint64(1); h <= 6; h++ {
				if h == 4 { // also across a restart
					if err := outer.Shutdown(context.Background()); err != nil {
						t.Fatal(err)
					}
					start()
				}
				give(t, net.transfer(0), inner)
				inner.due()
				if m, err := outer.WaitForEvent(context.Background()); err != nil {
					t.Fatal(m, err)
				}
				b, err := outer.BuildBlock(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				ours, err := inner.ParseBlock(context.Background(), b.Bytes())
				if err != nil || ours.ID() != b.ID() {
					t.Fatalf("block %d is wrapped: %v", h, err)
				}
				parsed, err := outer.ParseBlock(context.Background(), b.Bytes())
				if err != nil || parsed.ID() != b.ID() || !bytes.Equal(parsed.Bytes(), ours.Bytes()) {
					t.Fatalf("block %d does not parse to itself: %v", h, err)
				}
				if err := parsed.Verify(context.Background()); err != nil {
					t.Fatal(err)
				}
				if err := outer.SetPreference(context.Background(), b.ID()); err != nil {
					t.Fatal(err)
				}
				if err := parsed.Accept(context.Background()); err != nil {
					t.Fatal(err)
				}
				if inner.height() != h {
					t.Fatalf("height = %d, want %d", inner.height(), h)
				}
				if id := must(outer.GetBlockIDAtHeight(context.Background(), h))(t); id != b.ID() {
					t.Fatalf("proposervm has %s at height %d, want %s", id, h, b.ID())
				}
			}
			if _, err := outer.GetForkHeight(); err == nil {
				t.Error("proposervm left its pre-fork state")
			}
			if err := outer.Shutdown(context.Background()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestAnUpgradeScheduleThatWouldWrapBlocksIsRefused(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0)
	n.prepare()
	n.sctx.NetworkUpgrades.ApricotPhase4Time = blockTimestamp
	if err := n.initialize(); err == nil {
		t.Error("Initialize = nil, want an error")
	}
}
