package precompile_test

import (
	"math/big"
	"testing"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"

	"github.com/pars-network/pars/precompile/oracle"
)

// signedUpdate is an update of the beacon of the key and the template, made at
// second 1,000.
func signedUpdate(tb testing.TB, name string, template [32]byte, value int64) (update sample, beacon [32]byte) {
	tb.Helper()
	key, err := crypto.ToECDSA(crypto.Keccak256([]byte(name)))
	if err != nil {
		tb.Fatal(err)
	}
	airnode := crypto.PubkeyToAddress(key.PublicKey)
	stamp := big.NewInt(1000)
	data := common.BigToHash(big.NewInt(value))
	inner := crypto.Keccak256(template[:], common.BigToHash(stamp).Bytes(), data[:])
	sig, err := crypto.Sign(crypto.Keccak256([]byte("\x19Ethereum Signed Message:\n32"), inner), key)
	if err != nil {
		tb.Fatal(err)
	}
	sig[64] += 27
	return sample{signature: "updateBeaconWithSignedData(address,bytes32,uint256,bytes,bytes)", args: []any{airnode, template, stamp, data[:], sig}},
		oracle.BeaconID(airnode, template[:])
}

func sampleOracle(tb testing.TB) []sample {
	tb.Helper()
	template := [32]byte{31: 5}
	first, a := signedUpdate(tb, "first", template, 100)
	second, b := signedUpdate(tb, "second", template, 102)
	ids := [][32]byte{a, b}
	both := []sample{first, second}
	set := sample{signature: "updateBeaconSetWithBeacons(bytes32[])", args: []any{ids}, before: both}
	return []sample{
		first,
		set,
		{signature: "dataFeeds(bytes32)", args: []any{a}, before: both},
		{signature: "readDataFeedWithId(bytes32)", args: []any{a}, before: both},
		{signature: "readFresh(bytes32,uint32)", args: []any{b, uint32(1)}, before: both},
		{signature: "readBeaconSet(bytes32[],uint32,uint256)", args: []any{ids, uint32(10), big.NewInt(1_000_000)}, before: both},
		{signature: "latestRoundData(bytes32)", args: []any{a}, before: both},
		{signature: "deviation(int224,int224)", args: []any{big.NewInt(-100), big.NewInt(101)}},
		{signature: "deriveBeaconId(address,bytes32)", args: []any{common.Address{19: 1}, template}},
		{signature: "deriveBeaconSetId(bytes32[])", args: []any{ids}},
		{signature: "feedCount()", before: both},
		{signature: "feedAt(uint256)", args: []any{big.NewInt(1)}, before: both},
	}
}
