package store

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pars-network/pars/session/store/folder"
	"github.com/pars-network/pars/session/vault"
)

// movingSuffix is behind the name of a vault that is not complete.
const movingSuffix = ".moving"

// lockSuffix is what package vault puts behind the name of a lock.
const lockSuffix = ".lock"

// moveBytes is how much one batch of a move carries.
const moveBytes = 1 << 20

// migrate moves the store of an earlier version into a new vault. The vault gets its
// name when everything is in it and durable; only then is the folder destroyed. A
// crash before leaves the folder as it was, and the next start begins again.
func migrate(cfg Config) error {
	old, err := folder.Open(cfg.FS, cfg.Dir, cfg.NetworkID, cfg.Passphrase)
	if err != nil {
		return explainFolder(err)
	}
	err = moveInto(cfg, old)
	if err = errors.Join(err, old.Close()); err != nil {
		return fmt.Errorf("store: moving the folder of an earlier version into %s; nothing was lost, the folder is as it was: %w", FileName, err)
	}
	to := cfg.vault()
	if err := cfg.FS.Rename(to.Path+movingSuffix, to.Path); err != nil {
		return fmt.Errorf("store: placing %s: %w", to.Path, err)
	}
	if err := syncDir(cfg.FS, cfg.Dir); err != nil {
		return fmt.Errorf("store: placing %s: %w", to.Path, err)
	}
	if cfg.Logger != nil {
		cfg.Logger.Info("the data folder was moved into one file", "file", to.Path)
	}
	if err := cfg.FS.Remove(to.Path + movingSuffix + lockSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return folder.Destroy(cfg.FS, cfg.Dir)
}

func syncDir(f vfs.FS, path string) error {
	dir, err := f.OpenDir(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// explainFolder gives the errors of a folder the names that callers know.
func explainFolder(err error) error {
	for from, to := range map[error]error{
		folder.ErrPassphrase: ErrPassphrase, folder.ErrPassphraseNeeded: ErrPassphraseNeeded, folder.ErrUnprotected: ErrUnprotected,
		folder.ErrNetwork: ErrNetwork, folder.ErrSchema: ErrSchema, folder.ErrLocked: ErrLocked, folder.ErrCorrupt: ErrCorrupt,
	} {
		if errors.Is(err, from) {
			return fmt.Errorf("%w (a data folder of an earlier version: %w)", to, err)
		}
	}
	return err
}

// moveInto fills a new vault, complete and closed when it returns.
func moveInto(cfg Config, old *folder.Folder) (err error) {
	to := cfg.vault()
	to.Path += movingSuffix
	if err := cfg.FS.Remove(to.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	v, err := vault.Create(to, cfg.Region)
	if err != nil {
		return err
	}
	v, r, err := add(cfg, v)
	if err != nil {
		return err
	}
	s, err := openRegion(cfg, v, r)
	if err != nil {
		return errors.Join(err, r.Close(), v.Close())
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.take(old.Each); err != nil {
		return err
	}
	return s.fillGraph(old)
}

// take commits every record that each gives.
func (s *Store) take(each func(func(folder.Record) error) error) error {
	var b Batch
	size := 0
	flush := func() error {
		err := s.Commit(&b)
		b, size = Batch{}, 0
		return err
	}
	err := each(func(r folder.Record) error {
		b.Put(Kind(r.Kind), r.Name, r.Num, r.Value)
		if size += len(r.Value) + len(r.Name); size < moveBytes {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// fillGraph copies the graph's database, key by key.
func (s *Store) fillGraph(old *folder.Folder) (err error) {
	var to *filler
	defer func() {
		if to != nil {
			err = errors.Join(err, to.close())
		}
	}()
	return old.Graph(func(key, value []byte) error {
		if to == nil {
			var err error
			if to, err = s.filler(graphDir); err != nil {
				return err
			}
		}
		return to.set(key, value)
	})
}

// filler fills a database.
type filler struct {
	db    *pebble.DB
	batch *pebble.Batch
}

func (s *Store) filler(dir string) (*filler, error) {
	db, err := openDatabase(s.cfg, s.region.FS(), dir)
	if err != nil {
		return nil, err
	}
	return &filler{db: db, batch: db.NewBatch()}, nil
}

func (f *filler) set(key, value []byte) error {
	if err := f.batch.Set(key, value, nil); err != nil {
		return err
	}
	if f.batch.Len() < moveBytes {
		return nil
	}
	return f.flush()
}

func (f *filler) flush() error {
	err := f.batch.Commit(pebble.Sync)
	if err == nil {
		err = f.batch.Close()
	}
	f.batch = f.db.NewBatch()
	return err
}

func (f *filler) close() error { return errors.Join(f.flush(), f.batch.Close(), f.db.Close()) }
