// Package opcodes has tests only: they hold [contract.State] to the opcodes of
// the EVM whose prices it charges. They are apart because they register hooks of
// their own with libevm, which a process can do once.
package opcodes
