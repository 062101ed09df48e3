package file

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// ErrIncomplete reports a file of which chunks are still missing.
var ErrIncomplete = errors.New("file: chunks are missing")

// ErrExists reports that a file is in the way.
var ErrExists = errors.New("file: there is a file already")

// Blobs is a folder of encrypted files. It is safe for concurrent use.
type Blobs struct {
	dir string

	mu   sync.Mutex
	open map[Name]*Blob
}

// OpenBlobs opens the folder, making it if it does not exist.
func OpenBlobs(dir string) (*Blobs, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("file: making the folder: %w", err)
	}
	return &Blobs{dir: dir, open: map[Name]*Blob{}}, nil
}

// Blob is one encrypted file, whole or in part. It is safe for concurrent use.
//
// Beside it lies a journal with an entry for each chunk that is kept: its index and its
// hash, written after the chunk was synced.
type Blob struct {
	name  Name
	blobs *Blobs
	users int // guarded by blobs.mu

	mu      sync.Mutex
	data    *os.File
	journal *os.File
	leaves  []Hash
	have    []bool
	count   uint64
	// proofs is the tree, once somebody has asked for a chunk.
	proofs tree
	// fresh are chunks that are written and not noted yet.
	fresh []uint64
}

const (
	journalEntry = 8 + 32
	// syncEvery is how many chunks are synced together: so many are fetched once more
	// after a crash.
	syncEvery = 16
)

func (b *Blobs) path(n Name, suffix string) string {
	return filepath.Join(b.dir, fmt.Sprintf("%x-%d%s", n.Root, n.Padded, suffix))
}

// Open returns the blob with that name, empty if nothing of it is here. The caller
// closes it.
func (b *Blobs) Open(n Name) (*Blob, error) {
	if err := checkPadded(n.Padded); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if x := b.open[n]; x != nil {
		x.users++
		return x, nil
	}
	x := &Blob{name: n, blobs: b, users: 1, leaves: make([]Hash, n.Chunks()), have: make([]bool, n.Chunks())}
	var err error
	if x.data, err = os.OpenFile(b.path(n, ".blob"), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	if x.journal, err = os.OpenFile(b.path(n, ".journal"), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("file: %w", err), x.data.Close())
	}
	if err := x.load(); err != nil {
		return nil, errors.Join(err, x.data.Close(), x.journal.Close())
	}
	b.open[n] = x
	return x, nil
}

// load reads the journal up to the first entry that a crash cut off.
func (x *Blob) load() error {
	var entry [journalEntry]byte
	var at int64
	for {
		_, err := io.ReadFull(x.journal, entry[:])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("file: reading the journal: %w", err)
		}
		index := binary.BigEndian.Uint64(entry[:])
		if index >= x.name.Chunks() {
			break
		}
		x.note(index, Hash(entry[8:]))
		at += journalEntry
	}
	if err := x.journal.Truncate(at); err != nil {
		return fmt.Errorf("file: %w", err)
	}
	_, err := x.journal.Seek(at, io.SeekStart)
	return err
}

func (x *Blob) note(index uint64, h Hash) {
	if !x.have[index] {
		x.have[index] = true
		x.count++
	}
	x.leaves[index] = h
}

// Name names the blob.
func (x *Blob) Name() Name { return x.name }

// Have is how many chunks are here, of how many.
func (x *Blob) Have() (have, total uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.count, x.name.Chunks()
}

// Missing returns up to most chunks that are not here, from an index on.
func (x *Blob) Missing(from uint64, most int) []uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	var out []uint64
	for i := from; i < uint64(len(x.have)) && len(out) < most; i++ {
		if !x.have[i] {
			out = append(out, i)
		}
	}
	return out
}

// Put keeps a chunk, if it is the right one. Errors of a wrong one match [ErrChunk].
func (x *Blob) Put(index uint64, chunk []byte, proof []Hash) error {
	if err := x.name.Check(index, chunk, proof); err != nil {
		return err
	}
	return x.keep(index, chunk)
}

// stride is the distance of two chunks in the blob's file.
const stride = ChunkSize + Overhead

func (x *Blob) keep(index uint64, chunk []byte) error {
	h := leaf(index, chunk)
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.have[index] {
		return nil
	}
	if _, err := x.data.WriteAt(chunk, int64(index)*stride); err != nil {
		return fmt.Errorf("file: writing a chunk: %w", err)
	}
	x.note(index, h)
	x.fresh = append(x.fresh, index)
	if len(x.fresh) >= syncEvery || x.count == x.name.Chunks() {
		return x.sync()
	}
	return nil
}

// Sync makes everything that was kept durable.
func (x *Blob) Sync() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.sync()
}

func (x *Blob) sync() error {
	if len(x.fresh) == 0 {
		return nil
	}
	if err := x.data.Sync(); err != nil {
		return fmt.Errorf("file: syncing chunks: %w", err)
	}
	var entries []byte
	for _, i := range x.fresh {
		entries = binary.BigEndian.AppendUint64(entries, i)
		entries = append(entries, x.leaves[i][:]...)
	}
	if _, err := x.journal.Write(entries); err != nil {
		return fmt.Errorf("file: writing the journal: %w", err)
	}
	if err := x.journal.Sync(); err != nil {
		return fmt.Errorf("file: syncing the journal: %w", err)
	}
	x.fresh = x.fresh[:0]
	return nil
}

// Chunk returns a chunk with its proof. The proof needs all chunks to be here:
// [ErrIncomplete] if they are not. A chunk that the disk has damaged matches [ErrBlob].
func (x *Blob) Chunk(index uint64) ([]byte, []Hash, error) {
	t, err := x.whole()
	if err != nil {
		return nil, nil, err
	}
	if index >= x.name.Chunks() {
		return nil, nil, fmt.Errorf("%w: there is no chunk %d", ErrIncomplete, index)
	}
	chunk, err := x.read(index)
	if err != nil {
		return nil, nil, err
	}
	return chunk, t.proof(index), nil
}

// whole returns the tree of a blob that is all here.
func (x *Blob) whole() (tree, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.count < x.name.Chunks() {
		return nil, fmt.Errorf("%w: %d of %d are here", ErrIncomplete, x.count, x.name.Chunks())
	}
	if x.proofs == nil {
		t := grow(x.leaves)
		if rootOf(x.name.Padded, t[len(t)-1][0]) != x.name.Root {
			return nil, fmt.Errorf("%w: its journal was changed on disk; delete the file and fetch it anew", ErrBlob)
		}
		x.proofs = t
	}
	return x.proofs, nil
}

// read returns a chunk that is here, checked against its hash.
func (x *Blob) read(index uint64) ([]byte, error) {
	chunk := make([]byte, chunkLen(x.name.Padded, index))
	if _, err := x.data.ReadAt(chunk, int64(index)*stride); err != nil {
		return nil, fmt.Errorf("%w: chunk %d: %w", ErrBlob, index, err)
	}
	x.mu.Lock()
	want := x.leaves[index]
	x.mu.Unlock()
	if leaf(index, chunk) != want {
		return nil, fmt.Errorf("%w: chunk %d was changed on disk; delete the file and fetch it anew", ErrBlob, index)
	}
	return chunk, nil
}

// Close syncs and closes the blob, when all who opened it have.
func (x *Blob) Close() error {
	x.blobs.mu.Lock()
	defer x.blobs.mu.Unlock()
	x.users--
	if x.users > 0 {
		return nil
	}
	delete(x.blobs.open, x.name)
	return errors.Join(x.Sync(), x.data.Close(), x.journal.Close())
}

// Delete removes what is here of a blob that nobody has open.
func (b *Blobs) Delete(n Name) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open[n] != nil {
		return fmt.Errorf("file: %x is in use", n.Root[:4])
	}
	err := errors.Join(os.Remove(b.path(n, ".journal")), os.Remove(b.path(n, ".blob")))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Encrypt reads size bytes of a file and keeps them as a blob under a key, which must be
// fresh. progress, if not nil, is told of bytes read. A reader that ends early or goes on
// matches [ErrBlob].
func (b *Blobs) Encrypt(key Key, r io.Reader, size uint64, progress func(done, total uint64)) (*Blob, error) {
	if size > MaxSize {
		return nil, fmt.Errorf("file: %d bytes, want at most %d", size, int64(MaxSize))
	}
	n := Name{Padded: Padded(size)}
	c, err := newCipher(key, n.Padded)
	if err != nil {
		return nil, err
	}
	tmp, err := os.CreateTemp(b.dir, "encrypting-*")
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // not there any more if all went well
	leaves := make([]Hash, n.Chunks())
	err = encryptTo(tmp, c, r, size, leaves, progress)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return nil, err
	}
	n.Root = rootOf(n.Padded, top(leaves))
	var journal []byte
	for i, h := range leaves {
		journal = binary.BigEndian.AppendUint64(journal, uint64(i))
		journal = append(journal, h[:]...)
	}
	if err := os.Rename(tmp.Name(), b.path(n, ".blob")); err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	if err := writeSynced(b.path(n, ".journal"), journal); err != nil {
		return nil, err
	}
	return b.Open(n)
}

// writeSynced writes a small file and waits until it, and its name and those beside it, are
// on the disk.
func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("file: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("file: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a folder durable, where the system can do that.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("file: %w", err)
	}
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, os.ErrInvalid) {
		return errors.Join(fmt.Errorf("file: syncing %s: %w", dir, err), d.Close())
	}
	return d.Close()
}

func encryptTo(out io.WriterAt, c *chunkCipher, r io.Reader, size uint64, leaves []Hash, progress func(done, total uint64)) error {
	var done uint64
	for i := range uint64(len(leaves)) {
		plain := make([]byte, chunkLen(c.padded, i)-Overhead) // what is not read stays zero: padding
		want := min(uint64(len(plain)), size-done)
		if _, err := io.ReadFull(r, plain[:want]); err != nil {
			return fmt.Errorf("%w: the file ended after %d bytes, want %d: %w", ErrBlob, done, size, err)
		}
		done += want
		chunk := c.seal(i, plain)
		leaves[i] = leaf(i, chunk)
		if _, err := out.WriteAt(chunk, int64(i)*stride); err != nil {
			return fmt.Errorf("file: writing a chunk: %w", err)
		}
		if progress != nil {
			progress(done, size)
		}
	}
	if n, err := r.Read(make([]byte, 1)); n > 0 || err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: the file has more than %d bytes; it changed while it was read", ErrBlob, size)
	}
	return nil
}

// Decrypt writes the file to a path where none is yet; [ErrExists] if one is. It is
// there whole or not at all.
func (x *Blob) Decrypt(key Key, size uint64, path string) error {
	if _, err := x.whole(); err != nil {
		return err
	}
	if Padded(size) != x.name.Padded {
		return fmt.Errorf("%w: %d bytes would be padded to %d, this is one of %d", ErrBlob, size, Padded(size), x.name.Padded)
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%w: %s; give another name", ErrExists, path)
	}
	c, err := newCipher(key, x.name.Padded)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".pars-*")
	if err != nil {
		return fmt.Errorf("file: %w", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	err = x.decryptTo(tmp, c, size)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	// A link fails where a rename would replace what came there meanwhile.
	if err := os.Link(tmp.Name(), path); err != nil {
		if errors.Is(err, os.ErrExist) {
			return fmt.Errorf("%w: %s; give another name", ErrExists, path)
		}
		return fmt.Errorf("file: %w", err)
	}
	return nil
}

func (x *Blob) decryptTo(w io.Writer, c *chunkCipher, size uint64) error {
	left := size
	for i := range x.name.Chunks() {
		chunk, err := x.read(i)
		if err != nil {
			return err
		}
		plain, err := c.open(i, chunk)
		if err != nil {
			return err
		}
		n := min(left, uint64(len(plain)))
		for _, b := range plain[n:] {
			if b != 0 {
				return fmt.Errorf("%w: padding that is not zero", ErrBlob)
			}
		}
		if _, err := w.Write(plain[:n]); err != nil {
			return fmt.Errorf("file: writing the file: %w", err)
		}
		left -= n
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
