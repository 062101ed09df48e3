// Package privacy holds the native contracts that hide who, or from whom: ring
// signatures at 0x0700, ECIES at 0x0701 and HPKE at 0x0702.
package privacy
