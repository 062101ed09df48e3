package chain

import (
	"context"
	"errors"
	"math/big"
	"testing"

	"github.com/ava-labs/avalanchego/snow"
	snowcommon "github.com/ava-labs/avalanchego/snow/engine/common"

	"github.com/pars-network/pars/evm/engine"
	"github.com/pars-network/pars/evm/genesis"
	"github.com/pars-network/pars/params"
)

// event runs WaitForEvent until it returns or the test ends.
func event(t *testing.T, n *testNode) <-chan error {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		m, err := n.WaitForEvent(ctx)
		if err == nil && m != snowcommon.PendingTxs {
			err = errors.New("another message than PendingTxs")
		}
		done <- err
	}()
	t.Cleanup(func() {
		stop()
		<-finished
	})
	return done
}

func nothing(t *testing.T, done <-chan error) {
	t.Helper()
	select {
	case err := <-done:
		t.Fatalf("WaitForEvent returned %v, want it to wait", err)
	default:
	}
}

func TestWorkWaitsForTheSpacing(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0).start()
	start := uint64(testGenesisTime * 1000)
	give(t, net.transfer(0), n)
	done := event(t, n)
	net.clock.asked(start + params.BlockSpacingMs)
	nothing(t, done)
	net.clock.set(start + params.BlockSpacingMs)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestATransactionWakesAnIdleBuilder(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0).start()
	net.clock.set(testGenesisTime*1000 + 5_000)
	done := event(t, n)
	net.clock.asked(testGenesisTime*1000 + params.HeartbeatMs)
	nothing(t, done)
	give(t, net.transfer(0), n)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestHeartbeatIsWork(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0).start()
	beat := uint64(testGenesisTime*1000 + params.HeartbeatMs)
	done := event(t, n)
	net.clock.asked(beat)
	net.clock.set(beat - 1)
	nothing(t, done)
	if _, err := n.BuildBlock(context.Background()); !errors.Is(err, ErrNotDue) {
		t.Fatalf("BuildBlock before the heartbeat = %v, want %v", err, ErrNotDue)
	}
	net.clock.set(beat)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	b, err := n.BuildBlock(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got := len(b.(*Block).EthBlock().Transactions()); got != 0 {
		t.Fatalf("the heartbeat holds %d transactions", got)
	}
	n.adopt(b)
}

// After a pause every rank's window is open; rank r still waits r windows from
// the moment it saw the work.
func TestIdleRule(t *testing.T) {
	net := newTestNet(t, 4, genesis.Options{})
	nodes := net.started(4)
	seen := uint64(testGenesisTime*1000 + 4_000)
	net.clock.set(seen)
	tx := net.transfer(0)
	give(t, tx, nodes...)
	for _, n := range nodes {
		done := event(t, n)
		if n.rank() == 0 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			continue
		}
		at := seen + uint64(n.rank())*params.WindowMs
		net.clock.asked(at)
		nothing(t, done)
		if _, err := n.BuildBlock(context.Background()); !errors.Is(err, ErrNotDue) {
			t.Errorf("rank %d built at once: %v", n.rank(), err)
		}
	}
	for rank := 1; rank < 4; rank++ {
		net.clock.set(seen + uint64(rank)*params.WindowMs)
		for _, n := range nodes {
			if due := n.next() == 0; due != (n.rank() <= rank) {
				t.Errorf("rank %d is due at window %d: %v", n.rank(), rank, due)
			}
		}
	}
	// The moment of seeing survives a new parent as long as there is work.
	b := leader(nodes).build()
	give(t, net.transfer(0), nodes...)
	for _, n := range nodes {
		n.verifyAndPrefer(b)
		want := int64(params.BlockSpacingMs + n.rank()*params.WindowMs)
		if wait := n.next(); wait != want {
			t.Errorf("rank %d waits %d ms after the new parent, want %d", n.rank(), wait, want)
		}
		n.mu.Lock()
		got := n.seenMs
		n.mu.Unlock()
		if got != seen {
			t.Errorf("rank %d forgot that it saw work at %d: %d", n.rank(), seen, got)
		}
	}
}

func TestFailedBuildBacksOff(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0).start()
	give(t, net.transfer(0), n)
	n.due()
	n.sctx.WarpSigner = brokenSigner{}
	if _, err := n.BuildBlock(context.Background()); !errors.Is(err, errBroken) {
		t.Fatalf("BuildBlock = %v, want the signer's error", err)
	}
	now := net.clock.ms()
	done := event(t, n)
	net.clock.asked(now + 50)
	nothing(t, done)
	net.clock.set(now + 50)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsNotIncludableIsNoWork(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{BaseFee: big.NewInt(3_000_000_000)})
	n := net.node(0).start()
	give(t, net.pay(0, 2_000_000_000, 1), n) // below the base fee until it has decayed
	start := uint64(testGenesisTime * 1000)
	net.clock.set(start + params.BlockSpacingMs)
	if wait := n.next(); wait != feeLookMs {
		t.Fatalf("with a transaction below the base fee the next look is in %d ms, want %d", wait, feeLookMs)
	}
	for ms := start + params.BlockSpacingMs; ; ms += 100 {
		net.clock.set(ms)
		wait := n.next()
		payable := engine.BaseFee(n.Preferred(), ms).Int64() <= 2_000_000_000
		if (wait == 0) != payable {
			t.Fatalf("at %d ms the base fee is payable: %v, but the next look is in %d ms", ms-start, payable, wait)
		}
		if payable {
			break
		}
	}
	b := n.build()
	// Until it is accepted the pool still holds what the block includes.
	n.verifyAndPrefer(b)
	net.clock.set(engine.EarliestMs(net.clock.ms(), 0))
	if work, waiting, err := n.hasWork(n.Preferred(), net.clock.ms()); work || waiting || err != nil {
		t.Errorf("hasWork on the block that includes everything = %v, %v, %v, want nothing", work, waiting, err)
	}
}

func TestNobodyBuildsBeforeNormalOperation(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0).start()
	give(t, net.transfer(0), n)
	n.due()
	n.setState(snow.Bootstrapping)
	if wait := n.next(); wait != -1 {
		t.Errorf("the next look is in %d ms, want never", wait)
	}
	if _, err := n.BuildBlock(context.Background()); !errors.Is(err, ErrNotDue) {
		t.Errorf("BuildBlock = %v, want %v", err, ErrNotDue)
	}
}

func TestABuilderNeverStampsAheadOfItsClock(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0).start()
	give(t, net.transfer(0), n)
	round([]*testNode{n})
	give(t, net.transfer(0), n)
	net.clock.set(net.clock.ms() + params.BlockSpacingMs - 1)
	if _, err := n.BuildBlock(context.Background()); !errors.Is(err, ErrNotDue) {
		t.Fatalf("BuildBlock 1 ms before its time = %v, want %v", err, ErrNotDue)
	}
	net.clock.set(net.clock.ms() + 778)
	b, err := n.BuildBlock(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got := engine.TimeMs(b.(*Block).header); got != net.clock.ms() {
		t.Errorf("the block is stamped %d, the clock says %d", got, net.clock.ms())
	}
}

// A transaction that arrives while the pool is being looked through must not be
// missed until the next heartbeat.
func TestAnArrivalDuringTheLookIsNotMissed(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0).start()
	parent := n.Preferred()
	n.noteWork(true, parent, 1)
	<-n.wake        // of SetState
	n.noteArrival() // known work: no need to wake
	select {
	case <-n.wake:
		t.Error("an arrival woke a builder that knows of work")
	default:
	}
	n.noteWork(false, parent, 1)
	select {
	case <-n.wake:
	default:
		t.Error("the arrival was forgotten")
	}
}
