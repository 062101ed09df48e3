// Package zk holds the native contracts for zero-knowledge and validity proofs:
// Poseidon at 0x0900, Pedersen at 0x0901 and the STARK verifier at 0x0902.
package zk
