package contracts_test

import (
	"fmt"
	"math/big"
	"os"
	"slices"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/internal/evmtest"
)

// slot reads the manager's storage.
func (a *author) slot(at common.Hash) *big.Int { return a.State.GetState(native, at).Big() }

func plus(at common.Hash, n int64) common.Hash {
	return common.BigToHash(new(big.Int).Add(at.Big(), big.NewInt(n)))
}

func mapped(key, mapping common.Hash) common.Hash { return crypto.Keccak256Hash(key[:], mapping[:]) }

func (a *author) poolSlot(k poolKey) common.Hash {
	return mapped(id(a.tb, a.stage, k), common.BigToHash(big.NewInt(6)))
}

// liquidityOf is that of a position.
func (a *author) liquidityOf(k poolKey, owner common.Address, p position) *big.Int {
	int24 := func(n int64) []byte { return []byte{byte(n >> 16), byte(n >> 8), byte(n)} }
	key := crypto.Keccak256Hash(owner[:], int24(p.lower), int24(p.upper), common.RightPadBytes([]byte{p.salt}, 32))
	return a.slot(mapped(key, plus(a.poolSlot(k), 6)))
}

// claims are all that anybody has of a currency.
func (a *author) claimed(currency common.Address) *big.Int {
	sum := new(big.Int)
	for _, owner := range append([]common.Address{evmtest.Caller, a.router}, a.hooks...) {
		of := mapped(common.BytesToHash(owner[:]), common.BigToHash(big.NewInt(4)))
		sum.Add(sum, a.slot(mapped(common.BytesToHash(currency[:]), of)))
	}
	return sum
}

// owns is what the manager has of a currency.
func (a *author) owns(currency common.Address) *big.Int {
	if currency == (common.Address{}) {
		return a.State.GetBalance(native).ToBig()
	}
	at := mapped(common.BytesToHash(native[:]), common.BigToHash(big.NewInt(3)))
	return a.State.GetState(currency, at).Big()
}

// solvent reports a currency of which the manager owes more than it owns, in
// claims and in fees of the protocol.
func (a *author) solvent() error {
	for _, c := range a.currencies {
		owed := a.claimed(c)
		owed.Add(owed, a.slot(mapped(common.BytesToHash(c[:]), common.BigToHash(common.Big1))))
		if has := a.owns(c); has.Cmp(owed) < 0 {
			return fmt.Errorf("of %s the manager owns %s and owes %s", c, has, owed)
		}
	}
	return nil
}

// step runs one transaction on the native manager and keeps its state.
func (a *author) step(t tx) outcome {
	outcomes, _, db := a.play(native, a.puppets, []tx{t}, 1<<32)
	a.State = db
	return outcomes[0]
}

// growths are the fees of a pool for a unit of liquidity since ever.
func (a *author) growths(k poolKey) [2]*big.Int {
	base := a.poolSlot(k)
	return [2]*big.Int{a.slot(plus(base, 1)), a.slot(plus(base, 2))}
}

// withdraw takes all liquidity of owner out of a position.
func (a *author) withdraw(k poolKey, owner common.Address, p position, liquidity *big.Int) outcome {
	ops := []op{
		call(a.pack(a.tb, "modifyLiquidity", k, modifyParams{big.NewInt(p.lower), big.NewInt(p.upper), new(big.Int).Neg(liquidity), [32]byte{p.salt}}, []byte{})),
		even(k.Currency0, 0), even(k.Currency1, 0),
	}
	return a.step(tx{from: owner, input: a.pack(a.tb, "unlock", a.ops(a.tb, ops))})
}

// Whatever happens, the manager owns what it owes, fees for liquidity only grow,
// and in the end every position can be withdrawn.
func TestThePoolManagerStaysSolvent(t *testing.T) {
	base := newStage(t)
	worlds, withdrawn := uint64(12), 0
	if os.Getenv("PARS_TEST_FULL") != "" {
		worlds = 100
	}
	for n := range worlds {
		a, txs := write(t, base, *dexSeed+1, n, 40, true)
		before := make(map[int][2]*big.Int)
		for i, x := range txs {
			a.step(x)
			if err := a.solvent(); err != nil {
				t.Fatalf("world %d after transaction %d, %s%s: %v", n, i, x.what, a.text(x.ops), err)
			}
			for j, k := range a.pools {
				now := a.growths(k)
				if was, ok := before[j]; ok && (now[0].Cmp(was[0]) < 0 || now[1].Cmp(was[1]) < 0) && !wrapped(was, now) {
					t.Fatalf("world %d after transaction %d: the fees of pool %d fall from %v to %v", n, i, j, was, now)
				}
				before[j] = now
			}
		}
		// Hooks that want nothing any more: a hook may refuse a withdrawal.
		for _, hook := range a.hooks {
			for _, s := range hookSelectors {
				data := append(append([]byte{}, s[:]...), make([]byte, 60)...)
				if s == hookSelectors[0] {
					data = append(data, make([]byte, 32)...)
				}
				a.step(tx{from: evmtest.Caller, to: hook, input: a.packPuppet(t, "program", s, answer{Data: data, Ops: []op{}})})
			}
		}
		slices.SortFunc(a.positions, func(x, y position) int {
			return int(x.lower-y.lower)*4 + int(x.upper-y.upper)*2 + int(x.salt) - int(y.salt)
		})
		for _, p := range slices.Compact(a.positions) {
			for _, k := range a.pools {
				for _, owner := range append([]common.Address{a.router}, a.hooks...) {
					l := a.liquidityOf(k, owner, p)
					if l.Sign() == 0 {
						continue
					}
					if o := a.withdraw(k, owner, p, l); !o.ok {
						t.Errorf("world %d: withdrawing %s of [%d, %d) by %s: %x", n, l, p.lower, p.upper, owner, o.out)
						continue
					}
					withdrawn++
				}
			}
		}
		for j, k := range a.pools {
			if l := a.slot(plus(a.poolSlot(k), 3)); l.Sign() != 0 {
				t.Errorf("world %d: pool %d has liquidity %s when all positions are withdrawn", n, j, l)
			}
		}
		if err := a.solvent(); err != nil {
			t.Errorf("world %d when all positions are withdrawn: %v", n, err)
		}
	}
	t.Logf("%d positions withdrawn", withdrawn)
	if withdrawn < 30 {
		t.Error("too few positions to say anything")
	}
}

// wrapped reports growths that passed 2^256, as they may with hardly any
// liquidity: positions count differences.
func wrapped(was, now [2]*big.Int) bool {
	for i := range was {
		if now[i].Cmp(was[i]) < 0 && was[i].BitLen() < 250 {
			return false
		}
	}
	return true
}
