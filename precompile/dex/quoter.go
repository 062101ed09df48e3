package dex

import (
	"bytes"
	_ "embed"
	"errors"
	"math/big"

	"github.com/ava-labs/libevm/accounts/abi"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/params"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/precompile/contract"
)

//go:embed IQuoter.json
var quoterABI []byte

// ManagerAddress is where the quoter finds the pool manager.
var ManagerAddress = common.BytesToAddress([]byte{0x04, 0x00})

// Quoter is the contract at 0x0401. contracts/src/interfaces/IQuoter.sol describes
// it.
var Quoter = contract.MustNew(contract.Config{
	Name: "DEX quoter",
	ABI:  quoterABI,
	Functions: map[string]contract.Function{
		"quoteExactInputSingle(((address,address,uint24,int24,address),bool,uint128,bytes))":  quote(routeSingle, false),
		"quoteExactOutputSingle(((address,address,uint24,int24,address),bool,uint128,bytes))": quote(routeSingle, true),
		"quoteExactInput((address,(address,uint24,int24,address,bytes)[],uint128))":           quote(routePath, false),
		"quoteExactOutput((address,(address,uint24,int24,address,bytes)[],uint128))":          quote(routePath, true),
	},
	// It has no state of its own, but the manager calls it back.
	Stateful: true,
})

// QuoterContract is [Quoter] with the callback that only the manager may call.
var QuoterContract = vm.NewStatefulPrecompile(runQuoter)

func runQuoter(env vm.PrecompileEnvironment, input []byte) ([]byte, error) {
	if len(input) >= 4 && selector(input) == selUnlockCallback && env.IncomingCallType() == vm.Call && env.Addresses().Raw.Caller == ManagerAddress {
		return asEVM(nil, quoteCallback(contract.NewState(env), input))
	}
	return Quoter.Run(env, input)
}

// maxPath is how many pools a path has at most.
const maxPath = 16

// hop is a swap in one pool.
type hop struct {
	key        poolKey
	zeroForOne bool
	data       []byte
}

// route is a quote: hops in the order in which they are computed, each with the
// result of the one before as its exact amount.
type route struct {
	hops      []hop
	amount    uint256.Int
	exactOut  bool
	callbacks bool // some hook has a say
}

// newKey puts a key together from its parts.
func newKey(currency0, currency1 common.Address, fee uint32, spacing int32, hooks common.Address) poolKey {
	k := poolKey{currency0: currency0, currency1: currency1, fee: fee, spacing: spacing, hooks: hooks}
	copy(k.encoded[12:], currency0[:])
	copy(k.encoded[44:], currency1[:])
	f, s := number(int64(fee)), number(int64(spacing))
	f.WriteToSlice(k.encoded[64:96])
	s.WriteToSlice(k.encoded[96:128])
	copy(k.encoded[140:], hooks[:])
	return k
}

// spacing of the decoded argument i, an int24.
func spacingOf(a contract.Args, i int) int32 { return int24(uint32(a.Uint256(i).Uint64())) }

func (r *route) add(key poolKey, zeroForOne bool, data []byte) {
	r.hops = append(r.hops, hop{key: key, zeroForOne: zeroForOne, data: data})
	r.callbacks = r.callbacks || key.permits(flagBeforeSwap|flagAfterSwap)
}

// routeSingle reads QuoteExactSingleParams.
func routeSingle(p contract.Args, exactOut bool) (*route, error) {
	k := p.List(0)
	r := &route{amount: *p.Uint256(2), exactOut: exactOut}
	key := newKey(k.Address(0), k.Address(1), uint32(k.Uint64(2)), spacingOf(k, 3), k.Address(4))
	r.add(key, p.Bool(1), p.Bytes(3))
	return r, nil
}

// routePath reads QuoteExactParams.
func routePath(p contract.Args, exactOut bool) (*route, error) {
	path := p.List(1)
	if len(path) == 0 || len(path) > maxPath {
		return nil, contract.Revert("PathLength", len(path))
	}
	r := &route{amount: *p.Uint256(2), exactOut: exactOut}
	at := p.Address(0)
	for i := range path {
		k := path.List(i)
		if exactOut {
			k = path.List(len(path) - 1 - i)
		}
		next := k.Address(0)
		low, high := at, next
		if low.Cmp(high) > 0 {
			low, high = high, low
		}
		// An exact input goes in at, an exact output comes out of it.
		r.add(newKey(low, high, uint32(k.Uint64(1)), spacingOf(k, 2), k.Address(3)), (at == low) != exactOut, k.Bytes(4))
		at = next
	}
	return r, nil
}

// reader reads the parameters of a quote.
type reader func(p contract.Args, exactOut bool) (*route, error)

func quote(read reader, exactOut bool) contract.Function {
	return func(c *contract.Call) ([]any, error) {
		r, err := read(c.Args.List(0), exactOut)
		if err != nil {
			return nil, err
		}
		return r.quote(c)
	}
}

// quotes are the functions that quote, by name.
var quotes = map[string]struct {
	read     reader
	exactOut bool
}{
	"quoteExactInputSingle": {routeSingle, false}, "quoteExactOutputSingle": {routeSingle, true},
	"quoteExactInput": {routePath, false}, "quoteExactOutput": {routePath, true},
}

// quoterMethods is the parsed interface.
var quoterMethods = func() abi.ABI {
	parsed, err := abi.JSON(bytes.NewReader(quoterABI))
	if err != nil {
		panic(err) // a mistake in this program, which any test shows
	}
	return parsed
}()

// parseRoute reads the calldata of a quote, which the quoter has read before.
func parseRoute(input []byte) (*route, error) {
	m, err := quoterMethods.MethodById(input)
	if err != nil {
		return nil, errEmpty
	}
	q, ok := quotes[m.Name]
	if !ok {
		return nil, errEmpty
	}
	args, err := contract.Decode(m.Inputs, input[4:])
	if err != nil {
		return nil, err
	}
	return q.read(args.List(0), q.exactOut)
}

// quote returns the amount at the other end, and the gas it took.
func (r *route) quote(c *contract.Call) ([]any, error) {
	start := c.Env.Gas()
	ask := r.compute
	if r.callbacks {
		ask = r.try
	}
	amount, err := ask(c)
	if err != nil {
		return nil, refuse(err)
	}
	return []any{amount.ToBig(), new(big.Int).SetUint64(start - c.Env.Gas())}, nil
}

// refuse turns a revert into one of the quoter's own errors.
func refuse(err error) error {
	var revert *revertError
	if errors.As(err, &revert) {
		if len(revert.data) == 36 && selector(revert.data) == selNotEnough {
			return contract.Revert("NotEnoughLiquidity", [32]byte(revert.data[4:]))
		}
		return contract.Revert("UnexpectedRevertBytes", append([]byte{}, revert.data...))
	}
	return err
}

// swapParams of a hop with an exact amount.
func (h *hop) params(amount *uint256.Int, exactOut bool) swapParams {
	p := swapParams{zeroForOne: h.zeroForOne, amount: *amount, limit: maxSqrtPrice}
	p.limit.SubUint64(&p.limit, 1)
	if h.zeroForOne {
		p.limit.AddUint64(&minSqrtPrice, 1)
	}
	if !exactOut {
		p.amount.Neg(&p.amount)
	}
	return p
}

// other is the amount at the other end of a swap. All of the exact amount has to
// be used.
func (h *hop) other(d delta, p *swapParams, id common.Hash) (amount uint256.Int, err error) {
	exact, other := d.amount0, d.amount1
	if h.zeroForOne != (p.amount.Sign() < 0) {
		exact, other = other, exact
	}
	if !exact.Eq(&p.amount) {
		return amount, fail(selNotEnough, wordOf(id))
	}
	return *amount.Abs(&other), nil
}

// compute swaps in a copy of the pools.
func (r *route) compute(c *contract.Call) (uint256.Int, error) {
	copied := &overlay{State: contract.Reader(c.Env, ManagerAddress), written: make(map[common.Hash]common.Hash)}
	amount := r.amount
	for i := range r.hops {
		h := &r.hops[i]
		if err := c.Charge(2 * slotGas); err != nil {
			return amount, err
		}
		var keys hasher
		id := keys.hash(h.key.encoded[:])
		p := poolAt(copied, &keys, id)
		params := h.params(&amount, r.exactOut)
		if amount.IsZero() {
			return amount, fail(errSwapAmountZero)
		}
		if _, err := p.initialized(); err != nil {
			return amount, err
		}
		result, err := p.swap(&swapRequest{spacing: h.key.spacing, zeroForOne: h.zeroForOne, amount: params.amount, limit: params.limit})
		if err != nil {
			return amount, err
		}
		if amount, err = h.other(result.delta, &params, id); err != nil {
			return amount, err
		}
	}
	return amount, nil
}

// overlay is the manager's storage with what a quote writes on top. It lives as
// long as the call.
type overlay struct {
	*contract.State
	written map[common.Hash]common.Hash
}

// Load reads what was written, or the storage.
func (o *overlay) Load(slot common.Hash) (common.Hash, error) {
	if v, ok := o.written[slot]; ok {
		return v, o.Charge(params.WarmStorageReadCostEIP2929)
	}
	return o.State.Load(slot)
}

// Store writes on top, at the price of a warm slot.
func (o *overlay) Store(slot, value common.Hash) error {
	if err := o.Charge(params.WarmStorageReadCostEIP2929); err != nil {
		return err
	}
	o.written[slot] = value
	return nil
}

// try makes the swaps inside an unlock that reverts with the result. The pools
// come in the request again: the callback gets nothing else.
func (r *route) try(c *contract.Call) (amount uint256.Int, err error) {
	if c.Env.ReadOnly() {
		for _, h := range r.hops {
			if h.key.permits(flagBeforeSwap | flagAfterSwap) {
				return amount, contract.Revert("HookedPool", h.key.hooks)
			}
		}
	}
	input := append([]byte(nil), selUnlock[:]...)
	input = appendBytes(appendNumber(input, 32), c.Input)
	out, err := c.State().Call(ManagerAddress, input, nil)
	if err != nil {
		return amount, err
	}
	if !out.OK && len(out.Data) == 36 && selector(out.Data) == selQuoteSwap {
		return *amount.SetBytes(out.Data[4:]), nil
	}
	return amount, &revertError{data: out.Data}
}

var (
	selUnlock    = selectorOf("unlock(bytes)")
	selSwap      = selectorOf("swap((address,address,uint24,int24,address),(bool,int256,uint160),bytes)")
	selQuoteSwap = selectorOf("QuoteSwap(uint256)")
	selNotEnough = selectorOf("NotEnoughLiquidity(bytes32)")
)

// quoteCallback is the inside of try: it reads the request of the quote again,
// swaps, and reverts with the amount. What reverts on the way is passed on.
func quoteCallback(s *contract.State, input []byte) error {
	if err := s.Charge(contract.CallGas + contract.WordGas*contract.Words(len(input))); err != nil {
		return err
	}
	d := calldata{data: input[4:]}
	if err := d.heads(1); err != nil {
		return err
	}
	request := d.bytes(0)
	if err := d.ok(); err != nil {
		return err
	}
	r, err := parseRoute(request)
	if err != nil {
		return err
	}
	amount := r.amount
	for i := range r.hops {
		if amount, err = r.hops[i].swap(s, &amount, r.exactOut); err != nil {
			return err
		}
	}
	return fail(selQuoteSwap, amount)
}

// swap asks the manager to swap.
func (h *hop) swap(s *contract.State, exact *uint256.Int, exactOut bool) (amount uint256.Int, err error) {
	params := h.params(exact, exactOut)
	input := append(append([]byte(nil), selSwap[:]...), h.key.encoded[:]...)
	input = append(input, result(params.words()...)...)
	input = appendBytes(appendNumber(input, 9*32), h.data)
	if err := s.Charge(2*slotGas + wordGas*contract.Words(len(input))); err != nil {
		return amount, err
	}
	out, err := s.Call(ManagerAddress, input, nil)
	if err != nil {
		return amount, err
	}
	if !out.OK || len(out.Data) != 32 {
		return amount, &revertError{data: out.Data}
	}
	var w uint256.Int
	w.SetBytes32(out.Data)
	var keys hasher
	return h.other(deltaOf(&w), &params, keys.hash(h.key.encoded[:]))
}
