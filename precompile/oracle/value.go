package oracle

import (
	"math/big"
	"slices"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/crypto"
	"github.com/holiman/uint256"

	"github.com/pars-network/pars/precompile/contract"
)

// Feed is the newest value of a feed.
type Feed struct {
	// Value is a signed number of at most 224 bits, in two's complement of 256.
	Value *uint256.Int
	// Timestamp is in Unix seconds; 0 means that there was no update.
	Timestamp uint32
}

// Signed is a number in two's complement as a signed one.
func Signed(v *uint256.Int) *big.Int {
	b := v.ToBig()
	if v.Sign() < 0 {
		b.Sub(b, new(big.Int).Lsh(big.NewInt(1), 256))
	}
	return b
}

// fits224 reports whether the number is in the range of int224.
func fits224(v *uint256.Int) bool {
	return new(uint256.Int).ExtendSign(v, uint256.NewInt(27)).Eq(v)
}

// magnitude is the absolute value of a signed number.
func magnitude(v *uint256.Int) *uint256.Int { return new(uint256.Int).Abs(v) }

// Deviation is how far updated is from initial, both of at most 224 bits, in parts
// of 10^8 of the absolute initial value, rounded down. 0 counts as 1.
func Deviation(initial, updated *uint256.Int) *uint256.Int {
	base := magnitude(initial)
	if base.IsZero() {
		base.SetOne()
	}
	delta := new(uint256.Int).Sub(updated, initial)
	delta.Abs(delta)
	return delta.Div(delta.Mul(delta, uint256.NewInt(whole)), base)
}

// medianOf takes the medians of values and timestamps apart. list has a member at
// least.
func medianOf(list []Feed) Feed {
	values, stamps := make([]*uint256.Int, len(list)), make([]*uint256.Int, len(list))
	for i, f := range list {
		values[i], stamps[i] = f.Value, uint256.NewInt(uint64(f.Timestamp))
	}
	return Feed{Value: median(values), Timestamp: uint32(median(stamps).Uint64())}
}

// median sorts list, signed numbers far from the ends of 256 bits. The mean of the
// middle two is rounded to zero.
func median(list []*uint256.Int) *uint256.Int {
	slices.SortFunc(list, func(a, b *uint256.Int) int {
		switch {
		case a.Slt(b):
			return -1
		case b.Slt(a):
			return 1
		}
		return 0
	})
	n := len(list)
	if n%2 == 1 {
		return list[n/2]
	}
	sum := new(uint256.Int).Add(list[n/2-1], list[n/2])
	return sum.SDiv(sum, uint256.NewInt(2))
}

// signedHash is what an Airnode signs: the EIP-191 hash, version 0x45, of the hash
// of template, time and data.
func signedHash(template []byte, stamp *uint256.Int, data []byte) common.Hash {
	word := stamp.Bytes32()
	inner := crypto.Keccak256(template, word[:], data)
	return crypto.Keccak256Hash([]byte("\x19Ethereum Signed Message:\n32"), inner)
}

// recoverSigner returns who signed. Its checks come in the order of OpenZeppelin's
// ECDSA, so that a signature with two faults is refused for the same one.
func recoverSigner(digest common.Hash, signature []byte) (common.Address, error) {
	var none common.Address
	if len(signature) != crypto.SignatureLength {
		return none, contract.Revert("SignatureLength", len(signature))
	}
	r, s := new(uint256.Int).SetBytes(signature[:32]).ToBig(), new(uint256.Int).SetBytes(signature[32:64])
	if s.Gt(halfOrder) {
		return none, contract.Revert("SignatureS")
	}
	v := signature[64] - 27
	if !crypto.ValidateSignatureValues(v, r, s.ToBig(), true) {
		return none, contract.Revert("InvalidSignature")
	}
	sig := append(append(make([]byte, 0, crypto.SignatureLength), signature[:64]...), v)
	key, err := crypto.Ecrecover(digest[:], sig)
	if err != nil {
		return none, contract.Revert("InvalidSignature")
	}
	return common.BytesToAddress(crypto.Keccak256(key[1:])), nil
}

// halfOrder is half of the order of secp256k1, rounded down.
var halfOrder = uint256.MustFromHex("0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0")

// BeaconID is the id of the feed that airnode signs for a template of 32 bytes.
func BeaconID(airnode common.Address, template []byte) common.Hash {
	return crypto.Keccak256Hash(airnode[:], template)
}

// SetID is the id of the median of beacons: the hash of the list in the Solidity
// ABI.
func SetID(beacons []common.Hash) common.Hash {
	offset, length := uint256.NewInt(32).Bytes32(), uint256.NewInt(uint64(len(beacons))).Bytes32()
	data := append(offset[:], length[:]...)
	for _, id := range beacons {
		data = append(data, id[:]...)
	}
	return crypto.Keccak256Hash(data)
}
