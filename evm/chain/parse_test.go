package chain

import (
	"bytes"
	"context"
	"errors"
	"math/big"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/rlp"
	"github.com/ava-labs/libevm/trie"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/pars-network/pars/evm/genesis"
)

func gaugeValue(t testing.TB, m prometheus.Metric) float64 {
	t.Helper()
	var out dto.Metric
	if err := m.Write(&out); err != nil {
		t.Fatal(err)
	}
	if out.Gauge != nil {
		return out.Gauge.GetValue()
	}
	return out.Counter.GetValue()
}

func deriveSha(txs types.Transactions) common.Hash {
	return types.DeriveSha(txs, trie.NewStackTrie(nil))
}

func unknown(common.Hash) *types.Transaction { return nil }

func TestParseBlockRefusesWhatIsNoBlock(t *testing.T) {
	net := newTestNet(t, 1, genesis.Options{})
	n := net.node(0).start()
	give(t, net.transfer(0), n)
	good := n.build()
	eth := good.EthBlock()
	encode := func(b *types.Block) []byte { return must(rlp.EncodeToBytes(b))(t) }
	header := func(change func(h *types.Header)) []byte {
		h := eth.Header()
		change(h)
		return encode(eth.WithSeal(h))
	}
	blob := types.NewTx(&types.BlobTx{BlobHashes: []common.Hash{{1}}})
	withBlob := types.Transactions{blob}
	for name, raw := range map[string][]byte{
		"nothing":                nil,
		"an empty list":          {0xc0},
		"half a block":           good.Bytes()[:len(good.Bytes())/2],
		"a byte too many":        append(bytes.Clone(good.Bytes()), 0),
		"too large":              make([]byte, MaxBlockBytes+1),
		"other transactions":     encode(eth.WithBody(types.Body{Transactions: types.Transactions{net.transfer(1)}})),
		"no transactions":        encode(eth.WithBody(types.Body{})),
		"withdrawals":            encode(eth.WithWithdrawals([]*types.Withdrawal{{Index: 1}})),
		"no withdrawals list":    encode(types.NewBlockWithHeader(eth.Header()).WithBody(types.Body{Transactions: eth.Transactions()})),
		"an uncle":               encode(eth.WithBody(types.Body{Transactions: eth.Transactions(), Uncles: []*types.Header{eth.Header()}})),
		"extra data cut short":   header(func(h *types.Header) { h.Extra = h.Extra[:228] }),
		"no extra data":          header(func(h *types.Header) { h.Extra = nil }),
		"another version":        header(func(h *types.Header) { h.Extra[0] = 2 }),
		"a number of 65 bits":    header(func(h *types.Header) { h.Number = new(big.Int).Lsh(common.Big1, 64) }),
		"a base fee of 257 bits": header(func(h *types.Header) { h.BaseFee = new(big.Int).Lsh(common.Big1, 256) }),
		"another genesis": encode(types.NewBlockWithHeader(&types.Header{
			Number: new(big.Int), Difficulty: new(big.Int), UncleHash: types.EmptyUncleHash, TxHash: types.EmptyTxsHash, BaseFee: new(big.Int),
			WithdrawalsHash: &types.EmptyWithdrawalsHash,
		}).WithWithdrawals([]*types.Withdrawal{})),
		"a blob transaction": encode(types.NewBlockWithHeader(func() *types.Header {
			h := eth.Header()
			h.TxHash = deriveSha(withBlob)
			return h
		}()).WithBody(types.Body{Transactions: withBlob}).WithWithdrawals([]*types.Withdrawal{})),
	} {
		if b, err := n.ParseBlock(context.Background(), raw); !errors.Is(err, ErrMalformed) {
			t.Errorf("ParseBlock(%s) = %v, %v, want %v", name, b, err, ErrMalformed)
		}
	}
	if b, err := n.ParseBlock(context.Background(), encode(n.bc.Genesis())); err != nil || b.Height() != 0 {
		t.Errorf("ParseBlock(genesis) = %v, %v, want it", b, err)
	}
}

func TestParseBlockTakesTransactionsFromThePool(t *testing.T) {
	net := newTestNet(t, 2, genesis.Options{})
	nodes := net.started(2)
	known, fresh := net.transfer(0), net.transfer(1)
	by := leader(nodes)
	other := nodes[1-by.index]
	give(t, known, nodes...)
	give(t, fresh, by)
	b := other.parse(by.build()).(*Block)
	for _, tx := range b.EthBlock().Transactions() {
		if reused := tx == other.pool.Get(tx.Hash()); reused != (tx.Hash() == known.Hash()) {
			t.Errorf("transaction %s is the pool's: %v", tx.Hash(), reused)
		}
	}
	if err := b.Verify(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// What the parser accepts encodes back to the same bytes.
func FuzzParseBlock(f *testing.F) {
	net := newTestNet(f, 1, genesis.Options{})
	n := net.node(0).start()
	f.Add(must(rlp.EncodeToBytes(n.bc.Genesis()))(f))
	give(f, net.transfer(0), n)
	give(f, net.transfer(1), n)
	f.Add(n.build().Bytes())
	f.Add([]byte{0xc0})
	f.Add([]byte{0xf9, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := parseEthBlock(raw, unknown)
		if err != nil {
			return
		}
		again, err := rlp.EncodeToBytes(b)
		if err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("accepted bytes encode to others: %x, %v", again, err)
		}
	})
}

// Whatever a guard file holds, opening it does not panic, and a trusted guard
// gives back only blocks that were whole.
func FuzzGuardRecord(f *testing.F) {
	f.Add(guardRecord(common.Hash{1}, 7, []byte("block")))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		entry, size, state := parseGuardRecord(data)
		if state != recordWhole {
			return
		}
		block := data[entry.offset : entry.offset+int64(entry.length)]
		if !bytes.Equal(guardRecord(common.Hash(data), entry.height, block), data[:size]) {
			t.Fatal("a whole record does not encode back")
		}
	})
}

// Settings that parse also survive their defaults, and never panic.
func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(`{"archive": true, "pool": {"accountSlots": 16}}`))
	f.Add([]byte(``))
	f.Add([]byte(`{"logLevel": "loud"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseConfig(data)
		if err != nil {
			return
		}
		c = c.withDefaults("dir")
		if c.CommitEvery == 0 || c.CommitGas == 0 || c.CacheMiB <= 0 || c.FileHandles <= 0 || c.GuardDir == "" {
			t.Fatalf("a setting has no default: %+v", c)
		}
		if pool := c.Pool.legacy("dir"); pool.PriceLimit == 0 || pool.GlobalSlots == 0 || pool.Lifetime <= 0 {
			t.Fatalf("a pool setting has no default: %+v", pool)
		}
	})
}

// A peer's transaction is read or refused, and what is read encodes back.
func FuzzUnmarshalGossip(f *testing.F) {
	net := newTestNet(f, 1, genesis.Options{})
	f.Add(must(net.transfer(0).MarshalBinary())(f))
	f.Add([]byte{2, 0xc0})
	f.Fuzz(func(t *testing.T, data []byte) {
		tx, err := (gossipCodec{}).UnmarshalGossip(data)
		if err != nil {
			return
		}
		if again, err := (gossipCodec{}).MarshalGossip(tx); err != nil || len(again) > maxTxBytes+64 {
			t.Fatalf("a transaction of %d bytes encodes to %d: %v", len(data), len(again), err)
		}
	})
}
