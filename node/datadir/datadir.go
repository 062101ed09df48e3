// Package datadir guards a node's data folder: one process at a time, one
// network and one genesis for the folder's whole life, and never a folder that
// belongs to something else.
package datadir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// Names inside a data folder.
const (
	// MarkerFile says that the folder is ours and which genesis it began with.
	MarkerFile = "parsd.json"
	// GenesisFile is the genesis.json the folder began with.
	GenesisFile = "genesis.json"
	// LockFile is held by the running process; it contains its process id.
	LockFile = "LOCK"
	// KeysFolder has the staking keys.
	KeysFolder = "staking"
	// EngineFolder has the consensus engine's database.
	EngineFolder = "db"
	// ChainsFolder has the chains' own databases.
	ChainsFolder = "chainData"
	// LogsFolder has the engine's log files.
	LogsFolder = "logs"
	// SessionFolder has the session node's keys and messages.
	SessionFolder = "session"
)

// early lists what may be there before the first start: keys made ahead, and
// the configuration of a careful operator.
var early = []string{LockFile, KeysFolder, SessionFolder, LogsFolder, GenesisFile, GenesisFile + ".new", MarkerFile + ".new", "parsd.toml", "lost+found"}

// format is the version of the folder's layout.
const format = 1

// maxMarker bounds the marker file and maxGenesis the genesis file, in bytes.
const (
	maxMarker  = 64 << 10
	maxGenesis = 64 << 20
)

var (
	// ErrInUse reports that another process has the folder open.
	ErrInUse = errors.New("data folder is in use")
	// ErrForeign reports a folder with files that are not parsd's.
	ErrForeign = errors.New("data folder has files that are not parsd's")
	// ErrCorrupt reports that parsd's own files can't be understood.
	ErrCorrupt = errors.New("data folder is corrupt")
	// ErrOtherNetwork reports a folder of another network.
	ErrOtherNetwork = errors.New("data folder belongs to another network")
	// ErrOtherGenesis reports a folder made with another genesis.
	ErrOtherGenesis = errors.New("data folder was made with another genesis")
	// ErrUnusable reports a path that can't be created, read or written.
	ErrUnusable = errors.New("data folder can't be used")
	// ErrNoGenesis reports a folder that has not been bound to a genesis yet.
	ErrNoGenesis = errors.New("data folder has no genesis yet")
)

// Identity is what a folder is bound to at its first start.
type Identity struct {
	// Network is the network's name, such as "pars-dev".
	Network string `json:"network"`
	// NetworkID is the network's number, such as 1337.
	NetworkID uint32 `json:"networkId"`
	// GenesisHash is the hash that `parsd genesis show` prints: 0x and hex.
	GenesisHash string `json:"genesisHash"`
}

type marker struct {
	Format int `json:"format"`
	Identity
}

// Folder is an open, locked data folder.
type Folder struct {
	path  string
	lock  *flock.Flock
	bound *Identity
}

// Open creates the folder at path if need be, checks that it is ours and locks
// it. [Folder.Close] gives it back.
func Open(path string) (*Folder, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w; choose another with --datadir", ErrUnusable, err)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; choose another with --datadir", ErrUnusable, err)
	}
	if strangers := strangers(entries); len(strangers) > 0 {
		return nil, fmt.Errorf("%w: %s has %s; choose an empty or new folder with --datadir", ErrForeign, path, list(strangers))
	}
	f := &Folder{path: path, lock: flock.New(filepath.Join(path, LockFile), flock.SetFlag(os.O_CREATE|os.O_RDWR))}
	locked, err := f.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("%w: %w; choose another with --datadir or change its owner", ErrUnusable, err)
	}
	if !locked {
		return nil, fmt.Errorf("%w: %s by %s; stop that process or choose another folder with --datadir", ErrInUse, path, holder(path))
	}
	if err := f.readMarker(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := os.WriteFile(f.Path(LockFile), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrUnusable, err), f.Close())
	}
	return f, nil
}

// Close unlocks the folder. Its files stay.
func (f *Folder) Close() error { return f.lock.Close() }

// Path returns the path of something inside the folder.
func (f *Folder) Path(elem ...string) string {
	return filepath.Join(append([]string{f.path}, elem...)...)
}

// Identity returns what the folder is bound to, and false before the first
// [Folder.Bind].
func (f *Folder) Identity() (Identity, bool) {
	if f.bound == nil {
		return Identity{}, false
	}
	return *f.bound, true
}

// Genesis returns the genesis.json that the folder was bound to.
func (f *Folder) Genesis() ([]byte, error) {
	if f.bound == nil {
		return nil, ErrNoGenesis
	}
	text, err := readBounded(f.Path(GenesisFile), maxGenesis)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; put back the genesis.json with hash %s", ErrCorrupt, err, f.bound.GenesisHash)
	}
	return text, nil
}

// Bind ties a new folder to a network and its genesis for ever, and compares
// them in a folder that is bound already.
func (f *Folder) Bind(id Identity, genesis []byte) error {
	if f.bound == nil {
		if err := replace(f.Path(GenesisFile), genesis); err != nil {
			return fmt.Errorf("%w: %w", ErrUnusable, err)
		}
		text, err := json.MarshalIndent(marker{Format: format, Identity: id}, "", "  ")
		if err != nil {
			return err
		}
		// Last, so that a marker always has its genesis beside it.
		if err := replace(f.Path(MarkerFile), append(text, '\n')); err != nil {
			return fmt.Errorf("%w: %w", ErrUnusable, err)
		}
		f.bound = &id
		return nil
	}
	if f.bound.NetworkID != id.NetworkID {
		return fmt.Errorf("%w: %s is of %s (%d), this start is for %s (%d); choose another folder with --datadir",
			ErrOtherNetwork, f.path, f.bound.Network, f.bound.NetworkID, id.Network, id.NetworkID)
	}
	if f.bound.GenesisHash != id.GenesisHash {
		return fmt.Errorf("%w: %s has %s, this start has %s; use the genesis.json the folder was made with, or choose another folder with --datadir",
			ErrOtherGenesis, f.path, f.bound.GenesisHash, id.GenesisHash)
	}
	return nil
}

func (f *Folder) readMarker() error {
	text, err := readBounded(f.Path(MarkerFile), maxMarker)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	var m marker
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil || m.NetworkID == 0 || m.GenesisHash == "" {
		return fmt.Errorf("%w: %s is unreadable (%s); restore the folder from a backup, or move it away and start again to sync anew",
			ErrCorrupt, f.Path(MarkerFile), cause(err))
	}
	if m.Format != format {
		return fmt.Errorf("%w: %s has layout %d, this parsd knows layout %d; use the parsd that made it", ErrCorrupt, f.Path(MarkerFile), m.Format, format)
	}
	f.bound = &m.Identity
	return nil
}

func cause(err error) string {
	if err == nil {
		return "no network or genesis in it"
	}
	return err.Error()
}

// strangers names the entries that can't be in a folder of ours; a folder with
// our marker may contain anything.
func strangers(entries []os.DirEntry) []string {
	var names []string
	for _, e := range entries {
		if e.Name() == MarkerFile {
			return nil
		}
		if !slices.Contains(early, e.Name()) && !strings.HasPrefix(e.Name(), KeysFolder+".new-") {
			names = append(names, e.Name())
		}
	}
	return names
}

// list joins the first three names.
func list(names []string) string {
	if len(names) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}

// holder says which process has the lock, as far as the lock file tells.
func holder(path string) string {
	text, err := readBounded(filepath.Join(path, LockFile), 32)
	if pid, convErr := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && convErr == nil {
		return fmt.Sprintf("the parsd with process id %d", pid)
	}
	return "another parsd"
}

// readBounded reads a whole file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return text, nil
}

// replace writes path so that after a crash it has all of data or is as before.
func replace(path string, data []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
