package contracts_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
	"github.com/pars-network/pars/precompile/dex"
)

var rewrite = flag.Bool("rewrite", false, "write files that are made of others anew")

func TestTheFactoryIsCompiledFromHere(t *testing.T) {
	e := evmtest.New(t, evmtest.Block{})
	code, _, _, err := e.Create(vm.AccountRef(evmtest.Caller), compiled(t, "VaultFactory.sol", "VaultFactory").Code, evmtest.Gas, new(uint256.Int))
	if err != nil {
		t.Fatal(err)
	}
	if *rewrite {
		var b strings.Builder
		for digits := hex.EncodeToString(code); len(digits) > 0; {
			n := min(120, len(digits))
			b.WriteString(digits[:n] + "\n")
			digits = digits[n:]
		}
		if err := os.WriteFile(filepath.Join("..", "precompile", "dex", "VaultFactory.hex"), []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(code, dex.FactoryCode) {
		t.Error("precompile/dex/VaultFactory.hex is not what src/dex/VaultFactory.sol compiles to: go test ./contracts -run Factory -rewrite writes it anew")
	}
}

// market is a pool of PARS and a token with a vault.
type market struct {
	*evmtest.EVM
	tb                   testing.TB
	key                  poolKey
	token, router, units *deployed
	vault                *deployed
}

var (
	alice   = common.HexToAddress("0xa11ce")
	mallory = common.HexToAddress("0x3a1104e")
)

func newMarket(tb testing.TB) *market {
	tb.Helper()
	m := &market{EVM: evmtest.New(tb, evmtest.Block{}), tb: tb}
	m.State.SetBalance(evmtest.Caller, new(uint256.Int).Lsh(uint256.NewInt(1), 100))
	m.token = deploy(tb, m.EVM, compiled(tb, "ExampleToken.sol", "ExampleToken"), 0, evmtest.Caller, new(big.Int).Lsh(common.Big1, 120))
	m.router = deploy(tb, m.EVM, compiled(tb, "PoolRouter.sol", "PoolRouter"), 0)
	m.key = poolKey{Currency1: m.token.address, Fee: big.NewInt(3000), TickSpacing: big.NewInt(60)}
	oracle, err := oracleCode()
	if err != nil {
		tb.Fatal(err)
	}
	manager := &deployed{artifact: oracle, evm: m.EVM, address: precompile.PoolManagerAddress}
	m.from(evmtest.Caller, 0, manager, "initialize", m.key, q96)
	factory := &deployed{artifact: compiled(tb, "VaultFactory.sol", "VaultFactory"), evm: m.EVM, address: precompile.VaultFactoryAddress}
	other := m.key
	other.Fee = big.NewInt(500)
	if _, _, revert := factory.call(tb, "create", other); revert != "NoSuchPool" {
		tb.Errorf("a vault of no pool: revert %q, want NoSuchPool", revert)
	}
	vault := m.from(evmtest.Caller, 0, factory, "create", m.key)[0].(common.Address)
	if again := m.from(evmtest.Caller, 0, factory, "create", m.key)[0]; again != vault {
		tb.Errorf("the second vault of a pool is %s, the first %s", again, vault)
	}
	m.vault = &deployed{artifact: compiled(tb, "Vault.sol", "Vault"), evm: m.EVM, address: vault}
	units := m.from(evmtest.Caller, 0, m.vault, "asset")[0].(common.Address)
	m.units = &deployed{artifact: compiled(tb, "FullRange.sol", "FullRange"), evm: m.EVM, address: units}
	for _, who := range []common.Address{alice, mallory} {
		m.State.SetBalance(who, new(uint256.Int).Lsh(uint256.NewInt(1), 90))
		m.from(evmtest.Caller, 0, m.token, "transfer", who, new(big.Int).Lsh(common.Big1, 90))
		for _, spender := range []common.Address{units, m.router.address} {
			m.from(who, 0, m.token, "approve", spender, new(big.Int).Lsh(common.Big1, 200))
		}
		m.from(who, 0, m.units, "approve", vault, new(big.Int).Lsh(common.Big1, 200))
	}
	return m
}

// try makes a call; it may revert.
func (m *market) try(who common.Address, value int64, to *deployed, name string, args ...any) ([]any, error) {
	m.tb.Helper()
	input, err := to.ABI.Pack(name, args...)
	if err != nil {
		m.tb.Fatal(err)
	}
	out, _, err := m.EVM.EVM.Call(vm.AccountRef(who), to.address, input, evmtest.Gas, uint256.NewInt(uint64(value)))
	if err != nil {
		return []any{out}, err
	}
	values, err := to.ABI.Unpack(name, out)
	if err != nil && len(to.ABI.Methods[name].Outputs) > 0 {
		m.tb.Fatal(err)
	}
	return values, nil
}

// from makes a call that has to succeed.
func (m *market) from(who common.Address, value int64, to *deployed, name string, args ...any) []any {
	m.tb.Helper()
	out, err := m.try(who, value, to, name, args...)
	if err != nil {
		m.tb.Fatalf("%s by %s: %x, %v", name, who, out, err)
	}
	return out
}

func (m *market) number(to *deployed, name string, args ...any) *big.Int {
	m.tb.Helper()
	return m.from(evmtest.Caller, 0, to, name, args...)[0].(*big.Int)
}

// mint makes units for who.
func (m *market) mint(who common.Address, units int64) {
	m.tb.Helper()
	most := big.NewInt(2 * units)
	m.from(who, 2*units, m.units, "mint", who, big.NewInt(units), most, most)
}

func TestAVaultCompoundsItsFees(t *testing.T) {
	m := newMarket(t)
	m.mint(alice, 1e15)
	m.from(alice, 0, m.vault, "deposit", big.NewInt(1e15), alice)
	if got := m.number(m.vault, "totalAssets"); got.Int64() != 1e15 {
		t.Fatalf("totalAssets = %s, want 10^15", got)
	}
	for range 10 {
		m.from(mallory, 1e13, m.router, "swap", m.key, true, big.NewInt(-1e13), new(big.Int), []byte{})
		m.from(mallory, 0, m.router, "swap", m.key, false, big.NewInt(-1e13), new(big.Int), []byte{})
	}
	m.from(mallory, 0, m.units, "compound")
	// 0.3 % of 20 * 10^13 in two currencies, each half of a unit's worth.
	grown := m.number(m.vault, "totalAssets").Int64() - 1e15
	if grown < 2.5e11 || grown > 3.1e11 {
		t.Errorf("fees made %d units, want about 3 * 10^11", grown)
	}
	shares := m.number(m.vault, "balanceOf", alice)
	before := m.number(m.units, "balanceOf", alice)
	m.from(alice, 0, m.vault, "redeem", shares, alice, alice)
	got := new(big.Int).Sub(m.number(m.units, "balanceOf", alice), before)
	if got.Int64() < 1e15+grown*999/1000 {
		t.Errorf("alice gets %s units back, want 10^15 and the fees", got)
	}
	money := m.State.GetBalance(alice).Clone()
	m.from(alice, 0, m.units, "redeem", alice, got, new(big.Int), new(big.Int))
	if m.State.GetBalance(alice).Cmp(money) <= 0 || m.number(m.units, "balanceOf", alice).Sign() != 0 {
		t.Error("units were not redeemed")
	}
}

// Who makes shares dear before somebody's deposit loses by it.
func TestADonationToAVaultDoesNotPay(t *testing.T) {
	m := newMarket(t)
	const gift, deposit = int64(1e17), int64(1e15)
	m.mint(mallory, gift+1)
	m.mint(alice, deposit)
	m.from(mallory, 0, m.vault, "deposit", common.Big1, mallory)
	m.from(mallory, 0, m.units, "transfer", m.vault.address, big.NewInt(gift))
	m.from(alice, 0, m.vault, "deposit", big.NewInt(deposit), alice)
	m.from(alice, 0, m.vault, "redeem", m.number(m.vault, "balanceOf", alice), alice, alice)
	m.from(mallory, 0, m.vault, "redeem", m.number(m.vault, "balanceOf", mallory), mallory, mallory)
	lost := deposit - m.number(m.units, "balanceOf", alice).Int64()
	cost := gift + 1 - m.number(m.units, "balanceOf", mallory).Int64()
	t.Logf("alice loses %d of %d units, mallory %d of %d", lost, deposit, cost, gift)
	if lost > deposit/1000 || cost < 100*lost || cost < gift/3 {
		t.Errorf("alice loses %d of %d units, mallory %d of %d; want next to nothing, and much", lost, deposit, cost, gift)
	}
}

func TestAVaultRoundsInItsOwnFavour(t *testing.T) {
	m := newMarket(t)
	m.mint(alice, 1e9)
	m.mint(mallory, 1e9)
	m.from(mallory, 0, m.vault, "deposit", big.NewInt(12345), mallory)
	m.from(mallory, 0, m.units, "transfer", m.vault.address, big.NewInt(678))
	for n := int64(1); n < 40; n++ {
		before := m.number(m.units, "balanceOf", alice)
		promised := m.number(m.vault, "previewDeposit", big.NewInt(n))
		shares := m.from(alice, 0, m.vault, "deposit", big.NewInt(n), alice)[0].(*big.Int)
		if shares.Cmp(promised) != 0 {
			t.Errorf("deposit of %d gives %s shares, previewed %s", n, shares, promised)
		}
		m.from(alice, 0, m.vault, "redeem", shares, alice, alice)
		cost := m.from(alice, 0, m.vault, "mint", big.NewInt(n*1e6), alice)[0].(*big.Int)
		back := m.from(alice, 0, m.vault, "redeem", big.NewInt(n*1e6), alice, alice)[0].(*big.Int)
		if back.Cmp(cost) > 0 || m.number(m.units, "balanceOf", alice).Cmp(before) > 0 {
			t.Errorf("%d: %s units of %s came back", n, back, cost)
		}
	}
	// Nobody spends another's shares.
	if _, err := m.try(alice, 0, m.vault, "redeem", common.Big1, alice, mallory); err == nil {
		t.Error("alice redeemed a share of mallory's")
	}
	// Only the manager's own callback, while paid, changes the position.
	if _, err := m.try(alice, 0, m.units, "unlockCallback", []byte{}); err == nil {
		t.Error("anybody may call the callback")
	}
	if _, err := m.try(alice, 100, m.units, "mint", alice, big.NewInt(1000), big.NewInt(1), big.NewInt(1)); err == nil {
		t.Error("units were made for more than the caller allowed")
	}
}
