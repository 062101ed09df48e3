package store

import (
	"crypto/hkdf"
	"crypto/sha512"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pars-network/pars/session/store/cryptfs"
)

// graphName is the folder of the graph of vertices in the data folder.
const graphName = "graph"

// Graph returns where the graph of vertices lives: a folder, and the file system
// that encrypts it under a key that only this store can derive. It is for one
// database, to be closed before the store.
func (s *Store) Graph() (vfs.FS, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return nil, "", err
	}
	key, err := hkdf.Key(sha512.New, s.keys.root[:], nil, "pars store graph v1", cryptfs.KeySize)
	if err != nil {
		return nil, "", fmt.Errorf("store: deriving the graph's key: %w", err)
	}
	return cryptfs.New(s.cfg.FS, [cryptfs.KeySize]byte(key), s.cfg.Rand), s.cfg.FS.PathJoin(s.cfg.Dir, graphName), nil
}
