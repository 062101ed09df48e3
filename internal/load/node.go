package load

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"sync"
	"time"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/ethclient"
	"github.com/ava-labs/libevm/rpc"

	"github.com/pars-network/pars/evm/engine"
)

// connections is how many HTTP connections may be open at once.
const connections = 256

// node is the chain as its users see it: one WebSocket that tells of new blocks,
// and for each block one request for its receipts, which is when a transaction
// counts as done.
type node struct {
	http    *ethclient.Client
	idle    func() // closes connections that http keeps open
	ws      *ethclient.Client
	signer  types.Signer
	chainID uint64
	client  string // what the node calls itself

	mu      sync.Mutex
	waiting map[common.Hash]func(receipt)
	next    uint64 // the first block not yet read
	blocks  []block
}

// receipt is what became of a transaction.
type receipt struct {
	at     time.Time
	failed bool
}

// block is a block that was made during the run.
type block struct {
	number uint64
	// ms is the header's time in milliseconds if it has one, else 0.
	ms   uint64
	seen time.Time
	txs  int
}

func dial(ctx context.Context, c Config) (*node, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = connections
	transport.MaxConnsPerHost = connections
	// Packing answers would be measured too.
	transport.DisableCompression = true
	client, err := rpc.DialOptions(ctx, c.HTTP, rpc.WithHTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", c.HTTP, err)
	}
	n := &node{http: ethclient.NewClient(client), idle: transport.CloseIdleConnections, waiting: make(map[common.Hash]func(receipt))}
	id, err := n.http.ChainID(ctx)
	if err != nil {
		n.close()
		return nil, fmt.Errorf("asking %s for its chain id: %w; is a node running there?", c.HTTP, err)
	}
	n.chainID, n.signer = id.Uint64(), types.LatestSignerForChainID(id)
	if err := client.CallContext(ctx, &n.client, "web3_clientVersion"); err != nil {
		n.client = "unknown" // some providers hide it
	}
	if n.ws, err = ethclient.DialContext(ctx, c.WS); err != nil {
		n.close()
		return nil, fmt.Errorf("connecting to %s: %w", c.WS, err)
	}
	return n, nil
}

func (n *node) close() {
	n.http.Close()
	n.idle()
	if n.ws != nil {
		n.ws.Close()
	}
}

// follow reads every block from now on and tells those who wait for its
// transactions. It calls ready once it follows, and returns when ctx ends.
func (n *node) follow(ctx context.Context, ready func()) error {
	heads := make(chan *types.Header, 1024)
	sub, err := n.ws.SubscribeNewHead(ctx, heads)
	if err != nil {
		return fmt.Errorf("subscribing to new blocks: %w", err)
	}
	defer sub.Unsubscribe()
	head, err := n.http.BlockNumber(ctx)
	if err != nil {
		return fmt.Errorf("reading the block number: %w", err)
	}
	n.next = head + 1
	ready()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-sub.Err():
			return fmt.Errorf("the subscription ended: %w", err)
		case h := <-heads:
			seen := time.Now()
			// A node may skip heads when several come at once.
			for ; n.next <= h.Number.Uint64(); n.next++ {
				if err := n.read(ctx, n.next, h, seen); err != nil {
					if ctx.Err() != nil {
						return nil
					}
					return err
				}
			}
		}
	}
}

// read takes in block number; h is a header that is at least as new.
func (n *node) read(ctx context.Context, number uint64, h *types.Header, seen time.Time) error {
	// By number: peers have header fields that this program doesn't know, so that
	// it would not get their hashes right.
	which := rpc.BlockNumberOrHashWithNumber(rpc.BlockNumber(number))
	if h.Number.Uint64() != number {
		older, err := n.http.HeaderByNumber(ctx, new(big.Int).SetUint64(number))
		if err != nil {
			return fmt.Errorf("reading header %d: %w", number, err)
		}
		h = older
	}
	receipts, err := n.http.BlockReceipts(ctx, which)
	if err != nil {
		return fmt.Errorf("reading the receipts of block %d: %w", number, err)
	}
	at := time.Now()
	b := block{number: number, seen: seen, txs: len(receipts)}
	if _, err := engine.ParseExtra(h.Extra); err == nil {
		b.ms = engine.TimeMs(h)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.blocks = append(n.blocks, b)
	for _, r := range receipts {
		if done, ok := n.waiting[r.TxHash]; ok {
			delete(n.waiting, r.TxHash)
			done(receipt{at: at, failed: r.Status != types.ReceiptStatusSuccessful})
		}
	}
	return nil
}

// expect has done called with the receipt of a transaction, once; done must not
// block. It is called before the transaction is handed in.
func (n *node) expect(hash common.Hash, done func(receipt)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.waiting[hash] = done
}

// forget takes back an expect, for a transaction that was refused. It reports
// whether it was still expected.
func (n *node) forget(hash common.Hash) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, expected := n.waiting[hash]
	delete(n.waiting, hash)
	return expected
}

// wait returns when all of txs have a receipt. It asks, since it runs before
// blocks are followed; nothing is measured.
func (n *node) wait(ctx context.Context, txs []*types.Transaction) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for _, tx := range txs {
		for {
			r, err := n.http.TransactionReceipt(ctx, tx.Hash())
			if err == nil && r.Status != types.ReceiptStatusSuccessful {
				return fmt.Errorf("transaction %v failed", tx.Hash())
			}
			if err == nil {
				break
			}
			select {
			case <-ctx.Done():
				return errors.Join(ctx.Err(), err)
			case <-tick.C:
			}
		}
	}
	return nil
}
