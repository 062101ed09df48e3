package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/pars-network/pars/session/vault"
)

// A backup holds, encrypted as [sealing] does, big-endian:
//
//	version, 1 (2 bytes); network id (4); when it was made, Unix seconds (8)
//	then entries, each with its type first (1 byte):
//	1  record: kind (1), number (8), time to be erased, Unix ms or 0 (8),
//	   length of the name (2) and of the value (4), name, value
//	2  the pairs that follow belong to a database: length of its name (2), name
//	3  pair: length of the key (4) and of the value (4), key, value
//	0  the end: how many entries came before (8)
const (
	backupVersion = 1

	entryEnd      = 0
	entryRecord   = 1
	entryDatabase = 2
	entryPair     = 3

	// maxPairKey and maxPairValue bound what is read into memory at once.
	maxPairKey   = 64 << 10
	maxPairValue = 16 << 20
)

// BackupInfo is what a backup says of itself.
type BackupInfo struct {
	NetworkID uint32
	Made      time.Time
	Entries   uint64
}

// Export writes everything to w, encrypted under key. Databases in folders
// ([Store.Graph], [Store.Folder]) must not be open.
func (s *Store) Export(w io.Writer, key BackupKey) (BackupInfo, error) {
	out, err := newSealing(w, s.cfg.Rand, key)
	if err != nil {
		return BackupInfo{}, err
	}
	e := &exporter{w: bufio.NewWriter(out), info: BackupInfo{NetworkID: s.cfg.NetworkID, Made: time.Unix(s.cfg.Now().Unix(), 0)}}
	head := binary.BigEndian.AppendUint16(nil, backupVersion)
	head = binary.BigEndian.AppendUint32(head, e.info.NetworkID)
	e.put(binary.BigEndian.AppendUint64(head, uint64(e.info.Made.Unix())))
	if err := s.exportRecords(e); err != nil {
		return e.info, err
	}
	folders, err := s.region.FS().List("/")
	if err != nil {
		return e.info, err
	}
	for _, name := range folders {
		if "/"+name != recordsDir {
			if err := s.exportFolder(e, name); err != nil {
				return e.info, err
			}
		}
	}
	e.put(binary.BigEndian.AppendUint64([]byte{entryEnd}, e.info.Entries))
	return e.info, errors.Join(e.err, e.w.Flush(), out.Close())
}

// exporter writes entries and remembers the first error.
type exporter struct {
	w    *bufio.Writer
	info BackupInfo
	err  error
}

func (e *exporter) put(b ...[]byte) {
	for _, b := range b {
		if _, err := e.w.Write(b); err != nil && e.err == nil {
			e.err = err
		}
	}
}

func (s *Store) exportRecords(e *exporter) error {
	times, err := s.expiries()
	if err != nil {
		return err
	}
	for kind := range int(kindOwn) {
		k := Kind(kind)
		err := s.Scan(k, nil, 0, func(r Record) bool {
			head := []byte{entryRecord, byte(k)}
			head = binary.BigEndian.AppendUint64(head, r.Num)
			head = binary.BigEndian.AppendUint64(head, uint64(times[string(s.keys.diskKey(k, r.Name, r.Num))]))
			head = binary.BigEndian.AppendUint16(head, uint16(len(r.Name)))
			head = binary.BigEndian.AppendUint32(head, uint32(len(r.Value)))
			e.put(head, r.Name, r.Value)
			e.info.Entries++
			return e.err == nil
		})
		if err = errors.Join(err, e.err); err != nil {
			return err
		}
	}
	return nil
}

// expiries returns when ephemeral records are to be erased, Unix milliseconds, by
// their keys in the database.
func (s *Store) expiries() (map[string]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return nil, err
	}
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: keyExpiry, UpperBound: []byte{byte(kindOwn), 'x' + 1}})
	if err != nil {
		return nil, fmt.Errorf("store: reading: %w", err)
	}
	out := map[string]int64{}
	for ok := iter.First(); ok; ok = iter.Next() {
		if entry := iter.Key(); len(entry) == len(keyExpiry)+8+diskKeySize {
			key := entry[len(keyExpiry)+8:]
			// An entry of a record that was written again since has another leaf.
			if sealed, err := get(s.db, key); err == nil && len(sealed) >= 8 && string(sealed[:8]) == string(iter.Value()) {
				out[string(key)] = int64(binary.BigEndian.Uint64(entry[len(keyExpiry):]))
			}
		}
	}
	return out, errors.Join(iter.Error(), iter.Close())
}

func (s *Store) exportFolder(e *exporter, name string) (err error) {
	db, err := pebble.Open("/"+name, &pebble.Options{FS: s.region.FS(), Logger: pebbleLogger{s.cfg.Logger}, ReadOnly: true, CacheSize: 1 << 20})
	if err != nil {
		return fmt.Errorf("store: opening the database %s, which must not be in use: %w", name, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	e.put(binary.BigEndian.AppendUint16([]byte{entryDatabase}, uint16(len(name))), []byte(name))
	e.info.Entries++
	iter, err := db.NewIter(nil)
	if err != nil {
		return fmt.Errorf("store: reading: %w", err)
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for ok := iter.First(); ok && e.err == nil; ok = iter.Next() {
		value, err := iter.ValueAndErr()
		if err != nil {
			return fmt.Errorf("store: reading: %w", err)
		}
		if len(iter.Key()) > maxPairKey || len(value) > maxPairValue {
			return fmt.Errorf("%w: a pair of %d and %d bytes in %s", ErrTooLarge, len(iter.Key()), len(value), name)
		}
		head := binary.BigEndian.AppendUint32([]byte{entryPair}, uint32(len(iter.Key())))
		e.put(binary.BigEndian.AppendUint32(head, uint32(len(value))), iter.Key(), value)
		e.info.Entries++
	}
	return errors.Join(iter.Error(), e.err)
}

// sink takes what a backup holds.
type sink struct {
	record   func(r Record, kind Kind, until int64) error
	database func(name string) error
	pair     func(key, value []byte) error
}

// readBackup gives everything in a backup to a sink. A bad length, type or order is
// ErrBackup.
func readBackup(r io.Reader, to sink) (BackupInfo, error) {
	b := bufio.NewReader(r)
	var info BackupInfo
	bytes := func(n int) ([]byte, error) {
		out := make([]byte, n)
		_, err := io.ReadFull(b, out)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%w (it ends too early)", ErrBackup)
		}
		return out, err
	}
	head, err := bytes(14)
	if err != nil {
		return info, err
	}
	if v := binary.BigEndian.Uint16(head); v != backupVersion {
		return info, fmt.Errorf("%w: backup version %d, this program knows %d", ErrSchema, v, backupVersion)
	}
	info.NetworkID = binary.BigEndian.Uint32(head[2:])
	info.Made = time.Unix(int64(binary.BigEndian.Uint64(head[6:])), 0)
	inDatabase := false
	for ; ; info.Entries++ {
		kind, err := bytes(1)
		if err != nil {
			return info, err
		}
		switch kind[0] {
		case entryRecord:
			h, err := bytes(1 + 8 + 8 + 2 + 4)
			if err != nil {
				return info, err
			}
			nameLen, valueLen := int(binary.BigEndian.Uint16(h[17:])), binary.BigEndian.Uint32(h[19:])
			until := binary.BigEndian.Uint64(h[9:])
			if nameLen > MaxName || valueLen > MaxValue || Kind(h[0]) == kindOwn || until>>63 != 0 || (until != 0 && !Kind(h[0]).erasable()) {
				return info, fmt.Errorf("%w (a record of %d and %d bytes)", ErrBackup, nameLen, valueLen)
			}
			body, err := bytes(nameLen + int(valueLen))
			if err != nil {
				return info, err
			}
			r := Record{Name: body[:nameLen], Num: binary.BigEndian.Uint64(h[1:]), Value: body[nameLen:]}
			if err := to.record(r, Kind(h[0]), int64(until)); err != nil {
				return info, err
			}
		case entryDatabase:
			h, err := bytes(2)
			if err != nil {
				return info, err
			}
			name, err := bytes(int(binary.BigEndian.Uint16(h)))
			if err != nil {
				return info, err
			}
			n := string(name)
			if len(n) > MaxName || n == "" || path.Base(n) != n || n == "." || n == ".." || "/"+n == recordsDir {
				return info, fmt.Errorf("%w (a database named %q)", ErrBackup, n)
			}
			if err := to.database(n); err != nil {
				return info, err
			}
			inDatabase = true
		case entryPair:
			h, err := bytes(8)
			if err != nil {
				return info, err
			}
			keyLen, valueLen := binary.BigEndian.Uint32(h), binary.BigEndian.Uint32(h[4:])
			if !inDatabase || keyLen > maxPairKey || valueLen > maxPairValue {
				return info, fmt.Errorf("%w (a pair of %d and %d bytes)", ErrBackup, keyLen, valueLen)
			}
			body, err := bytes(int(keyLen) + int(valueLen))
			if err != nil {
				return info, err
			}
			if err := to.pair(body[:keyLen], body[keyLen:]); err != nil {
				return info, err
			}
		case entryEnd:
			h, err := bytes(8)
			if err != nil {
				return info, err
			}
			if n := binary.BigEndian.Uint64(h); n != info.Entries {
				return info, fmt.Errorf("%w (%d entries, it says %d)", ErrBackup, info.Entries, n)
			}
			if _, err := b.ReadByte(); !errors.Is(err, io.EOF) {
				return info, fmt.Errorf("%w (bytes behind the end)", ErrBackup)
			}
			return info, nil
		default:
			return info, fmt.Errorf("%w (an entry of type %d)", ErrBackup, kind[0])
		}
	}
}

// Import makes a new profile of a backup, in the vault of cfg.Dir or in a new one
// there, and returns what the backup says of itself. keep are the passphrases of the
// profiles of that vault that must stay ([vault.Vault.AddProfile]). The whole file is
// read once before anything is changed. The profile opens under cfg.Passphrase when
// everything is in it, and not before.
func Import(cfg Config, r io.ReadSeeker, key BackupKey, keep ...[]byte) (BackupInfo, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return BackupInfo{}, err
	}
	info, err := verify(r, key)
	if err != nil {
		return info, err
	}
	if info.NetworkID != cfg.NetworkID {
		return info, fmt.Errorf("%w: the backup's network id is %d, want %d", ErrNetwork, info.NetworkID, cfg.NetworkID)
	}
	if err := cfg.FS.MkdirAll(cfg.Dir, 0o700); err != nil {
		return info, fmt.Errorf("store: making the data folder %s: %w", cfg.Dir, err)
	}
	v, err := vaultFor(cfg)
	if err != nil {
		return info, err
	}
	// Until it is complete it is under a passphrase that nobody has.
	unknown := make([]byte, keySize)
	if _, err := io.ReadFull(cfg.Rand, unknown); err != nil {
		return info, errors.Join(err, v.Close())
	}
	if r, err := v.Unlock(cfg.Passphrase); err == nil {
		return info, errors.Join(vault.ErrTaken, r.Close(), v.Close())
	}
	region, err := v.AddProfile(vault.Profile{Passphrase: unknown, NetworkID: cfg.NetworkID, Restored: cfg.Now()}, keep...)
	if err != nil {
		return info, errors.Join(err, v.Close())
	}
	s, err := openRegion(cfg, v, region)
	if err != nil {
		return info, errors.Join(err, region.Close(), v.Close())
	}
	err = s.restore(r, key)
	if err == nil {
		err = region.ChangePassphrase(cfg.Passphrase)
	}
	return info, errors.Join(err, s.Close())
}

// vaultFor opens the vault of a folder, or makes one.
func vaultFor(cfg Config) (*vault.Vault, error) {
	there, err := vault.Exists(cfg.vault())
	if err != nil {
		return nil, err
	}
	if there {
		v, err := vault.Open(cfg.vault())
		return v, explain(err)
	}
	if err := inspect(cfg.FS, cfg.Dir); err != nil {
		return nil, err
	}
	return vault.Create(cfg.vault(), cfg.Region)
}

// verify reads a backup to its end.
func verify(r io.ReadSeeker, key BackupKey) (BackupInfo, error) {
	in, err := newOpening(r, key)
	if err != nil {
		return BackupInfo{}, err
	}
	info, err := readBackup(in, sink{
		record:   func(Record, Kind, int64) error { return nil },
		database: func(string) error { return nil },
		pair:     func(_, _ []byte) error { return nil },
	})
	if err == nil {
		_, err = r.Seek(0, io.SeekStart)
	}
	return info, err
}

// restore fills an empty store.
func (s *Store) restore(r io.Reader, key BackupKey) (err error) {
	in, err := newOpening(r, key)
	if err != nil {
		return err
	}
	var batch Batch
	size := 0
	var to *filler
	defer func() {
		if to != nil {
			err = errors.Join(err, to.close())
		}
	}()
	_, err = readBackup(in, sink{
		record: func(r Record, kind Kind, until int64) error {
			batch.ops = append(batch.ops, op{kind: kind, name: r.Name, num: r.Num, value: r.Value, until: until})
			if size += len(r.Name) + len(r.Value); size < moveBytes {
				return nil
			}
			err := s.Commit(&batch)
			batch, size = Batch{}, 0
			return err
		},
		database: func(name string) (err error) {
			if to != nil {
				err = to.close()
				to = nil
			}
			if err == nil {
				to, err = s.filler("/" + name)
			}
			return err
		},
		pair: func(key, value []byte) error { return to.set(key, value) },
	})
	return errors.Join(err, s.Commit(&batch))
}
