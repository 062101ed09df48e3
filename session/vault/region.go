package vault

import (
	"bytes"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pars-network/pars/session/vault/volume"
)

// Region is an open profile.
type Region struct {
	v    *Vault
	slot int
	vol  *volume.Volume

	mu     sync.Mutex
	key    []byte // of the slot
	c      content
	open   bool // protected by no passphrase
	closed bool
}

// Profile is what a new profile begins with.
type Profile struct {
	// Passphrase opens it. Empty means that everybody can.
	Passphrase []byte
	// NetworkID is kept for who opens it.
	NetworkID uint32
	// DestroyOthers makes this a duress profile: at its first opening every other
	// slot is destroyed.
	DestroyOthers bool
	// Restored is when it was restored from a backup; zero means never.
	Restored time.Time
}

// Unlock opens the profile of a passphrase. If it is one of duress it destroys the
// others first; if its deadline has passed it is destroyed, and the answer is that
// of a wrong passphrase.
func (v *Vault) Unlock(passphrase []byte) (*Region, error) {
	r, err := v.find(passphrase)
	if err == nil {
		return v.enter(r)
	}
	if !errors.Is(err, errSlot) {
		return nil, err
	}
	if len(passphrase) == 0 {
		return nil, ErrPassphraseNeeded
	}
	if _, err := v.find(nil); err == nil {
		return nil, ErrUnprotected
	}
	return nil, ErrPassphrase
}

// enter does what must happen before a profile is shown.
func (v *Vault) enter(r *Region) (*Region, error) {
	now := v.cfg.Now()
	if r.c.missed(now) {
		return nil, errors.Join(ErrPassphrase, r.destroy(r.c.onMiss))
	}
	if r.c.onOpen == ScopeOthers {
		if err := r.destroy(ScopeOthers); err != nil {
			return nil, err
		}
		r.c.onOpen = ScopeNone
		if err := r.write(r.c); err != nil {
			return nil, err
		}
	}
	if r.c.within > 0 {
		if err := r.CheckIn(); err != nil {
			return nil, err
		}
	}
	if err := r.mount(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Region) mount() (err error) {
	r.vol, err = volume.Open(&device{v: r.v, region: r.slot}, volume.Config{Key: r.c.region, Rand: r.v.cfg.Rand})
	switch {
	case errors.Is(err, volume.ErrKey), errors.Is(err, volume.ErrCorrupt):
		return fmt.Errorf("%w: the region of this profile: %w", ErrCorrupt, err)
	case errors.Is(err, volume.ErrVersion):
		return fmt.Errorf("%w: %w", ErrVersion, err)
	}
	return err
}

// find returns the slot that a passphrase opens, or errSlot. A slot whose copies
// are not both good and the same is written again.
func (v *Vault) find(passphrase []byte) (*Region, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return nil, ErrClosed
	}
	master, err := masterKey(passphrase, v.salt, v.cfg.Cost)
	if err != nil {
		return nil, err
	}
	defer clear(master)
	if len(passphrase) > 0 {
		// Argon2's memory is back with the system before anything else runs.
		debug.FreeOSMemory()
	}
	var found *Region
	for slot := range Regions {
		key, err := slotKey(master, slot)
		if err != nil {
			return nil, err
		}
		c, clean, err := v.readSlot(key, slot)
		if errors.Is(err, errSlot) {
			continue
		} else if err != nil {
			return nil, err
		}
		r := &Region{v: v, slot: slot, key: key, c: c, open: len(passphrase) == 0}
		if !clean {
			if err := r.writeLocked(r.c); err != nil {
				return nil, fmt.Errorf("vault: repairing a slot: %w", err)
			}
		}
		if found == nil {
			found = r
		}
	}
	if found == nil {
		return nil, errSlot
	}
	return found, nil
}

// readSlot returns the newer good copy, and whether both are good and the same.
func (v *Vault) readSlot(key []byte, slot int) (c content, clean bool, err error) {
	var good [2]bool
	var copies [2]content
	for i := range 2 {
		block := make([]byte, blockSize)
		if _, err := v.file.ReadAt(block, slotOffset(slot, i)); err != nil {
			return content{}, false, fmt.Errorf("vault: reading a slot: %w", err)
		}
		copies[i], err = openSlot(key, slot, block)
		if err != nil && !errors.Is(err, errSlot) {
			return content{}, false, err
		}
		good[i] = err == nil
	}
	switch {
	case !good[0] && !good[1]:
		return content{}, false, errSlot
	case !good[1] || good[0] && copies[0].generation >= copies[1].generation:
		return copies[0], good[1] && copies[0].generation == copies[1].generation, nil
	default:
		return copies[1], false, nil
	}
}

// write seals c into both copies of the slot, one after the other. The caller holds
// no lock of the vault.
func (r *Region) write(c content) error {
	r.v.mu.Lock()
	defer r.v.mu.Unlock()
	if r.v.closed {
		return ErrClosed
	}
	// What another process wiped must stay wiped.
	if _, _, err := r.v.readSlot(r.key, r.slot); errors.Is(err, errSlot) {
		return ErrWiped
	} else if err != nil {
		return err
	}
	return r.writeLocked(c)
}

func (r *Region) writeLocked(c content) error {
	c.generation++
	for i := range 2 {
		// Each copy is encrypted by itself: two equal blocks would show that the slot
		// is in use.
		block, err := sealSlot(r.v.cfg.Rand, r.key, r.slot, c)
		if err != nil {
			return err
		}
		if err := r.v.putSlots(i, map[int][]byte{r.slot: block}); err != nil {
			return err
		}
	}
	r.c = c
	return nil
}

// putSlots writes one copy of all four slots, those that are not given as they
// are, and syncs.
func (v *Vault) putSlots(which int, blocks map[int][]byte) error {
	row := make([]byte, Regions*blockSize)
	if _, err := v.file.ReadAt(row, slotOffset(0, which)); err != nil {
		return fmt.Errorf("vault: reading the slots: %w", err)
	}
	for slot, block := range blocks {
		if len(block) != blockSize {
			return fmt.Errorf("vault: a slot of %d bytes", len(block))
		}
		copy(row[slot*blockSize:], block)
	}
	if _, err := v.file.WriteAt(row, slotOffset(0, which)); err != nil {
		return fmt.Errorf("vault: writing the slots: %w", err)
	}
	if err := v.file.SyncData(); err != nil {
		return fmt.Errorf("vault: writing the slots: %w", err)
	}
	return nil
}

// AddProfile makes a profile in a region that none of the passphrases in keep
// opens, and opens it. See the package comment for what may be lost.
func (v *Vault) AddProfile(p Profile, keep ...[]byte) (*Region, error) {
	taken := map[int]bool{}
	for i, passphrase := range keep {
		r, err := v.find(passphrase)
		if errors.Is(err, errSlot) {
			return nil, fmt.Errorf("%w: number %d of those that must stay opens nothing; nothing was changed", ErrPassphrase, i+1)
		} else if err != nil {
			return nil, err
		}
		taken[r.slot] = true
	}
	if _, err := v.find(p.Passphrase); err == nil {
		return nil, ErrTaken
	} else if !errors.Is(err, errSlot) {
		return nil, err
	}
	slot, err := pick(v.cfg.Rand, taken)
	if err != nil {
		return nil, err
	}
	return v.begin(slot, p)
}

// begin makes a profile in a region: the volume first, so that the slot opens to
// something.
func (v *Vault) begin(slot int, p Profile) (*Region, error) {
	now := v.cfg.Now()
	r := &Region{v: v, slot: slot, open: len(p.Passphrase) == 0}
	r.c = content{network: p.NetworkID, alive: max(now.Unix(), 0)}
	if !p.Restored.IsZero() {
		r.c.restored = p.Restored.Unix()
	}
	if p.DestroyOthers {
		r.c.onOpen = ScopeOthers
	}
	if err := readRandom(v.cfg.Rand, r.c.region[:]); err != nil {
		return nil, err
	}
	var err error
	if r.key, err = v.keyFor(p.Passphrase, slot); err != nil {
		return nil, err
	}
	d := &device{v: v, region: slot}
	if err := volume.Format(d, volume.Config{Key: r.c.region, Rand: v.cfg.Rand}); err != nil {
		return nil, err
	}
	v.mu.Lock()
	err = r.writeLocked(r.c)
	v.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return r, r.mount()
}

func (v *Vault) keyFor(passphrase []byte, slot int) ([]byte, error) {
	master, err := masterKey(passphrase, v.salt, v.cfg.Cost)
	if err != nil {
		return nil, err
	}
	defer clear(master)
	if len(passphrase) > 0 {
		debug.FreeOSMemory()
	}
	return slotKey(master, slot)
}

// FS is the file system inside the region.
func (r *Region) FS() vfs.FS { return r.vol }

// Usage is how much of the region is in use.
func (r *Region) Usage() volume.Usage { return r.vol.Usage() }

// Protected reports whether a passphrase opens it.
func (r *Region) Protected() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.open
}

// NetworkID is what the profile was made with.
func (r *Region) NetworkID() uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.c.network
}

// Restored is when the profile was restored from a backup; zero means never.
func (r *Region) Restored() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.c.restored == 0 {
		return time.Time{}
	}
	return time.Unix(r.c.restored, 0)
}

// Secret returns a copy of what [Region.SetSecret] wrote.
func (r *Region) Secret() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.c.secret)
}

// SetSecret replaces the secret, of at most [MaxSecret] bytes. When it returns nil
// the one before is gone from the file.
func (r *Region) SetSecret(secret []byte) error {
	return r.edit(func(c *content) { c.secret = bytes.Clone(secret) })
}

// edit changes the slot.
func (r *Region) edit(change func(*content)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrClosed
	}
	c := r.c
	change(&c)
	return r.write(c)
}

// ChangePassphrase locks the profile under another passphrase; empty means none.
// Its keys stay: who copied the file and knew the old passphrase can still open
// that copy.
func (r *Region) ChangePassphrase(passphrase []byte) error {
	if _, err := r.v.find(passphrase); err == nil {
		return ErrTaken
	} else if !errors.Is(err, errSlot) {
		return err
	}
	key, err := r.v.keyFor(passphrase, r.slot)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrClosed
	}
	r.v.mu.Lock()
	defer r.v.mu.Unlock()
	if _, _, err := r.v.readSlot(r.key, r.slot); err != nil {
		return ErrWiped
	}
	old := r.key
	r.key = key
	if err := r.writeLocked(r.c); err != nil {
		return err
	}
	clear(old)
	r.open = len(passphrase) == 0
	return nil
}

// SetDestroyOthers sets or clears what makes this a duress profile: that its next
// opening destroys every other.
func (r *Region) SetDestroyOthers(on bool) error {
	return r.edit(func(c *content) {
		c.onOpen = ScopeNone
		if on {
			c.onOpen = ScopeOthers
		}
	})
}

// Deadline is a dead man's switch.
type Deadline struct {
	// Within is how long after the last sign of life; 0 means that there is none.
	Within time.Duration
	// All destroys every profile, not only this one.
	All bool
	// Alive is when the last sign of life was; SetDeadline sets it to now.
	Alive time.Time
}

// Deadline returns what was set.
func (r *Region) Deadline() Deadline {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Deadline{Within: time.Duration(r.c.within) * time.Second, All: r.c.onMiss == ScopeAll, Alive: time.Unix(r.c.alive, 0)}
}

// SetDeadline sets the dead man's switch, in whole seconds, or removes it with a zero
// Within. Opening the profile and [Region.CheckIn] are signs of life. It works in
// programs that ask, on this file: a copy does not know the time.
func (r *Region) SetDeadline(d Deadline) error {
	if d.Within != 0 && d.Within < time.Second || d.Within > 10*365*24*time.Hour {
		return fmt.Errorf("%w: a deadline after %v, want a second to ten years", ErrSize, d.Within)
	}
	return r.edit(func(c *content) {
		c.within, c.onMiss, c.alive = int64(d.Within/time.Second), ScopeNone, r.v.cfg.Now().Unix()
		switch {
		case d.Within == 0:
		case d.All:
			c.onMiss = ScopeAll
		default:
			c.onMiss = ScopeThis
		}
	})
}

// CheckIn is a sign of life.
func (r *Region) CheckIn() error {
	return r.edit(func(c *content) { c.alive = r.v.cfg.Now().Unix() })
}

// Missed reports whether the deadline has passed.
func (r *Region) Missed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.c.missed(r.v.cfg.Now())
}

// Close makes everything durable and forgets the keys. Databases in it must be
// closed before.
func (r *Region) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	err := r.vol.Close()
	clear(r.key)
	r.c.wipe()
	return err
}
