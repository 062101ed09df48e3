package threshold

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Disk is where a [Home] keeps its files. Names use slashes.
type Disk interface {
	// Read returns a file of at most limit bytes, or [fs.ErrNotExist].
	Read(name string, limit int64) ([]byte, error)
	// Write replaces a file: after a crash it has its old or its new content.
	// When Write returns, the new content is durable and the old one is
	// overwritten as far as the file system lets a program do so.
	Write(name string, data []byte) error
	// List returns the names in a folder, none if there is no such folder.
	List(folder string) ([]string, error)
}

const (
	oldSuffix = ".old"
	newSuffix = ".new"
)

// osDisk is a folder of the operating system. Files are for their owner only.
type osDisk struct{ dir string }

// readBounded reads a regular file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("%s is no file of at most %d bytes", path, limit)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s grew above %d bytes", path, limit)
	}
	return b, err
}

func (d osDisk) path(name string) string { return filepath.Join(d.dir, filepath.FromSlash(name)) }

// Read implements [Disk].
func (d osDisk) Read(name string, limit int64) ([]byte, error) {
	if err := d.recover(name); err != nil {
		return nil, err
	}
	return readBounded(d.path(name), limit)
}

// Write implements [Disk]. The old file steps aside, the new one takes its
// place, then the old one is overwritten; recover repairs whatever a crash
// between these leaves.
func (d osDisk) Write(name string, data []byte) error {
	path := d.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := d.recover(name); err != nil {
		return err
	}
	if err := writeSynced(path+newSuffix, data); err != nil {
		return err
	}
	if err := os.Rename(path, path+oldSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(path+newSuffix, path); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return err
	}
	return erase(path + oldSuffix)
}

// recover finishes or takes back a write that was cut short.
func (d osDisk) recover(name string) error {
	path := d.path(name)
	if err := erase(path + newSuffix); err != nil {
		return err
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := os.Rename(path+oldSuffix, path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	return erase(path + oldSuffix)
}

// List implements [Disk].
func (d osDisk) List(folder string) ([]string, error) {
	entries, err := os.ReadDir(d.path(folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), oldSuffix)
		if e.Type().IsRegular() && !strings.HasSuffix(name, newSuffix) && (len(names) == 0 || names[len(names)-1] != name) {
			names = append(names, name)
		}
	}
	return names, err
}

func writeSynced(path string, data []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

// erase overwrites a file with noise and removes it. On a journal, a snapshot or
// an SSD the old blocks may live on; that is why they are encrypted.
func erase(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = io.CopyN(f, rand.Reader, info.Size())
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Remove(path)
}

func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil // folders can't be synced there, renames are journalled
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
