package contracts_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ava-labs/libevm/accounts/abi"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/state"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/crypto"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
)

// oracleCode is the pool manager that Uniswap published, as npm has it. It is
// read at test time and never part of this repository.
var oracleCode = sync.OnceValues(func() (artifact, error) {
	var out struct {
		ABI      json.RawMessage `json:"abi"`
		Bytecode struct {
			Object string `json:"object"`
		} `json:"bytecode"`
	}
	raw, err := os.ReadFile(filepath.Join("node_modules", "@uniswap", "v4-core", "out", "PoolManager.sol", "PoolManager.json"))
	if err != nil {
		return artifact{}, fmt.Errorf("run `make deps` first: %w", err)
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		return artifact{}, err
	}
	parsed, err := abi.JSON(bytes.NewReader(out.ABI))
	if err != nil {
		return artifact{}, err
	}
	code, err := hex.DecodeString(strings.TrimPrefix(out.Bytecode.Object, "0x"))
	return artifact{ABI: parsed, Code: code}, err
})

// stage is an EVM with both pool managers, and the code of the puppets.
type stage struct {
	*evmtest.EVM
	oracle, native common.Address
	manager        abi.ABI // of both
	puppet, token  artifact
	runtime        map[string][]byte // of "Puppet" and "PuppetToken"
	// router does what the test says; it has all tokens and money.
	router common.Address
}

var (
	native = precompile.PoolManagerAddress
	router = common.HexToAddress("0x40074e4000000000000000000000000000000001")
)

func newStage(tb testing.TB) *stage {
	tb.Helper()
	oracle, err := oracleCode()
	if err != nil {
		tb.Fatal(err)
	}
	s := &stage{
		EVM: evmtest.New(tb, evmtest.Block{}), native: native, router: router, manager: oracle.ABI, runtime: make(map[string][]byte),
		puppet: compiled(tb, "Puppet.sol", "Puppet"), token: compiled(tb, "Puppet.sol", "PuppetToken"),
	}
	for name, code := range map[string][]byte{"Puppet": s.puppet.Code, "PuppetToken": s.token.Code} {
		runtime, _, _, err := s.Create(vm.AccountRef(evmtest.Caller), code, evmtest.Gas, new(uint256.Int))
		if err != nil {
			tb.Fatal(err)
		}
		s.runtime[name] = runtime
	}
	s.oracle = deploy(tb, s.EVM, oracle, 0, evmtest.Caller).address
	s.State.SetState(s.native, common.Hash{}, common.BytesToHash(evmtest.Caller[:]))
	s.account(s.router, "Puppet")
	s.State.Finalise(true)
	return s
}

// account puts the code of a puppet at an address, with plenty of money.
func (s *stage) account(at common.Address, kind string) {
	s.State.SetNonce(at, 1)
	s.State.SetCode(at, s.runtime[kind])
	s.State.SetBalance(at, new(uint256.Int).Lsh(uint256.NewInt(1), 130))
}

// tokenAt puts a token at an address and gives holders 2^200 of it each.
func (s *stage) tokenAt(at common.Address, mode uint64, holders ...common.Address) {
	s.account(at, "PuppetToken")
	s.State.SetState(at, common.BigToHash(big.NewInt(2)), common.BigToHash(new(big.Int).SetUint64(mode)))
	for _, holder := range holders {
		slot := crypto.Keccak256Hash(common.LeftPadBytes(holder[:], 32), common.LeftPadBytes([]byte{3}, 32))
		s.State.SetState(at, slot, common.BigToHash(new(big.Int).Lsh(big.NewInt(1), 200)))
	}
}

// tx is one transaction. The zero address stands for the pool manager.
type tx struct {
	from, to common.Address
	value    *uint256.Int
	input    []byte
	what     string
	ops      []op // inside of an unlock, to be shown when they fail
}

// op is Puppet.Op.
type op struct {
	Kind   uint8
	Target common.Address
	Value  *big.Int
	Data   []byte
}

// answer is Puppet.Answer.
type answer struct {
	Reverts bool
	Data    []byte
	Ops     []op
}

func (s *stage) pack(tb testing.TB, name string, args ...any) []byte {
	tb.Helper()
	data, err := s.manager.Pack(name, args...)
	if err != nil {
		tb.Fatalf("packing %s: %v", name, err)
	}
	return data
}

func (s *stage) packPuppet(tb testing.TB, name string, args ...any) []byte {
	tb.Helper()
	data, err := s.puppet.ABI.Pack(name, args...)
	if err != nil {
		tb.Fatalf("packing %s: %v", name, err)
	}
	return data
}

// ops encodes operations as the data of unlock.
func (s *stage) ops(tb testing.TB, ops []op) []byte {
	tb.Helper()
	return s.packPuppet(tb, "run", ops)[4:]
}

// even lets a puppet pay or take what it owes or is owed.
func even(currency common.Address, how uint8) op {
	data := append(common.LeftPadBytes(currency[:], 32), common.LeftPadBytes([]byte{how}, 32)...)
	return op{Kind: 1, Value: new(big.Int), Data: data}
}

func call(data []byte) op { return op{Value: new(big.Int), Data: data} }

// outcome is all that can be seen of a transaction.
type outcome struct {
	ok   bool
	out  []byte
	logs []byte
	used uint64
}

// play runs transactions on one of the managers, from the state of the stage,
// which stays as it is. The outcomes and the manager's storage root come with the
// manager's address replaced by the native one.
func (s *stage) play(manager common.Address, puppets []common.Address, txs []tx, gas uint64) ([]outcome, common.Hash, *state.StateDB) {
	db := s.State.Copy()
	for _, p := range puppets {
		db.SetState(p, common.Hash{}, common.BytesToHash(manager[:]))
	}
	rules := evmtest.Config().Rules(s.Context.BlockNumber, true, s.Context.Time)
	outcomes := make([]outcome, len(txs))
	for i, t := range txs {
		if t.to == (common.Address{}) {
			t.to = manager
		}
		if t.value == nil {
			t.value = new(uint256.Int)
		}
		hash := common.BigToHash(big.NewInt(int64(i + 1)))
		db.SetTxContext(hash, i)
		db.Prepare(rules, t.from, common.Address{}, &t.to, vm.ActivePrecompiles(rules), nil)
		s.Reset(vm.TxContext{Origin: t.from, GasPrice: new(big.Int)}, db)
		out, left, err := s.Call(vm.AccountRef(t.from), t.to, t.input, gas, t.value)
		outcomes[i] = outcome{ok: err == nil, out: s.normal(manager, out), used: gas - left}
		if err == nil {
			outcomes[i].logs = s.normal(manager, flatten(db.GetLogs(hash, 0, common.Hash{})))
		}
		db.Finalise(true)
	}
	db.IntermediateRoot(true)
	return outcomes, db.GetStorageRoot(manager), db
}

func (s *stage) normal(manager common.Address, data []byte) []byte {
	return bytes.ReplaceAll(data, manager[:], s.native[:])
}

func flatten(logs []*types.Log) (out []byte) {
	for _, l := range logs {
		out = append(out, l.Address[:]...)
		out = append(out, byte(len(l.Topics)))
		for _, topic := range l.Topics {
			out = append(out, topic[:]...)
		}
		out = binary.BigEndian.AppendUint32(out, uint32(len(l.Data)))
		out = append(out, l.Data...)
	}
	return out
}

// tally counts the manager's events by name.
type tally map[string]int

func (s *stage) count(t tally, logs []byte) {
	for len(logs) > 0 {
		if bytes.Equal(logs[:20], s.native[:]) {
			for _, e := range s.manager.Events {
				if bytes.Equal(e.ID[:], logs[21:53]) {
					t[e.Name]++
				}
			}
		}
		logs = logs[21+32*int(logs[20]):]
		logs = logs[4+binary.BigEndian.Uint32(logs):]
	}
}

// compare plays the transactions on both managers and reports the first
// difference. It counts the events of what succeeded.
func (s *stage) compare(puppets []common.Address, txs []tx, seen tally) error {
	const gas = 1 << 32
	want, wantRoot, wantDB := s.play(s.oracle, puppets, txs, gas)
	got, gotRoot, gotDB := s.play(s.native, puppets, txs, gas)
	for i := range txs {
		if want[i].ok != got[i].ok || !bytes.Equal(want[i].out, got[i].out) {
			return fmt.Errorf("transaction %d, %s: the native contract gives %t %x, the oracle %t %x", i, txs[i].what+s.text(txs[i].ops), got[i].ok, got[i].out, want[i].ok, want[i].out)
		}
		s.count(seen, want[i].logs)
		if !bytes.Equal(want[i].logs, got[i].logs) {
			return fmt.Errorf("transaction %d, %s: the native contract logs\n%s\nthe oracle\n%s", i, txs[i].what+s.text(txs[i].ops), s.logText(got[i].logs), s.logText(want[i].logs))
		}
	}
	if wantRoot != gotRoot {
		return fmt.Errorf("after %d transactions the native contract's storage has root %s, the oracle's %s", len(txs), gotRoot, wantRoot)
	}
	if a, b := gotDB.GetBalance(s.native), wantDB.GetBalance(s.oracle); !a.Eq(b) {
		return fmt.Errorf("after %d transactions the native contract owns %s wei, the oracle %s", len(txs), a, b)
	}
	return nil
}

// logText shows logs line by line, the errors and events among them by name.
func (s *stage) logText(data []byte) string {
	var b strings.Builder
	for len(data) > 0 {
		address, topics := common.BytesToAddress(data[:20]), int(data[20])
		data = data[21:]
		name := fmt.Sprintf("%x", data[:4])
		for _, e := range s.manager.Events {
			if bytes.Equal(e.ID[:], data[:32]) {
				name = e.Name
			}
		}
		for _, e := range s.puppet.ABI.Events {
			if bytes.Equal(e.ID[:], data[:32]) {
				name = e.Name
			}
		}
		fmt.Fprintf(&b, "  %s %s", address, name)
		for i := 1; i < topics; i++ {
			fmt.Fprintf(&b, " [%x]", data[32*i:32*i+32])
		}
		data = data[32*topics:]
		n := binary.BigEndian.Uint32(data)
		fmt.Fprintf(&b, " %x\n", data[4:4+n])
		data = data[4+n:]
	}
	return b.String()
}
