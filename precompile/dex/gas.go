package dex

// Prices of computation, beside what storage, logs and calls cost by their EIPs
// (see [contract.State]); docs/precompiles/gas.md derives them.
const (
	callGas     = 180 // getting here: a call of anything takes two microseconds
	wordGas     = 3   // a word of calldata, of a hook's calldata or of a result
	slotGas     = 36  // finding a slot by hashing
	swapGas     = 300 // a swap apart from its steps
	stepGas     = 600 // a step within constant liquidity
	tickGas     = 120 // the root price at a tick
	positionGas = 400 // the amounts of a change of liquidity
)
