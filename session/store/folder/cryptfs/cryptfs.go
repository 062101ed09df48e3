// Package cryptfs is a file system for pebble that encrypts every file before it
// reaches the one below, so that a database shows nothing of what it holds: not
// in its tables, its log, its manifest or its options.
//
// # Format
//
// A file begins with a header of 64 bytes, the rest is the content, XORed with
// AES-256 in counter mode (NIST SP 800-38A, section 6.5); the first counter
// block of the content is 0, big-endian.
//
//	0   8  "PARSFILE"
//	8   1  version, 1
//	9   7  zero
//	16 32  salt, random for each file
//	48 16  check: bytes 32 to 47 of the file's key material
//
// The key material is HKDF-SHA-512 of the file system's key with the salt and the
// info "pars cryptfs v1": 32 bytes of key for AES, 16 of check.
//
// A key stream must never encrypt two things. Therefore every file that is
// created or reused has a new salt, content is only ever appended, and writing
// at an offset is refused. Pebble writes in no other way.
//
// # What it does not do
//
// Names, sizes and times of files are those of the database, and content is not
// authenticated: who can write to the disk can flip bits unnoticed here. What is
// kept in the database must be bound to its name by itself, as vertices are by
// their ids.
package cryptfs

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// KeySize is the length of a file system's key in bytes.
const KeySize = 32

var (
	// ErrKey reports a file that another key has encrypted.
	ErrKey = errors.New("cryptfs: file of another key")
	// ErrFormat reports a file that this package did not write.
	ErrFormat = errors.New("cryptfs: not an encrypted file")
	// ErrAppendOnly reports a write at an offset: content can only be appended.
	ErrAppendOnly = errors.New("cryptfs: files can only be appended to")
)

// FS encrypts the files of another file system. Folders and locks are passed
// through.
type FS struct {
	vfs.FS
	key  [KeySize]byte
	rand io.Reader
}

// New returns an encrypting view of base. It keeps a copy of key. random is the
// source of salts; nil means crypto/rand.
func New(base vfs.FS, key [KeySize]byte, random io.Reader) *FS {
	if random == nil {
		random = rand.Reader
	}
	return &FS{FS: base, key: key, rand: random}
}

// String hides the key.
func (f *FS) String() string { return "cryptfs" }

// GoString hides the key.
func (f *FS) GoString() string { return "cryptfs" }

// Create makes an empty file with a key of its own.
func (f *FS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	under, err := f.FS.Create(name, category)
	if err != nil {
		return nil, err
	}
	return f.begin(under)
}

// ReuseForWrite replaces oldname by a new file: the old one's key stream must not
// be used again.
func (f *FS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.Remove(oldname); err != nil {
		return nil, err
	}
	return f.Create(newname, category)
}

func (f *FS) begin(under vfs.File) (vfs.File, error) {
	header, stream, err := newHeader(f.key, f.rand)
	if err == nil {
		_, err = under.Write(header[:])
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cryptfs: beginning a file: %w", err), under.Close())
	}
	return &file{File: under, stream: stream}, nil
}

// Open opens a file for reading.
func (f *FS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	under, err := f.FS.Open(name, opts...)
	if err != nil {
		return nil, err
	}
	return f.resume(name, under)
}

// OpenReadWrite opens a file for reading, and for appending to its end if it is
// still empty.
func (f *FS) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	under, err := f.FS.OpenReadWrite(name, category, opts...)
	if err != nil {
		return nil, err
	}
	info, err := under.Stat()
	if err == nil && info.Size() == 0 {
		return f.begin(under)
	}
	if err != nil {
		return nil, errors.Join(err, under.Close())
	}
	return f.resume(name, under)
}

// resume reads the header of a file. A file that ends within it was begun when
// the power went: it is empty.
func (f *FS) resume(name string, under vfs.File) (vfs.File, error) {
	info, err := under.Stat()
	if err != nil {
		return nil, errors.Join(err, under.Close())
	}
	if info.IsDir() {
		return under, nil
	}
	if info.Size() < headerSize {
		return &file{File: under, sealed: true}, nil
	}
	var header [headerSize]byte
	if _, err := under.ReadAt(header[:], 0); err != nil {
		return nil, errors.Join(fmt.Errorf("cryptfs: reading the header of %s: %w", name, err), under.Close())
	}
	stream, err := parseHeader(header, f.key)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s", err, name), under.Close())
	}
	return &file{File: under, stream: stream, sealed: true}, nil
}

// Stat returns the size of the content.
func (f *FS) Stat(name string) (vfs.FileInfo, error) {
	info, err := f.FS.Stat(name)
	if err != nil || info.IsDir() {
		return info, err
	}
	return content{info}, nil
}

// Unwrap returns the file system below.
func (f *FS) Unwrap() vfs.FS { return f.FS }
