package cryptfs

import (
	"errors"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// writeSize is how much is encrypted at once, in bytes.
const writeSize = 32 << 10

// file is the content of an encrypted file. As with every vfs.File, one reads or
// writes in sequence at a time; ReadAt may be called by many.
type file struct {
	vfs.File
	stream stream
	// sealed files were not created here, and take no writes.
	sealed bool
	read   int64 // where Read goes on
	end    int64 // where Write goes on
	buf    []byte
}

// Read reads in sequence.
func (f *file) Read(b []byte) (int, error) {
	n, err := f.ReadAt(b, f.read)
	f.read += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// ReadAt reads at an offset of the content.
func (f *file) ReadAt(b []byte, offset int64) (int, error) {
	if f.stream.block == nil {
		return 0, io.EOF // it ends within its header
	}
	n, err := f.File.ReadAt(b, headerSize+offset)
	f.stream.xor(b[:n], offset)
	return n, err
}

// Write appends. b is left as it is.
func (f *file) Write(b []byte) (written int, err error) {
	if f.sealed {
		return 0, ErrAppendOnly
	}
	for len(b) > 0 {
		f.buf = append(f.buf[:0], b[:min(len(b), writeSize)]...)
		f.stream.xor(f.buf, f.end)
		n, err := f.File.Write(f.buf)
		f.end += int64(n)
		written += n
		if err != nil {
			// Other bytes could follow in the place of those that may have been
			// written beyond n, under the same key stream.
			f.sealed = true
			return written, err
		}
		b = b[n:]
	}
	return written, nil
}

// WriteAt is refused.
func (f *file) WriteAt([]byte, int64) (int, error) { return 0, ErrAppendOnly }

// Preallocate reserves room on the disk.
func (f *file) Preallocate(offset, length int64) error {
	return f.File.Preallocate(headerSize+offset, length)
}

// SyncTo syncs the first length bytes of the content.
func (f *file) SyncTo(length int64) (bool, error) { return f.File.SyncTo(headerSize + length) }

// Prefetch reads ahead.
func (f *file) Prefetch(offset, length int64) error {
	return f.File.Prefetch(headerSize+offset, length)
}

// Fd hides the file below, where offsets are others.
func (f *file) Fd() uintptr { return vfs.InvalidFd }

// Stat returns the size of the content.
func (f *file) Stat() (vfs.FileInfo, error) {
	info, err := f.File.Stat()
	if err != nil {
		return nil, err
	}
	return content{info}, nil
}

// content is what is known of a file, without its header.
type content struct{ vfs.FileInfo }

// Size is the length of the content in bytes.
func (c content) Size() int64 { return max(0, c.FileInfo.Size()-headerSize) }
