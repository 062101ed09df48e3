// Package frost is FROST (RFC 9591): t of n people make one Schnorr signature
// that verifies under one group key, in two rounds, with nobody ever holding
// the group's secret. All five suites of the RFC are here.
//
// [Verify], [VerifyShare] and [Aggregate] need no secret and are what the chain
// runs. Key generation ([DKG]) is the Pedersen scheme with proofs of possession
// of Komlo and Goldberg, "FROST: Flexible Round-Optimized Schnorr Threshold
// Signatures" (ePrint 2020/852), figure 1.
//
// Scalar arithmetic uses math/big, whose time depends on its operands: a signer
// belongs on a machine where no stranger can measure its time.
package frost
