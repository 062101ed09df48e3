package transport

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/pars-network/pars/crypto/sign"
)

// keyFileMagic is the first line of a node key file. The second line is the
// seed in hex, the third the peer id, which tells a damaged seed apart.
const keyFileMagic = "pars-node-key-v1"

// maxKeyFile is far above the about 200 bytes that a key file has.
const maxKeyFile = 4 << 10

// ErrKeyFile reports a node key file that is damaged, of another program or
// readable by others. It is never overwritten.
var ErrKeyFile = errors.New("transport: unusable node key file")

// Persistent reads the node key in the file at path, or makes one and stores it
// there, readable by its owner only, when there is no such file. Service nodes,
// validators and bootstrap nodes use it: others know them by their peer id. The
// folder must exist. random is crypto/rand.Reader but in tests.
func Persistent(path string, random io.Reader) (*NodeKey, error) {
	k, err := readKeyFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if k, err = Fresh(random); err != nil {
		return nil, err
	}
	err = writeKeyFile(path, k)
	if errors.Is(err, fs.ErrExist) { // another process was faster
		return readKeyFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("transport: storing the node key: %w", err)
	}
	return k, nil
}

func readKeyFile(path string) (*NodeKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("transport: reading the node key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is a %s, want a file; choose another path", ErrKeyFile, path, info.Mode().Type())
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %04o, so others may have read the key; run `chmod 600 %s` if they have not, else remove it", ErrKeyFile, path, mode, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("transport: reading the node key: %w", err)
	}
	defer func() { _ = f.Close() }() // read only: nothing to lose
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("transport: reading the node key: %w", err)
	}
	defer clear(text)
	k, err := parseKeyFile(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s %w; restore it from a backup, or move it away to get a new peer id", ErrKeyFile, path, err)
	}
	return k, nil
}

// parseKeyFile reads the text of a key file. Errors never show any of it.
func parseKeyFile(text []byte) (*NodeKey, error) {
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("is longer than %d bytes", maxKeyFile)
	}
	lines := strings.Split(string(text), "\n")
	if lines[0] != keyFileMagic {
		return nil, fmt.Errorf("does not begin with the line %q", keyFileMagic)
	}
	if len(lines) != 4 || lines[3] != "" {
		return nil, fmt.Errorf("has %d lines, want 3", len(lines)-1)
	}
	seed, err := hex.DecodeString(lines[1])
	if err != nil || len(seed) != sign.SeedSize {
		return nil, fmt.Errorf("has a second line that is not %d hex digits", 2*sign.SeedSize)
	}
	defer clear(seed)
	k, err := NewNodeKey(seed)
	if err != nil {
		return nil, err
	}
	if k.ID().String() != lines[2] {
		return nil, errors.New("holds a key that does not belong to the peer id in its third line")
	}
	return k, nil
}

// writeKeyFile creates the file in one step, whole or not at all, and fails
// with fs.ErrExist rather than replace one.
func writeKeyFile(path string, k *NodeKey) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".node-key-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone already after a rename
	seed := k.key.Seed()
	defer clear(seed)
	_, err = fmt.Fprintf(tmp, "%s\n%x\n%s\n", keyFileMagic, seed, k.ID())
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err = os.Link(tmp.Name(), path); err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	// Some file systems (FAT, Android's) have no links.
	if _, err = os.Lstat(path); err == nil {
		return fs.ErrExist
	}
	return os.Rename(tmp.Name(), path)
}
