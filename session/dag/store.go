package dag

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pars-network/pars/crypto/sign"
)

var (
	// ErrSpace reports a space that was never joined here.
	ErrSpace = errors.New("dag: space not joined")
	// ErrNotFound reports a vertex that is not here.
	ErrNotFound = errors.New("dag: no such vertex")
	// ErrPruned reports a vertex whose bytes were pruned; it is known and valid.
	ErrPruned = errors.New("dag: vertex was pruned")
	// ErrCorrupt reports records on disk that can't be what this package wrote.
	ErrCorrupt = errors.New("dag: damaged store")
	// ErrSchema reports a store written by a later version.
	ErrSchema = errors.New("dag: written by a later version")
	// ErrClosed reports use after [Store.Close].
	ErrClosed = errors.New("dag: closed")
	// ErrFailed reports a store whose disk has refused a write. What it has
	// acknowledged is safe; it takes nothing more until it is opened anew.
	ErrFailed = errors.New("dag: the disk refused a write, open the store anew")
)

// Config says where a store is and how much it may use. All but Dir may be zero.
type Config struct {
	// Dir is the folder; it is made if it does not exist.
	Dir string
	// FS is the file system; nil means the operating system's.
	FS vfs.FS
	// Now is the clock that refills budgets, nothing else; nil means time.Now.
	Now func() time.Time
	// Workers is how many signatures are verified at once; 0 means one for each
	// processor.
	Workers int
	// Checked, if set, is asked before a signature is verified and told after. It
	// may be shared by the stores of a process: simulations do so.
	Checked *Checked
	// Quiet says that compactions begin when something was written or another one
	// ended, and are not looked for ten times a second besides: for devices on
	// batteries, and for simulated nodes.
	Quiet bool
	// CacheBytes is pebble's block cache; 0 means 16 MiB.
	CacheBytes int64
	// Orphans bounds the buffer of vertices that wait.
	Orphans OrphanLimits
	// PeerRate is how many vertices that are new to the store one peer may bring.
	// Zero means no limit.
	PeerRate Rate
	// AuthorRate is how many new vertices of one author are taken, unless they
	// were pulled ([Source]). Zero means no limit.
	AuthorRate Rate
	// Admit, if set, may put off a vertex that is well-formed, by an error that
	// becomes the outcome's. It is called from many goroutines, before
	// the signature is verified, and must not call the store.
	Admit func(*Vertex, Source) error
	// Logger gets what pebble reports of background errors; nil means nowhere.
	Logger *slog.Logger
	// Fatal is called when pebble can't go on without risking what is on disk, or when
	// writers wait for room that the disk refuses to make. It must not return. nil
	// means: print and exit the process.
	Fatal func(message string)

	// memTable is pebble's, in bytes; tests make it small. 0 means 8 MiB.
	memTable uint64
}

// Store keeps the vertices of many spaces. It is safe for concurrent use.
type Store struct {
	cfg  Config
	lock *pebble.Lock
	db   *pebble.DB
	keys *keyring
	// chains is fixed but in tests.
	chains chainLimits

	// calls counts calls that use the database, so that Close waits for them. It
	// grows under gate, and no more once closing is set.
	calls   sync.WaitGroup
	gate    sync.Mutex
	closing bool

	// queue holds what callers want accepted; busy says that one of them leads a
	// group through.
	queueMu sync.Mutex
	queue   []*request
	busy    bool
	syncs   chan struct{} // holds one for each group on its way to the disk

	// mu orders what is accepted and guards everything below and in each space.
	mu        sync.Mutex
	closed    bool
	failed    error
	spaces    map[Space]*space
	nextSpace uint32
	orphans   *orphans
	peers     *buckets[string]
	authors   *buckets[Author]
}

// Open opens the store in cfg.Dir, or makes one.
func Open(cfg Config) (*Store, error) {
	if cfg.Dir == "" {
		return nil, errors.New("dag: no folder given")
	}
	if cfg.FS == nil {
		cfg.FS = vfs.Default
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	if cfg.CacheBytes <= 0 {
		cfg.CacheBytes = 16 << 20
	}
	if cfg.memTable == 0 {
		cfg.memTable = 8 << 20
	}
	cfg.Orphans = cfg.Orphans.orDefault()
	if err := cfg.FS.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("dag: making the folder %s: %w", cfg.Dir, err)
	}
	lock, err := pebble.LockDirectory(cfg.Dir, cfg.FS)
	if err != nil {
		return nil, fmt.Errorf("dag: %s is in use by another process, or can't be locked: %w", cfg.Dir, err)
	}
	s := &Store{
		cfg: cfg, lock: lock, keys: newKeyring(), chains: defaultChains,
		spaces:  map[Space]*space{},
		syncs:   make(chan struct{}, maxSyncs),
		orphans: newOrphans(cfg.Orphans),
		peers:   newBuckets[string](cfg.PeerRate), authors: newBuckets[Author](cfg.AuthorRate),
	}
	logger := databaseLogger{cfg.Logger, cfg.Fatal}
	options := &pebble.Options{
		FS: cfg.FS, Lock: lock, Logger: logger, EventListener: (&stall{log: logger}).listener(),
		FormatMajorVersion: pebble.FormatNewest,
		CacheSize:          cfg.CacheBytes, MemTableSize: cfg.memTable,
	}
	if cfg.Quiet {
		options.Experimental.CompactionScheduler = newOneByOne()
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	if s.db, err = pebble.Open(cfg.Dir, options); err != nil {
		return nil, errors.Join(fmt.Errorf("dag: opening the database: %w", err), lock.Close())
	}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, s.db.Close(), lock.Close())
	}
	return s, nil
}

// load reads the schema and every space's rules and state.
func (s *Store) load() error {
	value, found, err := s.read([]byte{keySchema})
	if err != nil {
		return err
	}
	if !found {
		if err := s.db.Set([]byte{keySchema}, []byte{schema}, pebble.Sync); err != nil {
			return fmt.Errorf("dag: writing the schema: %w", err)
		}
		return nil
	}
	if len(value) != 1 || value[0] > schema {
		return fmt.Errorf("%w: schema %x, this program knows %d", ErrSchema, value, schema)
	}
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{keySpace}, UpperBound: []byte{keySpace + 1}})
	if err != nil {
		return fmt.Errorf("dag: reading the spaces: %w", err)
	}
	for ok := iter.First(); ok; ok = iter.Next() {
		sp, err := readSpace(s, iter.Key(), iter.Value())
		if err == nil {
			err = sp.load()
		}
		if err != nil {
			return errors.Join(err, iter.Close())
		}
		s.spaces[sp.id] = sp
		s.nextSpace = max(s.nextSpace, sp.num+1)
	}
	if err := errors.Join(iter.Error(), iter.Close()); err != nil {
		return fmt.Errorf("dag: reading the spaces: %w", err)
	}
	return nil
}

// Join makes the store keep a space, from now on and after every start. Joining
// again changes nothing.
func (s *Store) Join(rules Rules) (Space, error) {
	id := rules.Space()
	if err := rules.check(); err != nil {
		return id, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return id, err
	}
	if s.spaces[id] != nil {
		return id, nil
	}
	sp := newSpace(s, id, s.nextSpace, rules)
	if err := s.db.Set(append([]byte{keySpace}, id[:]...), sp.encodeRules(), pebble.Sync); err != nil {
		return id, s.fail(err)
	}
	s.nextSpace++
	s.spaces[id] = sp
	return id, nil
}

// Spaces returns the rules of every space that was joined.
func (s *Store) Spaces() map[Space]Rules {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[Space]Rules, len(s.spaces))
	for id, sp := range s.spaces {
		out[id] = sp.rules
	}
	return out
}

// Close waits for calls under way and releases the folder. Iterators and
// snapshots must be closed before.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.gate.Lock()
	s.closing = true
	s.gate.Unlock()
	for _, sp := range s.spaces {
		sp.wake()
	}
	s.mu.Unlock()
	s.calls.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.failed == nil {
		err = s.saveAll()
	}
	return errors.Join(err, s.db.Close(), s.lock.Close())
}

// saveAll writes the states that moved since they were written last.
func (s *Store) saveAll() error {
	batch := s.db.NewBatch()
	for _, sp := range s.spaces {
		if sp.next-1 == sp.saved {
			continue
		}
		if err := sp.save(batch); err != nil {
			return errors.Join(err, batch.Close())
		}
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("dag: writing the states: %w", err)
	}
	return batch.Close()
}

// enter counts a call, unless the store is closing.
func (s *Store) enter() error {
	s.gate.Lock()
	defer s.gate.Unlock()
	if s.closing {
		return ErrClosed
	}
	s.calls.Add(1)
	return nil
}

// begin takes the lock for a call on a space. If it returns no error, the caller
// unlocks mu and, when done with the database, calls s.calls.Done.
func (s *Store) begin(id Space) (*space, error) {
	s.mu.Lock()
	sp := s.spaces[id]
	err := s.usable()
	if err == nil && sp == nil {
		err = fmt.Errorf("%w: %s", ErrSpace, id)
	}
	if err == nil {
		err = s.enter()
	}
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	return sp, nil
}

// usable tells why the store can't be used. The caller holds mu.
func (s *Store) usable() error {
	if s.closed {
		return ErrClosed
	}
	return s.failed
}

// fail remembers that a write did not get through: what is in memory may be ahead
// of the disk, so nothing more may be accepted. The caller holds mu.
func (s *Store) fail(err error) error {
	if s.failed == nil {
		s.failed = fmt.Errorf("%w: %w", ErrFailed, err)
		for _, sp := range s.spaces {
			sp.wake()
		}
	}
	return s.failed
}

// read returns a copy of a record and whether it exists.
func (s *Store) read(key []byte) ([]byte, bool, error) { return read(s.db, key) }

func read(r pebble.Reader, key []byte) ([]byte, bool, error) {
	value, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	} else if err != nil {
		return nil, false, fmt.Errorf("dag: reading: %w", err)
	}
	out := append([]byte{}, value...)
	return out, true, closer.Close()
}

func readSpace(s *Store, key, value []byte) (*space, error) {
	if len(key) != 1+32 || len(value) != 4+8+4+32 {
		return nil, fmt.Errorf("%w: the record of a space has %d and %d bytes", ErrCorrupt, len(key), len(value))
	}
	rules := Rules{Auth: AuthKind(binary.BigEndian.Uint64(value[4:])), Witnesses: binary.BigEndian.Uint32(value[12:]), Seed: [32]byte(value[16:])}
	id := Space(key[1:])
	if rules.check() != nil || rules.Space() != id {
		return nil, fmt.Errorf("%w: the rules of space %s are not those it was made with", ErrCorrupt, id)
	}
	return newSpace(s, id, binary.BigEndian.Uint32(value), rules), nil
}

func (sp *space) encodeRules() []byte {
	b := binary.BigEndian.AppendUint32(nil, sp.num)
	b = binary.BigEndian.AppendUint64(b, uint64(sp.rules.Auth))
	b = binary.BigEndian.AppendUint32(b, sp.rules.Witnesses)
	return append(b, sp.rules.Seed[:]...)
}

// databaseLogger passes pebble's errors on and drops its chatter.
type databaseLogger struct {
	log   *slog.Logger
	fatal func(string)
}

// Infof drops what pebble tells about its work.
func (databaseLogger) Infof(string, ...any) {}

// Errorf logs what pebble could not do in the background.
func (l databaseLogger) Errorf(format string, args ...any) {
	if l.log != nil {
		l.log.Error("database", "error", fmt.Sprintf(format, args...))
	}
}

// Fatalf does what [Config.Fatal] says.
func (l databaseLogger) Fatalf(format string, args ...any) {
	msg := fmt.Sprintf(format, args...)
	if l.log != nil {
		l.log.Log(context.Background(), slog.LevelError, "database stopped", "error", msg)
	}
	if l.fatal != nil {
		l.fatal(msg)
	}
	fmt.Fprintln(os.Stderr, "pars session dag: fatal database error:", msg)
	os.Exit(1)
}

// keyring keeps parsed public keys: parsing one expands it to some 60 KB.
type keyring struct {
	mu     sync.Mutex
	parsed *cache[Author, *sign.PublicKey]
}

// parsedKeys is how many parsed keys are kept, up to twice: 15 MB.
const parsedKeys = 128

func newKeyring() *keyring {
	return &keyring{parsed: newCache[Author, *sign.PublicKey](parsedKeys)}
}

func (k *keyring) get(a Author) *sign.PublicKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, _ := k.parsed.get(a)
	return key
}

// parse reads the key of an author, whose hash was checked, and keeps it.
func (k *keyring) parse(a Author, raw []byte) (*sign.PublicKey, error) {
	if key := k.get(a); key != nil {
		return key, nil
	}
	key, err := sign.ParsePublicKey(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAuth, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.parsed.put(a, key)
	return key, nil
}
