package genesis

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/utils/crypto/bls/signer/localsigner"
	"github.com/ava-labs/avalanchego/vms/platformvm/signer"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/evm/engine"
	"github.com/pars-network/pars/evm/extras"
	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/precompile"
)

const genesisTime = 1_790_000_000

// The whole package is tested with the native contracts' hooks in libevm, as a
// node has them. pchain is tested without.
func TestMain(m *testing.M) {
	extras.Register()
	m.Run()
}

// testValidators returns n validators with BLS keys derived from their number.
func testValidators(tb testing.TB, n int) []Validator {
	tb.Helper()
	out := make([]Validator, n)
	for i := range out {
		// The top bits are cleared so that the number is below the group's order.
		secret := sha256.Sum256(fmt.Appendf(nil, "genesis test validator %d", i))
		secret[0] &= 0x3f
		key, err := localsigner.FromBytes(secret[:])
		if err != nil {
			tb.Fatal(err)
		}
		proof, err := signer.NewProofOfPossession(key)
		if err != nil {
			tb.Fatal(err)
		}
		out[i] = Validator{
			NodeID: ids.NodeID{byte(i + 1)}, PublicKey: proof.PublicKey, ProofOfPossession: proof.ProofOfPossession,
			Weight: 2_000_000_000_000, EndTime: genesisTime + 31_536_000, Owner: ids.ShortID{byte(i + 1), 9},
		}
	}
	return out
}

func devGenesis(tb testing.TB) *Genesis {
	tb.Helper()
	alloc, err := DevAlloc()
	if err != nil {
		tb.Fatal(err)
	}
	g, err := Build(params.Dev, testValidators(tb, 1), alloc, genesisTime, Options{
		Holdings: []Holding{{Owner: ids.ShortID{7}, Amount: 5_000_000_000}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

func mustBytes(tb testing.TB, g *Genesis) []byte {
	tb.Helper()
	b, err := g.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// The accounts that Hardhat and Foundry's anvil print at start: published with
// the mnemonic in their documentation.
func TestDevAccountsAreTheWellKnownTen(t *testing.T) {
	want := []struct{ address, key string }{
		{"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"},
		{"0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"},
		{"0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC", "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"},
		{"0x90F79bf6EB2c4f870365E785982E1f101E93b906", ""},
		{"0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65", ""},
		{"0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc", ""},
		{"0x976EA74026E726554dB657fA54763abd0C3a0aa9", ""},
		{"0x14dC79964da2C08b23698B3D3cc7Ca32193d9955", ""},
		{"0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f", ""},
		{"0xa0Ee7A142d267C1f36714E4a8F75612F20a79720", ""},
	}
	got, err := DevAccounts()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("DevAccounts() returned %d accounts, want %d", len(got), len(want))
	}
	for i, w := range want {
		if got[i].Address.Hex() != w.address {
			t.Errorf("account %d = %s, want %s", i, got[i].Address, w.address)
		}
		if key := hex.EncodeToString(got[i].PrivateKey[:]); w.key != "" && key != w.key {
			t.Errorf("key %d = %s, want %s", i, key, w.key)
		}
	}
}

func TestDevAllocationIsTheWholeSupply(t *testing.T) {
	alloc, err := DevAlloc()
	if err != nil {
		t.Fatal(err)
	}
	sum := new(big.Int)
	share, _ := new(big.Int).SetString("100000000000000000000000000", 10)
	for at, a := range alloc {
		if a.Balance.Cmp(share) != 0 {
			t.Errorf("%s has %s wei, want 10^8 PARS", at, a.Balance)
		}
		sum.Add(sum, a.Balance)
	}
	if sum.Cmp(params.Supply()) != 0 {
		t.Errorf("the shares sum to %s, want %s", sum, params.Supply())
	}
}

func TestFileRoundTripIsCanonical(t *testing.T) {
	g := devGenesis(t)
	b := mustBytes(t, g)
	back, err := Parse(b)
	if err != nil {
		t.Fatalf("Parse(Bytes()) = %v", err)
	}
	if again := mustBytes(t, back); !bytes.Equal(again, b) {
		t.Errorf("Bytes() after Parse differs:\n%s\nwant\n%s", again, b)
	}
	compact := new(bytes.Buffer)
	if err := json.Compact(compact, b); err != nil {
		t.Fatal(err)
	}
	other, err := Parse(compact.Bytes())
	if err != nil {
		t.Fatalf("Parse(compact form) = %v", err)
	}
	if again := mustBytes(t, other); !bytes.Equal(again, b) {
		t.Error("the compact form has other canonical bytes, want the same")
	}
}

func TestGethReadsTheFileAndAgreesOnTheBlockHash(t *testing.T) {
	g := devGenesis(t)
	var geth core.Genesis
	if err := json.Unmarshal(mustBytes(t, g), &geth); err != nil {
		t.Fatalf("geth's decoder: %v", err)
	}
	hashes, err := g.Hash()
	if err != nil {
		t.Fatal(err)
	}
	block := geth.ToBlock()
	if block.Hash() != hashes.Block {
		t.Errorf("geth's genesis block = %s, want %s", block.Hash(), hashes.Block)
	}
	if hashes.File != crypto.Keccak256Hash(mustBytes(t, g)) {
		t.Errorf("Hash().File = %s, want keccak of the canonical file", hashes.File)
	}
	h := block.Header()
	if h.GasLimit != params.GenesisGasLimit || h.BaseFee.Int64() != params.MinBaseFee || h.Time != genesisTime ||
		len(h.Extra) != 0 || h.Difficulty.Sign() != 0 || h.ExcessBlobGas == nil || h.WithdrawalsHash == nil {
		t.Errorf("genesis header = %+v, want 30 M gas, the floor as base fee, Cancun fields and no extra data", h)
	}
	if !geth.Config.IsCancun(big.NewInt(0), genesisTime) || geth.Config.ChainID.Uint64() != 1337 || geth.Config.PragueTime != nil {
		t.Errorf("config = %+v, want chain 1337 under Cancun", geth.Config)
	}
	if err := geth.Config.CheckConfigForkOrder(); err != nil {
		t.Errorf("CheckConfigForkOrder() = %v", err)
	}
}

func TestHashesDependOnValidators(t *testing.T) {
	a := devGenesis(t)
	b := devGenesis(t)
	b.Validators[0].Weight++
	ha, errA := a.Hash()
	hb, errB := b.Hash()
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	if ha.Block != hb.Block || ha.File == hb.File {
		t.Errorf("hashes = %+v and %+v, want the same block and other files", ha, hb)
	}
}

func TestValidatorSetIsTheFiles(t *testing.T) {
	g := devGenesis(t)
	set, err := g.ValidatorSet()
	if err != nil {
		t.Fatal(err)
	}
	v, ok := set.Get(g.Validators[0].NodeID)
	if !ok || v.Weight != g.Validators[0].Weight || set.Len() != 1 {
		t.Errorf("ValidatorSet() = %+v, want the one validator of the file", set.All())
	}
	if got := engine.New(g.EngineConfig()).GasLimit(); got != g.GasLimit {
		t.Errorf("engine's gas limit = %d, want %d", got, g.GasLimit)
	}
}

func TestCheckRefuses(t *testing.T) {
	someone := common.Address{0xaa}
	for name, spoil := range map[string]func(*Genesis){
		"a network that is not ours":       func(g *Genesis) { g.Network.ID = 1 },
		"a network under another's name":   func(g *Genesis) { g.Network.Name = "pars" },
		"no time":                          func(g *Genesis) { g.Time = 0 },
		"a time beyond 2^53 ms":            func(g *Genesis) { g.Time = engine.MaxTimeMs },
		"a tiny gas limit":                 func(g *Genesis) { g.GasLimit = 4999 },
		"a huge gas limit":                 func(g *Genesis) { g.GasLimit = MaxGasLimit + 1 },
		"no base fee":                      func(g *Genesis) { g.BaseFee = nil },
		"a base fee below the floor":       func(g *Genesis) { g.BaseFee = big.NewInt(params.MinBaseFee - 1) },
		"a wei too much":                   func(g *Genesis) { g.Alloc[someone] = types.Account{Balance: big.NewInt(1)} },
		"a wei too few":                    func(g *Genesis) { takeOneWei(g) },
		"a negative balance":               func(g *Genesis) { g.Alloc[someone] = types.Account{Balance: big.NewInt(-1), Nonce: 1} },
		"an account with nothing":          func(g *Genesis) { g.Alloc[someone] = types.Account{} },
		"an account with a private key":    func(g *Genesis) { g.Alloc[someone] = types.Account{Nonce: 1, PrivateKey: []byte{1}} },
		"code above EIP-170's bound":       func(g *Genesis) { g.Alloc[someone] = types.Account{Code: make([]byte, 24577)} },
		"no validators":                    func(g *Genesis) { g.Validators = nil },
		"too many validators":              func(g *Genesis) { g.Validators = make([]Validator, MaxValidators+1) },
		"a validator without id":           func(g *Genesis) { g.Validators[0].NodeID = ids.EmptyNodeID },
		"a validator without weight":       func(g *Genesis) { g.Validators[0].Weight = 0 },
		"a validator without owner":        func(g *Genesis) { g.Validators[0].Owner = ids.ShortEmpty },
		"a term that ends at genesis":      func(g *Genesis) { g.Validators[0].EndTime = g.Time },
		"a BLS key that is no point":       func(g *Genesis) { g.Validators[0].PublicKey[5] ^= 1 },
		"a BLS key of zeros":               func(g *Genesis) { g.Validators[0].PublicKey = [48]byte{} },
		"the key at infinity":              func(g *Genesis) { g.Validators[0].PublicKey = [48]byte{0xc0} },
		"a proof that is no point":         func(g *Genesis) { g.Validators[0].ProofOfPossession[5] ^= 1 },
		"another key's proof":              func(g *Genesis) { g.Validators[0].ProofOfPossession = testValidators(t, 2)[1].ProofOfPossession },
		"a node id twice":                  func(g *Genesis) { g.Validators = testValidators(t, 2); g.Validators[1].NodeID = g.Validators[0].NodeID },
		"a BLS key twice":                  func(g *Genesis) { g.Validators = repeatKey(testValidators(t, 2)) },
		"a stake that overflows":           func(g *Genesis) { g.Validators[0].Weight = 1 << 63 },
		"holdings that overflow":           func(g *Genesis) { g.Holdings[0].Amount = 1<<63 - 1 },
		"a holding of nothing":             func(g *Genesis) { g.Holdings[0].Amount = 0 },
		"a holding of nobody":              func(g *Genesis) { g.Holdings[0].Owner = ids.ShortEmpty },
		"a main network of 20":             func(g *Genesis) { g.Network = params.Mainnet; g.Validators = testValidators(t, 20) },
		"a test network of 3":              func(g *Genesis) { g.Network = params.Testnet; g.Validators = testValidators(t, 3) },
		"a native contract missing":        func(g *Genesis) { delete(g.Alloc, precompile.MLDSAAddress) },
		"a native contract with storage":   func(g *Genesis) { giveStorage(g) },
		"other code at a native contract":  func(g *Genesis) { g.Alloc[precompile.MLDSAAddress] = types.Account{Nonce: 1, Code: []byte{2}} },
		"more holdings than a file may do": func(g *Genesis) { g.Holdings = make([]Holding, MaxHoldings+1) },
	} {
		g := devGenesis(t)
		spoil(g)
		if err := g.Check(); !errors.Is(err, ErrCheck) {
			t.Errorf("Check(%s) = %v, want ErrCheck", name, err)
		}
	}
}

func takeOneWei(g *Genesis) {
	for _, a := range g.Alloc {
		if a.Balance.Sign() > 0 {
			a.Balance.Sub(a.Balance, big.NewInt(1))
			return
		}
	}
}

func giveStorage(g *Genesis) {
	a := g.Alloc[precompile.MLDSAAddress]
	a.Storage = map[common.Hash]common.Hash{{1}: {2}}
	g.Alloc[precompile.MLDSAAddress] = a
}

func repeatKey(vs []Validator) []Validator {
	vs[1].PublicKey, vs[1].ProofOfPossession = vs[0].PublicKey, vs[0].ProofOfPossession
	return vs
}

func TestNetworksTakeTheirLeastNumberOfValidators(t *testing.T) {
	alloc, err := DevAlloc()
	if err != nil {
		t.Fatal(err)
	}
	vs := testValidators(t, 21)
	for _, n := range params.Networks() {
		g, err := Build(n, vs[:n.MinValidators], alloc, genesisTime, Options{})
		if err != nil {
			t.Errorf("Build(%s with %d validators) = %v", n.Name, n.MinValidators, err)
			continue
		}
		if back, err := Parse(mustBytes(t, g)); err != nil || back.Network != n {
			t.Errorf("Parse(Build(%s)) = %+v, %v", n.Name, back, err)
		}
	}
}

func TestBuildRefusesAnAllocationOverANativeContract(t *testing.T) {
	if len(contracts()) == 0 {
		t.Fatal("the registry gives genesis no accounts")
	}
	for at := range contracts() {
		alloc, err := DevAlloc()
		if err != nil {
			t.Fatal(err)
		}
		alloc[at] = types.Account{Nonce: 1}
		if _, err := Build(params.Dev, testValidators(t, 1), alloc, genesisTime, Options{}); !errors.Is(err, ErrCheck) {
			t.Errorf("Build with %s = %v, want ErrCheck", at, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := string(mustBytes(t, devGenesis(t)))
	for name, edit := range map[string][2]string{
		"an unknown field":            {`"nonce": "0x0"`, `"nonse": "0x0"`},
		"an unknown field in config":  {`"chainId": 1337`, `"chainId": 1337, "osakaTime": 0`},
		"an unknown field in pars":    {`"networkId": 1337`, `"networkId": 1337, "x": 1`},
		"an unknown validator field":  {`"endTime"`, `"startTime": 1, "endTime"`},
		"a field in another case":     {`"coinbase"`, `"Coinbase"`},
		"a field twice":               {`"gasUsed": "0x0"`, `"gasUsed": "0x0", "gasUsed": "0x0"`},
		"an account twice":            {`"alloc": {`, `"alloc": {"0xF39FD6E51AAD88F6F4CE6AB8827279CFFFB92266": {"balance": "0x0", "nonce": "0x1"},`},
		"another chain id":            {`"chainId": 1337`, `"chainId": 6133`},
		"another network id":          {`"networkId": 1337`, `"networkId": 6133`},
		"an unknown network id":       {`"networkId": 1337`, `"networkId": 99`},
		"another name":                {`"network": "pars-dev"`, `"network": "pars"`},
		"another timing":              {`"blockSpacingMs": 400`, `"blockSpacingMs": 401`},
		"a later Cancun":              {`"cancunTime": 0`, `"cancunTime": 1`},
		"Prague":                      {`"cancunTime": 0`, `"cancunTime": 0, "pragueTime": 0`},
		"extra data":                  {`"extraData": "0x"`, `"extraData": "0x00"`},
		"a nonce":                     {`"nonce": "0x0"`, `"nonce": "0x1"`},
		"a number":                    {`"number": "0x0"`, `"number": "0x1"`},
		"a difficulty":                {`"difficulty": "0x0"`, `"difficulty": "0x1"`},
		"a coinbase":                  {`"coinbase": "0x0`, `"coinbase": "0x1`},
		"a parent":                    {`"parentHash": "0x0`, `"parentHash": "0x1`},
		"gas used":                    {`"gasUsed": "0x0"`, `"gasUsed": "0x1"`},
		"blob gas":                    {`"blobGasUsed": "0x0"`, `"blobGasUsed": "0x1"`},
		"excess blob gas":             {`"excessBlobGas": "0x0"`, `"excessBlobGas": "0x1"`},
		"an owner of another network": {`"owner": "P-custom1`, `"owner": "P-avax1`},
		"an X-Chain owner":            {`"owner": "P-custom1`, `"owner": "X-custom1`},
		"a short BLS key":             {`"publicKey": "0x`, `"publicKey": "0x00`},
		"a bad node id":               {`"nodeId": "NodeID-`, `"nodeId": "NodeID-1`},
		"a weight as a number":        {`"weight": "2000000000000"`, `"weight": 2000000000000`},
		"a balance missing":           {`"balance": "0x52b7d2dcc80cd2e4000000"`, `"nonce": "0x1"`},
		"something after the end":     {"}\n", "}\n{}"},
	} {
		b := strings.Replace(good, edit[0], edit[1], 1)
		if name == "something after the end" {
			b = good + "{}"
		}
		if b == good {
			t.Errorf("%s: the edit changes nothing; is %q in the file?", name, edit[0])
			continue
		}
		if _, err := Parse([]byte(b)); !errors.Is(err, ErrFile) {
			t.Errorf("Parse(%s) = %v, want ErrFile", name, err)
		}
	}
	for name, b := range map[string][]byte{
		"nothing":      nil,
		"a number":     []byte("1"),
		"an array":     []byte("[]"),
		"cut off":      []byte(good[:len(good)/2]),
		"too deep":     []byte(strings.Repeat("[", 100) + strings.Repeat("]", 100)),
		"too long":     bytes.Repeat([]byte(" "), MaxFileLen+1),
		"null":         []byte("null"),
		"empty object": []byte("{}"),
	} {
		if _, err := Parse(b); !errors.Is(err, ErrFile) {
			t.Errorf("Parse(%s) = %v, want ErrFile", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(mustBytes(f, devGenesis(f)))
	f.Add([]byte(`{"pars":{"networkId":1337}}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := Parse(b)
		if err != nil {
			return
		}
		canonical := mustBytes(t, g)
		again, err := Parse(canonical)
		if err != nil {
			t.Fatalf("Parse(Bytes()) = %v", err)
		}
		if !bytes.Equal(mustBytes(t, again), canonical) {
			t.Errorf("the canonical form of %q is not a fixed point", b)
		}
	})
}
