package localnet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/gofrs/flock"

	"github.com/pars-network/pars/evm/genesis"
	"github.com/pars-network/pars/node"
	"github.com/pars-network/pars/node/datadir"
	"github.com/pars-network/pars/node/keys"
	"github.com/pars-network/pars/params"
)

// Names inside a network's folder.
const (
	markerFile   = "localnet.json"
	genesisFile  = "genesis.json"
	lockFile     = "LOCK"
	settingsFile = "parsd.toml"
	joinFile     = "join.toml"
)

// format is the version of the folder's layout; maxMarker bounds the marker, in
// bytes.
const (
	format    = 1
	maxMarker = 1 << 20
)

// record is localnet.json.
type record struct {
	Format int      `json:"format"`
	Nodes  []member `json:"nodes"`
}

// member is what is fixed of a node for the life of the folder, and the ports
// it had last.
type member struct {
	ID      ids.NodeID `json:"nodeId"`
	HTTP    uint16     `json:"http"`
	Staking uint16     `json:"staking"`
	API     uint16     `json:"api"`
}

// folder is an open, locked folder of a network.
type folder struct {
	path    string
	lock    *flock.Flock
	record  record
	genesis *genesis.Genesis
}

// openFolder opens the network in path, or makes one of n validators there if
// the folder is empty or missing. For an existing network, n of 0 means as many
// as it has.
func openFolder(path string, n int, now time.Time) (*folder, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", datadir.ErrUnusable, err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w; choose another with --datadir", datadir.ErrUnusable, err)
	}
	f := &folder{path: path, lock: flock.New(filepath.Join(path, lockFile))}
	// Before the lock, which leaves a file.
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; choose another with --datadir", datadir.ErrUnusable, err)
	}
	fresh := len(entries) == 0 || len(entries) == 1 && entries[0].Name() == lockFile
	if _, err := os.Stat(f.file(markerFile)); errors.Is(err, fs.ErrNotExist) && !fresh {
		return nil, fmt.Errorf("%w: %s has files and no %s, so it is no local network's; choose an empty or new folder with --datadir", datadir.ErrForeign, path, markerFile)
	}
	locked, err := f.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("%w: %w; choose another with --datadir or change its owner", datadir.ErrUnusable, err)
	}
	if !locked {
		return nil, fmt.Errorf("%w: %s by another parsd localnet; stop that one or choose another folder with --datadir", datadir.ErrInUse, path)
	}
	if fresh {
		err = f.create(n, now)
	} else {
		err = f.read(n)
	}
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func (f *folder) close() error { return f.lock.Close() }

func (f *folder) file(name string) string { return filepath.Join(f.path, name) }

// home is the data folder of node i, counted from 0; people count from 1.
func (f *folder) home(i int) string { return f.file(fmt.Sprintf("node%d", i+1)) }

func (f *folder) log(i int) string { return f.home(i) + ".log" }

// create makes keys, genesis and marker.
func (f *folder) create(n int, now time.Time) error {
	f.record = record{Format: format, Nodes: make([]member, n)}
	all := make([]*keys.Keys, n)
	for i := range n {
		if err := os.Mkdir(f.home(i), 0o700); err != nil {
			return fmt.Errorf("%w: %w", datadir.ErrUnusable, err)
		}
		var err error
		if all[i], err = node.CreateKeys(filepath.Join(f.home(i), datadir.KeysFolder)); err != nil {
			return err
		}
		f.record.Nodes[i].ID = all[i].Node
	}
	var err error
	if f.genesis, err = node.DevGenesis(all, params.GenesisGasLimit, now); err != nil {
		return err
	}
	text, err := f.genesis.Bytes()
	if err != nil {
		return fmt.Errorf("%w: %w", node.ErrGenesis, err)
	}
	if err := os.WriteFile(f.file(genesisFile), text, 0o600); err != nil {
		return fmt.Errorf("%w: %w", datadir.ErrUnusable, err)
	}
	// Last: a folder with a marker is whole.
	return f.save()
}

// save writes the marker.
func (f *folder) save() error {
	text, err := json.MarshalIndent(f.record, "", "  ")
	if err != nil {
		return err
	}
	tmp := f.file(markerFile + ".new")
	if err := os.WriteFile(tmp, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("%w: %w", datadir.ErrUnusable, err)
	}
	if err := os.Rename(tmp, f.file(markerFile)); err != nil {
		return fmt.Errorf("%w: %w", datadir.ErrUnusable, err)
	}
	return nil
}

// read takes in an existing network.
func (f *folder) read(n int) error {
	var err error
	if f.record, err = readRecord(f.file(markerFile)); err != nil {
		return err
	}
	if n != 0 && n != len(f.record.Nodes) {
		return node.Usage(fmt.Errorf("--validators is %d, but %s has a network of %d; leave the flag out, or choose a new folder with --datadir", n, f.path, len(f.record.Nodes)))
	}
	f.genesis, err = node.ReadGenesis(f.file(genesisFile))
	return err
}

func readRecord(path string) (record, error) {
	file, err := os.Open(path)
	if err != nil {
		return record{}, fmt.Errorf("%w: %w", datadir.ErrCorrupt, err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxMarker))
	if err != nil {
		return record{}, fmt.Errorf("%w: %w", datadir.ErrCorrupt, err)
	}
	r, err := parseRecord(text)
	if err != nil {
		return record{}, fmt.Errorf("%w: %s: %w; remove the folder and begin a new one", datadir.ErrCorrupt, path, err)
	}
	return r, nil
}

// API returns the URL of the engine's API of the first node of the local network
// in dir. It isn't reachable if the nodes have addresses of their own.
func API(dir string) (string, error) {
	r, err := readRecord(filepath.Join(dir, markerFile))
	if err != nil {
		return "", err
	}
	return "http://" + netip.AddrPortFrom(loopback, r.Nodes[0].API).String(), nil
}

// parseRecord reads localnet.json.
func parseRecord(text []byte) (record, error) {
	var r record
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return record{}, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return record{}, errors.New("text after the JSON value")
	}
	if r.Format != format {
		return record{}, fmt.Errorf("format is %d, want %d", r.Format, format)
	}
	if len(r.Nodes) < 1 || len(r.Nodes) > MaxValidators {
		return record{}, fmt.Errorf("%d nodes, want 1 to %d", len(r.Nodes), MaxValidators)
	}
	seen := map[ids.NodeID]bool{}
	for i, m := range r.Nodes {
		if m.ID == ids.EmptyNodeID || seen[m.ID] {
			return record{}, fmt.Errorf("node %d is %s, want an id of its own", i+1, m.ID)
		}
		seen[m.ID] = true
	}
	return r, nil
}
