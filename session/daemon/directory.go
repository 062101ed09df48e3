package daemon

import (
	"fmt"

	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/store"
)

// kindNode are the records of service nodes that are known, by their node's ID.
const kindNode store.Kind = 0x30

// nodeKeeper keeps the directory in the store, a [nodes.Keeper].
type nodeKeeper struct{ store *store.Store }

// Put implements [nodes.Keeper].
func (k nodeKeeper) Put(id nodes.ID, record []byte) error {
	var b store.Batch
	b.Put(kindNode, id[:], 0, record)
	return k.store.Commit(&b)
}

// Delete implements [nodes.Keeper].
func (k nodeKeeper) Delete(id nodes.ID) error {
	var b store.Batch
	b.Delete(kindNode, id[:], 0)
	return k.store.Commit(&b)
}

// All implements [nodes.Keeper].
func (k nodeKeeper) All(f func([]byte) bool) error {
	return k.store.Scan(kindNode, nil, 0, func(r store.Record) bool { return f(r.Value) })
}

// newDirectory reads the service nodes that were known when the daemon stopped.
func newDirectory(cfg Config, s *store.Store) (*nodes.Directory, error) {
	d, err := nodes.NewDirectory(nodes.Config{
		Network: cfg.Network.ID, Keeper: nodeKeeper{s}, Now: cfg.Clock.Now, Log: cfg.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("directory of service nodes: %w", err)
	}
	return d, nil
}
