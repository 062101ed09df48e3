package rpc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/eth/filters"
	ethrpc "github.com/ava-labs/libevm/rpc"
)

const (
	// filterTTL is how long a filter lives that nobody polls.
	filterTTL = 5 * time.Minute
	// logChunk is how many blocks a query scans between two looks at its bounds.
	logChunk = 4096
	// maxTopics is how many topics a log has at most.
	maxTopics = 4
	// maxCriteria bounds the addresses, and the topics of one position, in a
	// query. Each costs three index reads a section.
	maxCriteria = 1000
)

var errFilterNotFound = errors.New("filter not found")

// logAPI is eth_getLogs and the polling filters, within the bounds of [Config].
// Filters live in libevm's API, which drops those that nobody polls; this type
// counts them and remembers what they look for.
type logAPI struct {
	b   *backend
	sys *filters.FilterSystem
	api *filters.FilterAPI

	mu     sync.Mutex
	polled map[ethrpc.ID]*polled
	closed bool
}

// polled is an installed filter.
type polled struct {
	criteria *filters.FilterCriteria // nil unless it looks for logs
	used     time.Time
}

func newLogAPI(b *backend) *logAPI {
	sys := filters.NewFilterSystem(b, filters.Config{Timeout: filterTTL})
	return &logAPI{
		b:      b,
		sys:    sys,
		api:    filters.NewFilterAPI(sys, false),
		polled: make(map[ethrpc.ID]*polled),
	}
}

// close removes all filters. No request may be running.
func (a *logAPI) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for id := range a.polled {
		a.api.UninstallFilter(id)
	}
	clear(a.polled)
	filters.CloseAPI(a.api)
}

// GetLogs returns the logs that match (eth_getLogs).
func (a *logAPI) GetLogs(ctx context.Context, c filters.FilterCriteria) ([]*types.Log, error) {
	if err := checkCriteria(c); err != nil {
		return nil, err
	}
	if c.BlockHash != nil {
		logs, err := a.sys.NewBlockFilter(*c.BlockHash, c.Addresses, c.Topics).Logs(ctx)
		return a.bounded(logs, err)
	}
	from, to, err := a.span(c)
	if err != nil {
		return nil, err
	}
	if timeout, ok := ethrpc.ContextRequestTimeout(ctx); !ok || timeout > a.b.cfg.Timeouts.WriteTimeout {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, a.b.cfg.Timeouts.WriteTimeout)
		defer cancel()
	}
	var found []*types.Log
	for from <= to {
		end := min(to, from-from%logChunk+logChunk-1)
		logs, err := a.sys.NewRangeFilter(from, end, c.Addresses, c.Topics).Logs(ctx)
		if err != nil {
			return nil, fmt.Errorf("searching blocks %d to %d: %w", from, end, err)
		}
		if found, err = a.bounded(append(found, logs...), nil); err != nil {
			return nil, err
		}
		from = end + 1
	}
	return a.bounded(found, nil)
}

// bounded checks the number of logs and never returns nil without an error,
// because clients want [] for none.
func (a *logAPI) bounded(logs []*types.Log, err error) ([]*types.Log, error) {
	if err != nil {
		return nil, err
	}
	if most := a.b.cfg.LogResults; most > 0 && len(logs) > most {
		return nil, fmt.Errorf("query returns more than %d logs; ask for fewer blocks or add an address or a topic", most)
	}
	if logs == nil {
		logs = []*types.Log{}
	}
	return logs, nil
}

// span resolves the criteria's blocks and checks how many there are. Blocks that
// do not exist yet are not searched.
func (a *logAPI) span(c filters.FilterCriteria) (from, to int64, err error) {
	head := a.b.bc.CurrentBlock().Number.Int64()
	resolve := func(n ethrpc.BlockNumber) int64 {
		switch {
		case n == ethrpc.EarliestBlockNumber:
			return 0
		case n < 0: // latest, safe, finalized and pending are the head for logs
			return head
		default:
			return n.Int64()
		}
	}
	from, to = head, head
	if c.FromBlock != nil {
		from = resolve(ethrpc.BlockNumber(c.FromBlock.Int64()))
	}
	if c.ToBlock != nil {
		to = resolve(ethrpc.BlockNumber(c.ToBlock.Int64()))
	}
	if from > to {
		return 0, 0, fmt.Errorf("invalid block range: from %d is after to %d", from, to)
	}
	to = min(to, head)
	if most := a.b.cfg.LogRange; most > 0 && to-from >= most {
		return 0, 0, fmt.Errorf("query spans %d blocks, want at most %d; ask for a part at a time", to-from+1, most)
	}
	return from, to, nil
}

func checkCriteria(c filters.FilterCriteria) error {
	if len(c.Topics) > maxTopics {
		return fmt.Errorf("query has %d topics, want at most %d", len(c.Topics), maxTopics)
	}
	if n := len(c.Addresses); n > maxCriteria {
		return fmt.Errorf("query has %d addresses, want at most %d", n, maxCriteria)
	}
	for i, t := range c.Topics {
		if len(t) > maxCriteria {
			return fmt.Errorf("query has %d values for topic %d, want at most %d", len(t), i, maxCriteria)
		}
	}
	return nil
}

// NewFilter installs a filter for new logs (eth_newFilter).
func (a *logAPI) NewFilter(c filters.FilterCriteria) (ethrpc.ID, error) {
	if err := checkCriteria(c); err != nil {
		return "", err
	}
	return a.install(&c, func() (ethrpc.ID, error) { return a.api.NewFilter(c) })
}

// NewBlockFilter installs a filter for new blocks (eth_newBlockFilter).
func (a *logAPI) NewBlockFilter() (ethrpc.ID, error) {
	return a.install(nil, func() (ethrpc.ID, error) { return a.api.NewBlockFilter(), nil })
}

// NewPendingTransactionFilter installs a filter for transactions that enter the
// pool (eth_newPendingTransactionFilter).
func (a *logAPI) NewPendingTransactionFilter(full *bool) (ethrpc.ID, error) {
	return a.install(nil, func() (ethrpc.ID, error) { return a.api.NewPendingTransactionFilter(full), nil })
}

func (a *logAPI) install(c *filters.FilterCriteria, install func() (ethrpc.ID, error)) (ethrpc.ID, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return "", errors.New("node is shutting down")
	}
	now := a.b.cfg.Now()
	if most := a.b.cfg.Filters; most > 0 && len(a.polled) >= most {
		for id, f := range a.polled {
			if now.Sub(f.used) > filterTTL {
				a.api.UninstallFilter(id)
				delete(a.polled, id)
			}
		}
		if len(a.polled) >= most {
			return "", fmt.Errorf("node has %d filters installed, its limit; uninstall some or subscribe over WebSocket", len(a.polled))
		}
	}
	id, err := install()
	if err != nil {
		return "", err
	}
	a.polled[id] = &polled{criteria: c, used: now}
	return id, nil
}

// UninstallFilter removes a filter (eth_uninstallFilter) and reports whether it
// was there.
func (a *logAPI) UninstallFilter(id ethrpc.ID) bool {
	a.mu.Lock()
	delete(a.polled, id)
	a.mu.Unlock()
	return a.api.UninstallFilter(id)
}

// GetFilterChanges returns what the filter has seen since the last call
// (eth_getFilterChanges).
func (a *logAPI) GetFilterChanges(id ethrpc.ID) (any, error) {
	if _, err := a.use(id); err != nil {
		return nil, err
	}
	changes, err := a.api.GetFilterChanges(id)
	if err != nil { // dropped, because nobody polled it in time
		a.UninstallFilter(id)
	}
	return changes, err
}

// GetFilterLogs returns all logs that the filter matches (eth_getFilterLogs).
func (a *logAPI) GetFilterLogs(ctx context.Context, id ethrpc.ID) ([]*types.Log, error) {
	c, err := a.use(id)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, errFilterNotFound
	}
	return a.GetLogs(ctx, *c)
}

func (a *logAPI) use(id ethrpc.ID) (*filters.FilterCriteria, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, ok := a.polled[id]
	if !ok {
		return nil, errFilterNotFound
	}
	f.used = a.b.cfg.Now()
	return f.criteria, nil
}
