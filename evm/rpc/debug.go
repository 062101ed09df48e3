package rpc

import (
	"context"
	"fmt"
	"time"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/common/hexutil"
	"github.com/ava-labs/libevm/core/types"
	"github.com/ava-labs/libevm/eth/tracers"
	"github.com/ava-labs/libevm/eth/tracers/logger"
	"github.com/ava-labs/libevm/libevm/ethapi"
	"github.com/ava-labs/libevm/rlp"
	ethrpc "github.com/ava-labs/libevm/rpc"

	_ "github.com/ava-labs/libevm/eth/tracers/js"     // tracers written in JavaScript
	_ "github.com/ava-labs/libevm/eth/tracers/native" // callTracer, prestateTracer, 4byteTracer, ...
)

// traceSteps bounds the steps that the default (opcode) tracer reports of one
// transaction, and traceMemorySteps those when each carries a copy of memory.
// Later steps are executed but not reported.
const (
	traceSteps       = 1_000_000
	traceMemorySteps = 50_000
)

// debugAPI is the part of the debug namespace that only reads. libevm has more:
// methods that rewind the chain, read and write files, compact or dump the
// database, or trace a whole chain in one call. They are not served, and because
// methods are listed here one by one, new ones of libevm never appear by
// themselves.
type debugAPI struct {
	raw    *ethapi.DebugAPI
	tracer *tracers.API
	limits traceLimits
}

func newDebugAPI(b *backend) *debugAPI {
	return &debugAPI{
		raw:    ethapi.NewDebugAPI(b),
		tracer: tracers.NewAPI(b),
		limits: newTraceLimits(b.cfg),
	}
}

// GetRawHeader returns a header's RLP.
func (a *debugAPI) GetRawHeader(ctx context.Context, block ethrpc.BlockNumberOrHash) (hexutil.Bytes, error) {
	return a.raw.GetRawHeader(ctx, block)
}

// GetRawBlock returns a block's RLP.
func (a *debugAPI) GetRawBlock(ctx context.Context, block ethrpc.BlockNumberOrHash) (hexutil.Bytes, error) {
	return a.raw.GetRawBlock(ctx, block)
}

// GetRawReceipts returns the binary form of a block's receipts.
func (a *debugAPI) GetRawReceipts(ctx context.Context, block ethrpc.BlockNumberOrHash) ([]hexutil.Bytes, error) {
	return a.raw.GetRawReceipts(ctx, block)
}

// GetRawTransaction returns a transaction's binary form.
func (a *debugAPI) GetRawTransaction(ctx context.Context, hash common.Hash) (hexutil.Bytes, error) {
	return a.raw.GetRawTransaction(ctx, hash)
}

// TraceTransaction runs an accepted transaction again under a tracer.
func (a *debugAPI) TraceTransaction(ctx context.Context, hash common.Hash, config *tracers.TraceConfig) (any, error) {
	return trace(ctx, a.limits, config, func(ctx context.Context, config *tracers.TraceConfig) (any, error) {
		return a.tracer.TraceTransaction(ctx, hash, config)
	})
}

// TraceBlockByNumber runs a block again under a tracer.
func (a *debugAPI) TraceBlockByNumber(ctx context.Context, number ethrpc.BlockNumber, config *tracers.TraceConfig) (any, error) {
	return trace(ctx, a.limits, config, func(ctx context.Context, config *tracers.TraceConfig) (any, error) {
		return a.tracer.TraceBlockByNumber(ctx, number, config)
	})
}

// TraceBlockByHash runs a block again under a tracer.
func (a *debugAPI) TraceBlockByHash(ctx context.Context, hash common.Hash, config *tracers.TraceConfig) (any, error) {
	return trace(ctx, a.limits, config, func(ctx context.Context, config *tracers.TraceConfig) (any, error) {
		return a.tracer.TraceBlockByHash(ctx, hash, config)
	})
}

// TraceBlock runs an accepted block, given as RLP, again under a tracer. Foreign
// blocks are refused: nothing has bounded their gas.
func (a *debugAPI) TraceBlock(ctx context.Context, blob hexutil.Bytes, config *tracers.TraceConfig) (any, error) {
	var block types.Block
	if err := rlp.DecodeBytes(blob, &block); err != nil {
		return nil, fmt.Errorf("decoding block: %w", err)
	}
	return a.TraceBlockByHash(ctx, block.Hash(), config)
}

// IntermediateRoots returns the state root after each transaction of a block.
func (a *debugAPI) IntermediateRoots(ctx context.Context, hash common.Hash, config *tracers.TraceConfig) (any, error) {
	return trace(ctx, a.limits, config, func(ctx context.Context, config *tracers.TraceConfig) (any, error) {
		return a.tracer.IntermediateRoots(ctx, hash, config)
	})
}

// callTracer is debug_traceCall. Its arguments are of a type that libevm keeps
// internal, so it is carried as a type parameter.
type callTracer[Args any] struct {
	limits traceLimits
	trace  func(context.Context, Args, ethrpc.BlockNumberOrHash, *tracers.TraceCallConfig) (any, error)
}

func newCallTracer[Args any](limits traceLimits, trace func(context.Context, Args, ethrpc.BlockNumberOrHash, *tracers.TraceCallConfig) (any, error)) *callTracer[Args] {
	return &callTracer[Args]{limits: limits, trace: trace}
}

// TraceCall runs a call under a tracer; nothing is kept.
func (c *callTracer[Args]) TraceCall(ctx context.Context, args Args, block ethrpc.BlockNumberOrHash, config *tracers.TraceCallConfig) (any, error) {
	if config == nil {
		config = new(tracers.TraceCallConfig)
	}
	return trace(ctx, c.limits, &config.TraceConfig, func(ctx context.Context, bounded *tracers.TraceConfig) (any, error) {
		config.TraceConfig = *bounded
		return c.trace(ctx, args, block, config)
	})
}

// traceLimits bounds what a request for a trace may ask for.
type traceLimits struct {
	slots   chan struct{}
	timeout time.Duration
	replay  uint64
}

func newTraceLimits(cfg Config) traceLimits {
	return traceLimits{
		slots:   make(chan struct{}, cfg.Traces),
		timeout: cfg.TraceTimeout,
		replay:  cfg.ReplayBlocks,
	}
}

// trace waits for a slot, then runs a trace with config cut to the limits. The
// timeout holds for the request as a whole too, however many transactions it
// covers.
func trace(ctx context.Context, l traceLimits, config *tracers.TraceConfig, run func(context.Context, *tracers.TraceConfig) (any, error)) (any, error) {
	config, err := l.bound(config)
	if err != nil {
		return nil, err
	}
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for %d other traces: %w", cap(l.slots), ctx.Err())
	}
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	return run(ctx, config)
}

func (l traceLimits) bound(config *tracers.TraceConfig) (*tracers.TraceConfig, error) {
	var c tracers.TraceConfig
	if config != nil {
		c = *config
	}
	timeout := l.timeout
	if c.Timeout != nil {
		asked, err := time.ParseDuration(*c.Timeout)
		if err != nil {
			return nil, fmt.Errorf("trace timeout %q: %w", *c.Timeout, err)
		}
		if asked > 0 {
			timeout = min(timeout, asked)
		}
	}
	text := timeout.String()
	c.Timeout = &text
	replay := l.replay
	if c.Reexec != nil {
		replay = min(replay, *c.Reexec)
	}
	c.Reexec = &replay
	var opcodes logger.Config
	if c.Config != nil {
		opcodes = *c.Config
	}
	opcodes.Overrides = nil // forks are the chain's, not the caller's
	most := traceSteps
	if opcodes.EnableMemory {
		most = traceMemorySteps
	}
	if opcodes.Limit <= 0 || opcodes.Limit > most {
		opcodes.Limit = most
	}
	c.Config = &opcodes
	return &c, nil
}
