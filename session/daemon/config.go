package daemon

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/multiformats/go-multiaddr"
	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/session/api"
	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/store"
	"github.com/pars-network/pars/session/vault"
)

// maxSocketPath is the longest path of a unix socket that all systems accept,
// in bytes (sun_path is 104 on macOS, 108 on Linux, with a final zero).
const maxSocketPath = 103

var (
	// ErrConfig reports a setting that can't be right, whatever the machine.
	ErrConfig = errors.New("wrong setting")
	// ErrListen reports an address or a socket that can't be listened on.
	ErrListen = errors.New("can't listen")
)

// Clock is where the daemon gets the time from.
type Clock interface {
	Now() time.Time
	// After sends the time once d has passed.
	After(d time.Duration) <-chan time.Time
}

type systemClock struct{}

func (systemClock) Now() time.Time                         { return time.Now() }
func (systemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// Config is what a daemon needs to know. DataDir is required; the zero value of
// everything else works.
type Config struct {
	// Network is the network to join; the zero value means [params.Mainnet].
	Network params.Network
	// DataDir holds everything that is kept. It is made if need be, and belongs
	// to one process at a time.
	DataDir string
	// Listen are the multiaddrs to listen on; nil means all interfaces of IPv4,
	// and of IPv6 where the system has it, on TCP port [params.SessionPort].
	Listen []string
	// Bootstrap are the multiaddrs, each ending in /p2p/Qm..., of nodes to keep
	// a link to.
	Bootstrap []string
	// PersistentNodeKey keeps the link key over restarts: for nodes that others
	// know by their peer id.
	PersistentNodeKey bool
	// Service makes the node one that stores and passes on for others. It keeps
	// its link key over restarts.
	Service bool
	// ServiceMiB is how many MiB of others' envelopes and bundles a service node
	// keeps; 0 means 4,096.
	ServiceMiB int
	// RecordLifetime is how long a service node is believed to be there after it
	// last said so, 10 seconds to [nodes.MaxLifetime]; 0 means [nodes.Lifetime].
	RecordLifetime time.Duration
	// Announce are further multiaddrs under which others reach this node, such as
	// /dns4/node.example/tcp/9000.
	Announce []string
	// Metrics is a loopback address, such as 127.0.0.1:9003, on which a service
	// node serves Prometheus' metrics. Empty means nowhere.
	Metrics string
	// Direct asks service nodes without the onion: they see this node's address
	// beside the mailboxes that it writes to and reads.
	Direct bool
	// Cover is the time between two requests of cover traffic on average, 100 ms
	// to 24 h; 0 means that there is none.
	Cover time.Duration
	// Passphrase opens the data folder; empty means that it has none.
	Passphrase []byte
	// Argon2 is the cost of a passphrase; zero means the default. It is written
	// nowhere: what was made with another cost does not open.
	Argon2 store.Argon2
	// Region is how large each of the four regions of a new vault is, in bytes, a
	// multiple of [vault.Step]; zero means 64 MiB, and 4 MiB on the development
	// network.
	Region int64
	// APISocket is the path of the API's unix socket; empty means
	// DataDir/api.sock.
	APISocket string
	// HTTP is a loopback address, such as 127.0.0.1:9002, on which the API is
	// served as well, to who sends the token in DataDir/api.token as a bearer
	// token. Empty means nowhere.
	HTTP string
	// Logger is where the daemon logs; nil means nowhere.
	Logger *slog.Logger
	// Clock is where it gets the time; nil means the system's clock.
	Clock Clock
	// Rand is where it gets randomness; nil means crypto/rand.
	Rand io.Reader
}

// withDefaults returns the configuration to use, or [ErrConfig].
func (c Config) withDefaults() (Config, error) {
	if c.Network == (params.Network{}) {
		c.Network = params.Mainnet
	}
	if c.DataDir == "" {
		return c, fmt.Errorf("%w: no data folder; give --datadir", ErrConfig)
	}
	abs, err := filepath.Abs(c.DataDir)
	if err != nil {
		return c, fmt.Errorf("%w: data folder %q: %w", ErrConfig, c.DataDir, err)
	}
	c.DataDir = abs
	if c.Listen == nil {
		c.Listen = []string{fmt.Sprintf("/ip4/0.0.0.0/tcp/%d", params.SessionPort)}
		if hasIPv6() {
			c.Listen = append(c.Listen, fmt.Sprintf("/ip6/::/tcp/%d", params.SessionPort))
		}
	}
	if c.APISocket == "" {
		c.APISocket = api.Socket(c.DataDir)
	}
	if c.Region == 0 {
		c.Region = 64 << 20
		if c.Network == params.Dev {
			c.Region = 4 << 20
		}
	}
	if c.Region < vault.MinRegion || c.Region > vault.MaxRegion || c.Region%vault.Step != 0 {
		return c, fmt.Errorf("%w: --vault-region is %d bytes; want a multiple of 1 MiB, at most 1 TiB", ErrConfig, c.Region)
	}
	if len(c.APISocket) > maxSocketPath {
		return c, fmt.Errorf("%w: the path of the API socket has %d bytes, systems allow %d: %s; give a shorter one with --api", ErrConfig, len(c.APISocket), maxSocketPath, c.APISocket)
	}
	if c.ServiceMiB == 0 {
		c.ServiceMiB = 4096
	}
	if c.RecordLifetime == 0 {
		c.RecordLifetime = nodes.Lifetime
	}
	if err := errors.Join(checkAddresses(c), checkService(c), checkCaller(c)); err != nil {
		return c, err
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = systemClock{}
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	return c, nil
}

// persistentKey reports whether others know the node by its peer id.
func (c Config) persistentKey() bool { return c.PersistentNodeKey || c.Service }

// checkService checks what only service nodes are told.
func checkService(c Config) error {
	if c.RecordLifetime < 10*time.Second || c.RecordLifetime > nodes.MaxLifetime {
		return fmt.Errorf("%w: --service-lifetime %v, want 10s to %v", ErrConfig, c.RecordLifetime, nodes.MaxLifetime)
	}
	if c.ServiceMiB < 16 {
		return fmt.Errorf("%w: --service-mib %d, want at least 16", ErrConfig, c.ServiceMiB)
	}
	for _, s := range c.Announce {
		if _, err := multiaddr.NewMultiaddr(s); err != nil {
			return fmt.Errorf("%w: --announce %q is no multiaddr (%w); an example is /dns4/node.example/tcp/%d", ErrConfig, s, err, params.SessionPort)
		}
	}
	if c.Metrics == "" {
		return nil
	}
	if !c.Service {
		return fmt.Errorf("%w: --metrics is of service nodes; give --service too", ErrConfig)
	}
	return checkLoopback("--metrics", c.Metrics)
}

// hasIPv6 reports whether the system can listen on IPv6 at all.
func hasIPv6() bool {
	l, err := net.ListenTCP("tcp6", &net.TCPAddr{IP: net.IPv6loopback})
	if err != nil {
		return false
	}
	return l.Close() == nil
}

func checkAddresses(c Config) error {
	for _, s := range c.Listen {
		if _, err := multiaddr.NewMultiaddr(s); err != nil {
			return fmt.Errorf("%w: --listen %q is no multiaddr (%w); an example is /ip4/0.0.0.0/tcp/%d", ErrConfig, s, err, params.SessionPort)
		}
	}
	for _, s := range c.Bootstrap {
		a, err := multiaddr.NewMultiaddr(s)
		if err == nil {
			_, err = a.ValueForProtocol(multiaddr.P_P2P)
		}
		if err != nil {
			return fmt.Errorf("%w: --bootstrap %q is no multiaddr of a peer (%w); an example is /ip4/192.0.2.1/tcp/%d/p2p/Qm..., as sessiond prints it when it starts", ErrConfig, s, err, params.SessionPort)
		}
	}
	if c.HTTP == "" {
		return nil
	}
	return checkLoopback("--http", c.HTTP)
}

// checkLoopback refuses to serve a network.
func checkLoopback(flag, addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%w: %s %q is no host:port", ErrConfig, flag, addr)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%w: %s %q is not a loopback address; it is never served to a network, use 127.0.0.1:PORT", ErrConfig, flag, addr)
	}
	return nil
}

// closeFolder makes the data folder unreadable for others. It is called once
// the folder is known to be ours.
func closeFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("looking at the data folder: %w", err)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("closing the data folder to others: %w", err)
	}
	return nil
}
