// Package stark verifies STARK proofs in the byte format of Winterfell 0.13.1
// (MIT licence): FRI over the 64-bit field p = 2^64 - 2^32 + 1, Blake3-256 or
// SHA3-256, extension degree 1 to 3, one trace segment.
//
// The statement (an [AIR], the trace length, the [Options] and the public
// inputs) comes from the caller. Nothing of it is taken from the proof, and the
// reading is strict: one transcript has exactly one byte string. Memory is
// bounded by the proof's length before anything is allocated.
//
// Sources: Ben-Sasson et al., "Scalable, transparent, and post-quantum secure
// computational integrity" (ePrint 2018/046), section 3; Ben-Sasson et al.,
// "DEEP-FRI" (ePrint 2019/336), sections 4 and 5; Winterfell 0.13.1's proof
// format as spec/stark.md states it.
package stark
