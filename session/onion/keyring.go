package onion

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/pars-network/pars/crypto/kem"
	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/onion/packet"
)

const (
	// KeyLifetime is how long a key may be used by clients.
	KeyLifetime = 24 * time.Hour
	// keyGrace is how much longer the node still opens packets for a key, for
	// clients whose clock is behind.
	keyGrace = nodes.MaxSkew
	// maxKeys bounds how many keys a node holds, and so how often it may change
	// them early.
	maxKeys = 4
	// DefaultTags is how many packets a key opens at most: 2^20, 16 MiB.
	DefaultTags = 1 << 20
)

var (
	errReplayed = errors.New("onion: a packet that came before")
	errWorn     = errors.New("onion: the key has opened all the packets that it may")
)

// KeyringConfig of a [Keyring]. The zero value works, but for Rand.
type KeyringConfig struct {
	// Rand is where keys come from: crypto/rand.Reader but in tests.
	Rand io.Reader
	// Lifetime of a key; 0 means [KeyLifetime]. A new one takes its place after
	// half of it.
	Lifetime time.Duration
	// Tags is how many packets a key opens at most; 0 means [DefaultTags]. Each
	// takes up to 16 bytes of memory.
	Tags int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Keyring holds the onion keys of a service node, and for each what it has
// opened. Keys never leave memory: a node that starts again has a new one, so no
// packet from before can be opened or replayed, by the node or by who seizes it.
// It is safe for concurrent use.
type Keyring struct {
	cfg KeyringConfig

	mu      sync.Mutex
	keys    []*onionKey // the newest first
	changed chan struct{}
}

type onionKey struct {
	private *packet.PrivateKey
	public  *kem.PublicKey
	expires time.Time // for clients
	seen    *replays
}

// NewKeyring makes a keyring with one key.
func NewKeyring(cfg KeyringConfig) (*Keyring, error) {
	if cfg.Lifetime == 0 {
		cfg.Lifetime = KeyLifetime
	}
	if cfg.Tags == 0 {
		cfg.Tags = DefaultTags
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	k := &Keyring{cfg: cfg, changed: make(chan struct{})}
	if err := k.add(); err != nil {
		return nil, err
	}
	return k, nil
}

// add makes a key in the first place, under the lock.
func (k *Keyring) add() error {
	private, err := kem.Generate(k.cfg.Rand)
	if err != nil {
		return fmt.Errorf("onion: making a key: %w", err)
	}
	k.keys = append([]*onionKey{{
		private: packet.NewPrivateKey(private), public: private.Public(),
		expires: k.cfg.Now().Add(k.cfg.Lifetime).Truncate(time.Second), seen: newReplays(k.cfg.Tags),
	}}, k.keys...)
	return nil
}

// Onion returns the key for the node's record. It makes a new one if the last
// has used up half its time, or most of the packets that it may open, and
// forgets those whose time is over. A node calls it whenever it signs a record,
// at least every few hours and whenever [Keyring.Changed] says so.
func (k *Keyring) Onion() (nodes.OnionKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.expire()
	first := func() *onionKey { return k.keys[0] }
	old := len(k.keys) == 0 || first().expires.Sub(k.cfg.Now()) < k.cfg.Lifetime/2
	if old || first().seen.worn() && len(k.keys) < maxKeys {
		if err := k.add(); err != nil {
			return nodes.OnionKey{}, err
		}
		if len(k.keys) > maxKeys {
			k.keys = k.keys[:maxKeys]
		}
	}
	return nodes.OnionKey{Key: first().public, Expires: first().expires}, nil
}

// Changed returns a channel that is closed when the newest key has opened most
// of the packets that it may, so that the node should sign a new record.
func (k *Keyring) Changed() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.changed
}

// expire forgets keys whose time is over, under the lock.
func (k *Keyring) expire() {
	now := k.cfg.Now()
	for len(k.keys) > 0 && !now.Before(k.keys[len(k.keys)-1].expires.Add(keyGrace)) {
		k.keys = k.keys[:len(k.keys)-1]
	}
}

// get returns the key called id.
func (k *Keyring) get(id packet.KeyID) (*onionKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.expire()
	for _, key := range k.keys {
		if key.private.Public().ID() == id {
			return key, nil
		}
	}
	return nil, packet.ErrKey
}

// remember notes that key opened a packet. Errors are errReplayed and errWorn.
func (k *Keyring) remember(key *onionKey, tag packet.Tag) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	before := key.seen.worn()
	if err := key.seen.add(tag); err != nil {
		return err
	}
	if key.seen.worn() && !before && len(k.keys) > 0 && key == k.keys[0] {
		close(k.changed)
		k.changed = make(chan struct{})
	}
	return nil
}
