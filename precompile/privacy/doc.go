// Package privacy holds the native contracts that hide who, or from whom: ring
// signatures at 0x0700.
package privacy
