package vault

import (
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// readRandom fills b.
func readRandom(r io.Reader, b []byte) error {
	if _, err := io.ReadFull(r, b); err != nil {
		return fmt.Errorf("vault: reading randomness: %w", err)
	}
	return nil
}

// Wipe destroys the salt and every slot, so that no passphrase opens anything any
// more. It asks for none, and does not wait for a process that has the vault open:
// that one notices at its next change of a slot ([ErrWiped]) and should be ended.
func Wipe(cfg Config) error {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return err
	}
	if ok, err := Exists(cfg); err != nil || !ok {
		return errors.Join(fmt.Errorf("%w: %s", ErrNotFound, cfg.Path), err)
	}
	f, err := cfg.FS.OpenReadWrite(cfg.Path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("vault: opening %s: %w", cfg.Path, err)
	}
	return errors.Join(noise(f, cfg.Rand, 0, headSize), f.Sync(), f.Close())
}

// Wipe destroys every slot; nothing of this vault opens any more.
func (v *Vault) Wipe() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return ErrClosed
	}
	return errors.Join(noise(v.file, v.cfg.Rand, 0, headSize), v.file.SyncData())
}

// Destroy destroys the slots of a scope.
func (r *Region) Destroy(s Scope) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.destroy(s)
}

// destroy writes noise over slots.
func (r *Region) destroy(s Scope) error {
	r.v.mu.Lock()
	defer r.v.mu.Unlock()
	if r.v.closed {
		return ErrClosed
	}
	for which := range 2 {
		blocks := map[int][]byte{}
		for slot := range Regions {
			if s == ScopeAll || (slot == r.slot) == (s == ScopeThis) {
				block := make([]byte, blockSize)
				if err := readRandom(r.v.cfg.Rand, block); err != nil {
					return err
				}
				blocks[slot] = block
			}
		}
		if s == ScopeNone {
			return nil
		}
		if err := r.v.putSlots(which, blocks); err != nil {
			return err
		}
	}
	return nil
}
