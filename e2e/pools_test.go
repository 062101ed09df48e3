package e2e

import (
	"bytes"
	"math/big"
	"testing"

	"github.com/ava-labs/libevm"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/precompile"
	"github.com/pars-network/pars/precompile/dex"
)

// TestPoolsSurviveAKill makes a pool at 0x0400, kills the node, and finds the pool
// again.
func TestPoolsSurviveAKill(t *testing.T) {
	dir := t.TempDir()
	manager := precompile.PoolManagerAddress
	ABI, err := dex.ManagerABI()
	if err != nil {
		t.Fatal(err)
	}
	key := struct {
		Currency0, Currency1 common.Address
		Fee, TickSpacing     *big.Int
		Hooks                common.Address
	}{Currency1: common.HexToAddress("0x70ce"), Fee: big.NewInt(500), TickSpacing: big.NewInt(10)}
	price := new(big.Int).Lsh(common.Big1, 97)
	input, err := ABI.Pack("initialize", key, price)
	if err != nil {
		t.Fatal(err)
	}
	id := crypto.Keccak256(input[4:164])
	slot := [32]byte(crypto.Keccak256(id, common.LeftPadBytes([]byte{6}, 32)))

	read := func(p *parsd) []byte {
		t.Helper()
		data, err := ABI.Pack("extsload", slot)
		if err != nil {
			t.Fatal(err)
		}
		out, err := p.client.CallContract(t.Context(), ethereum.CallMsg{To: &manager, Data: data}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}

	p := startDev(t, "--datadir", dir)
	for _, pre := range precompile.Predeploys() {
		if code, err := p.client.CodeAt(t.Context(), pre.Address, nil); err != nil || !bytes.Equal(code, pre.Code) {
			t.Errorf("%s has %d bytes of code on the node, %v; want %d", pre.Name, len(code), err, len(pre.Code))
		}
	}
	from := p.account(t, 0)
	chain := new(big.Int).SetUint64(p.banner.ChainID)
	tx, err := types.SignNewTx(from.key, types.LatestSignerForChainID(chain), &types.DynamicFeeTx{
		ChainID: chain, Gas: 200_000, To: &manager, Data: input, GasTipCap: big.NewInt(1e9), GasFeeCap: big.NewInt(1e11),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.client.SendTransaction(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	r, err := p.receipt(t.Context(), tx.Hash())
	if err != nil || r.Status != types.ReceiptStatusSuccessful || len(r.Logs) != 1 {
		t.Fatalf("initialize: %+v, %v", r, err)
	}
	before := read(p)
	if got := new(big.Int).SetBytes(before[12:]); got.Cmp(price) != 0 {
		t.Fatalf("the pool's root price is %s, want %s", got, price)
	}
	p.Kill()
	if after := read(startDev(t, "--datadir", dir)); !bytes.Equal(after, before) {
		t.Errorf("after the kill the pool's first word is %x, before it was %x", after, before)
	}
}
