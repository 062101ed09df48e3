package chain

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/libevm/common"
)

// Shape of a guard file: a head of magic, blockchain id (32) and floor (8), then
// records of parent hash (32), parent height (8), length (4), CRC-32C (4) of
// these three, the block's RLP, and its CRC-32C (4). Integers are big-endian. The
// first sum tells a record that was cut short from one whose length is damaged.
const (
	guardMagic      = "pars-guard/1\n"
	guardHeadLen    = len(guardMagic) + ids.IDLen + 8
	guardRecordHead = common.HashLength + 8 + 4 + 4
	guardRecordTail = 4
	// guardCompactAt is the size in bytes from which pruning rewrites the file.
	guardCompactAt = 32 << 20
	// maxGuardBytes bounds what is read: far more than is ever written, since
	// this node seals few blocks between two accepted ones.
	maxGuardBytes = 8 * guardCompactAt
)

var (
	// ErrGuardFloor reports a parent so old that the guard has already forgotten
	// what this key sealed on it: the chain data is older than the key's history.
	ErrGuardFloor = errors.New("chain: the guard has no record of blocks this far back")
	// ErrGuardWait reports a node that may not propose yet, because its key may
	// have sealed blocks elsewhere that its guard does not know.
	ErrGuardWait = errors.New("chain: no guard for this key, waiting for a block above the start-up tip")

	crcTable = crc32.MakeTable(crc32.Castagnoli)
)

// guardEntry says where in the file the block sealed on a parent lies.
type guardEntry struct {
	height uint64 // of the parent
	offset int64  // of the block's bytes
	length uint32
}

// guard remembers on disk every block this node's BLS key sealed near the tip,
// so that the key never seals two blocks on one parent. It lives beside the key,
// not in the chain's data: whoever moves the key moves its history.
//
// Invariant: a block's record is on stable storage before [guard.record]
// returns, and no seal leaves the process before that.
type guard struct {
	dir, path string
	chainID   ids.ID

	mu    sync.Mutex
	file  *os.File // nil until the guard is trusted
	size  int64
	floor uint64 // records of parents below this height may be gone
	index map[common.Hash]guardEntry
}

// CreateGuard makes the guard directory of a BLS key. Call it when the key is
// made: a directory that is as old as the key proves that every seal of the key
// is in it. Where it is missing, the node waits for a block above its start-up
// tip before it proposes. An existing directory is left alone.
func CreateGuard(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("creating the guard directory: %w", err)
	}
	return syncDir(filepath.Dir(dir))
}

// openGuard reads the guard of one chain. A missing directory, or a last record
// that is whole but damaged, gives a guard that is not trusted; a record cut
// short by a crash is dropped, since its seal never left. Anything else that
// does not read is an error.
func openGuard(dir string, chainID ids.ID) (*guard, error) {
	g := &guard{dir: dir, path: filepath.Join(dir, chainID.String()+".guard"), chainID: chainID, index: map[common.Hash]guardEntry{}}
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return g, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening the guard: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("opening the guard: %s is a file, want a directory", dir)
	}
	f, err := os.OpenFile(g.path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return g, g.create(0)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the guard: %w", err)
	}
	whole, err := g.load(f)
	if err != nil || !whole {
		return g, errors.Join(err, f.Close())
	}
	g.file = f
	return g, nil
}

// load reads the file and cuts off an unfinished last record. It reports whether
// all that was ever sealed can be in it.
func (g *guard) load(f *os.File) (bool, error) {
	data, err := io.ReadAll(io.LimitReader(f, maxGuardBytes+1))
	if err != nil {
		return false, fmt.Errorf("reading guard %s: %w", g.path, err)
	}
	if len(data) > maxGuardBytes {
		return false, fmt.Errorf("guard %s is larger than %d bytes; move it away and this node will wait for a block above its tip before it proposes", g.path, maxGuardBytes)
	}
	if len(data) < guardHeadLen || !bytes.HasPrefix(data, []byte(guardMagic)) {
		return false, fmt.Errorf("guard %s is not a guard file; move it away and this node will wait for a block above its tip before it proposes", g.path)
	}
	if id := ids.ID(data[len(guardMagic):]); id != g.chainID {
		return false, fmt.Errorf("guard %s belongs to chain %s, want %s", g.path, id, g.chainID)
	}
	g.floor = binary.BigEndian.Uint64(data[guardHeadLen-8:])
	at := guardHeadLen
	for at < len(data) {
		entry, size, state := parseGuardRecord(data[at:])
		if state == recordShort {
			break
		}
		if state == recordDamaged {
			if size > 0 && at+size < len(data) {
				return false, fmt.Errorf("guard %s is damaged at byte %d; move it away and this node will wait for a block above its tip before it proposes", g.path, at)
			}
			return false, nil
		}
		entry.offset += int64(at)
		g.index[common.Hash(data[at:])] = entry
		at += size
	}
	g.size = int64(at)
	if at < len(data) {
		if err := f.Truncate(g.size); err != nil {
			return false, fmt.Errorf("cutting an unfinished record off guard %s: %w", g.path, err)
		}
	}
	return true, nil
}

// What parseGuardRecord finds.
const (
	recordWhole = iota
	recordShort
	recordDamaged
)

// parseGuardRecord reads the record at the start of data. size is its length, 0
// if that is not known.
func parseGuardRecord(data []byte) (entry guardEntry, size, state int) {
	if len(data) < guardRecordHead {
		return entry, 0, recordShort
	}
	const lengthAt, sumAt = common.HashLength + 8, guardRecordHead - 4
	length := binary.BigEndian.Uint32(data[lengthAt:])
	if crc32.Checksum(data[:sumAt], crcTable) != binary.BigEndian.Uint32(data[sumAt:]) || length > MaxBlockBytes {
		return entry, 0, recordDamaged
	}
	size = guardRecordHead + int(length) + guardRecordTail
	if len(data) < size {
		return entry, size, recordShort
	}
	block := data[guardRecordHead : size-guardRecordTail]
	if crc32.Checksum(block, crcTable) != binary.BigEndian.Uint32(data[size-guardRecordTail:]) {
		return entry, size, recordDamaged
	}
	return guardEntry{height: binary.BigEndian.Uint64(data[common.HashLength:]), offset: guardRecordHead, length: length}, size, recordWhole
}

// trusted reports whether the guard holds everything its key may have sealed on
// parents at or above its floor.
func (g *guard) trusted() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.file != nil
}

// trust starts a guard that was not trusted. height is that of the last
// accepted block: nothing below it will be built on again.
func (g *guard) trust(height uint64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.file != nil {
		return nil
	}
	if err := CreateGuard(g.dir); err != nil {
		return err
	}
	g.index = map[common.Hash]guardEntry{}
	return g.create(height)
}

// lookup returns the block that was sealed on parent, or nil if there is none.
func (g *guard) lookup(parent common.Hash, height uint64) ([]byte, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.file == nil {
		return nil, ErrGuardWait
	}
	entry, ok := g.index[parent]
	if !ok {
		if height < g.floor {
			return nil, fmt.Errorf("%w: got parent height %d, want at least %d; restore the chain data that goes with guard %s", ErrGuardFloor, height, g.floor, g.path)
		}
		return nil, nil
	}
	block := make([]byte, entry.length)
	if _, err := g.file.ReadAt(block, entry.offset); err != nil {
		return nil, fmt.Errorf("reading guard %s: %w", g.path, err)
	}
	return block, nil
}

// record stores the block sealed on parent and returns once it is on stable
// storage. A second block on the same parent is refused.
func (g *guard) record(parent common.Hash, height uint64, block []byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch _, sealed := g.index[parent]; {
	case g.file == nil:
		return ErrGuardWait
	case sealed:
		return fmt.Errorf("chain: a block on parent %s is sealed already, refusing to seal another", parent)
	case len(block) > MaxBlockBytes:
		return fmt.Errorf("chain: block is %d bytes, want at most %d", len(block), MaxBlockBytes)
	}
	if _, err := g.file.WriteAt(guardRecord(parent, height, block), g.size); err != nil {
		return fmt.Errorf("writing guard %s: %w", g.path, err)
	}
	if err := g.file.Sync(); err != nil {
		return fmt.Errorf("writing guard %s: %w", g.path, err)
	}
	g.index[parent] = guardEntry{height: height, offset: g.size + int64(guardRecordHead), length: uint32(len(block))}
	g.size += int64(guardRecordHead + len(block) + guardRecordTail)
	return nil
}

func guardRecord(parent common.Hash, height uint64, block []byte) []byte {
	record := make([]byte, 0, guardRecordHead+len(block)+guardRecordTail)
	record = append(record, parent[:]...)
	record = binary.BigEndian.AppendUint64(record, height)
	record = binary.BigEndian.AppendUint32(record, uint32(len(block)))
	record = binary.BigEndian.AppendUint32(record, crc32.Checksum(record, crcTable))
	record = append(record, block...)
	return binary.BigEndian.AppendUint32(record, crc32.Checksum(block, crcTable))
}

// prune forgets blocks on parents below the accepted height, which this node
// will never build on again. It rewrites the file only once it is large.
func (g *guard) prune(accepted uint64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.file == nil || g.size < guardCompactAt {
		return nil
	}
	return g.compact(accepted)
}

// compact replaces the file by one that holds the records at or above floor.
func (g *guard) compact(floor uint64) error {
	var keep []byte
	for parent, entry := range g.index {
		if entry.height < floor {
			continue
		}
		block := make([]byte, entry.length)
		if _, err := g.file.ReadAt(block, entry.offset); err != nil {
			return fmt.Errorf("reading guard %s: %w", g.path, err)
		}
		keep = append(keep, guardRecord(parent, entry.height, block)...)
	}
	if err := g.file.Close(); err != nil {
		return fmt.Errorf("closing guard %s: %w", g.path, err)
	}
	g.file, g.index = nil, map[common.Hash]guardEntry{}
	return g.replace(floor, keep)
}

// create starts an empty file.
func (g *guard) create(floor uint64) error { return g.replace(floor, nil) }

// replace puts a new file with the given floor and records in place, on stable
// storage, and opens it.
func (g *guard) replace(floor uint64, records []byte) error {
	head := append([]byte(guardMagic), g.chainID[:]...)
	head = binary.BigEndian.AppendUint64(head, floor)
	temp := g.path + ".new"
	f, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("writing the guard: %w", err)
	}
	_, err = f.Write(append(head, records...))
	if err = errors.Join(err, f.Sync()); err == nil {
		err = errors.Join(os.Rename(temp, g.path), syncDir(g.dir))
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err == nil {
		_, err = g.load(f)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing guard %s: %w", g.path, err), f.Close())
	}
	g.file = f
	return nil
}

// close releases the file. Everything in it is already on stable storage.
func (g *guard) close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.file == nil {
		return nil
	}
	err := g.file.Close()
	g.file = nil
	return err
}

// syncDir makes renames and new files in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("syncing directory %s: %w", dir, err)
	}
	return errors.Join(d.Sync(), d.Close())
}
