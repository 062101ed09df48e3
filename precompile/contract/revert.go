package contract

import (
	"fmt"
	"math/big"
)

// RevertError makes a call revert with a Solidity custom error, so that the
// caller sees why and keeps its remaining gas.
type RevertError struct {
	// Name is an error of the contract's ABI.
	Name string
	// Args are the Go values that the ABI packs for it.
	Args []any
}

// Revert returns the error for the custom error name with args. An int becomes
// a uint256: lengths and counts need no ceremony.
func Revert(name string, args ...any) *RevertError {
	for i, a := range args {
		if n, ok := a.(int); ok {
			args[i] = big.NewInt(int64(n))
		}
	}
	return &RevertError{Name: name, Args: args}
}

func (e *RevertError) Error() string { return fmt.Sprintf("reverted: %s%v", e.Name, e.Args) }

// revertData is the selector of the error, then its arguments, as `revert
// E(...)` gives them in Solidity.
func (c *Contract) revertData(e *RevertError) ([]byte, error) {
	def, ok := c.abi.Errors[e.Name]
	if !ok {
		return nil, fmt.Errorf("contract %s: %w, which its ABI doesn't declare", c.name, e)
	}
	args, err := def.Inputs.Pack(e.Args...)
	if err != nil {
		return nil, fmt.Errorf("contract %s: packing %w: %w", c.name, e, err)
	}
	return append(def.ID.Bytes()[:4:4], args...), nil
}
