package dex

import (
	"bytes"
	_ "embed"
	"errors"

	"github.com/ava-labs/libevm/accounts/abi"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/precompile/contract"
)

//go:embed IPoolManager.json
var managerABI []byte

// ManagerABI is the interface of the contract at 0x0400; contracts/src/interfaces/IPoolManager.sol
// describes it.
func ManagerABI() (abi.ABI, error) { return abi.JSON(bytes.NewReader(managerABI)) }

// ManagerName is what people call the contract at 0x0400.
const ManagerName = "DEX pool manager"

// Manager is the contract at 0x0400.
var Manager = vm.NewStatefulPrecompile(runManager)

// function is the body of a function; it returns what the call returns.
type function struct {
	run     func(*call) ([]byte, error)
	payable bool
}

// call is one call of the pool manager.
type call struct {
	*contract.State
	*hasher
	calldata
	sender common.Address
	value  *uint256.Int
}

var functions map[selector]function

func init() {
	// A map literal would refer to itself: functions call the contract again.
	functions = map[selector]function{
		selectorOf("unlock(bytes)"): {run: unlock},
		selectorOf("initialize((address,address,uint24,int24,address),uint160)"):                                 {run: initialize},
		selectorOf("modifyLiquidity((address,address,uint24,int24,address),(int24,int24,int256,bytes32),bytes)"): {run: modifyLiquidity},
		selectorOf("swap((address,address,uint24,int24,address),(bool,int256,uint160),bytes)"):                   {run: swap},
		selectorOf("donate((address,address,uint24,int24,address),uint256,uint256,bytes)"):                       {run: donate},
		selectorOf("sync(address)"):                                                     {run: sync},
		selectorOf("take(address,address,uint256)"):                                     {run: take},
		selectorOf("settle()"):                                                          {run: settle, payable: true},
		selectorOf("settleFor(address)"):                                                {run: settleFor, payable: true},
		selectorOf("clear(address,uint256)"):                                            {run: clearDelta},
		selectorOf("mint(address,uint256,uint256)"):                                     {run: mint},
		selectorOf("burn(address,uint256,uint256)"):                                     {run: burn},
		selectorOf("transferOwnership(address)"):                                        {run: transferOwnership},
		selectorOf("owner()"):                                                           {run: owner},
		selectorOf("protocolFeeController()"):                                           {run: protocolFeeController},
		selectorOf("protocolFeesAccrued(address)"):                                      {run: protocolFeesAccrued},
		selectorOf("setProtocolFeeController(address)"):                                 {run: setProtocolFeeController},
		selectorOf("extsload(bytes32)"):                                                 {run: extsload},
		selectorOf("extsload(bytes32,uint256)"):                                         {run: extsloadRange},
		selectorOf("extsload(bytes32[])"):                                               {run: extsloadMany},
		selectorOf("exttload(bytes32)"):                                                 {run: exttload},
		selectorOf("exttload(bytes32[])"):                                               {run: exttloadMany},
		selectorOf("supportsInterface(bytes4)"):                                         {run: supportsInterface},
		selectorOf("balanceOf(address,uint256)"):                                        {run: balanceOf},
		selectorOf("allowance(address,address,uint256)"):                                {run: allowance},
		selectorOf("isOperator(address,address)"):                                       {run: isOperator},
		selectorOf("transfer(address,uint256,uint256)"):                                 {run: transfer},
		selectorOf("approve(address,uint256,uint256)"):                                  {run: approve},
		selectorOf("setOperator(address,bool)"):                                         {run: setOperator},
		selectorOf("transferFrom(address,address,uint256,uint256)"):                     {run: transferFrom},
		selectorOf("setProtocolFee((address,address,uint24,int24,address),uint24)"):     {run: setProtocolFee},
		selectorOf("updateDynamicLPFee((address,address,uint24,int24,address),uint24)"): {run: updateDynamicLPFee},
		selectorOf("collectProtocolFees(address,address,uint256)"):                      {run: collectProtocolFees},
	}
}

// runManager runs one call. An error other than a revert consumes all gas.
func runManager(env vm.PrecompileEnvironment, input []byte) ([]byte, error) {
	if out, bounced, err := contract.Bounced(env, input); bounced {
		return out, err
	}
	return asEVM(dispatch(contract.NewState(env), env, input))
}

// asEVM turns a revert into what the EVM takes for one.
func asEVM(out []byte, err error) ([]byte, error) {
	if err == nil {
		return out, nil
	}
	var revert *revertError
	if errors.As(err, &revert) {
		return revert.data, vm.ErrExecutionReverted
	}
	return nil, err
}

func dispatch(s *contract.State, env vm.PrecompileEnvironment, input []byte) ([]byte, error) {
	if err := s.Charge(callGas + wordGas*contract.Words(len(input))); err != nil {
		return nil, err
	}
	if how := env.IncomingCallType(); how == vm.DelegateCall || how == vm.CallCode {
		return nil, fail(errDelegateCall)
	}
	if len(input) < len(selector{}) {
		return nil, errEmpty
	}
	f, ok := functions[selector(input)]
	if !ok {
		return nil, errEmpty
	}
	value := env.Value()
	if !f.payable && !value.IsZero() {
		return nil, errEmpty
	}
	return f.run(&call{
		State: s, hasher: &hasher{}, calldata: calldata{data: input[len(selector{}):]},
		sender: s.Caller(), value: value,
	})
}

// result is the words as return data.
func result(words ...uint256.Int) []byte {
	out := make([]byte, 0, 32*len(words))
	for i := range words {
		out = appendWord(out, &words[i])
	}
	return out
}

var one = *uint256.NewInt(1)

func boolWord(b bool) (w uint256.Int) {
	if b {
		return one
	}
	return w
}

// word reads a storage slot as a number.
func (c *call) load(slot common.Hash) (uint256.Int, error) {
	v, err := c.Load(slot)
	return wordOf(v), err
}

func (c *call) store(slot common.Hash, w *uint256.Int) error { return c.Store(slot, w.Bytes32()) }

// value slots of mappings, one key after the other, from the variable on.
func (c *call) slot(variable uint64, keys ...common.Hash) (common.Hash, error) {
	at := slotNumber(variable)
	if err := c.Charge(slotGas * uint64(len(keys))); err != nil {
		return at, err
	}
	for _, key := range keys {
		at = c.entry(key, at)
	}
	return at, nil
}

func addressKey(a common.Address) common.Hash { return common.BytesToHash(a[:]) }

// pool returns the pool of a key, and its id.
func (c *call) pool(key *poolKey) (*pool, common.Hash, error) {
	if err := c.Charge(2 * slotGas); err != nil {
		return nil, common.Hash{}, err
	}
	id := c.hash(key.encoded[:])
	return poolAt(c.State, c.hasher, id), id, nil
}
