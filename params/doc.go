// Package params holds what every Pars program must agree on before it can
// talk to another: network identities, ports, supply and the timing of blocks.
//
// It imports nothing of this module, so that the smallest light node can use it.
package params
