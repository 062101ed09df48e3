package e2e

import (
	"bytes"
	"crypto/ecdh"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"filippo.io/edwards25519"
	"github.com/ava-labs/libevm"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/pars-network/pars/crypto/ecies"
	"github.com/pars-network/pars/crypto/hpke"
	"github.com/pars-network/pars/crypto/pedersen"
	"github.com/pars-network/pars/crypto/ring"
	"github.com/pars-network/pars/crypto/stark"
	"github.com/pars-network/pars/precompile"
)

// counting gives bytes that tests can repeat: what is signed here is no secret.
type counting byte

func (c *counting) Read(b []byte) (int, error) {
	for i := range b {
		*c++
		b[i] = byte(*c)*37 + 11
	}
	return len(b), nil
}

func (c *counting) bytes(n int) []byte {
	b := make([]byte, n)
	_, _ = c.Read(b)
	return b
}

func hex0x(b []byte) string { return "0x" + hex.EncodeToString(b) }

// perform calls a native contract's function without a transaction, then with
// one, and returns what the call gave.
func (p *parsd) perform(t *testing.T, from *account, at common.Address, function string, args ...any) []any {
	t.Helper()
	entries := precompile.Entries()
	entry := entries[slices.IndexFunc(entries, func(e precompile.Entry) bool { return e.Address == at })]
	input, err := entry.ABI.Pack(function, args...)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.client.CallContract(t.Context(), ethereum.CallMsg{From: from.addr, To: &at, Data: input}, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := entry.ABI.Unpack(function, out)
	if err != nil {
		t.Fatal(err)
	}
	id := new(big.Int).SetUint64(p.banner.ChainID)
	tx, err := types.SignNewTx(from.key, types.LatestSignerForChainID(id), &types.DynamicFeeTx{
		ChainID: id, Nonce: from.nonce, Gas: 2_000_000, To: &at, Data: input,
		GasTipCap: big.NewInt(1_000_000_000), GasFeeCap: big.NewInt(100_000_000_000),
	})
	if err != nil {
		t.Fatal(err)
	}
	from.nonce++
	if err := p.client.SendTransaction(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	if r, err := p.receipt(t.Context(), tx.Hash()); err != nil || r.Status != types.ReceiptStatusSuccessful {
		t.Fatalf("%s: receipt %+v, %v", function, r, err)
	}
	return answer
}

// example is what the snippet of a page is given, and what it has to give.
type example struct {
	given  map[string]any
	result string
	want   string
}

// TestEveryPageHasAnExampleThatRuns runs the TypeScript example of every page of
// docs/precompiles against a node.
func TestEveryPageHasAnExampleThatRuns(t *testing.T) {
	p := startDev(t)
	from := p.account(t, 0)
	examples := map[string]example{
		"ai": p.aiExample(t, from),
		"dex": {
			given:  map[string]any{"privateKey": p.banner.Accounts[1].PrivateKey, "token": "0x0000000000000000000000000000000000070ce0"},
			result: "price", want: "1",
		},
		"graph": {result: "answer.data.root", want: `"Query"`},
		"oracle": {
			given:  map[string]any{"privateKey": p.banner.Accounts[2].PrivateKey},
			result: "value === parseEther('0.42')", want: "true",
		},
		"ml-kem":  {result: `toHex(ml_kem768.decapsulate(Uint8Array.from(Buffer.from(ct.slice(2), "hex")), secretKey)) === ss`, want: "true"},
		"ml-dsa":  {result: "valid", want: "true"},
		"slh-dsa": {result: "valid", want: "true"},
		"ring":    ringExample(t),
		"ecies":   eciesExample(t),
		"hpke":    hpkeExample(t),
		"frost":   {given: rfc9591(t), result: "valid", want: "true"},
		// The constant of circom's own tests.
		"poseidon": {result: "hash", want: `"7853200120776062878684798364095072458815029376092732009249414926327459813530"`},
		"pedersen": pedersenExample(),
		"stark":    p.starkExample(t, from),
	}
	ecdsa := p.ecdsaExample(t, from)
	examples["cggmp21"], examples["threshold-ecdsa"] = ecdsa, ecdsa

	pages, err := filepath.Glob(filepath.Join("..", "docs", "precompiles", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		if name == "README" || name == "gas" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			block := regexp.MustCompile("(?s)```ts\n(.*?)```").FindSubmatch(text)
			e, ok := examples[name]
			if block == nil || !ok {
				t.Fatalf("the page has an example: %v, and the test values for it: %v", block != nil, ok)
			}
			if e.given == nil {
				e.given = map[string]any{}
			}
			given, err := json.Marshal(e.given)
			if err != nil {
				t.Fatal(err)
			}
			env := []string{"NODE_URL=" + p.banner.HTTP, "SNIPPET=" + string(block[1]), "GIVEN=" + string(given), "RESULT=" + e.result}
			if got := runClient(t, "clients", env, "node", "snippet.mjs"); string(got) != e.want {
				t.Errorf("the example gives %s, want %s", got, e.want)
			}
		})
	}
}

// aiExample registers the network that tells languages apart.
func (p *parsd) aiExample(t *testing.T, from *account) example {
	t.Helper()
	network, err := os.ReadFile(filepath.Join("..", "ai", "model", "testdata", "language.pars"))
	if err != nil {
		t.Fatal(err)
	}
	chunk, _ := p.perform(t, from, precompile.AIAddress, "putChunk", network)[0].([32]byte)
	id, _ := p.perform(t, from, precompile.AIAddress, "registerModel", [][32]byte{chunk})[0].([32]byte)
	return example{map[string]any{"model": hex0x(id[:])}, "language", `"Finglish"`}
}

func ringExample(t *testing.T) example {
	t.Helper()
	var random counting
	var keys [][]byte
	var list []string
	var secret []byte
	for range 3 {
		x, err := edwards25519.NewScalar().SetUniformBytes(random.bytes(64))
		if err != nil {
			t.Fatal(err)
		}
		key := new(edwards25519.Point).ScalarBaseMult(x).Bytes()
		keys, list, secret = append(keys, key), append(list, hex0x(key)), x.Bytes()
	}
	sig, image, err := ring.SignLSAG(&random, keys, 2, secret, []byte("salaam"))
	if err != nil {
		t.Fatal(err)
	}
	return example{map[string]any{"ring": list, "image": hex0x(image), "message": hex0x([]byte("salaam")), "signature": hex0x(sig)}, "valid", "true"}
}

func eciesExample(t *testing.T) example {
	t.Helper()
	var random counting
	secret := random.bytes(32)
	key, err := ecies.PublicKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := ecies.Seal(key, random.bytes(32), []byte("dispute 7"), []byte("salaam"))
	if err != nil {
		t.Fatal(err)
	}
	return example{map[string]any{"revealedKey": hex0x(secret), "sealedMessage": hex0x(sealed)}, "plaintext", `"` + hex0x([]byte("salaam")) + `"`}
}

func hpkeExample(t *testing.T) example {
	t.Helper()
	var random counting
	secret := random.bytes(32)
	private, err := ecdh.X25519().NewPrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	setup := hpke.Setup{Mode: hpke.Base, KEM: hpke.X25519, KDF: hpke.HKDFSHA256, AEAD: hpke.ChaCha20Poly1305, Info: []byte("info")}
	enc, sender, err := setup.Sender(private.PublicKey().Bytes(), nil, random.bytes(hpke.X25519.SeedSize()))
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]any{"info": hex0x(setup.Info), "sk": hex0x(secret), "enc": hex0x(enc), "ciphertext": hex0x(sender.Seal(nil, []byte("salaam")))}
	return example{given, "plaintext", `"` + hex0x([]byte("salaam")) + `"`}
}

// rfc9591 is the signature of the RFC's vectors for Ed25519.
func rfc9591(t *testing.T) map[string]any {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "crypto", "frost", "testdata", "ed25519-sha512.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Inputs struct {
			GroupKey string `json:"group_public_key"`
			Message  string
		}
		Final struct{ Sig string } `json:"final_output"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return map[string]any{"groupKey": "0x" + v.Inputs.GroupKey, "message": "0x" + v.Inputs.Message, "signature": "0x" + v.Final.Sig}
}

func pedersenExample() example {
	c := pedersen.Commit(fr.NewElement(5), fr.NewElement(77))
	number := func(n fp.Element) string { return n.BigInt(new(big.Int)).String() + "n" }
	return example{map[string]any{"x": number(c.X), "y": number(c.Y), "value": "5n", "blinding": "77n"}, "valid", "true"}
}

// ecdsaExample registers a group key; one signer stands in for the group, whose
// signatures look the same.
func (p *parsd) ecdsaExample(t *testing.T, from *account) example {
	t.Helper()
	var random counting
	secret := secp256k1.PrivKeyFromBytes(random.bytes(32))
	people := []common.Address{from.addr, {1}, {2}}
	slices.SortFunc(people, func(a, b common.Address) int { return bytes.Compare(a[:], b[:]) })
	id := p.perform(t, from, precompile.CGGMP21Address, "registerKey", secret.PubKey().SerializeCompressed(), uint16(2), people, [32]byte{})
	key, _ := id[0].([32]byte)
	digest := random.bytes(32)
	sig := ecdsa.SignCompact(secret, digest, true)[1:]
	return example{map[string]any{"key": hex0x(key[:]), "digest": hex0x(digest), "signature": hex0x(sig)}, "valid", "true"}
}

func (p *parsd) starkExample(t *testing.T, from *account) example {
	t.Helper()
	description := beaconAIR(t)
	id := p.perform(t, from, precompile.STARKAddress, "registerAIR", description)
	air, _ := id[0].([32]byte)
	proof, err := os.ReadFile(filepath.Join("..", "crypto", "stark", "testdata", "winterfell", "vdf3_n1024_blake3_256_q42f8.bin"))
	if err != nil {
		t.Fatal(err)
	}
	inputs := make([]byte, 0, 16)
	for _, n := range []uint64{123456789, 14937727457433415529} {
		for i := range 8 {
			inputs = append(inputs, byte(n>>(8*i)))
		}
	}
	return example{map[string]any{"air": hex0x(air[:]), "publicInputs": hex0x(inputs), "proof": hex0x(proof)}, "valid", "true"}
}

// beaconAIR describes x to x^3 + 42, from public input 0 to public input 1.
func beaconAIR(t *testing.T) []byte {
	t.Helper()
	air := &stark.AIR{Hash: stark.Blake3, Width: 1, Exemptions: 1, PublicInputs: 2}
	root, err := air.Compile("next[0] - (current[0]^3 + 42)")
	if err != nil {
		t.Fatal(err)
	}
	air.Constraints = []stark.Constraint{{Root: root, Base: 3}}
	air.Assertions = []stark.Assertion{
		{Values: []stark.Value{{Public: true, N: 0}}},
		{FromEnd: true, Values: []stark.Value{{Public: true, N: 1}}},
	}
	step, err := air.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return step
}
