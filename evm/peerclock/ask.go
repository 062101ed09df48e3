package peerclock

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/network/p2p"
	snowcommon "github.com/ava-labs/avalanchego/snow/engine/common"
	"github.com/ava-labs/avalanchego/utils/set"
)

const (
	// Every is how often a node asks each validator for its time.
	Every = 5 * time.Second
	// maxAsked bounds how many are asked at once; of more, some at random.
	maxAsked = 256
)

// Handler answers those who ask for the time.
type Handler struct {
	p2p.NoOpHandler
	// Now is the clock.
	Now func() time.Time
}

// refusal is what a peer gets whose question isn't one.
var refusal = &snowcommon.AppError{Code: 1, Message: "peerclock: bad question"}

// AppRequest implements [p2p.Handler].
func (h Handler) AppRequest(_ context.Context, _ ids.NodeID, _ time.Time, question []byte) ([]byte, *snowcommon.AppError) {
	came := h.Now()
	if decodeAsk(question) != nil {
		return nil, refusal
	}
	return encodeAnswer(came, h.Now()), nil
}

// Client is the sending end of a [p2p.Network] that the [Asker] needs.
type Client interface {
	AppRequest(ctx context.Context, to set.Set[ids.NodeID], question []byte, onAnswer p2p.AppResponseCallback) error
}

// Asker asks peers for the time. Use [NewAsker].
type Asker struct {
	client Client
	now    func() time.Time
	to     *Comparer

	mu    sync.Mutex
	asked map[ids.NodeID]bool // without an answer or a failure so far
}

// NewAsker returns an Asker that asks by client, reads our clock from now and
// tells its Comparer.
func NewAsker(client Client, now func() time.Time, to *Comparer) *Asker {
	return &Asker{client: client, now: now, to: to, asked: map[ids.NodeID]bool{}}
}

// Ask asks every one of peers that isn't being asked already. Answers come later.
func (a *Asker) Ask(ctx context.Context, peers []ids.NodeID) error {
	if len(peers) > maxAsked {
		rand.Shuffle(len(peers), func(i, j int) { peers[i], peers[j] = peers[j], peers[i] })
		peers = peers[:maxAsked]
	}
	for _, id := range peers {
		if !a.begin(id) {
			continue
		}
		asked := a.now()
		err := a.client.AppRequest(ctx, set.Of(id), encodeAsk(), func(_ context.Context, _ ids.NodeID, answer []byte, err error) {
			answered := a.now()
			a.end(id)
			if err != nil {
				return // not connected, or too slow
			}
			if came, left, err := decodeAnswer(answer); err == nil {
				a.to.Note(id, asked, answered, came, left)
			}
		})
		if err != nil {
			a.end(id)
			return err
		}
	}
	return nil
}

func (a *Asker) begin(id ids.NodeID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.asked[id] {
		return false
	}
	a.asked[id] = true
	return true
}

func (a *Asker) end(id ids.NodeID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.asked, id)
}
