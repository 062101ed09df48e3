package contract

import (
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/libevm"
	"github.com/ava-labs/libevm/params"
	"github.com/holiman/uint256"
)

// State is what a stateful native contract keeps under its own address: storage,
// transient storage, logs and money, and the way to other contracts. Every
// operation charges what the EVM's opcode of the same kind costs under Cancun
// rules, before it happens, because libevm charges a native contract nothing.
//
// Errors are [vm.ErrOutOfGas] and [vm.ErrWriteProtection]; the function that gets
// one has to return it. A State lives as long as the call it was made for.
type State struct {
	env    vm.PrecompileEnvironment
	self   common.Address
	caller common.Address
	reader libevm.StateReader
	access accessList
	// db is nil in a read-only call.
	db vm.StateDB
	// computed is what Charge took.
	computed uint64
}

// accessList is EIP-2929's. libevm hands its whole StateDB out as a reader, also
// in read-only calls, in which reading has to warm slots all the same.
type accessList interface {
	AddAddressToAccessList(common.Address)
	AddSlotToAccessList(common.Address, common.Hash)
}

// NewState returns the state of the contract that env calls.
func NewState(env vm.PrecompileEnvironment) *State {
	raw := env.Addresses().Raw
	s := &State{env: env, self: raw.Self, caller: raw.Caller, reader: env.ReadOnlyState()}
	s.access, _ = s.reader.(accessList)
	if !env.ReadOnly() {
		s.db = env.StateDB()
	}
	return s
}

// State returns the state of the contract that is called.
func (c *Call) State() *State { return NewState(c.Env) }

// Self is the contract's own address.
func (s *State) Self() common.Address { return s.self }

// Caller is the account that calls.
func (s *State) Caller() common.Address { return s.caller }

// ReadOnly reports whether the call is inside a STATICCALL.
func (s *State) ReadOnly() bool { return s.db == nil }

// Charge takes gas for computation, before the work that it pays for.
func (s *State) Charge(gas uint64) error {
	s.computed += gas
	return s.take(gas)
}

// Computed is the gas that Charge took so far: what the contract itself set a
// price on.
func (s *State) Computed() uint64 { return s.computed }

// take takes gas for what an EIP sets the price of.
func (s *State) take(gas uint64) error {
	if !s.env.UseGas(gas) {
		return vm.ErrOutOfGas
	}
	return nil
}

// warmSlot reports whether the slot was used before in this transaction, and
// warms it.
func (s *State) warmSlot(slot common.Hash) bool {
	if _, warm := s.reader.SlotInAccessList(s.self, slot); warm {
		return true
	}
	if s.access != nil {
		s.access.AddSlotToAccessList(s.self, slot)
	}
	return false
}

// Load reads a storage slot: SLOAD, 2,100 gas the first time in a transaction and
// 100 from then on (EIP-2929).
func (s *State) Load(slot common.Hash) (common.Hash, error) {
	gas := params.WarmStorageReadCostEIP2929
	if !s.warmSlot(slot) {
		gas = params.ColdSloadCostEIP2929
	}
	if err := s.take(gas); err != nil {
		return common.Hash{}, err
	}
	return s.reader.GetState(s.self, slot), nil
}

// Store writes a storage slot at the price of SSTORE, with its refunds and its
// least gas of 2,300 (EIP-2200, EIP-2929, EIP-3529).
func (s *State) Store(slot, value common.Hash) error {
	if s.db == nil {
		return vm.ErrWriteProtection
	}
	if s.env.Gas() <= params.SstoreSentryGasEIP2200 {
		return vm.ErrOutOfGas
	}
	var gas uint64
	if !s.warmSlot(slot) {
		gas = params.ColdSloadCostEIP2929
	}
	current := s.db.GetState(s.self, slot)
	if current == value {
		return s.take(gas + params.WarmStorageReadCostEIP2929)
	}
	original := s.db.GetCommittedState(s.self, slot)
	gas += storeGas(original, current)
	if err := s.take(gas); err != nil {
		return err
	}
	s.refund(original, current, value)
	s.db.SetState(s.self, slot, value)
	return nil
}

// storeGas is the price of a change of a warm slot (EIP-2200, cases 2 and 3).
func storeGas(original, current common.Hash) uint64 {
	switch {
	case original != current:
		return params.WarmStorageReadCostEIP2929
	case original == common.Hash{}:
		return params.SstoreSetGasEIP2200
	default:
		return params.SstoreResetGasEIP2200 - params.ColdSloadCostEIP2929
	}
}

// refund books what a change of a slot gives back, or takes back.
func (s *State) refund(original, current, value common.Hash) {
	var empty common.Hash
	if original != empty {
		if current == empty {
			s.db.SubRefund(params.SstoreClearsScheduleRefundEIP3529)
		}
		if value == empty {
			s.db.AddRefund(params.SstoreClearsScheduleRefundEIP3529)
		}
	}
	if original == current || original != value {
		return
	}
	if original == empty {
		s.db.AddRefund(params.SstoreSetGasEIP2200 - params.WarmStorageReadCostEIP2929)
		return
	}
	s.db.AddRefund(params.SstoreResetGasEIP2200 - params.ColdSloadCostEIP2929 - params.WarmStorageReadCostEIP2929)
}

// LoadTransient reads a slot of transient storage: TLOAD, 100 gas (EIP-1153).
func (s *State) LoadTransient(slot common.Hash) (common.Hash, error) {
	if err := s.take(params.WarmStorageReadCostEIP2929); err != nil {
		return common.Hash{}, err
	}
	return s.reader.GetTransientState(s.self, slot), nil
}

// StoreTransient writes a slot of transient storage, which is empty again after
// the transaction: TSTORE, 100 gas (EIP-1153).
func (s *State) StoreTransient(slot, value common.Hash) error {
	if s.db == nil {
		return vm.ErrWriteProtection
	}
	if err := s.take(params.WarmStorageReadCostEIP2929); err != nil {
		return err
	}
	s.db.SetTransientState(s.self, slot, value)
	return nil
}

// Log writes an event of at most four topics. It keeps data.
func (s *State) Log(topics []common.Hash, data []byte) error {
	if s.db == nil {
		return vm.ErrWriteProtection
	}
	if err := s.take(params.LogGas + params.LogTopicGas*uint64(len(topics)) + params.LogDataGas*uint64(len(data))); err != nil {
		return err
	}
	s.db.AddLog(&types.Log{Address: s.self, Topics: topics, Data: data, BlockNumber: s.env.BlockNumber().Uint64()})
	return nil
}

// Balance is what the contract owns, in wei: SELFBALANCE, 5 gas.
func (s *State) Balance() (*uint256.Int, error) {
	if err := s.take(vm.GasFastStep); err != nil {
		return nil, err
	}
	return s.reader.GetBalance(s.self), nil
}

// touch charges for naming another account and warms it (EIP-2929).
func (s *State) touch(account common.Address) error {
	if s.reader.AddressInAccessList(account) {
		return s.take(params.WarmStorageReadCostEIP2929)
	}
	if s.access != nil {
		s.access.AddAddressToAccessList(account)
	}
	return s.take(params.ColdAccountAccessCostEIP2929)
}

// Reader reads the storage of another native contract of the same family, at the
// price of SLOAD. Everything else fails as it does in a read-only call.
func Reader(env vm.PrecompileEnvironment, account common.Address) *State {
	s := NewState(env)
	s.self, s.db = account, nil
	return s
}
