// Package precompile is the registry of Pars' native contracts: the one list of
// their addresses, names, activation times and code.
package precompile

import (
	"math/big"

	"github.com/ava-labs/libevm/accounts/abi"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/core/vm"

	"github.com/pars-network/pars/precompile/ai"
	"github.com/pars-network/pars/precompile/contract"
	"github.com/pars-network/pars/precompile/dex"
	"github.com/pars-network/pars/precompile/graph"
	"github.com/pars-network/pars/precompile/oracle"
	"github.com/pars-network/pars/precompile/pq"
	"github.com/pars-network/pars/precompile/privacy"
	"github.com/pars-network/pars/precompile/threshold"
	"github.com/pars-network/pars/precompile/zk"
)

// Addresses of the native contracts. Those of PIP-0000 are 0x0300 to 0x09ff.
var (
	P256VerifyAddress   = common.BytesToAddress([]byte{0x01, 0x00})
	AIAddress           = ai.Address
	PoolManagerAddress  = dex.ManagerAddress
	QuoterAddress       = common.BytesToAddress([]byte{0x04, 0x01})
	VaultFactoryAddress = dex.FactoryAddress
	GraphAddress        = graph.Address
	OracleAddress       = oracle.Address
	MLKEMAddress        = common.BytesToAddress([]byte{0x06, 0x01})
	MLDSAAddress        = common.BytesToAddress([]byte{0x06, 0x02})
	SLHDSAAddress       = common.BytesToAddress([]byte{0x06, 0x03})
	RingAddress         = common.BytesToAddress([]byte{0x07, 0x00})
	ECIESAddress        = common.BytesToAddress([]byte{0x07, 0x01})
	HPKEAddress         = common.BytesToAddress([]byte{0x07, 0x02})
	FROSTAddress        = common.BytesToAddress([]byte{0x08, 0x00})
	CGGMP21Address      = common.BytesToAddress([]byte{0x08, 0x01})
	ECDSAAddress        = common.BytesToAddress([]byte{0x08, 0x02})
	PoseidonAddress     = common.BytesToAddress([]byte{0x09, 0x00})
	PedersenAddress     = common.BytesToAddress([]byte{0x09, 0x01})
	STARKAddress        = common.BytesToAddress([]byte{0x09, 0x02})
)

// Entry is one native contract. Entries are immutable.
type Entry struct {
	Address common.Address
	// Name is what people call it: "ML-DSA".
	Name string
	// Since is the block time, in Unix seconds, from which the contract is
	// active; 0 is from genesis on.
	Since uint64
	// ABI is nil for a contract that takes raw bytes, or reads the Solidity ABI by
	// other rules than those of package contract.
	ABI *abi.ABI
	// Stateful contracts keep state or logs under their address and refuse
	// DELEGATECALL and CALLCODE.
	Stateful bool
	// Predeployed accounts have nonce 1 and code 0x01 from genesis on.
	Predeployed bool
	// Run is the contract as the EVM runs it.
	Run vm.PrecompiledContract
}

// entries lists all contracts by address.
//
// P256VERIFY (EIP-7951) is Ethereum's from Osaka on, Cancun rules lack it. Like
// Ethereum's other precompiles it takes raw bytes and is called without asking
// for its code first, so its account stays empty, as it is on every other chain.
var entries = []Entry{
	{Address: P256VerifyAddress, Name: "P256VERIFY", Run: &vm.P256Verify{}},
	native(AIAddress, ai.Registry),
	{Address: PoolManagerAddress, Name: dex.ManagerName, Stateful: true, Predeployed: true, Run: dex.Manager},
	quoter(),
	native(GraphAddress, graph.Graph),
	native(OracleAddress, oracle.Feeds),
	native(MLKEMAddress, pq.MLKEM),
	native(MLDSAAddress, pq.MLDSA),
	native(SLHDSAAddress, pq.SLHDSA),
	native(RingAddress, privacy.Ring),
	native(ECIESAddress, privacy.ECIES),
	native(HPKEAddress, privacy.HPKE),
	native(FROSTAddress, threshold.FROST),
	native(CGGMP21Address, threshold.CGGMP21),
	native(ECDSAAddress, threshold.ECDSA),
	native(PoseidonAddress, zk.Poseidon),
	native(PedersenAddress, zk.Pedersen),
	native(STARKAddress, zk.STARK),
}

// Predeploy is an account with ordinary bytecode that genesis contains, for what
// native contracts need and cannot be themselves.
type Predeploy struct {
	Address common.Address
	Name    string
	Code    []byte
}

// predeploys lists them by address.
var predeploys = []Predeploy{
	{Address: contract.BouncerAddress, Name: "Bouncer", Code: contract.BouncerCode},
	{Address: VaultFactoryAddress, Name: "DEX vault factory", Code: dex.FactoryCode},
}

// Predeploys returns the accounts with bytecode that genesis contains, by rising
// address.
func Predeploys() []Predeploy { return append([]Predeploy(nil), predeploys...) }

var byAddress = func() map[common.Address]*Entry {
	m := make(map[common.Address]*Entry, len(entries))
	for i := range entries {
		m[entries[i].Address] = &entries[i]
	}
	return m
}()

func native(address common.Address, c *contract.Contract) Entry {
	ABI := c.ABI()
	return Entry{
		Address: address, Name: c.Name(), ABI: &ABI,
		Stateful: c.Stateful(), Predeployed: true, Run: c.Precompiled(),
	}
}

// quoter is one that the pool manager calls back.
func quoter() Entry {
	e := native(QuoterAddress, dex.Quoter)
	e.Run = dex.QuoterContract
	return e
}

// ActiveAt reports whether the contract exists at the block time, in Unix seconds.
func (e Entry) ActiveAt(time uint64) bool { return time >= e.Since }

// Entries returns all contracts, also those that are not active yet, by
// rising address.
func Entries() []Entry { return append([]Entry(nil), entries...) }

// At returns the contract at address if it is active at the block time, in Unix
// seconds.
func At(address common.Address, time uint64) (vm.PrecompiledContract, bool) {
	e, ok := byAddress[address]
	if !ok || !e.ActiveAt(time) {
		return nil, false
	}
	return e.Run, true
}

// Active returns the addresses of the contracts that are active at the block
// time, in Unix seconds, by rising address.
func Active(time uint64) []common.Address {
	var out []common.Address
	for _, e := range entries {
		if e.ActiveAt(time) {
			out = append(out, e.Address)
		}
	}
	return out
}

// Alloc is what genesis gives the addresses of predeployed contracts: nonce 1,
// without which EIP-158 deletes an account and its storage after a call, and
// one byte of code, without which Solidity's check of EXTCODESIZE reverts every
// call. The code never runs. Contracts that become active later are in it too,
// so that genesis doesn't depend on when they do. The code of a [Predeploy] does
// run.
func Alloc() types.GenesisAlloc {
	alloc := make(types.GenesisAlloc)
	for _, e := range entries {
		if e.Predeployed {
			alloc[e.Address] = types.Account{Nonce: 1, Code: []byte{0x01}, Balance: new(big.Int)}
		}
	}
	for _, p := range predeploys {
		alloc[p.Address] = types.Account{Nonce: 1, Code: p.Code, Balance: new(big.Int)}
	}
	return alloc
}
