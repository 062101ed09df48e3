package contracts_test

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/ava-labs/libevm/accounts/abi"
	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/ava-labs/libevm/crypto"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/internal/testutil"
	"github.com/pars-network/pars/internal/vectors"
	"github.com/pars-network/pars/precompile"
)

// api3Server is the bytecode of Api3ServerV1 as @api3/contracts ships it, with
// its constructor's arguments.
func api3Server(tb testing.TB) []byte {
	tb.Helper()
	path := filepath.Join("node_modules", "@api3", "contracts", "dist", "typechain-types", "factories", "api3-server-v1", "Api3ServerV1__factory.js")
	raw, err := os.ReadFile(path)
	if err != nil {
		tb.Fatalf("%v: run `make deps` first", err)
	}
	found := regexp.MustCompile(`const _bytecode = "0x([0-9a-f]+)"`).FindSubmatch(raw)
	if found == nil {
		tb.Fatalf("%s holds no bytecode", path)
	}
	code, err := hex.DecodeString(string(found[1]))
	if err != nil {
		tb.Fatal(err)
	}
	of := func(name string) abi.Argument {
		t, err := abi.NewType(name, "", nil)
		if err != nil {
			tb.Fatal(err)
		}
		return abi.Argument{Type: t}
	}
	args, err := abi.Arguments{of("address"), of("string"), of("address")}.Pack(common.Address{19: 1}, "Api3ServerV1 admin", common.Address{19: 2})
	if err != nil {
		tb.Fatal(err)
	}
	return append(code, args...)
}

// api3Reasons maps the strings that Api3ServerV1 reverts with to our errors.
var api3Reasons = map[string]string{
	"Signature mismatch":                 "SignatureMismatch",
	"ECDSA: invalid signature":           "InvalidSignature",
	"ECDSA: invalid signature length":    "SignatureLength",
	"ECDSA: invalid signature 's' value": "SignatureS",
	"Timestamp not valid":                "TimestampNotValid",
	"Data length not correct":            "DataLength",
	"Value typecasting error":            "ValueRange",
	"Does not update timestamp":          "DoesNotUpdateTimestamp",
	"Does not update Beacon set":         "DoesNotUpdateBeaconSet",
	"Specified less than two Beacons":    "BeaconCount",
	"Data feed not initialized":          "FeedNotInitialized",
}

// feedWorld has both contracts in one EVM, and people who sign.
type feedWorld struct {
	tb       testing.TB
	random   *rand.Rand
	evm      *evmtest.EVM
	native   *evmtest.Native
	other    common.Address
	airnodes []*ecdsa.PrivateKey
	// ids are all feeds that were ever tried.
	ids []common.Hash
	// stamps is the newest signed time of a beacon.
	stamps map[common.Hash]uint64
}

func newFeedWorld(tb testing.TB, seed uint64) *feedWorld {
	tb.Helper()
	w := &feedWorld{tb: tb, random: rand.New(rand.NewPCG(seed, 0x501)), stamps: map[common.Hash]uint64{}, ids: []common.Hash{{31: 9}}}
	w.evm = evmtest.New(tb, evmtest.Block{Time: 1_800_000_000})
	w.native = w.evm.Native(tb, precompile.OracleAddress)
	out, at, _, err := w.evm.Create(vm.AccountRef(evmtest.Caller), api3Server(tb), evmtest.Gas, new(uint256.Int))
	if err != nil {
		tb.Fatalf("deploying Api3ServerV1: %x, %v", out, err)
	}
	w.other = at
	for i := range 6 {
		key, err := crypto.ToECDSA(crypto.Keccak256([]byte{byte(i)}))
		if err != nil {
			tb.Fatal(err)
		}
		w.airnodes = append(w.airnodes, key)
	}
	return w
}

// outcome is what a call came to, in words that both contracts share.
func (w *feedWorld) outcome(to common.Address, input []byte) string {
	before := len(w.evm.State.Logs())
	out, _, err := w.evm.Do(vm.Call, to, input, evmtest.Gas)
	logs := ""
	for _, l := range w.evm.State.Logs()[before:] {
		logs += describeLog(l)
	}
	if !errors.Is(err, vm.ErrExecutionReverted) {
		return fmt.Sprintf("%x, %v%s", out, err, logs)
	}
	if to == precompile.OracleAddress {
		return "reverts: " + w.native.RevertName(w.tb, out)
	}
	reason, err := abi.UnpackRevert(out)
	if err != nil {
		w.tb.Fatalf("Api3ServerV1 reverts with %x: %v", out, err)
	}
	name, ok := api3Reasons[reason]
	if !ok {
		w.tb.Fatalf("Api3ServerV1 reverts with %q, which has no error here", reason)
	}
	return "reverts: " + name
}

func describeLog(l *types.Log) string { return fmt.Sprintf("; log %v %x", l.Topics, l.Data) }

// update makes calldata of an update that is good more often than not.
func (w *feedWorld) update() []byte {
	r := w.random
	key := w.airnodes[r.IntN(len(w.airnodes))]
	airnode := crypto.PubkeyToAddress(key.PublicKey)
	template := common.Hash{31: byte(r.IntN(3))}
	id := crypto.Keccak256Hash(airnode[:], template[:])
	now := w.evm.Context.Time
	stamp := now - uint64(r.IntN(100))
	switch r.IntN(12) {
	case 0:
		stamp = w.stamps[id] - uint64(r.IntN(2)) // not newer
	case 1:
		stamp = now + 3598 + uint64(r.IntN(3)) // around the limit
	case 2:
		stamp = now + 1<<33
	}
	value := new(big.Int).SetUint64(r.Uint64())
	value.Lsh(value, uint(r.IntN(160)))
	if r.IntN(2) == 0 {
		value.Neg(value)
	}
	if r.IntN(20) == 0 { // the ends of int224, and one beyond
		value.Lsh(big.NewInt(1), 223)
		value.Sub(value, big.NewInt(int64(r.IntN(2))))
		if r.IntN(2) == 0 {
			value.Neg(value)
		}
	}
	word := uint256.MustFromBig(value).Bytes32()
	data := word[:]
	if r.IntN(20) == 0 {
		data = append(data, make([]byte, r.IntN(3))...)[:r.IntN(len(data)+1)]
	}
	at := common.BigToHash(new(big.Int).SetUint64(stamp))
	digest := crypto.Keccak256([]byte("\x19Ethereum Signed Message:\n32"), crypto.Keccak256(template[:], at[:], data))
	sig, err := crypto.Sign(digest, key)
	if err != nil {
		w.tb.Fatal(err)
	}
	sig[64] += 27
	switch r.IntN(24) {
	case 0:
		sig[r.IntN(64)] ^= 1 << r.IntN(8)
	case 1:
		sig = sig[:r.IntN(66)%len(sig)]
	case 2: // the twin in the upper half
		n := crypto.S256().Params().N
		s := new(big.Int).Sub(n, new(big.Int).SetBytes(sig[32:64]))
		s.FillBytes(sig[32:64])
		sig[64] ^= 27 ^ 28
	case 3:
		sig[64] = byte(r.IntN(256))
	case 4:
		clear(sig[:32])
	case 5:
		clear(sig[32:64])
	case 6:
		airnode[0] ^= 1
	}
	if !w.known(id) {
		w.ids = append(w.ids, id)
	}
	w.stamps[id] = max(w.stamps[id], stamp)
	return w.native.Pack(w.tb, "updateBeaconWithSignedData(address,bytes32,uint256,bytes,bytes)", airnode, template, new(big.Int).SetUint64(stamp), data, sig)
}

func (w *feedWorld) known(id common.Hash) bool {
	for _, k := range w.ids {
		if k == id {
			return true
		}
	}
	return false
}

// set makes calldata of an update of 0 to 24 feeds, more often one that was
// there before.
func (w *feedWorld) set() []byte {
	n := w.random.IntN(25)
	if w.random.IntN(2) == 0 {
		n = 2 + w.random.IntN(3)
	}
	ids := make([][32]byte, n)
	for i := range ids {
		ids[i] = w.ids[w.random.IntN(len(w.ids))]
	}
	input := w.native.Pack(w.tb, "updateBeaconSetWithBeacons(bytes32[])", ids)
	id := crypto.Keccak256Hash(input[4:])
	if !w.known(id) && len(w.ids) < 64 {
		w.ids = append(w.ids, id) // sets of sets are possible
	}
	return input
}

// The same random calls give the same results, events and values in this
// contract as in the bytecode of Api3ServerV1.
func TestVectorsFeedsApi3(t *testing.T) {
	const seed = 20261123
	rounds := 4_000
	if testutil.Full() {
		rounds = 100_000
	}
	t.Logf("seed %d, %d rounds", seed, rounds)
	w := newFeedWorld(t, seed)
	tally := vectors.NewTally(t, "Oracle feeds", "Api3ServerV1 bytecode, random")
	seen := map[string]int{}
	for round := range rounds {
		var input []byte
		switch w.random.IntN(8) {
		case 0, 1, 2:
			input = w.update()
		case 3, 4:
			input = w.set()
		case 5:
			input = w.native.Pack(t, "readDataFeedWithId(bytes32)", w.ids[w.random.IntN(len(w.ids))])
		case 6:
			input = w.native.Pack(t, "dataFeeds(bytes32)", w.ids[w.random.IntN(len(w.ids))])
		case 7:
			w.evm.Context.Time += uint64(w.random.IntN(30))
			continue
		}
		got, want := w.outcome(precompile.OracleAddress, input), w.outcome(w.other, input)
		seen[api3Kind(want)]++
		tally.Check(t, got == want, "seed %d, round %d: %x gives %s, want %s", seed, round, input, got, want)
	}
	for _, id := range w.ids {
		input := w.native.Pack(t, "dataFeeds(bytes32)", id)
		if got, want := w.outcome(precompile.OracleAddress, input), w.outcome(w.other, input); got != want {
			t.Errorf("seed %d: feed %s ends as %s, want %s", seed, id, got, want)
		}
	}
	for _, name := range api3Reasons {
		if seen["reverts: "+name] == 0 {
			t.Errorf("seed %d: no call reverted with %s; the test doesn't reach it", seed, name)
		}
	}
	t.Logf("outcomes: %v", seen)
}

func api3Kind(outcome string) string {
	if bytes.HasPrefix([]byte(outcome), []byte("reverts")) {
		return outcome
	}
	return "success"
}
