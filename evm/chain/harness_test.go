package chain

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/big"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/snow"
	"github.com/ava-labs/avalanchego/snow/consensus/snowman"
	snowcommon "github.com/ava-labs/avalanchego/snow/engine/common"
	"github.com/ava-labs/avalanchego/snow/engine/enginetest"
	"github.com/ava-labs/avalanchego/snow/snowtest"
	"github.com/ava-labs/avalanchego/snow/validators"
	"github.com/ava-labs/avalanchego/snow/validators/validatorstest"
	"github.com/ava-labs/avalanchego/utils/crypto/bls/signer/localsigner"
	"github.com/ava-labs/avalanchego/vms/platformvm/signer"
	"github.com/ava-labs/avalanchego/vms/platformvm/warp"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/rawdb"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/crypto"
	"github.com/ava-labs/libevm/ethdb"
	"github.com/ava-labs/libevm/ethdb/memorydb"
	"go.uber.org/goleak"

	"github.com/pars-network/pars/evm/engine"
	"github.com/pars-network/pars/evm/genesis"
	"github.com/pars-network/pars/params"
)

const testGenesisTime = 1_790_000_000

// testBlockchain is the blockchain id of every test.
var testBlockchain = ids.ID{'t', 'e', 's', 't'}

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// libevm recovers senders in goroutines that live as long as the process.
		goleak.IgnoreTopFunction("github.com/ava-labs/libevm/core.(*txSenderCacher).cache"),
		// libevm's meters share one such goroutine from the first meter on.
		goleak.IgnoreTopFunction("github.com/ava-labs/libevm/metrics.(*meterArbiter).tick"),
	)
}

// fakeClock moves only when told.
type fakeClock struct {
	mu      sync.Mutex
	changed *sync.Cond
	now     time.Time
	waiting []waiter
}

type waiter struct {
	at time.Time
	ch chan time.Time
}

func newFakeClock(now time.Time) *fakeClock {
	c := &fakeClock{now: now}
	c.changed = sync.NewCond(&c.mu)
	return c
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) At(t time.Time) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := waiter{t, make(chan time.Time, 1)}
	if !t.After(c.now) {
		w.ch <- c.now
		return w.ch
	}
	c.waiting = append(c.waiting, w)
	c.changed.Broadcast()
	return w.ch
}

// set moves the clock, backwards too, and wakes who waited for it.
func (c *fakeClock) set(ms uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = time.UnixMilli(int64(ms))
	c.waiting = slices.DeleteFunc(c.waiting, func(w waiter) bool {
		if w.at.After(c.now) {
			return false
		}
		w.ch <- c.now
		return true
	})
}

// asked blocks until someone waits for the time ms, and returns.
func (c *fakeClock) asked(ms uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !slices.ContainsFunc(c.waiting, func(w waiter) bool { return w.at.Equal(time.UnixMilli(int64(ms))) }) {
		c.changed.Wait()
	}
}

func (c *fakeClock) ms() uint64 { return uint64(c.Now().UnixMilli()) }

// testNet is a network of validators that share genesis, clock and P-Chain.
type testNet struct {
	tb       testing.TB
	genesis  []byte
	clock    *fakeClock
	keys     []*localsigner.LocalSigner
	ids      []ids.NodeID
	set      map[ids.NodeID]*validators.GetValidatorOutput
	pHeight  atomic.Uint64 // the P-Chain's current and minimum height
	accounts []*ecdsa.PrivateKey
	nonces   map[common.Address]uint64
	signer   types.Signer
}

func newTestNet(tb testing.TB, n int, o genesis.Options) *testNet {
	tb.Helper()
	net := &testNet{
		tb: tb, clock: newFakeClock(time.Unix(testGenesisTime, 0)), set: map[ids.NodeID]*validators.GetValidatorOutput{},
		nonces: map[common.Address]uint64{}, signer: types.LatestSignerForChainID(big.NewInt(int64(params.Dev.ID))),
	}
	var vs []genesis.Validator
	for i := range n {
		secret := sha256.Sum256(fmt.Appendf(nil, "chain test validator %d", i))
		secret[0] &= 0x3f // below the group's order
		key := must(localsigner.FromBytes(secret[:]))(tb)
		proof := must(signer.NewProofOfPossession(key))(tb)
		id := ids.NodeID{byte(i + 1)}
		net.keys, net.ids = append(net.keys, key), append(net.ids, id)
		net.set[id] = &validators.GetValidatorOutput{NodeID: id, PublicKey: key.PublicKey(), Weight: 2_000_000_000_000}
		vs = append(vs, genesis.Validator{
			NodeID: id, PublicKey: proof.PublicKey, ProofOfPossession: proof.ProofOfPossession,
			Weight: 2_000_000_000_000, EndTime: testGenesisTime + 31_536_000, Owner: ids.ShortID{byte(i + 1)},
		})
	}
	alloc := must(genesis.DevAlloc())(tb)
	g := must(genesis.Build(params.Dev, vs, alloc, testGenesisTime, o))(tb)
	net.genesis = must(g.Bytes())(tb)
	for _, a := range must(genesis.DevAccounts())(tb) {
		net.accounts = append(net.accounts, must(crypto.ToECDSA(a.PrivateKey[:]))(tb))
	}
	return net
}

// must turns a value and an error into a function that fails the test.
func must[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

// testNode is one validator and its disk.
type testNode struct {
	*VM
	net    *testNet
	index  int
	dir    string // chain data directory
	store  ethdb.KeyValueStore
	config string
	sender snowcommon.AppSender
}

// node returns a validator with an empty disk in memory and a guard as old as
// its key. It isn't started.
func (net *testNet) node(index int) *testNode {
	dir := net.tb.TempDir()
	n := &testNode{net: net, index: index, dir: dir, store: memorydb.New(), sender: enginetest.SenderStub{}}
	if err := CreateGuard(filepath.Join(dir, "guard")); err != nil {
		net.tb.Fatal(err)
	}
	return n
}

// open starts the node's VM; the error is Initialize's.
func (n *testNode) open() error {
	n.prepare()
	return n.initialize()
}

// prepare makes a VM that is not initialized, and its context.
func (n *testNode) prepare() {
	ctx := snowtest.Context(n.net.tb, testBlockchain)
	ctx.NetworkID, ctx.ChainDataDir = params.Dev.ID, n.dir
	ctx.NodeID, ctx.PublicKey = n.net.ids[n.index], n.net.keys[n.index].PublicKey()
	ctx.WarpSigner = warp.NewSigner(n.net.keys[n.index], params.Dev.ID, testBlockchain)
	ctx.ValidatorState = &validatorstest.State{
		GetMinimumHeightF: func(context.Context) (uint64, error) { return n.net.pHeight.Load(), nil },
		GetCurrentHeightF: func(context.Context) (uint64, error) { return n.net.pHeight.Load(), nil },
		GetValidatorSetF: func(context.Context, uint64, ids.ID) (map[ids.NodeID]*validators.GetValidatorOutput, error) {
			return maps.Clone(n.net.set), nil // as the P-Chain does: gossip changes what it gets
		},
	}
	n.VM = &VM{Clock: n.net.clock, sctx: ctx}
	if n.store != nil {
		n.openStore = func(string, Config) (ethdb.Database, error) { return rawdb.NewDatabase(keepOpen{n.store}), nil }
	}
}

func (n *testNode) initialize() error {
	return n.Initialize(context.Background(), n.sctx, nil, n.net.genesis, nil, []byte(n.config), nil, n.sender)
}

// keepOpen keeps a memory store across restarts.
type keepOpen struct{ ethdb.KeyValueStore }

func (keepOpen) Close() error { return nil }

// start opens the node, brings it to normal operation and closes it at the end
// of the test.
func (n *testNode) start() *testNode {
	n.net.tb.Helper()
	if err := n.open(); err != nil {
		n.net.tb.Fatal(err)
	}
	vm := n.VM
	n.net.tb.Cleanup(func() {
		if err := vm.Shutdown(context.Background()); err != nil {
			n.net.tb.Error(err)
		}
	})
	n.setState(snow.NormalOp)
	return n
}

func (n *testNode) setState(s snow.State) {
	n.net.tb.Helper()
	if err := n.SetState(context.Background(), s); err != nil {
		n.net.tb.Fatal(err)
	}
}

// started returns nodes 0 to n-1, running.
func (net *testNet) started(n int) []*testNode {
	net.tb.Helper()
	nodes := make([]*testNode, n)
	for i := range nodes {
		nodes[i] = net.node(i).start()
	}
	return nodes
}

// transfer returns a signed transfer of one wei from dev account i with its next
// nonce.
func (net *testNet) transfer(i int) *types.Transaction {
	return net.pay(i, 2_000_000_000, 1_000_000_000)
}

func (net *testNet) pay(i int, feeCap, tip int64) *types.Transaction {
	net.tb.Helper()
	key := net.accounts[i]
	from := crypto.PubkeyToAddress(key.PublicKey)
	to := common.Address{0xbe, byte(i)}
	tx := must(types.SignNewTx(key, net.signer, &types.DynamicFeeTx{
		ChainID: big.NewInt(int64(params.Dev.ID)), Nonce: net.nonces[from], Gas: 21000, To: &to, Value: common.Big1,
		GasFeeCap: big.NewInt(feeCap), GasTipCap: big.NewInt(tip),
	}))(net.tb)
	net.nonces[from]++
	return tx
}

// give puts a transaction into the pools of all nodes.
func give(tb testing.TB, tx *types.Transaction, nodes ...*testNode) {
	tb.Helper()
	for _, n := range nodes {
		if err := n.Submit(context.Background(), tx); err != nil {
			tb.Fatal(err)
		}
	}
}

// rank returns the node's rank for the child of its preferred block.
func (n *testNode) rank() int {
	rank, _, err := n.rankOn(context.Background(), n.Preferred())
	if err != nil {
		n.net.tb.Fatal(err)
	}
	return rank
}

// leader returns the node of rank 0.
func leader(nodes []*testNode) *testNode {
	i := slices.IndexFunc(nodes, func(n *testNode) bool { return n.rank() == 0 })
	return nodes[i]
}

// due moves the clock to the node's window for the child of its preferred block,
// work having been seen at the latest when the spacing had passed.
func (n *testNode) due() {
	parent := engine.TimeMs(n.Preferred())
	n.net.clock.set(max(n.net.clock.ms(), engine.EarliestMs(parent, 0)))
	n.next()
	n.net.clock.set(n.net.clock.ms() + uint64(n.rank())*params.WindowMs)
}

// next returns the milliseconds until the node should build, 0 for now, and -1
// for never.
func (n *testNode) next() int64 {
	n.net.tb.Helper()
	ready, at, err := n.nextBuild(context.Background())
	switch {
	case err != nil:
		n.net.tb.Fatal(err)
	case at.Equal(never):
		return -1
	case !ready:
		return at.UnixMilli() - int64(n.net.clock.ms())
	}
	return 0
}

// build builds a block when it is due.
func (n *testNode) build() *Block {
	n.net.tb.Helper()
	n.due()
	b, err := n.BuildBlock(context.Background())
	if err != nil {
		n.net.tb.Fatal(err)
	}
	return b.(*Block)
}

// parse reads the block's bytes as this node would from a peer.
func (n *testNode) parse(b snowman.Block) snowman.Block {
	n.net.tb.Helper()
	parsed, err := n.ParseBlock(context.Background(), b.Bytes())
	if err != nil {
		n.net.tb.Fatal(err)
	}
	if parsed.ID() != b.ID() || !bytes.Equal(parsed.Bytes(), b.Bytes()) {
		n.net.tb.Fatalf("ParseBlock gave another block")
	}
	return parsed
}

// verify parses, verifies and prefers the block.
func (n *testNode) verifyAndPrefer(b snowman.Block) snowman.Block {
	n.net.tb.Helper()
	parsed := n.parse(b)
	if err := parsed.Verify(context.Background()); err != nil {
		n.net.tb.Fatal(err)
	}
	if err := n.SetPreference(context.Background(), b.ID()); err != nil {
		n.net.tb.Fatal(err)
	}
	return parsed
}

// adopt verifies and accepts the block, and waits for the pool to follow.
func (n *testNode) adopt(b snowman.Block) {
	n.net.tb.Helper()
	parsed := n.verifyAndPrefer(b)
	if err := parsed.Accept(context.Background()); err != nil {
		n.net.tb.Fatal(err)
	}
	if err := n.pool.Sync(); err != nil {
		n.net.tb.Fatal(err)
	}
}

// round has the leader build and everyone accept one block.
func round(nodes []*testNode) *Block {
	b := leader(nodes).build()
	for _, n := range nodes {
		n.adopt(b)
	}
	return b
}

func (n *testNode) height() uint64 { return n.bc.CurrentBlock().Number.Uint64() }
