package program

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/session/api"
	"github.com/pars-network/pars/session/daemon"
	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/vault"
	"github.com/spf13/pflag"
)

const envPrefix = "PARS_SESSION_"

// settings is what sessiond can be told. Each comes from its flag, else from
// PARS_SESSION_<NAME>, else from the TOML file, else it is the default.
type settings struct {
	network, datadir, api, http, config string
	listen, bootstrap                   []string
	persistentKey                       bool
	direct, service                     bool
	serviceMiB                          int
	serviceLifetime                     time.Duration
	announce                            []string
	metrics                             string
	cover                               time.Duration
	passphraseFile                      string
	vaultRegion                         string
	logLevel, logFormat                 string
	json                                bool
}

// file is the TOML file. Its keys are the names of the flags.
type file struct {
	Network           *string   `toml:"network"`
	DataDir           *string   `toml:"datadir"`
	Listen            *[]string `toml:"listen,omitempty"`
	Bootstrap         *[]string `toml:"bootstrap,omitempty"`
	API               *string   `toml:"api"`
	HTTP              *string   `toml:"http"`
	PersistentNodeKey *bool     `toml:"persistent-node-key"`
	Service           *bool     `toml:"service"`
	ServiceMiB        *int      `toml:"service-mib"`
	ServiceLifetime   *duration `toml:"service-lifetime"`
	Announce          *[]string `toml:"announce,omitempty"`
	Metrics           *string   `toml:"metrics"`
	Direct            *bool     `toml:"direct"`
	Cover             *duration `toml:"cover"`
	PassphraseFile    *string   `toml:"passphrase-file"`
	VaultRegion       *string   `toml:"vault-region"`
	JSON              *bool     `toml:"json"`
	Log               logFile   `toml:"log"`
}

type logFile struct {
	Level  *string `toml:"level"`
	Format *string `toml:"format"`
}

// duration is a time in the file, such as "24h".
type duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *duration) UnmarshalText(text []byte) error {
	t, err := time.ParseDuration(string(text))
	*d = duration(t)
	return err
}

// write writes the settings as the TOML file that would give them.
func (s *settings) write(w io.Writer) error {
	lifetime, cover := duration(s.serviceLifetime), duration(s.cover)
	f := file{
		Service: &s.service, ServiceMiB: &s.serviceMiB, ServiceLifetime: &lifetime, Metrics: &s.metrics, Direct: &s.direct, Cover: &cover,
		Network: &s.network, DataDir: &s.datadir, API: &s.api, HTTP: &s.http, PersistentNodeKey: &s.persistentKey,
		PassphraseFile: &s.passphraseFile, VaultRegion: &s.vaultRegion, JSON: &s.json, Log: logFile{Level: &s.logLevel, Format: &s.logFormat},
	}
	if len(s.listen) > 0 { // an empty list in a file would mean to listen nowhere
		f.Listen = &s.listen
	}
	if len(s.bootstrap) > 0 {
		f.Bootstrap = &s.bootstrap
	}
	if len(s.announce) > 0 {
		f.Announce = &s.announce
	}
	return toml.NewEncoder(w).Encode(f)
}

func (s *settings) addTo(f *pflag.FlagSet) {
	f.StringVar(&s.network, "network", params.Mainnet.Name, "network to join: pars, pars-testnet or pars-dev")
	f.StringVar(&s.datadir, "datadir", "", "folder for everything that is kept (default ~/.pars/session)")
	f.StringArrayVar(&s.listen, "listen", nil, fmt.Sprintf("multiaddr to listen on, repeatable (default /ip4/0.0.0.0/tcp/%[1]d, and /ip6/::/tcp/%[1]d where there is IPv6)", params.SessionPort))
	f.StringArrayVar(&s.bootstrap, "bootstrap", nil, "multiaddr of a node to keep a link to, ending in /p2p/Qm..., repeatable")
	f.StringVar(&s.api, "api", "", "path of the API's unix socket (default api.sock in the data folder)")
	f.StringVar(&s.http, "http", "", "serve the API on this loopback address too, behind the token in api.token; off when empty")
	f.BoolVar(&s.persistentKey, "persistent-node-key", false, "keep the peer id over restarts, for nodes that others bootstrap from")
	f.BoolVar(&s.service, "service", false, "store sealed messages and pass onions on for others; keeps the peer id over restarts")
	f.IntVar(&s.serviceMiB, "service-mib", 4096, "how many MiB of others' messages a service node keeps")
	f.DurationVar(&s.serviceLifetime, "service-lifetime", nodes.Lifetime, "how long a service node that fell silent is still believed to be there, 10s to 168h")
	f.StringArrayVar(&s.announce, "announce", nil, "multiaddr under which others reach this node, such as /dns4/node.example/tcp/9000, repeatable")
	f.StringVar(&s.metrics, "metrics", "", "serve a service node's Prometheus metrics on this loopback address; off when empty")
	f.BoolVar(&s.direct, "direct", false, "ask service nodes without the onion: faster, and each of them sees this machine's address beside the mailboxes it writes to and reads")
	f.DurationVar(&s.cover, "cover", 0, "send requests that mean nothing, this long apart on average, so that real ones stand out less; 0 sends none")
	f.StringVar(&s.passphraseFile, "passphrase-file", "", "file whose first line is the passphrase of the data folder")
	f.StringVar(&s.vaultRegion, "vault-region", "", "size of each of the four regions of a new vault, such as 64MiB; it grows by itself (default 64MiB, on pars-dev 4MiB)")
	f.StringVar(&s.logLevel, "log.level", "info", "debug, info, warn or error")
	f.StringVar(&s.logFormat, "log.format", "text", "text or json")
	f.BoolVar(&s.json, "json", false, "print what is ready as one line of JSON")
	f.StringVar(&s.config, "config", "", "TOML file with these settings, named as the flags")
}

// complete fills in what no flag said.
func (s *settings) complete(f *pflag.FlagSet, getenv func(string) string) error {
	if v := getenv(envPrefix + "CONFIG"); v != "" && !f.Changed("config") {
		s.config = v
	}
	if s.config != "" {
		if err := s.fromFile(f); err != nil {
			return err
		}
	}
	var failed error
	f.VisitAll(func(flag *pflag.Flag) {
		name := envPrefix + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(flag.Name))
		v := getenv(name)
		if flag.Changed || v == "" || failed != nil || flag.Name == "help" {
			return
		}
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			failed = list.Replace(strings.Split(v, ","))
		} else {
			failed = flag.Value.Set(v)
		}
		if failed != nil {
			failed = fmt.Errorf("%w: %s: %w", daemon.ErrConfig, name, failed)
		}
	})
	if failed != nil || s.datadir != "" {
		return failed
	}
	dir, err := api.DefaultDataDir()
	if err != nil {
		return fmt.Errorf("%w: %w", daemon.ErrConfig, err)
	}
	s.datadir = dir
	return nil
}

func (s *settings) fromFile(f *pflag.FlagSet) error {
	var c file
	meta, err := toml.DecodeFile(s.config, &c)
	if err != nil {
		return fmt.Errorf("%w: --config %s: %w", daemon.ErrConfig, s.config, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return fmt.Errorf("%w: --config %s: unknown key %q; the keys are the names of the flags, see sessiond --help", daemon.ErrConfig, s.config, unknown[0].String())
	}
	take(f, "network", &s.network, c.Network)
	take(f, "datadir", &s.datadir, c.DataDir)
	take(f, "listen", &s.listen, c.Listen)
	take(f, "bootstrap", &s.bootstrap, c.Bootstrap)
	take(f, "api", &s.api, c.API)
	take(f, "http", &s.http, c.HTTP)
	take(f, "persistent-node-key", &s.persistentKey, c.PersistentNodeKey)
	take(f, "service", &s.service, c.Service)
	take(f, "service-mib", &s.serviceMiB, c.ServiceMiB)
	take(f, "direct", &s.direct, c.Direct)
	take(f, "cover", &s.cover, (*time.Duration)(c.Cover))
	take(f, "service-lifetime", &s.serviceLifetime, (*time.Duration)(c.ServiceLifetime))
	take(f, "announce", &s.announce, c.Announce)
	take(f, "metrics", &s.metrics, c.Metrics)
	take(f, "passphrase-file", &s.passphraseFile, c.PassphraseFile)
	take(f, "vault-region", &s.vaultRegion, c.VaultRegion)
	take(f, "json", &s.json, c.JSON)
	take(f, "log.level", &s.logLevel, c.Log.Level)
	take(f, "log.format", &s.logFormat, c.Log.Format)
	return nil
}

// take uses a value of the file where no flag was given.
func take[T any](f *pflag.FlagSet, flag string, to, value *T) {
	if value != nil && !f.Changed(flag) {
		*to = *value
	}
}

// daemonConfig is what the settings mean, but for the passphrase.
func (s *settings) daemonConfig(logs io.Writer) (daemon.Config, error) {
	network, err := params.NetworkByName(s.network)
	if err != nil {
		return daemon.Config{}, fmt.Errorf("%w: --network: %w", daemon.ErrConfig, err)
	}
	logger, err := s.logger(logs)
	if err != nil {
		return daemon.Config{}, err
	}
	region, err := vault.ParseSize(s.vaultRegion)
	if err != nil {
		return daemon.Config{}, fmt.Errorf("%w: --vault-region: %w", daemon.ErrConfig, err)
	}
	return daemon.Config{
		Region: region, Network: network, DataDir: s.datadir, Listen: s.listen, Bootstrap: s.bootstrap,
		Service: s.service, ServiceMiB: s.serviceMiB, RecordLifetime: s.serviceLifetime, Announce: s.announce, Metrics: s.metrics, Direct: s.direct, Cover: s.cover,
		PersistentNodeKey: s.persistentKey, APISocket: s.api, HTTP: s.http, Logger: logger,
	}, nil
}

func (s *settings) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.logLevel)); err != nil {
		return nil, fmt.Errorf("%w: --log.level %q, want debug, info, warn or error", daemon.ErrConfig, s.logLevel)
	}
	opts := &slog.HandlerOptions{Level: level}
	switch s.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	default:
		return nil, fmt.Errorf("%w: --log.format %q, want text or json", daemon.ErrConfig, s.logFormat)
	}
}

// readPassphraseFile returns the first line of a file.
func readPassphraseFile(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: --passphrase-file: %w", daemon.ErrConfig, err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return nil, fmt.Errorf("%w: --passphrase-file %s: its first line is empty", daemon.ErrConfig, path)
	}
	return []byte(line), nil
}
