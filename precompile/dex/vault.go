package dex

import (
	_ "embed"
	"encoding/hex"
	"strings"

	"github.com/ava-labs/libevm/common"
)

// FactoryAddress is where genesis puts the factory of vaults.
var FactoryAddress = common.BytesToAddress([]byte{0x04, 0x02})

// FactoryCode is what runs there: contracts/src/dex/VaultFactory.sol, compiled. A
// test of that folder compares both and, with -rewrite, writes the file anew.
//
// The factory is bytecode because its vaults are: each is a contract of its own,
// with an address of its own, that every wallet takes for the ERC-20 and ERC-4626
// token it is.
var FactoryCode = func() []byte {
	code, err := hex.DecodeString(strings.ReplaceAll(factoryHex, "\n", ""))
	if err != nil {
		panic(err) // a damaged file, which any test shows
	}
	return code
}()

//go:embed VaultFactory.hex
var factoryHex string
