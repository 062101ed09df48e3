// Package program is the command line of sessiond: settings, passphrase, banner
// and exit codes around a [daemon.Daemon].
package program

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/session/daemon"
	"github.com/pars-network/pars/session/store"
	"github.com/spf13/cobra"
)

// Exit codes of sessiond; docs/sessiond.md lists them for people.
const (
	ExitOK         = 0
	ExitError      = 1 // anything else
	ExitUsage      = 2 // a flag, variable or configuration file is wrong
	ExitFolder     = 3 // foreign, damaged or newer data folder, or one of another network
	ExitLocked     = 4 // another process has the data folder
	ExitPassphrase = 5 // missing, wrong or superfluous passphrase
	ExitListen     = 6 // an address or socket can't be listened on
)

// System is the world around the program.
type System struct {
	Args           []string // without the program's name
	Getenv         func(string) string
	Stdin          *os.File
	Stdout, Stderr io.Writer
}

// Main runs sessiond until it is asked to stop and returns its exit code.
func Main(sys System) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd := command(sys)
	cmd.SetArgs(sys.Args)
	cmd.SetOut(sys.Stdout)
	cmd.SetErr(sys.Stderr)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return ExitOK
	}
	_, _ = fmt.Fprintln(sys.Stderr, "sessiond:", err)
	return exitCode(err)
}

func exitCode(err error) int {
	is := func(targets ...error) bool {
		for _, t := range targets {
			if errors.Is(err, t) {
				return true
			}
		}
		return false
	}
	switch {
	case is(daemon.ErrConfig, errUsage):
		return ExitUsage
	case is(store.ErrLocked):
		return ExitLocked
	case is(store.ErrPassphrase, store.ErrPassphraseNeeded, store.ErrUnprotected):
		return ExitPassphrase
	case is(store.ErrForeign, store.ErrCorrupt, store.ErrNetwork, store.ErrSchema):
		return ExitFolder
	case is(daemon.ErrListen):
		return ExitListen
	default:
		return ExitError
	}
}

var errUsage = errors.New("see sessiond --help")

func command(sys System) *cobra.Command {
	var s settings
	root := &cobra.Command{
		Use:   "sessiond",
		Short: "Pars session node: private messages, post-quantum links, no server",
		Long: `sessiond keeps one person's messages, contacts and keys, and the links to other
nodes. Programs of the same person talk to it over a unix socket: see parsctl.

Settings come from flags, else from PARS_SESSION_* variables (PARS_SESSION_LOG_LEVEL
for --log.level; lists are separated by commas), else from the file of --config.
The passphrase of the data folder comes from --passphrase-file, else from
PARS_SESSION_PASSPHRASE, else from the terminal.`,
		Example: `  sessiond --network pars --datadir ~/.pars/session
  sessiond --network pars-dev --listen /ip4/127.0.0.1/tcp/9000 --bootstrap /ip4/127.0.0.1/tcp/9100/p2p/Qm...`,
		Args:          noArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.complete(cmd.Flags(), sys.Getenv); err != nil {
				return err
			}
			return run(cmd.Context(), sys, s)
		},
	}
	s.addTo(root.Flags())
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w; %w", err, errUsage) })
	root.AddCommand(versionCommand(), passphraseCommand(sys), configCommand(sys))
	return root
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unknown command %q; %w", args[0], errUsage)
	}
	return nil
}

func versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "version", Short: "print the version", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !asJSON {
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "sessiond %s (%s, %s, %s/%s)\n", params.Version, params.Commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(struct {
				Version int    `json:"version"`
				Program string `json:"program"`
				Release string `json:"release"`
				Commit  string `json:"commit"`
				Go      string `json:"go"`
				OS      string `json:"os"`
				Arch    string `json:"arch"`
			}{1, "sessiond", params.Version, params.Commit, runtime.Version(), runtime.GOOS, runtime.GOARCH})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// configCommand shows what flags, environment and file come to.
func configCommand(sys System) *cobra.Command {
	var s settings
	cmd := &cobra.Command{Use: "config", Short: "the settings", Args: noArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	show := &cobra.Command{
		Use: "show", Short: "print the settings that would be used, as a file for --config; a passphrase is never printed", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.complete(cmd.Flags(), sys.Getenv); err != nil {
				return err
			}
			if _, err := s.daemonConfig(io.Discard); err != nil {
				return err
			}
			return s.write(sys.Stdout)
		},
	}
	s.addTo(show.Flags())
	cmd.AddCommand(show)
	return cmd
}

// run starts the daemon and waits until it ends.
func run(ctx context.Context, sys System, s settings) error {
	cfg, err := s.daemonConfig(sys.Stderr)
	if err != nil {
		return err
	}
	d, err := start(ctx, sys, s, cfg)
	if err != nil {
		return err
	}
	if err := banner(sys, s, d); err != nil {
		return errors.Join(err, d.Close())
	}
	select {
	case <-ctx.Done():
	case <-d.Done():
	}
	if err := d.Close(); err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	return nil
}

// ready is the banner as JSON.
type ready struct {
	Version    int      `json:"version"`
	Network    string   `json:"network"`
	PeerID     string   `json:"peer_id"`
	Multiaddrs []string `json:"multiaddrs"`
	DataDir    string   `json:"datadir"`
	API        string   `json:"api"`
	HTTP       string   `json:"http,omitempty"`
	SessionID  string   `json:"session_id,omitempty"`
	NodeID     string   `json:"node_id,omitempty"` // of a service node
	Metrics    string   `json:"metrics,omitempty"`
	Protected  bool     `json:"protected"`
	PID        int      `json:"pid"`
}

func banner(sys System, s settings, d *daemon.Daemon) error {
	if s.json {
		return json.NewEncoder(sys.Stdout).Encode(ready{
			Version: 1, Network: s.network, PeerID: d.PeerID(), Multiaddrs: d.Multiaddrs(), DataDir: d.DataDir(),
			API: d.APISocket(), HTTP: d.HTTPAddr(), SessionID: d.SessionID(), NodeID: d.NodeID(), Metrics: d.MetricsAddr(), Protected: d.Protected(), PID: os.Getpid(),
		})
	}
	var lines [][2]string
	for _, a := range d.Multiaddrs() {
		lines = append(lines, [2]string{"address", a})
	}
	lines = append(lines, [2]string{"data folder", d.DataDir()}, [2]string{"API", d.APISocket()})
	if d.HTTPAddr() != "" {
		lines = append(lines, [2]string{"API", "http://" + d.HTTPAddr() + ", token in " + d.TokenFile()})
	}
	if d.NodeID() != "" {
		lines = append(lines, [2]string{"service node", d.NodeID()})
	}
	if d.MetricsAddr() != "" {
		lines = append(lines, [2]string{"metrics", "http://" + d.MetricsAddr() + "/metrics"})
	}
	if id := d.SessionID(); id != "" {
		lines = append(lines, [2]string{"session id", id})
	} else {
		lines = append(lines, [2]string{"session id", "none yet: parsctl identity create"})
	}
	if !d.Protected() {
		lines = append(lines, [2]string{"warning", "the data folder has no passphrase: who can read it can read your messages and be you;"},
			[2]string{"", "stop, then: sessiond passphrase --network " + s.network + " --datadir " + d.DataDir()})
	}
	if _, err := fmt.Fprintf(sys.Stdout, "sessiond %s on %s, ready; Ctrl-C stops it\n", params.Version, s.network); err != nil {
		return err
	}
	for _, l := range lines {
		if _, err := fmt.Fprintf(sys.Stdout, "  %-12s %s\n", l[0], l[1]); err != nil {
			return err
		}
	}
	return nil
}
