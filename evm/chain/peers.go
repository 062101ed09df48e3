package chain

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ava-labs/avalanchego/cache/lru"
	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/network/p2p"
	"github.com/ava-labs/avalanchego/network/p2p/gossip"
	snowcommon "github.com/ava-labs/avalanchego/snow/engine/common"
	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/txpool"
	"github.com/ava-labs/libevm/core/txpool/legacypool"
	"github.com/ava-labs/libevm/core/types"
	"go.uber.org/zap"
)

const (
	// Each peer may gossip this many transactions a second that this node
	// refuses, and this many at once after a quiet time. Checking a signature
	// takes some 50 microseconds, so a peer at the limit costs a hundredth of a
	// core. What it sends beyond is dropped unread, valid or not.
	refusedPerSecond = 256
	refusedBurst     = 4096
	// raceCost is what a refused transaction costs that an honest peer may send
	// too: such a peer sends what is in its pool, once, and never thousands a
	// second that this node has no use for.
	raceCost = 1.0 / 16
	// nameFrom is how many faulty transactions it takes for a peer to be named: a
	// few may be innocent, since balances differ by a block between nodes.
	nameFrom = 64
	// maxPeers bounds how many peers are remembered.
	maxPeers = 1024
	// peerWarnEvery is how often one peer is named in the log.
	peerWarnEvery = 10 * time.Second
)

var (
	errPeerMalformed = errors.New("chain: no transaction")
	errPeerDeaf      = errors.New("chain: this peer sent too much that was refused")
)

// txFaults are reasons for which an honest peer doesn't send a transaction: its
// own pool would have refused it.
var txFaults = []struct {
	err   error
	label string
}{
	{txpool.ErrOversizedData, "oversized"},
	{errPeerMalformed, "malformed"},
	{errPeerDeaf, "unheard"},
	{txpool.ErrInvalidSender, "signature"},
	{types.ErrInvalidSig, "signature"},
	{types.ErrInvalidChainId, "chain_id"},
	{txpool.ErrGasLimit, "gas_limit"},
	{core.ErrIntrinsicGas, "intrinsic_gas"},
	{core.ErrInsufficientFunds, "funds"},
	{core.ErrTxTypeNotSupported, "type"},
	{core.ErrTipAboveFeeCap, "fees"},
	{core.ErrTipVeryHigh, "fees"},
	{core.ErrFeeCapVeryHigh, "fees"},
	{core.ErrMaxInitCodeSizeExceeded, "init_code"},
	{txpool.ErrNegativeValue, "value"},
}

// txRaces are reasons that also meet honest peers, whose pools differ from this
// one by a moment or by settings.
var txRaces = []struct {
	err   error
	label string
}{
	{txpool.ErrAlreadyKnown, "known"},
	{core.ErrNonceTooLow, "nonce_too_low"},
	{txpool.ErrUnderpriced, "underpriced"},
	{txpool.ErrReplaceUnderpriced, "underpriced"},
	{txpool.ErrFutureReplacePending, "underpriced"},
	{legacypool.ErrTxPoolOverflow, "pool_full"},
	{txpool.ErrAccountLimitExceeded, "pool_full"},
}

const otherTxReason = "other"

// gossipReasons lists the labels of refused transactions.
func gossipReasons() []string {
	out := []string{otherTxReason}
	for _, r := range txFaults {
		out = append(out, r.label)
	}
	for _, r := range txRaces {
		out = append(out, r.label)
	}
	return out
}

// txReason sorts the pool's error. fault says that an honest peer wouldn't have
// sent the transaction.
func txReason(err error) (label string, fault bool) {
	for _, r := range txRaces {
		if errors.Is(err, r.err) {
			return r.label, false
		}
	}
	for _, r := range txFaults {
		if errors.Is(err, r.err) {
			return r.label, true
		}
	}
	return otherTxReason, true
}

// listener is the receiving end of transaction gossip. It knows which peer sends
// what, counts what the pool refuses, names the peer, and stops listening to one
// that sends too much of it.
type listener struct {
	vm      *VM
	inner   p2p.Handler // answers pull requests
	metrics gossip.Metrics

	mu    sync.Mutex
	peers *lru.Cache[ids.NodeID, *peerTally]
	pace  *lru.Cache[ids.NodeID, time.Time] // when a peer was last named
}

// peerTally is what one peer may still send that is refused.
type peerTally struct {
	budget  float64
	at      time.Time
	refused map[string]int // by reason, since the peer was last named
}

func newListener(vm *VM, inner p2p.Handler, metrics gossip.Metrics) *listener {
	return &listener{
		vm: vm, inner: inner, metrics: metrics,
		peers: lru.NewCache[ids.NodeID, *peerTally](maxPeers), pace: lru.NewCache[ids.NodeID, time.Time](maxPeers),
	}
}

// AppGossip takes the transactions that a peer pushes.
func (l *listener) AppGossip(ctx context.Context, from ids.NodeID, message []byte) {
	if _, err := gossip.ParseAppGossip(message); err != nil {
		l.refused(from, fmt.Errorf("%w: %w", errPeerMalformed, err))
		l.name(from)
		return
	}
	ear := ear{l, from}
	gossip.NewHandler[*gossipTx](l.vm.sctx.Log, ear, ear, l.metrics, gossipBytes).AppGossip(ctx, from, message)
	l.name(from)
}

// AppRequest answers a peer that asks for what it missed.
func (l *listener) AppRequest(ctx context.Context, from ids.NodeID, deadline time.Time, request []byte) ([]byte, *snowcommon.AppError) {
	answer, err := l.inner.AppRequest(ctx, from, deadline, request)
	if err != nil && errors.Is(err, p2p.ErrUnexpected) {
		l.refused(from, errPeerMalformed)
		l.name(from)
	}
	return answer, err
}

// hears reports whether there is budget left for the peer.
func (l *listener) hears(from ids.NodeID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tally(from).budget >= 1
}

// tally returns the peer's, with what it has earned since. l.mu is held.
func (l *listener) tally(from ids.NodeID) *peerTally {
	now := l.vm.Clock.Now()
	t, ok := l.peers.Get(from)
	if !ok {
		t = &peerTally{budget: refusedBurst, at: now, refused: map[string]int{}}
		l.peers.Put(from, t)
	}
	if earned := now.Sub(t.at).Seconds() * refusedPerSecond; earned > 0 {
		t.budget = min(refusedBurst, t.budget+earned)
	}
	t.at = now
	return t
}

// refused counts a transaction of a peer.
func (l *listener) refused(from ids.NodeID, err error) {
	label, fault := txReason(err)
	l.vm.metrics.gossipRefused.WithLabelValues(label).Inc()
	if errors.Is(err, txpool.ErrAlreadyKnown) {
		return // costs a look-up, and gossip delivers most transactions twice
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tally(from)
	if !fault {
		t.budget -= raceCost
		return
	}
	t.refused[label]++
	if !errors.Is(err, errPeerDeaf) {
		t.budget--
	}
}

// name tells the operator which peer sends what an honest one doesn't: bytes
// that are no transactions, or many that are bad ones.
func (l *listener) name(from ids.NodeID) {
	now := l.vm.Clock.Now()
	l.mu.Lock()
	t := l.tally(from)
	sum := 0
	for _, n := range t.refused {
		sum += n
	}
	last, known := l.pace.Get(from)
	if sum < nameFrom && t.refused["malformed"] == 0 || known && now.Sub(last) < peerWarnEvery {
		l.mu.Unlock()
		return
	}
	counts := t.refused
	t.refused = map[string]int{}
	deaf := t.budget < 1
	l.pace.Put(from, now)
	l.mu.Unlock()
	l.vm.sctx.Log.Warn("a peer gossips what its own pool would refuse",
		zap.Stringer("peer", from), zap.Int("refused", sum), zap.Any("reasons", counts), zap.Bool("notListeningAnyMore", deaf))
}

// ear is a listener for the length of one message.
type ear struct {
	*listener
	from ids.NodeID
}

// MarshalGossip is not used on the receiving end.
func (ear) MarshalGossip(t *gossipTx) ([]byte, error) { return gossipCodec{}.MarshalGossip(t) }

// UnmarshalGossip reads a transaction, unless the peer has used up its budget.
func (e ear) UnmarshalGossip(b []byte) (*gossipTx, error) {
	if !e.hears(e.from) {
		e.refused(e.from, errPeerDeaf)
		return nil, errPeerDeaf
	}
	t, err := gossipCodec{}.UnmarshalGossip(b)
	if err != nil {
		e.refused(e.from, fmt.Errorf("%w: %w", errPeerMalformed, err))
	}
	return t, err
}

// Add puts a transaction into the pool.
func (e ear) Add(t *gossipTx) error {
	err := e.vm.gossip.set.Add(t)
	if err != nil {
		e.refused(e.from, err)
	}
	return err
}

// Iterate visits the executable transactions.
func (e ear) Iterate(f func(*gossipTx) bool) { poolSet{e.vm}.Iterate(f) }
