package rpc

import (
	"context"
	"fmt"
	"sync"

	"github.com/ava-labs/libevm/common/bitutil"
	"github.com/ava-labs/libevm/core"
	"github.com/ava-labs/libevm/core/bloombits"
	"github.com/ava-labs/libevm/core/rawdb"
	"github.com/ava-labs/libevm/ethdb"
)

const (
	// bloomWorkers read the index for all running queries, bloomStreams pass on
	// the needs of one query, and bloomBatch is how many sections one read takes.
	bloomWorkers = 4
	bloomStreams = 3
	bloomBatch   = 16
)

// bloomIndex keeps the rotated header blooms of every full section of 4096
// blocks, so that a log query over a long range reads a few bit vectors instead
// of every header. Sections are indexed as they fill; accepted blocks are final,
// so an indexed section never changes.
type bloomIndex struct {
	db       ethdb.Database
	section  uint64 // blocks
	indexer  *core.ChainIndexer
	requests chan chan *bloombits.Retrieval
	quit     chan struct{}
	workers  sync.WaitGroup
}

func newBloomIndex(db ethdb.Database, bc *core.BlockChain, section uint64) *bloomIndex {
	const confirmations = 0
	x := &bloomIndex{
		db:       db,
		section:  section,
		indexer:  core.NewBloomIndexer(db, section, confirmations),
		requests: make(chan chan *bloombits.Retrieval),
		quit:     make(chan struct{}),
	}
	x.indexer.Start(bc)
	for range bloomWorkers {
		x.workers.Go(x.work)
	}
	return x
}

func (x *bloomIndex) close() error {
	close(x.quit)
	x.workers.Wait()
	if err := x.indexer.Close(); err != nil {
		return fmt.Errorf("closing log index: %w", err)
	}
	return nil
}

func (x *bloomIndex) work() {
	for {
		select {
		case <-x.quit:
			return
		case request := <-x.requests:
			task := <-request
			task.Bitsets = make([][]byte, len(task.Sections))
			for i, section := range task.Sections {
				bits, err := x.read(task.Bit, section)
				if err != nil {
					task.Error = err
					break
				}
				task.Bitsets[i] = bits
			}
			request <- task
		}
	}
}

// read returns one bit of all the blooms in a section, a bit a block.
func (x *bloomIndex) read(bit uint, section uint64) ([]byte, error) {
	head := rawdb.ReadCanonicalHash(x.db, (section+1)*x.section-1)
	packed, err := rawdb.ReadBloomBits(x.db, bit, section, head)
	if err != nil {
		return nil, fmt.Errorf("reading log index, section %d: %w", section, err)
	}
	bits, err := bitutil.DecompressBytes(packed, int(x.section/8))
	if err != nil {
		return nil, fmt.Errorf("unpacking log index, section %d: %w", section, err)
	}
	return bits, nil
}

// BloomStatus returns the blocks in a section and how many sections are indexed.
func (b *backend) BloomStatus() (size, sections uint64) {
	sections, _, _ = b.bloom.indexer.Sections()
	return b.bloom.section, sections
}

// ServiceFilter connects a query to the index; it ends with the session.
func (b *backend) ServiceFilter(_ context.Context, session *bloombits.MatcherSession) {
	for range bloomStreams {
		go session.Multiplex(bloomBatch, 0, b.bloom.requests)
	}
}
