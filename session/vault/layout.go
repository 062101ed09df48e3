package vault

import (
	"fmt"

	"golang.org/x/crypto/chacha20"

	"io"
)

// Sizes of the format, in bytes; see the package comment.
const (
	// Regions is how many regions a vault has.
	Regions = 4
	// Step is the unit of a region's size, and how much one region grows at least.
	Step = 1 << 20

	blockSize  = 4096
	headSize   = 16 * blockSize
	stripeSize = Regions * Step
	saltSize   = 32
)

// Bounds of a region: 1 MiB to 1 TiB.
const (
	MinRegion = Step
	MaxRegion = 1 << 40
)

// slotOffset is where a copy (0 or 1) of a slot lies.
func slotOffset(slot, copy int) int64 { return int64(1+copy*Regions+slot) * blockSize }

// fileSize is the size of a vault whose regions have the given size.
func fileSize(region int64) int64 { return headSize + Regions*region }

// regionSize is the size of the regions of a file, in whole steps; what an
// interrupted growth left at the end does not count.
func regionSize(file int64) int64 {
	if file < headSize {
		return 0
	}
	return (file - headSize) / stripeSize * Step
}

// physical returns where byte off of a region lies in the file, and how many bytes
// follow it there.
func physical(region int, off int64) (at, run int64) {
	stripe, in := off/Step, off%Step
	return headSize + stripe*stripeSize + int64(region)*Step + in, Step - in
}

// checkRegion refuses sizes that no region can have.
func checkRegion(size int64) error {
	if size < MinRegion || size > MaxRegion || size%Step != 0 {
		return fmt.Errorf("%w: a region of %d bytes; want a multiple of %d between %d and %d", ErrSize, size, Step, MinRegion, int64(MaxRegion))
	}
	return nil
}

// noise writes n random bytes at offset at: the key stream of ChaCha20 (RFC 8439)
// under a key that is thrown away.
func noise(w io.WriterAt, rand io.Reader, at, n int64) error {
	seed := make([]byte, chacha20.KeySize)
	buf := make([]byte, Step)
	for n > 0 {
		// One key for each MiB, far below the 256 GiB that a nonce is good for.
		if _, err := io.ReadFull(rand, seed); err != nil {
			return fmt.Errorf("vault: reading randomness: %w", err)
		}
		stream, err := chacha20.NewUnauthenticatedCipher(seed, make([]byte, chacha20.NonceSize))
		if err != nil {
			return err
		}
		part := buf[:min(n, int64(len(buf)))]
		clear(part)
		stream.XORKeyStream(part, part)
		if _, err := w.WriteAt(part, at); err != nil {
			return fmt.Errorf("vault: writing random bytes: %w", err)
		}
		at, n = at+int64(len(part)), n-int64(len(part))
	}
	clear(seed)
	return nil
}

// RegionOf is the size of each region of a vault file of so many bytes; 0 if it is too
// small for one.
func RegionOf(file int64) int64 { return regionSize(file) }
