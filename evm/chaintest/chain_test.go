package chaintest

import (
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
)

func TestStoreContractWorksDeployedAndInGenesis(t *testing.T) {
	c := New(t)
	deploy := c.Tx(0, nil, 0, StoreInit)
	b := c.Mine(deploy)
	receipts := c.BlockChain.GetReceiptsByHash(b.Hash())
	if len(receipts) != 1 || receipts[0].Status != types.ReceiptStatusSuccessful {
		t.Fatalf("receipts of the deployment = %+v, want one success", receipts)
	}
	for _, at := range []common.Address{Store, receipts[0].ContractAddress} {
		b := c.Mine(c.Tx(1, &at, 0, Word(42)))
		logs := c.BlockChain.GetReceiptsByHash(b.Hash())[0].Logs
		if len(logs) != 1 || logs[0].Address != at || logs[0].Topics[0] != common.BytesToHash(Word(42)) {
			t.Fatalf("logs of a call to %v = %+v, want one with the topic 42", at, logs)
		}
		st, err := c.BlockChain.State()
		if err != nil {
			t.Fatal(err)
		}
		if got := st.GetState(at, common.Hash{}); got != common.BytesToHash(Word(42)) {
			t.Fatalf("slot 0 of %v = %v, want 42", at, got)
		}
	}
}
