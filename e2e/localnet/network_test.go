package localnet

import (
	"context"
	"crypto/ecdsa"
	"fmt"
	"maps"
	"math/big"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/crypto"
	"github.com/ava-labs/libevm/ethclient"
	"github.com/ava-labs/libevm/rpc"

	"github.com/pars-network/pars/internal/testutil"
	"github.com/pars-network/pars/node"
	"github.com/pars-network/pars/node/localnet"
)

func TestMain(m *testing.M) { os.Exit(testutil.Main(m)) }

const (
	// patience is how long anything may take before a test gives up. It judges
	// no speed: machines differ.
	patience = 2 * time.Minute
	// callTime bounds one call: a frozen node never answers.
	callTime = 2 * time.Second
	// pause is between two looks at something.
	pause = 50 * time.Millisecond
)

// network is a running local network with what its users were shown.
type network struct {
	t      *testing.T
	holder *testutil.Process // parsd localnet
	banner localnet.Banner
	nodes  []*peer
	seen   *witness
}

// peer is one node of it.
type peer struct {
	name   string
	info   localnet.Node
	client *ethclient.Client
	// alone is the node's process if the test started it again by itself.
	alone *testutil.Process
	mu    sync.Mutex
	down  bool // dead or frozen: users know better than to ask it
}

// start runs `parsd localnet` and waits until all nodes are ready.
func start(t *testing.T, args ...string) *network {
	t.Helper()
	n := newNetwork(t)
	n.run(args...)
	return n
}

func newNetwork(t *testing.T) *network {
	return &network{t: t, seen: &witness{receipts: map[common.Hash]place{}}}
}

func (n *network) run(args ...string) {
	n.t.Helper()
	// PARS_TEST_LOCALNET=--plugin runs all of these tests in plugin mode.
	args = append(args, strings.Fields(os.Getenv("PARS_TEST_LOCALNET"))...)
	n.holder = testutil.Start(n.t, testutil.Build(n.t, "parsd"), append([]string{"localnet", "--json"}, args...)...)
	// Killed, which is what happens otherwise, it would leave its namespaces and
	// temporary folder behind.
	holder := n.holder
	n.t.Cleanup(func() { holder.Terminate() })
	n.banner = localnet.Banner{}
	n.holder.JSON(patience, &n.banner)
	n.nodes = nil
	for _, info := range n.banner.Nodes {
		client, err := ethclient.DialContext(n.t.Context(), info.HTTP)
		if err != nil {
			n.t.Fatal(err)
		}
		n.t.Cleanup(client.Close)
		n.nodes = append(n.nodes, &peer{name: info.Name, info: info, client: client})
	}
}

func (p *peer) setDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

func (p *peer) isDown() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.down
}

// kill ends a node as a power cut would.
func (n *network) kill(i int) {
	n.t.Helper()
	p := n.nodes[i]
	p.setDown(true)
	if p.alone != nil {
		p.alone.Kill()
		return
	}
	n.signal(i, syscall.SIGKILL)
}

func (n *network) signal(i int, sig syscall.Signal) {
	n.t.Helper()
	if err := syscall.Kill(n.nodes[i].info.PID, sig); err != nil {
		n.t.Fatalf("signal %v to %s: %v", sig, n.nodes[i].name, err)
	}
}

// freeze stops a node in its tracks, its connections open; thaw lets it go on.
func (n *network) freeze(i int) {
	n.t.Helper()
	n.nodes[i].setDown(true)
	n.signal(i, syscall.SIGSTOP)
	// A frozen process outlives a test that fails before it thaws.
	n.t.Cleanup(func() { _ = syscall.Kill(n.nodes[i].info.PID, syscall.SIGCONT) })
}

func (n *network) thaw(i int) {
	n.t.Helper()
	n.signal(i, syscall.SIGCONT)
	n.nodes[i].setDown(false)
}

// spawn starts a dead node again by itself, the way the banner says; awaitReady
// waits until it takes transactions.
func (n *network) spawn(i int) {
	n.t.Helper()
	parsd := testutil.Build(n.t, "parsd")
	args := append(strings.Fields(n.nodes[i].info.Again), "--json")
	for j := range args {
		if args[j] == "parsd" { // not the first in a namespace
			args[j] = parsd
		}
	}
	n.nodes[i].alone = testutil.Start(n.t, args[0], args[1:]...)
}

func (n *network) awaitReady(i int) {
	n.t.Helper()
	p := n.nodes[i]
	var b node.Banner
	p.alone.JSON(patience, &b)
	if b.NodeID != p.info.NodeID {
		n.t.Fatalf("%s came back as %s, want %s", p.name, b.NodeID, p.info.NodeID)
	}
	p.info.PID, p.info.Metrics = b.PID, b.Metrics
	p.setDown(false)
}

func (n *network) restart(i int) {
	n.t.Helper()
	n.spawn(i)
	n.awaitReady(i)
}

// up lists the nodes that users may ask.
func (n *network) up() []*peer {
	var out []*peer
	for _, p := range n.nodes {
		if !p.isDown() {
			out = append(out, p)
		}
	}
	return out
}

// witness is what users were shown as final.
type witness struct {
	mu       sync.Mutex
	receipts map[common.Hash]place // by transaction
	top      uint64                // the highest block with one of them
	checked  uint64                // blocks up to here are known to be the same everywhere
}

// place is the block that a transaction is in.
type place struct {
	hash   common.Hash
	number uint64
}

func (w *witness) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.receipts)
}

func (w *witness) add(r *types.Receipt) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if before, ok := w.receipts[r.TxHash]; ok && before.hash != r.BlockHash {
		return fmt.Errorf("transaction %s was final in block %s and now is in %s", r.TxHash, before.hash, r.BlockHash)
	}
	w.receipts[r.TxHash] = place{r.BlockHash, r.BlockNumber.Uint64()}
	w.top = max(w.top, r.BlockNumber.Uint64())
	return nil
}

// user sends one transfer after the other and waits for each receipt. What
// takes long is handed to another node too, as a wallet would.
type user struct {
	key   *ecdsa.PrivateKey
	nonce uint64
	turn  int
}

func (n *network) user(i int) *user {
	n.t.Helper()
	key, err := crypto.HexToECDSA(strings.TrimPrefix(n.banner.Accounts[i].PrivateKey, "0x"))
	if err != nil {
		n.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	nonce, err := n.up()[0].client.NonceAt(ctx, crypto.PubkeyToAddress(key.PublicKey), nil)
	if err != nil {
		n.t.Fatal(err)
	}
	return &user{key: key, nonce: nonce, turn: i}
}

// traffic starts users that go on until the returned function is called.
func (n *network) traffic() (stop func()) {
	ctx, cancel := context.WithCancel(n.t.Context())
	var wg sync.WaitGroup
	for i := range n.banner.Accounts {
		u := n.user(i)
		wg.Go(func() {
			if err := u.live(ctx, n); err != nil && ctx.Err() == nil {
				n.t.Errorf("user %d: %v", i, err)
			}
		})
	}
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); wg.Wait() }) }
	n.t.Cleanup(stop)
	return stop
}

// recipient gets all the money that is sent.
var recipient = common.HexToAddress("0xbeef")

func (u *user) live(ctx context.Context, n *network) error {
	for ; ; u.nonce++ {
		id := new(big.Int).SetUint64(n.banner.ChainID)
		tx, err := types.SignNewTx(u.key, types.LatestSignerForChainID(id), &types.DynamicFeeTx{
			ChainID: id, Nonce: u.nonce, Gas: 21_000, To: &recipient, Value: big.NewInt(1_000_000_000),
			GasTipCap: big.NewInt(1_000_000_000), GasFeeCap: big.NewInt(1_000_000_000_000),
		})
		if err != nil {
			return err
		}
		r, err := u.settle(ctx, n, tx)
		if err != nil {
			return err
		}
		if r.Status != types.ReceiptStatusSuccessful {
			return fmt.Errorf("transfer %s failed", tx.Hash())
		}
		if err := n.seen.add(r); err != nil {
			return err
		}
	}
}

// settle hands tx to one node after the other until one has its receipt.
func (u *user) settle(ctx context.Context, n *network, tx *types.Transaction) (*types.Receipt, error) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		up := n.up()
		if len(up) > 0 {
			u.turn++
			p := up[u.turn%len(up)]
			// Refused means: known already, or the node just died.
			call, cancel := context.WithTimeout(ctx, callTime)
			_ = p.client.SendTransaction(call, tx)
			for call.Err() == nil && !p.isDown() {
				if r, err := p.client.TransactionReceipt(call, tx.Hash()); err == nil {
					cancel()
					return r, nil
				}
				select {
				case <-call.Done():
				case <-tick.C:
				}
			}
			cancel()
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// awaitReceipts waits until users have seen count more receipts.
func (n *network) awaitReceipts(count int) {
	n.t.Helper()
	want := n.seen.count() + count
	n.until(fmt.Sprintf("%d more receipts", count), func() bool { return n.seen.count() >= want })
}

// until waits for something to become true.
func (n *network) until(what string, is func() bool) {
	n.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-late.C:
			for _, p := range n.nodes {
				h, err := p.head(n.t.Context())
				n.t.Logf("%s is at %d (%v)", p.name, h, err)
			}
			n.t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

func (p *peer) head(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	return p.client.BlockNumber(ctx)
}

// agree waits until all nodes that are up have the highest block that any of
// them has, or a user was shown, and then compares: every block since the last time, the state, and every
// receipt a user ever saw.
func (n *network) agree() {
	n.t.Helper()
	up := n.up()
	n.seen.mu.Lock()
	top := n.seen.top
	n.seen.mu.Unlock()
	n.agreeOn(up, max(top, slices.Max(n.heads(up))))
}

// agreeStill compares nodes of a network that stands still: one of them may have
// been the last to decide a block that the others can't decide any more.
func (n *network) agreeStill() {
	n.t.Helper()
	up := n.up()
	n.agreeOn(up, slices.Min(n.heads(up)))
}

// agreeOn compares what the nodes have up to block top.
func (n *network) agreeOn(up []*peer, top uint64) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	n.seen.mu.Lock()
	receipts := maps.Clone(n.seen.receipts)
	n.seen.mu.Unlock()
	maps.DeleteFunc(receipts, func(_ common.Hash, at place) bool { return at.number > top })
	for _, p := range up {
		n.until(fmt.Sprintf("%s to have block %d", p.name, top), func() bool {
			h, err := p.head(ctx)
			return err == nil && h >= top
		})
	}
	for number := n.seen.checked + 1; number <= top; number++ {
		at := new(big.Int).SetUint64(number)
		var first *types.Header
		for _, p := range up {
			h, err := p.client.HeaderByNumber(ctx, at)
			if err != nil {
				n.t.Fatalf("block %d of %s: %v", number, p.name, err)
			}
			if first == nil {
				first = h
			}
			if h.Hash() != first.Hash() || h.Root != first.Root {
				n.t.Fatalf("a fork: block %d is %s with root %s at %s, and %s with root %s at %s",
					number, h.Hash(), h.Root, p.name, first.Hash(), first.Root, up[0].name)
			}
		}
	}
	var balance *big.Int
	for _, p := range up {
		got, err := p.client.BalanceAt(ctx, recipient, new(big.Int).SetUint64(top))
		if err != nil {
			n.t.Fatalf("balance at %s: %v", p.name, err)
		}
		if balance == nil {
			balance = got
		}
		if got.Cmp(balance) != 0 {
			n.t.Fatalf("balance after block %d is %v at %s and %v at %s", top, got, p.name, balance, up[0].name)
		}
	}
	for _, p := range up {
		n.checkReceipts(ctx, p, receipts)
	}
	n.t.Logf("%d nodes agree on blocks %d to %d and on %d receipts that users were shown", len(up), n.seen.checked+1, top, len(receipts))
	n.seen.checked = max(n.seen.checked, top)
	n.bounded()
}

// batch is how many receipts are asked for at once: half of what a node answers.
const batch = 500

// checkReceipts checks that p has every receipt in the block in which a user saw
// it.
func (n *network) checkReceipts(ctx context.Context, p *peer, receipts map[common.Hash]place) {
	n.t.Helper()
	for txs := range slices.Chunk(slices.Collect(maps.Keys(receipts)), batch) {
		asked := make([]rpc.BatchElem, len(txs))
		got := make([]*types.Receipt, len(txs))
		for i, tx := range txs {
			asked[i] = rpc.BatchElem{Method: "eth_getTransactionReceipt", Args: []any{tx}, Result: &got[i]}
		}
		if err := p.client.Client().BatchCallContext(ctx, asked); err != nil {
			n.t.Fatalf("receipts of %s: %v", p.name, err)
		}
		for i, tx := range txs {
			if want := receipts[tx]; asked[i].Error != nil || got[i] == nil || got[i].BlockHash != want.hash {
				n.t.Fatalf("receipt of %s at %s = %+v, %v, want the one a user was shown, in block %d, %s", tx, p.name, got[i], asked[i].Error, want.number, want.hash)
			}
		}
	}
}
