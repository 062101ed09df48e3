package oracle_test

import (
	"crypto/ecdsa"
	"math/big"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"
	"github.com/holiman/uint256"
	"pgregory.net/rapid"

	"github.com/pars-network/pars/internal/evmtest"
	"github.com/pars-network/pars/precompile"
	"github.com/pars-network/pars/precompile/oracle"
)

const (
	update    = "updateBeaconWithSignedData(address,bytes32,uint256,bytes,bytes)"
	updateSet = "updateBeaconSetWithBeacons(bytes32[])"
	freshRead = "readFresh(bytes32,uint32)"
	setRead   = "readBeaconSet(bytes32[],uint32,uint256)"
	round     = "latestRoundData(bytes32)"
)

// now is the time of the block.
const now = 1_800_000_000

func airnode(t testing.TB, name byte) *ecdsa.PrivateKey {
	t.Helper()
	key, err := crypto.ToECDSA(crypto.Keccak256([]byte{name}))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// push updates a beacon and returns its id.
func push(t testing.TB, n *evmtest.Native, key *ecdsa.PrivateKey, stamp, value int64) [32]byte {
	t.Helper()
	template := common.Hash{31: 1}
	at := common.BigToHash(big.NewInt(stamp))
	data := uint256.MustFromBig(big.NewInt(value)).Bytes32()
	inner := crypto.Keccak256(template[:], at[:], data[:])
	sig, err := crypto.Sign(crypto.Keccak256([]byte("\x19Ethereum Signed Message:\n32"), inner), key)
	if err != nil {
		t.Fatal(err)
	}
	sig[64] += 27
	r := n.Do(t, update, crypto.PubkeyToAddress(key.PublicKey), template, big.NewInt(stamp), data[:], sig)
	if r.Out == nil {
		t.Fatalf("an update by a beacon's airnode: revert %q, %v", r.Revert, r.Err)
	}
	return r.Out[0].([32]byte)
}

func feeds(t testing.TB) *evmtest.Native {
	t.Helper()
	return evmtest.New(t, evmtest.Block{Time: now}).Native(t, precompile.OracleAddress)
}

func TestReadFreshRefusesWhatIsTooOld(t *testing.T) {
	n := feeds(t)
	id := push(t, n, airnode(t, 1), now-60, -7)
	for _, c := range []struct {
		name   string
		feed   [32]byte
		maxAge uint32
		revert string
	}{
		{"as old as allowed", id, 60, ""},
		{"a second older", id, 59, "StaleFeed"},
		{"any age", id, 1<<32 - 1, ""},
		{"no such feed", [32]byte{1}, 1<<32 - 1, "FeedNotInitialized"},
	} {
		r := n.Do(t, freshRead, c.feed, c.maxAge)
		if r.Revert != c.revert || r.Err != nil || (c.revert == "" && r.Out[0].(*big.Int).Int64() != -7) {
			t.Errorf("%s: readFresh = %v, revert %q, %v, want revert %q", c.name, r.Out, r.Revert, r.Err, c.revert)
		}
	}
	// A value from the next hour is fresh.
	if ahead := push(t, n, airnode(t, 2), now+3599, 1); n.Do(t, freshRead, ahead, uint32(0)).Out == nil {
		t.Error("readFresh refuses a value from the near future")
	}
}

func TestReadBeaconSetWantsAMajorityThatAgrees(t *testing.T) {
	n := feeds(t)
	var ids [][32]byte
	for i, v := range []struct{ stamp, value int64 }{
		{now - 5, 1000}, {now - 4, 1005}, {now - 3, 995}, {now - 2, 5000}, {now - 900, 1001},
	} {
		ids = append(ids, push(t, n, airnode(t, byte(i)), v.stamp, v.value))
	}
	const percent = 1_000_000
	for _, c := range []struct {
		name            string
		ids             [][32]byte
		maxAge          uint32
		parts           int64
		value, agreeing int64
		revert          string
	}{
		{"all fresh, one liar", ids, 900, percent, 1001, 4, ""},
		{"one stale: the middle two are averaged", ids, 60, percent, 1002, 3, ""},
		{"two of four is no majority", ids[1:], 60, percent, 0, 0, "NoMajority"},
		{"none is that near", ids, 900, 0, 0, 0, "NoMajority"},
		{"none is that fresh", ids, 1, percent, 0, 0, "NoMajority"},
		{"two that agree", ids[:2], 60, percent, 1002, 2, ""},
		{"one is no set", ids[:1], 60, percent, 0, 0, "BeaconCount"},
		{"65 are too many", make([][32]byte, 65), 60, percent, 0, 0, "BeaconCount"},
	} {
		r := n.Do(t, setRead, c.ids, c.maxAge, big.NewInt(c.parts))
		if r.Revert != c.revert || r.Err != nil {
			t.Errorf("%s: revert %q, %v, want revert %q", c.name, r.Revert, r.Err, c.revert)
			continue
		}
		if c.revert == "" && (r.Out[0].(*big.Int).Int64() != c.value || r.Out[2].(*big.Int).Int64() != c.agreeing) {
			t.Errorf("%s: readBeaconSet = %v, want value %d and %d that agree", c.name, r.Out, c.value, c.agreeing)
		}
	}
}

func TestRoundsCountUpdatesAndFeedsAreListedOnce(t *testing.T) {
	n := feeds(t)
	key, other := airnode(t, 1), airnode(t, 2)
	var id [32]byte
	for i := range int64(3) {
		id = push(t, n, key, now-10+i, 100+i)
	}
	second := push(t, n, other, now, 200)
	set := n.Do(t, updateSet, [][32]byte{id, second}).Out[0].([32]byte)
	r := n.Do(t, round, id)
	want := []int64{3, 102, now - 8, now - 8, 3}
	for i := range want {
		if r.Out == nil || r.Out[i].(*big.Int).Int64() != want[i] {
			t.Fatalf("latestRoundData = %v, want %v", r.Out, want)
		}
	}
	for i, want := range [][32]byte{id, second, set} {
		if r := n.Do(t, "feedAt(uint256)", big.NewInt(int64(i))); r.Out == nil || r.Out[0] != want {
			t.Errorf("feedAt(%d) = %x, want %x", i, r.Out, want)
		}
	}
	if r := n.Do(t, "feedCount()"); r.Out[0].(*big.Int).Int64() != 3 {
		t.Errorf("feedCount = %v, want 3", r.Out)
	}
	if r := n.Do(t, "feedAt(uint256)", big.NewInt(3)); r.Revert != "NoSuchFeed" {
		t.Errorf("feedAt(3) reverts with %q, want NoSuchFeed", r.Revert)
	}
}

// big.Int is the second implementation.
func TestDeviationIsWhatItsDefinitionSays(t *testing.T) {
	limit := new(big.Int).Lsh(big.NewInt(1), 223)
	number := rapid.Custom(func(t *rapid.T) *big.Int {
		v := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 28).Draw(t, "value"))
		v.Mod(v, limit)
		if rapid.Bool().Draw(t, "negative") {
			v.Neg(v)
		}
		return v
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := number.Draw(t, "initial"), number.Draw(t, "updated")
		base := new(big.Int).Abs(a)
		if base.Sign() == 0 {
			base.SetInt64(1)
		}
		want := new(big.Int).Sub(b, a)
		want.Abs(want).Mul(want, big.NewInt(100_000_000)).Quo(want, base)
		if got := oracle.Deviation(uint256.MustFromBig(a), uint256.MustFromBig(b)); got.ToBig().Cmp(want) != 0 {
			t.Fatalf("Deviation(%s, %s) = %s, want %s", a, b, got, want)
		}
	})
}
