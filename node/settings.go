package node

import (
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/spf13/pflag"

	"github.com/pars-network/pars/node/avalanche"
	"github.com/pars-network/pars/params"
)

// Mode is which kind of node a command starts; it decides defaults and which
// settings exist.
type Mode int

// The two modes.
const (
	// Run joins a network.
	Run Mode = iota
	// Dev is a network of its own with one validator and known accounts.
	Dev
)

// Settings is everything a user can set. [Settings.Flags] gives it defaults.
type Settings struct {
	DataDir string
	Network string
	Archive bool
	Plugin  bool
	FDLimit uint64

	HTTPAddr  string
	HTTPPort  uint16
	CORS      []string
	VHosts    []string
	WSOrigins []string

	GasCap        uint64
	EVMTimeout    time.Duration
	TxFeeCap      float64
	BatchRequests int
	BatchBytes    int

	StakingAddr string
	StakingPort uint16
	PublicIP    string
	Bootstrap   []string
	APIPort     uint16

	Session          bool
	SessionAddr      string
	SessionPort      uint16
	SessionBootstrap []string

	Metrics       bool
	MetricsAddr   string
	MetricsPort   uint16
	MetricsVHosts []string

	LogLevel  string
	LogFormat string

	DevGasLimit uint64
}

// Flags returns the flags of a mode, bound to s. The flag's name is the
// setting's name everywhere: in the environment and in the file too.
func (s *Settings) Flags(mode Mode) *pflag.FlagSet {
	fs := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	fs.SortFlags = false

	dataDir, staking, api, session, metrics := "~/.parsd", uint16(params.StakingPort), uint16(params.NodeAPIPort), uint16(params.SessionPort), uint16(params.MetricsPort)
	stakingAddr, sessionAddr := "0.0.0.0", "0.0.0.0"
	dataDirUsage := "data folder"
	if mode == Dev {
		// A development node has no peers to be found by: free ports on
		// loopback never collide with another node on the machine.
		dataDir, staking, api, session, metrics, stakingAddr, sessionAddr = "", 0, 0, 0, 0, "127.0.0.1", "127.0.0.1"
		dataDirUsage = "data folder; empty means a fresh temporary one, removed at the end"
	}
	fs.StringVar(&s.DataDir, "datadir", dataDir, dataDirUsage)
	if mode == Run {
		fs.StringVar(&s.Network, "network", "", "network to join: a genesis.json file, pars or pars-testnet")
		fs.StringSliceVar(&s.Bootstrap, "bootstrap", nil, "peers to begin with, as NodeID-...@IP:PORT; repeat or separate by commas")
		fs.StringVar(&s.PublicIP, "public-ip", "", "address at which peers reach this node; needed unless staking.addr is loopback")
	} else {
		fs.Uint64Var(&s.DevGasLimit, "dev.gaslimit", params.GenesisGasLimit, "gas limit of a block, set when the chain is made")
	}

	fs.StringVar(&s.HTTPAddr, "http.addr", "127.0.0.1", "address of the JSON-RPC server (HTTP and WebSocket)")
	fs.Uint16Var(&s.HTTPPort, "http.port", params.RPCPort, "port of the JSON-RPC server; 0 takes a free one")
	fs.StringSliceVar(&s.CORS, "http.corsdomain", nil, "web origins that browsers may call the JSON-RPC server from; * for all")
	fs.StringSliceVar(&s.VHosts, "http.vhosts", []string{"localhost"}, "host names the JSON-RPC server answers to, besides IP addresses; * for all")
	fs.StringSliceVar(&s.WSOrigins, "ws.origins", nil, "web origins that may open a WebSocket; * for all")

	fs.Uint64Var(&s.GasCap, "rpc.gascap", 50_000_000, "most gas that eth_call and eth_estimateGas may use; 0 means no limit")
	fs.DurationVar(&s.EVMTimeout, "rpc.evmtimeout", 5*time.Second, "most time that eth_call may take")
	fs.Float64Var(&s.TxFeeCap, "rpc.txfeecap", 1, "highest fee, in whole tokens, of a transaction sent over RPC; 0 means no limit")
	fs.IntVar(&s.BatchRequests, "rpc.batch-request-limit", 1000, "most requests in one batch")
	fs.IntVar(&s.BatchBytes, "rpc.batch-response-max-size", 25_000_000, "most bytes in the answer to one batch")
	fs.BoolVar(&s.Archive, "archive", false, "keep the state after every block, not only recent ones")

	fs.BoolVar(&s.Plugin, "plugin", false, "run the chain in a process of its own, as AvalancheGo runs plugins")

	fs.StringVar(&s.StakingAddr, "staking.addr", stakingAddr, "address on which validators connect")
	fs.Uint16Var(&s.StakingPort, "staking.port", staking, "port on which validators connect; 0 takes a free one")
	fs.Uint16Var(&s.APIPort, "api.port", api, "port on loopback of the engine's own API (health, metrics, P-Chain); 0 takes a free one")

	fs.BoolVar(&s.Session, "session.enable", true, "run a session node too")
	fs.StringVar(&s.SessionAddr, "session.addr", sessionAddr, "address on which session peers connect")
	fs.Uint16Var(&s.SessionPort, "session.port", session, "port on which session peers connect; 0 takes a free one")
	fs.StringSliceVar(&s.SessionBootstrap, "session.bootstrap", nil, "session peers to begin with, as multiaddrs; repeat or separate by commas")

	fs.BoolVar(&s.Metrics, "metrics.enable", true, "serve /healthz, /readyz and /metrics")
	fs.StringVar(&s.MetricsAddr, "metrics.addr", "127.0.0.1", "address of /healthz, /readyz and /metrics")
	fs.Uint16Var(&s.MetricsPort, "metrics.port", metrics, "port of /healthz, /readyz and /metrics; 0 takes a free one")
	fs.StringSliceVar(&s.MetricsVHosts, "metrics.vhosts", []string{"localhost"}, "host names that port answers to, besides IP addresses; * for all")

	fs.StringVar(&s.LogLevel, "log.level", "info", "least important line to log: debug, info, warn or error")
	fs.StringVar(&s.LogFormat, "log.format", "text", "text or json")
	fs.Uint64Var(&s.FDLimit, "fd-limit", 32768, "open files to ask the system for; lowered to the hard limit")
	return fs
}

// SettingNames lists the settings of both modes.
func SettingNames() []string {
	var names []string
	seen := map[string]bool{}
	for _, m := range []Mode{Run, Dev} {
		new(Settings).Flags(m).VisitAll(func(f *pflag.Flag) {
			if !seen[f.Name] {
				seen[f.Name] = true
				names = append(names, f.Name)
			}
		})
	}
	return names
}

// resolved is Settings after parsing what are addresses and levels.
type resolved struct {
	http, staking, api, session, metrics netip.AddrPort
	publicIP                             netip.Addr
	bootstrap                            []avalanche.Peer
}

// resolve checks every setting before anything is started.
func (s *Settings) resolve(mode Mode) (resolved, error) {
	var r resolved
	for _, a := range []struct {
		flag, addr string
		port       uint16
		into       *netip.AddrPort
	}{
		{"http.addr", s.HTTPAddr, s.HTTPPort, &r.http},
		{"staking.addr", s.StakingAddr, s.StakingPort, &r.staking},
		{"session.addr", s.SessionAddr, s.SessionPort, &r.session},
		{"metrics.addr", s.MetricsAddr, s.MetricsPort, &r.metrics},
		{"", "127.0.0.1", s.APIPort, &r.api},
	} {
		ip, err := parseIP(a.addr)
		if err != nil {
			return resolved{}, Usage(fmt.Errorf("--%s is %q, want an IP address such as 127.0.0.1", a.flag, a.addr))
		}
		*a.into = netip.AddrPortFrom(ip, a.port)
	}
	r.publicIP = r.staking.Addr()
	switch {
	case s.PublicIP != "":
		ip, err := parseIP(s.PublicIP)
		if err != nil || ip.IsUnspecified() {
			return resolved{}, Usage(fmt.Errorf("--public-ip is %q, want the IP address at which peers reach this node", s.PublicIP))
		}
		r.publicIP = ip
	case r.publicIP.IsUnspecified():
		return resolved{}, Usage(fmt.Errorf("--public-ip is needed so that peers can reach this node; to stay on this machine use --staking.addr 127.0.0.1"))
	}
	for _, text := range s.Bootstrap {
		p, err := parsePeer(text)
		if err != nil {
			return resolved{}, Usage(fmt.Errorf("--bootstrap: %w", err))
		}
		r.bootstrap = append(r.bootstrap, p)
	}
	if _, err := parseLevel(s.LogLevel); err != nil {
		return resolved{}, Usage(err)
	}
	if s.LogFormat != "text" && s.LogFormat != "json" {
		return resolved{}, Usage(fmt.Errorf("--log.format is %q, want text or json", s.LogFormat))
	}
	if s.BatchRequests < 1 || s.BatchBytes < 1 {
		return resolved{}, Usage(fmt.Errorf("--rpc.batch-request-limit is %d and --rpc.batch-response-max-size is %d, want both above 0", s.BatchRequests, s.BatchBytes))
	}
	if s.TxFeeCap < 0 || math.IsNaN(s.TxFeeCap) || math.IsInf(s.TxFeeCap, 0) || s.EVMTimeout <= 0 {
		return resolved{}, Usage(fmt.Errorf("--rpc.txfeecap is %g and --rpc.evmtimeout is %s, want a fee of 0 or more and a time above 0", s.TxFeeCap, s.EVMTimeout))
	}
	if mode == Dev && (s.DevGasLimit < minGasLimit || s.DevGasLimit > maxGasLimit) {
		return resolved{}, Usage(fmt.Errorf("--dev.gaslimit is %d, want %d to %d", s.DevGasLimit, minGasLimit, uint64(maxGasLimit)))
	}
	return r, nil
}

// Bounds of --dev.gaslimit: one plain transfer must fit, and load comparisons
// with other networks use 10^9.
const (
	minGasLimit = 21_000
	maxGasLimit = 1_000_000_000
)

// parseIP also knows "localhost", because everybody types it.
func parseIP(text string) (netip.Addr, error) {
	if text == "localhost" {
		text = "127.0.0.1"
	}
	return netip.ParseAddr(text)
}

// parsePeer reads NodeID-...@IP:PORT.
func parsePeer(text string) (avalanche.Peer, error) {
	id, addr, found := strings.Cut(text, "@")
	if !found {
		return avalanche.Peer{}, fmt.Errorf("%q has no @, want NodeID-...@IP:PORT", text)
	}
	node, err := ids.NodeIDFromString(id)
	if err != nil {
		return avalanche.Peer{}, fmt.Errorf("%q: %w, want NodeID-...@IP:PORT", text, err)
	}
	at, err := netip.ParseAddrPort(addr)
	if err != nil || at.Port() == 0 {
		return avalanche.Peer{}, fmt.Errorf("%q: %q is no address, want IP:PORT", text, addr)
	}
	return avalanche.Peer{ID: node, Addr: at}, nil
}

func parseLevel(text string) (slog.Level, error) {
	switch text {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("--log.level is %q, want debug, info, warn or error", text)
}
