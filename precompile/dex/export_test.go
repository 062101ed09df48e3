package dex

import (
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/libevm"
	"github.com/ava-labs/libevm/libevm/stateconf"

	"github.com/pars-network/pars/precompile/contract"
)

// Measured is the pool manager. It adds what it charges for computation to sum.
func Measured(sum *uint64) vm.PrecompiledContract {
	return vm.NewStatefulPrecompile(func(env vm.PrecompileEnvironment, input []byte) ([]byte, error) {
		if out, bounced, err := contract.Bounced(env, input); bounced {
			return out, err
		}
		s := contract.NewState(env)
		out, err := dispatch(s, env, input)
		*sum += s.Computed()
		return asEVM(out, err)
	})
}

// Recorded is the pool manager. It appends what it does to the state to ops.
func Recorded(ops *[]func(vm.StateDB)) vm.PrecompiledContract {
	return vm.NewStatefulPrecompile(func(env vm.PrecompileEnvironment, input []byte) ([]byte, error) {
		e := recordedEnv{PrecompileEnvironment: env, db: recorder{StateDB: env.StateDB(), ops: ops}}
		return asEVM(dispatch(contract.NewState(e), e, input))
	})
}

type recordedEnv struct {
	vm.PrecompileEnvironment
	db recorder
}

func (e recordedEnv) ReadOnlyState() libevm.StateReader { return e.db }
func (e recordedEnv) StateDB() vm.StateDB               { return e.db }

type recorder struct {
	vm.StateDB
	ops *[]func(vm.StateDB)
}

func (r recorder) did(op func(vm.StateDB)) { *r.ops = append(*r.ops, op) }

func (r recorder) SlotInAccessList(a common.Address, s common.Hash) (bool, bool) {
	r.did(func(db vm.StateDB) { db.SlotInAccessList(a, s) })
	return r.StateDB.SlotInAccessList(a, s)
}

func (r recorder) AddSlotToAccessList(a common.Address, s common.Hash) {
	r.did(func(db vm.StateDB) { db.AddSlotToAccessList(a, s) })
	r.StateDB.AddSlotToAccessList(a, s)
}

func (r recorder) GetState(a common.Address, s common.Hash, _ ...stateconf.StateDBStateOption) common.Hash {
	r.did(func(db vm.StateDB) { db.GetState(a, s) })
	return r.StateDB.GetState(a, s)
}

func (r recorder) GetCommittedState(a common.Address, s common.Hash, _ ...stateconf.StateDBStateOption) common.Hash {
	r.did(func(db vm.StateDB) { db.GetCommittedState(a, s) })
	return r.StateDB.GetCommittedState(a, s)
}

func (r recorder) SetState(a common.Address, s, v common.Hash, _ ...stateconf.StateDBStateOption) {
	r.did(func(db vm.StateDB) { db.SetState(a, s, v) })
	r.StateDB.SetState(a, s, v)
}

func (r recorder) GetTransientState(a common.Address, s common.Hash) common.Hash {
	r.did(func(db vm.StateDB) { db.GetTransientState(a, s) })
	return r.StateDB.GetTransientState(a, s)
}

func (r recorder) SetTransientState(a common.Address, s, v common.Hash) {
	r.did(func(db vm.StateDB) { db.SetTransientState(a, s, v) })
	r.StateDB.SetTransientState(a, s, v)
}

func (r recorder) AddLog(l *types.Log) {
	r.did(func(db vm.StateDB) { c := *l; db.AddLog(&c) })
	r.StateDB.AddLog(l)
}
