package store

import (
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Folders of databases in a region.
const (
	recordsDir = "/db"
	graphDir   = "/graph"
)

// Graph returns where the graph of vertices lives: a folder, and the file system of
// the region. It is for one database, to be closed before the store.
func (s *Store) Graph() (vfs.FS, string, error) { return s.Folder(graphDir) }

// Folder returns where another database may live, to be closed before the store.
// The name is a path in the region's file system, which only this store opens.
func (s *Store) Folder(name string) (vfs.FS, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return nil, "", err
	}
	return s.region.FS(), name, nil
}
