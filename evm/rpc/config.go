package rpc

import (
	"log/slog"
	"math/big"
	"time"

	ethparams "github.com/ava-labs/libevm/params"
	ethrpc "github.com/ava-labs/libevm/rpc"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pars-network/pars/params"
)

// Config holds the limits and rules of the API. The zero value is go-ethereum's
// defaults where it has them. For every limit, 0 means the default and a negative
// value means no limit, unless the field says otherwise.
type Config struct {
	// CORSOrigins lists the web origins whose pages may call over HTTP; "*"
	// allows all. Empty: no CORS headers, so browsers refuse other origins.
	CORSOrigins []string
	// VHosts lists the host names accepted in the Host header of HTTP requests;
	// "*" accepts all, IP addresses are always accepted. Empty: localhost.
	// It protects local nodes against DNS rebinding.
	VHosts []string
	// WSOrigins lists the web origins whose pages may open a WebSocket; "*"
	// allows all. Empty: http://localhost. Clients that send no Origin header,
	// which browsers always do, are accepted.
	WSOrigins []string

	// BodyBytes bounds an HTTP request's body. Default 5 MiB; can't be lifted.
	BodyBytes int
	// BatchItems bounds the calls in one batch. Default 1000.
	BatchItems int
	// BatchResponseBytes bounds a batch's answers together. Default 25 MB.
	BatchResponseBytes int
	// WSMessageBytes bounds a WebSocket message from a client. Default 32 MiB;
	// can't be lifted.
	WSMessageBytes int64
	// WSConnections bounds the open WebSocket connections. Default 1000.
	WSConnections int
	// SubscriberQueue is how many events may wait for one slow subscription
	// before its connection is closed. Default 4096; can't be lifted.
	SubscriberQueue int
	// Subscriptions bounds the subscriptions that are open on all connections
	// together. Default 10,000.
	Subscriptions int
	// Timeouts bounds reading, writing and idling of HTTP connections. Default
	// 30 s, 30 s and 120 s; values below 1 s become the default.
	Timeouts ethrpc.HTTPTimeouts

	// GasCap bounds the gas of eth_call and its kin. Default 50,000,000.
	GasCap uint64
	// EVMTimeout bounds the run of one eth_call, and the replay that finds an
	// old state. Default 5 s; can't be lifted.
	EVMTimeout time.Duration
	// TraceTimeout bounds one request for a trace, whatever it asks for itself.
	// Default 10 s; can't be lifted.
	TraceTimeout time.Duration
	// Traces is how many debug traces may run at once; more wait their turn.
	// Default 2; can't be lifted.
	Traces int
	// TxFeeCap is the largest fee, in whole tokens, of a transaction that
	// eth_sendRawTransaction takes. Default 1.
	TxFeeCap float64
	// LogRange bounds the blocks that one eth_getLogs may span. Default 100,000.
	LogRange int64
	// LogResults bounds the logs that one eth_getLogs returns. Default 50,000.
	LogResults int
	// Filters bounds the filters that are installed for polling. Default 1000.
	Filters int
	// ReplayBlocks bounds the blocks that are executed again to find a state
	// that is no longer kept. Default 256; can't be lifted.
	ReplayBlocks uint64
	// DefaultTip is what eth_maxPriorityFeePerGas answers while no recent block
	// has transactions, in wei. Default 0.1 gwei.
	DefaultTip *big.Int

	// bloomSection is how many blocks a section of the log index has: 4096, but
	// for tests.
	bloomSection uint64

	// Now is the clock for pending headers. Default time.Now.
	Now func() time.Time
	// Logger takes what an operator should know. Default: nothing is logged.
	Logger *slog.Logger
	// Metrics takes the server's collectors. Default: none are registered.
	Metrics prometheus.Registerer
}

func (c Config) withDefaults() Config {
	if len(c.VHosts) == 0 {
		c.VHosts = []string{"localhost"}
	}
	c.BodyBytes = fixed(c.BodyBytes, 5<<20)
	c.BatchItems = limit(c.BatchItems, 1000)
	c.BatchResponseBytes = limit(c.BatchResponseBytes, 25_000_000)
	c.WSMessageBytes = fixed(c.WSMessageBytes, 32<<20)
	c.WSConnections = limit(c.WSConnections, 1000)
	c.SubscriberQueue = fixed(c.SubscriberQueue, 4096)
	c.Subscriptions = limit(c.Subscriptions, 10_000)
	c.Timeouts = timeouts(c.Timeouts)
	if c.GasCap == 0 {
		c.GasCap = 50_000_000
	}
	c.EVMTimeout = fixed(c.EVMTimeout, 5*time.Second)
	c.TraceTimeout = fixed(c.TraceTimeout, 10*time.Second)
	c.Traces = fixed(c.Traces, 2)
	switch {
	case c.TxFeeCap == 0:
		c.TxFeeCap = 1
	case c.TxFeeCap < 0:
		c.TxFeeCap = 0 // ethapi's "no cap"
	}
	c.LogRange = limit(c.LogRange, 100_000)
	c.LogResults = limit(c.LogResults, 50_000)
	c.Filters = limit(c.Filters, 1000)
	if c.ReplayBlocks == 0 {
		c.ReplayBlocks = 256
	}
	if c.DefaultTip == nil || c.DefaultTip.Sign() <= 0 {
		c.DefaultTip = big.NewInt(params.MinBaseFee / 10)
	}
	if c.bloomSection == 0 {
		c.bloomSection = ethparams.BloomBitsBlocks
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// limit resolves a bound that may be lifted: 0 stands for byDefault, and a
// negative value becomes 0, which the checks read as "no limit".
func limit[N int | int64](n, byDefault N) N {
	switch {
	case n == 0:
		return byDefault
	case n < 0:
		return 0
	default:
		return n
	}
}

// fixed resolves a bound that always holds.
func fixed[N int | int64 | time.Duration](n, byDefault N) N {
	if n <= 0 {
		return byDefault
	}
	return n
}

func timeouts(t ethrpc.HTTPTimeouts) ethrpc.HTTPTimeouts {
	def := ethrpc.DefaultHTTPTimeouts
	for _, p := range []struct {
		have *time.Duration
		def  time.Duration
	}{
		{&t.ReadTimeout, def.ReadTimeout},
		{&t.ReadHeaderTimeout, def.ReadHeaderTimeout},
		{&t.WriteTimeout, def.WriteTimeout},
		{&t.IdleTimeout, def.IdleTimeout},
	} {
		if *p.have < time.Second {
			*p.have = p.def
		}
	}
	return t
}
