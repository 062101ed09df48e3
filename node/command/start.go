package command

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/pars-network/pars/node"
	"github.com/pars-network/pars/node/systemd"
)

// stopTime bounds a clean stop. Databases are closed long before; after it, the
// process ends as if it had been killed, which it survives.
const stopTime = 20 * time.Second

func (s streams) dev() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Start a development network of one node, with funded accounts",
		Long: `Start a development network of one node: chain id 1337, ten funded accounts
whose keys everybody knows, JSON-RPC on http://127.0.0.1:8545 and a session node.

Without --datadir it lives in a temporary folder that is removed at the end; with
--datadir the next start continues the chain.`,
		Args: noArgs,
	}
	s.starts(cmd, node.Dev)
	return cmd
}

func (s streams) run() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Join a network",
		Long: `Join the network of a genesis.json file. The keys in the data folder decide
whether the node is a validator; without keys it makes new ones and follows.`,
		Example: `  parsd run --network genesis.json --public-ip 203.0.113.7 \
    --bootstrap NodeID-7Xhw2mDxuDS44j42TCB6U5579esbSt3Lg@203.0.113.8:9651`,
		Args: noArgs,
	}
	s.starts(cmd, node.Run)
	return cmd
}

// starts makes cmd start a node of the given mode.
func (s streams) starts(cmd *cobra.Command, mode node.Mode) {
	load := s.settings(cmd, mode)
	asJSON := cmd.Flags().Bool("json", false, "print the banner as one line of JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		settings, _, err := load()
		if err != nil {
			return err
		}
		return s.live(cmd.Context(), mode, settings, *asJSON)
	}
}

// live runs a node until it is told to stop or dies.
func (s streams) live(ctx context.Context, mode node.Mode, settings node.Settings, asJSON bool) error {
	*s.json = settings.LogFormat == "json"
	service, err := systemd.Open(ctx, func(name string) string { return lookup(s.environ, name) }, os.Getpid())
	if err != nil {
		return err
	}
	defer func() { _ = service.Close() }()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)

	type started struct {
		node *node.Node
		err  error
	}
	starting := make(chan started, 1)
	startCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		n, err := node.Start(startCtx, node.Options{
			Mode: mode, Settings: settings, Log: s.err,
			Crash: func(reason string) {
				s.say(slog.LevelError, reason)
				os.Exit(int(node.CodeChain))
			},
		})
		starting <- started{n, err}
	}()
	var (
		n     *node.Node
		early bool
	)
	for n == nil {
		select {
		case got := <-starting:
			if got.err != nil {
				return got.err
			}
			n = got.node
		case <-signals:
			if early {
				os.Exit(int(node.CodeForced))
			}
			// The start can't be cut short everywhere; it takes under a second.
			early = true
			cancel()
		}
	}
	stop := func(cause error) error {
		s.told(service.Stopping())
		return s.stop(n, signals, cause)
	}
	if early {
		return stop(nil)
	}
	// Catching up may take hours, so a service counts as started before.
	s.told(service.Ready("catching up with the network"))
	watchCtx, unwatch := context.WithCancel(ctx)
	defer unwatch()
	go service.Watch(watchCtx, n.Alive)
	select {
	case <-n.Ready():
	case err := <-n.Failed():
		return stop(err)
	case <-signals:
		return stop(nil)
	}
	s.told(service.Status("running"))
	banner, err := n.Banner()
	if err == nil {
		if asJSON {
			err = banner.WriteJSON(s.out)
		} else {
			err = banner.WriteText(s.out)
		}
	}
	if err != nil {
		return stop(fmt.Errorf("printing the banner: %w", err))
	}
	select {
	case err := <-n.Failed():
		return stop(err)
	case <-signals:
		return stop(nil)
	}
}

// told reports that systemd could not be told something; the node runs on.
func (s streams) told(err error) {
	if err != nil {
		s.say(slog.LevelWarn, err.Error())
	}
}

// stop ends the node and returns cause, if any. A further signal ends the
// process at once.
func (s streams) stop(n *node.Node, signals <-chan os.Signal, cause error) error {
	if cause == nil {
		s.say(slog.LevelInfo, "stopping; interrupt again to end at once")
	}
	done := make(chan error, 1)
	go func() { done <- n.Stop() }()
	late := time.NewTimer(stopTime)
	defer late.Stop()
	select {
	case err := <-done:
		if cause != nil {
			return cause
		}
		return err
	case <-signals:
		os.Exit(int(node.CodeForced))
	case <-late.C:
		if cause == nil {
			cause = fmt.Errorf("not stopped after %s; ended without waiting longer", stopTime)
		}
	}
	return cause
}
