package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/utils/crypto/bls"
	"github.com/ava-labs/avalanchego/utils/crypto/bls/signer/localsigner"
	"github.com/ava-labs/avalanchego/vms/platformvm/warp"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/common/hexutil"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/rlp"

	"github.com/pars-network/pars/params"
)

// headerCase is one candidate child of the same parent.
type headerCase struct {
	name string
	// rank, afterMs, pChain and empty shape the valid block that is spoiled.
	rank    int
	afterMs uint64
	pChain  uint64
	empty   bool
	// spoil changes the finished draft, which is sealed afterwards by its
	// proposer; spoilSealed changes the sealed header.
	spoil       func(*world, *types.Header)
	spoilSealed func(*world, *types.Header)
	want        error
}

func extra(change func(*Extra)) func(*world, *types.Header) {
	return func(w *world, h *types.Header) { edit(w.tb, h, change) }
}

// reveals sets the reveal and the mix digest that follows from it.
func reveals(by func(*world, *types.Header, *types.Header) (*warp.UnsignedMessage, warp.Signer)) func(*world, *types.Header) {
	return func(w *world, h *types.Header) {
		parent := w.parent()
		m, signer := by(w, parent, h)
		sig, err := sign(signer, m)
		if err != nil {
			w.tb.Fatal(err)
		}
		edit(w.tb, h, func(x *Extra) { x.Reveal = sig })
		h.MixDigest = NextMix(parent.MixDigest, sig)
	}
}

// parent is the parent of all cases: block 1, at P-Chain height 5.
func (w *world) parent() *types.Header {
	genesis := w.genesis()
	id := w.proposer(genesis, 0)
	return w.seal(w.draft(genesis, TimeMs(genesis)+1_700, 5, id), id)
}

func (w *world) mustMessage(m *warp.UnsignedMessage, err error) *warp.UnsignedMessage {
	w.tb.Helper()
	if err != nil {
		w.tb.Fatal(err)
	}
	return m
}

func headerCases() []headerCase {
	otherRank := func(w *world, rank int) ids.NodeID { return w.proposer(w.parent(), rank) }
	one := uint64(1)
	return []headerCase{
		{name: "rank 0 at the first millisecond", afterMs: 400},
		{name: "rank 0 later than its window begins", afterMs: 777},
		{name: "rank 2 when its window opens", rank: 2, afterMs: 900},
		{name: "the last rank when its window opens", rank: 6, afterMs: 1_900},
		{name: "a P-Chain height above the parent's", afterMs: 400, pChain: 9},
		{name: "an empty block at the heartbeat", afterMs: 10_000, empty: true},
		{name: "any coinbase", afterMs: 400, spoil: func(_ *world, h *types.Header) { h.Coinbase = common.Address{0xee} }},
		{name: "a full block", afterMs: 400, spoil: func(_ *world, h *types.Header) { h.GasUsed = h.GasLimit }},

		{name: "a number that skips one", afterMs: 400, want: ErrNumber, spoil: func(_ *world, h *types.Header) { h.Number = big.NewInt(3) }},
		{name: "the parent's number", afterMs: 400, want: ErrNumber, spoil: func(_ *world, h *types.Header) { h.Number = big.NewInt(1) }},
		{name: "a number above 64 bits", afterMs: 400, want: ErrNumber, spoil: func(_ *world, h *types.Header) { h.Number = new(big.Int).Lsh(big.NewInt(1), 64) }},
		{name: "another parent", afterMs: 400, want: ErrParent, spoil: func(_ *world, h *types.Header) { h.ParentHash[0] ^= 1 }},

		{name: "no extra data", afterMs: 400, want: ErrExtra, spoilSealed: func(_ *world, h *types.Header) { h.Extra = nil }},
		{name: "extra data one byte short", afterMs: 400, want: ErrExtra, spoilSealed: func(_ *world, h *types.Header) { h.Extra = h.Extra[:ExtraLen-1] }},
		{name: "extra data one byte long", afterMs: 400, want: ErrExtra, spoilSealed: func(_ *world, h *types.Header) { h.Extra = append(h.Extra, 0) }},
		{name: "version 2", afterMs: 400, want: ErrExtra, spoilSealed: func(_ *world, h *types.Header) { h.Extra[0] = 2 }},
		{name: "a proposer of zeros", afterMs: 400, want: ErrExtra, spoil: extra(func(x *Extra) { x.Proposer = ids.EmptyNodeID })},
		{name: "a reveal of zeros", afterMs: 400, want: ErrExtra, spoil: extra(func(x *Extra) { x.Reveal = [96]byte{} })},
		{name: "a seal of zeros", afterMs: 400, want: ErrExtra, spoilSealed: extra(func(x *Extra) { x.Seal = [96]byte{} })},

		{name: "seconds that are not the milliseconds'", afterMs: 400, want: ErrTime, spoil: func(_ *world, h *types.Header) { h.Time++ }},
		{name: "399 ms after the parent", afterMs: 400, want: ErrTime, spoil: extra(func(x *Extra) { x.TimeMs-- })},
		{name: "before the parent", afterMs: 400, want: ErrTime, spoil: func(w *world, h *types.Header) {
			edit(w.tb, h, func(x *Extra) { x.TimeMs -= 5_000 })
			h.Time -= 5
		}},
		{name: "an empty block a millisecond before the heartbeat", afterMs: 9_999, empty: true, want: ErrEmptyBlock},
		{name: "an empty block at once", afterMs: 400, empty: true, want: ErrEmptyBlock},

		{name: "a P-Chain height below the parent's", afterMs: 400, want: ErrPChainHeight, spoil: extra(func(x *Extra) { x.PChainHeight = 4 })},
		{name: "a gas limit above genesis", afterMs: 400, want: ErrGasLimit, spoil: func(_ *world, h *types.Header) { h.GasLimit++ }},
		{name: "a gas limit below genesis", afterMs: 400, want: ErrGasLimit, spoil: func(_ *world, h *types.Header) { h.GasLimit-- }},
		{name: "more gas used than the limit", afterMs: 400, want: ErrGasLimit, spoil: func(_ *world, h *types.Header) { h.GasUsed = h.GasLimit + 1 }},
		{name: "a base fee one wei high", afterMs: 400, want: ErrBaseFee, spoil: func(_ *world, h *types.Header) { h.BaseFee.Add(h.BaseFee, big.NewInt(1)) }},
		{name: "a base fee one wei low", afterMs: 400, want: ErrBaseFee, spoil: func(_ *world, h *types.Header) { h.BaseFee.Sub(h.BaseFee, big.NewInt(1)) }},
		{name: "the base fee of another millisecond", afterMs: 400, want: ErrBaseFee, spoil: func(w *world, h *types.Header) {
			h.BaseFee = BaseFee(w.parent(), TimeMs(h)+1_000)
		}},
		{name: "a mix digest of its own", afterMs: 400, want: ErrMix, spoil: func(_ *world, h *types.Header) { h.MixDigest[31] ^= 1 }},
		{name: "the parent's mix digest", afterMs: 400, want: ErrMix, spoil: func(w *world, h *types.Header) { h.MixDigest = w.parent().MixDigest }},

		{name: "a difficulty", afterMs: 400, want: ErrUnused, spoil: func(_ *world, h *types.Header) { h.Difficulty = big.NewInt(1) }},
		{name: "a nonce", afterMs: 400, want: ErrUnused, spoil: func(_ *world, h *types.Header) { h.Nonce[7] = 1 }},
		{name: "uncles", afterMs: 400, want: ErrUnused, spoil: func(_ *world, h *types.Header) { h.UncleHash[0] ^= 1 }},
		{name: "withdrawals", afterMs: 400, want: ErrUnused, spoil: func(_ *world, h *types.Header) { h.WithdrawalsHash = &common.Hash{1} }},
		{name: "blob gas used", afterMs: 400, want: ErrUnused, spoil: func(_ *world, h *types.Header) { h.BlobGasUsed = &one }},
		{name: "excess blob gas", afterMs: 400, want: ErrUnused, spoil: func(_ *world, h *types.Header) { h.ExcessBlobGas = &one }},
		{name: "a beacon root", afterMs: 400, want: ErrUnused, spoil: func(_ *world, h *types.Header) { h.ParentBeaconRoot = &common.Hash{1} }},
		{name: "no beacon root", afterMs: 400, want: ErrUnused, spoil: func(_ *world, h *types.Header) { h.ParentBeaconRoot = nil }},

		{name: "a proposer that is no validator", afterMs: 400, want: ErrProposer, spoil: extra(func(x *Extra) { x.Proposer[0] ^= 1 })},
		{name: "rank 1 a millisecond before its window", rank: 1, afterMs: 649, want: ErrOutOfTurn},
		{name: "the last rank in the first window", rank: 6, afterMs: 400, want: ErrOutOfTurn},
		{name: "another proposer's name on the block", afterMs: 650, want: ErrSignature, spoil: func(w *world, h *types.Header) {
			id := otherRank(w, 1)
			edit(w.tb, h, func(x *Extra) { x.Proposer = id })
		}},
		{name: "a seal with another validator's key", afterMs: 400, want: ErrSignature, spoilSealed: func(w *world, h *types.Header) {
			*h = *w.seal(h, otherRank(w, 3))
		}},
		{name: "a seal over another header", afterMs: 400, want: ErrSignature, spoilSealed: func(_ *world, h *types.Header) { h.Root[0] ^= 1 }},
		{name: "a seal with one bit changed", afterMs: 400, want: ErrSignature, spoilSealed: func(_ *world, h *types.Header) { h.Extra[ExtraLen-1] ^= 1 }},
		{name: "a seal that is no point", afterMs: 400, want: ErrSignature, spoilSealed: extra(func(x *Extra) { x.Seal = [96]byte{0x80, 1} })},
		{name: "the point at infinity as seal", afterMs: 400, want: ErrSignature, spoilSealed: extra(func(x *Extra) { x.Seal = [96]byte{0xc0} })},
		{name: "the reveal as seal", afterMs: 400, want: ErrSignature, spoilSealed: extra(func(x *Extra) { x.Seal = x.Reveal })},
		{name: "a seal for another chain", afterMs: 400, want: ErrSignature, spoilSealed: func(w *world, h *types.Header) {
			sealFor(w, h, worldNetwork, ids.ID{0xbb})
		}},
		{name: "a seal for another network", afterMs: 400, want: ErrSignature, spoilSealed: func(w *world, h *types.Header) {
			sealFor(w, h, worldNetwork+1, worldChain)
		}},
		{name: "a reveal by another validator", afterMs: 400, want: ErrSignature, spoil: reveals(func(w *world, parent, _ *types.Header) (*warp.UnsignedMessage, warp.Signer) {
			return w.mustMessage(RevealMessage(worldNetwork, worldChain, parent.MixDigest, 2)), w.signer(otherRank(w, 3))
		})},
		{name: "a reveal for another height", afterMs: 400, want: ErrSignature, spoil: reveals(func(w *world, parent, _ *types.Header) (*warp.UnsignedMessage, warp.Signer) {
			return w.mustMessage(RevealMessage(worldNetwork, worldChain, parent.MixDigest, 3)), w.signer(otherRank(w, 0))
		})},
		{name: "a reveal of another mix digest", afterMs: 400, want: ErrSignature, spoil: reveals(func(w *world, _, _ *types.Header) (*warp.UnsignedMessage, warp.Signer) {
			return w.mustMessage(RevealMessage(worldNetwork, worldChain, common.Hash{1}, 2)), w.signer(otherRank(w, 0))
		})},
		{name: "a seal of some header as reveal", afterMs: 400, want: ErrSignature, spoil: reveals(func(w *world, _, h *types.Header) (*warp.UnsignedMessage, warp.Signer) {
			return w.mustMessage(SealMessage(worldNetwork, worldChain, h)), w.signer(otherRank(w, 0))
		})},
	}
}

// sealFor replaces the seal by the proposer's for another network or chain.
func sealFor(w *world, h *types.Header, network uint32, chain ids.ID) {
	x, err := ParseExtra(h.Extra)
	if err != nil {
		w.tb.Fatal(err)
	}
	m := w.mustMessage(SealMessage(network, chain, h))
	sig, err := w.keys[x.Proposer].Sign(m.Bytes())
	if err != nil {
		w.tb.Fatal(err)
	}
	edit(w.tb, h, func(x *Extra) { copy(x.Seal[:], bls.SignatureToBytes(sig)) })
}

// build makes the case's parent and header.
func (c headerCase) build(w *world) (parent, h *types.Header) {
	parent = w.parent()
	id := w.proposer(parent, c.rank)
	h = w.draft(parent, TimeMs(parent)+c.afterMs, max(c.pChain, 5), id)
	if c.empty {
		h.TxHash, h.ReceiptHash, h.GasUsed = types.EmptyTxsHash, types.EmptyReceiptsHash, 0
	}
	if c.spoil != nil {
		c.spoil(w, h)
	}
	h = w.seal(h, id)
	if c.spoilSealed != nil {
		c.spoilSealed(w, h)
	}
	return parent, h
}

func TestHeaders(t *testing.T) {
	w := newWorld(t, 7)
	for _, c := range headerCases() {
		parent, h := c.build(w)
		err := w.verify(parent, h)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
		if IsTransient(err) {
			t.Errorf("%s: IsTransient(%v), want a final verdict", c.name, err)
		}
	}
}

// Forms that RLP cannot carry, so that no vector holds them.
func TestHeadersBuiltInMemory(t *testing.T) {
	w := newWorld(t, 7)
	for name, c := range map[string]struct {
		spoil func(h *types.Header)
		want  error
	}{
		"no number":          {func(h *types.Header) { h.Number = nil }, ErrNumber},
		"a negative number":  {func(h *types.Header) { h.Number = big.NewInt(-1) }, ErrNumber},
		"no base fee":        {func(h *types.Header) { h.BaseFee = nil }, ErrBaseFee},
		"no difficulty":      {func(h *types.Header) { h.Difficulty = nil }, ErrUnused},
		"no withdrawals":     {func(h *types.Header) { h.WithdrawalsHash = nil }, ErrUnused},
		"no blob gas":        {func(h *types.Header) { h.BlobGasUsed = nil }, ErrUnused},
		"no excess blob gas": {func(h *types.Header) { h.ExcessBlobGas = nil }, ErrUnused},
	} {
		parent := w.parent()
		h := w.child(parent, 0)
		c.spoil(h)
		if err := w.engine.CheckHeader(parent, h); !errors.Is(err, c.want) {
			t.Errorf("CheckHeader(%s) = %v, want %v", name, err, c.want)
		}
	}
}

func TestParentsThatNoChildCanFollow(t *testing.T) {
	w := newWorld(t, 1)
	h := w.child(w.genesis(), 0)
	last := w.genesis()
	last.Number = new(big.Int).SetUint64(math.MaxUint64)
	if err := w.engine.CheckHeader(last, h); !errors.Is(err, ErrNumber) {
		t.Errorf("CheckHeader on the last number = %v, want ErrNumber", err)
	}
	late := w.genesis()
	late.Time = math.MaxUint64
	h.ParentHash = late.Hash()
	if err := w.engine.CheckHeader(late, h); !errors.Is(err, ErrTime) {
		t.Errorf("CheckHeader on a parent at the end of time = %v, want ErrTime", err)
	}
	broken := w.child(w.genesis(), 0)
	broken.Extra = broken.Extra[1:]
	h.ParentHash, h.Number = broken.Hash(), big.NewInt(2)
	if err := w.engine.CheckHeader(broken, h); !errors.Is(err, ErrExtra) {
		t.Errorf("CheckHeader on a parent without valid extra data = %v, want ErrExtra", err)
	}
}

// The gas limit follows the engine's configuration, not a constant.
func TestGasLimitIsConfigured(t *testing.T) {
	w := newWorld(t, 1)
	w.engine = New(Config{GasLimit: 60_000_000})
	genesis := w.genesis()
	h := w.child(genesis, 0)
	if err := w.verify(genesis, h); err != nil || h.GasLimit != 60_000_000 {
		t.Errorf("verify = %v with limit %d, want a valid header with 60 M", err, h.GasLimit)
	}
	if err := New(Config{}).CheckHeader(genesis, h); !errors.Is(err, ErrGasLimit) {
		t.Errorf("CheckHeader of the default engine = %v, want ErrGasLimit", err)
	}
}

// vectorFile is spec/vectors/header.json.
type vectorFile struct {
	Comment    string            `json:"comment"`
	NetworkID  uint32            `json:"networkId"`
	ChainID    hexutil.Bytes     `json:"chainId"`
	Validators []vectorValidator `json:"validators"`
	Parent     hexutil.Bytes     `json:"parent"`
	Cases      []vectorHeader    `json:"cases"`
}

type vectorValidator struct {
	NodeID    hexutil.Bytes `json:"nodeId"`
	SecretKey hexutil.Bytes `json:"secretKey"`
	PublicKey hexutil.Bytes `json:"publicKey"`
	Weight    uint64        `json:"weight"`
}

type vectorHeader struct {
	Name     string        `json:"name"`
	Header   hexutil.Bytes `json:"header"`
	Hash     common.Hash   `json:"hash"`
	SealHash *common.Hash  `json:"sealHash,omitempty"`
	Result   string        `json:"result"`
}

// resultNames are the results as spec/chain.md, section 3, names them.
var resultNames = map[error]string{
	nil: "valid", ErrExtra: "extra", ErrNumber: "number", ErrParent: "parent", ErrTime: "time", ErrEmptyBlock: "empty",
	ErrGasLimit: "gas", ErrBaseFee: "base fee", ErrMix: "mix", ErrPChainHeight: "p-chain height", ErrUnused: "unused",
	ErrProposer: "proposer", ErrOutOfTurn: "turn", ErrSignature: "signature",
}

func TestHeaderVectors(t *testing.T) {
	path := filepath.Join(vectorDir, "header.json")
	if *rewrite {
		writeVectors(t, path, headerVectors(t))
	}
	var file vectorFile
	readVectors(t, path, &file)
	if len(file.Cases) != len(headerCases()) {
		t.Errorf("%d vectors for %d cases; run with -rewrite", len(file.Cases), len(headerCases()))
	}
	set := vectorSet(t, file.Validators)
	parent := new(types.Header)
	if err := rlp.DecodeBytes(file.Parent, parent); err != nil {
		t.Fatal(err)
	}
	for _, c := range file.Cases {
		h := new(types.Header)
		if err := rlp.DecodeBytes(c.Header, h); err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if h.Hash() != c.Hash {
			t.Errorf("%s: hash = %s, want %s", c.Name, h.Hash(), c.Hash)
		}
		if got, err := SealHash(h); c.SealHash != nil && (err != nil || got != *c.SealHash) {
			t.Errorf("%s: SealHash = %s, %v, want %s", c.Name, got, err, c.SealHash)
		}
		err := New(Config{}).CheckHeader(parent, h)
		if err == nil {
			err = VerifyAuthorship(file.NetworkID, ids.ID(file.ChainID), parent, h, set)
		}
		if got := resultName(err); got != c.Result {
			t.Errorf("%s: %q (%v), want %q", c.Name, got, err, c.Result)
		}
	}
}

func resultName(err error) string {
	for sentinel, name := range resultNames {
		if sentinel != nil && errors.Is(err, sentinel) {
			return name
		}
	}
	return resultNames[err]
}

func vectorSet(t *testing.T, list []vectorValidator) *ValidatorSet {
	t.Helper()
	vs := make([]Validator, 0, len(list))
	for _, v := range list {
		key, err := localsigner.FromBytes(v.SecretKey)
		if err != nil {
			t.Fatal(err)
		}
		if got := bls.PublicKeyToCompressedBytes(key.PublicKey()); !bytes.Equal(got, v.PublicKey) {
			t.Errorf("public key of %s = %x, want %s", v.NodeID, got, v.PublicKey)
		}
		vs = append(vs, Validator{NodeID: ids.NodeID(v.NodeID), PublicKey: key.PublicKey(), Weight: v.Weight})
	}
	set, err := NewValidatorSet(vs)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func headerVectors(t *testing.T) vectorFile {
	t.Helper()
	w := newWorld(t, 7)
	file := vectorFile{
		Comment:   "Candidate children of one parent and what spec/chain.md, section 3, says of them. Headers are RLP. Written by go test ./evm/engine -rewrite.",
		NetworkID: worldNetwork, ChainID: worldChain[:], Parent: mustRLP(t, w.parent()),
	}
	for _, v := range w.set.All() {
		secret := w.secrets[v.NodeID]
		file.Validators = append(file.Validators, vectorValidator{
			NodeID: v.NodeID[:], SecretKey: secret[:], PublicKey: bls.PublicKeyToCompressedBytes(v.PublicKey), Weight: v.Weight,
		})
	}
	for _, c := range headerCases() {
		_, h := c.build(w)
		v := vectorHeader{Name: c.name, Header: mustRLP(t, h), Hash: h.Hash(), Result: resultNames[c.want]}
		if hash, err := SealHash(h); err == nil {
			v.SealHash = &hash
		}
		file.Cases = append(file.Cases, v)
	}
	return file
}

func mustRLP(t *testing.T, v any) []byte {
	t.Helper()
	b, err := rlp.EncodeToBytes(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeVectors(t *testing.T, path string, v any) {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readVectors(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(fmt.Errorf("reading vectors: %w; write them with -rewrite", err))
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

func TestEveryReasonHasACase(t *testing.T) {
	seen := make(map[error]bool)
	for _, c := range headerCases() {
		seen[c.want] = true
	}
	for reason, name := range resultNames {
		if !seen[reason] {
			t.Errorf("no header case ends in %q", name)
		}
	}
	if params.WindowMs != 250 || params.BlockSpacingMs != 400 {
		t.Error("the cases' times are written for windows of 250 ms after 400 ms")
	}
}

// Whatever bytes arrive, no check panics, and only headers that a proposer
// sealed are valid.
func FuzzHeader(f *testing.F) {
	w := newWorld(f, 7)
	parent := w.parent()
	sealed := make(map[common.Hash]bool)
	for _, c := range headerCases() {
		_, h := c.build(w)
		b, err := rlp.EncodeToBytes(h)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		sealed[h.Hash()] = c.want == nil
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h := new(types.Header)
		if rlp.DecodeBytes(b, h) != nil {
			return
		}
		_, _ = SealHash(h)
		_ = CheckClock(h, 0)
		_ = CheckPChainHeight(h, 0)
		_ = BaseFee(h, MaxTimeMs)
		if w.verify(parent, h) == nil && !sealed[h.Hash()] {
			t.Errorf("valid, and nobody sealed it: %x", b)
		}
		// As a parent it must not bring the checks down either.
		_ = w.engine.CheckHeader(h, parent)
	})
}
