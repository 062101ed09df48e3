package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/pars-network/pars/node"
	"github.com/pars-network/pars/node/localnet"
)

func (s streams) localnet() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "localnet",
		Short: "Start a network of many validators on this machine, one process each",
		Long: `Start a network of many validators on this machine: pars-dev with chain id 1337
and ten funded accounts whose keys everybody knows. Every validator is a parsd
process of its own with a data folder, a configuration file and a log; kill,
freeze and restart them as you like.

Without --datadir it lives in a temporary folder that is removed at the end; with
--datadir the next start continues the chain.`,
		Example: `  parsd localnet --validators 5 --http.port 8545
  parsd localnet --datadir mynet`,
		Args: noArgs,
	}
	c := localnet.Config{Environ: s.environ}
	cmd.Flags().SortFlags = false
	cmd.Flags().IntVar(&c.Validators, "validators", 0, fmt.Sprintf("how many, 1 to %d (default %d, or as many as the folder has)", localnet.MaxValidators, localnet.DefaultValidators))
	cmd.Flags().StringVar(&c.Dir, "datadir", "", "folder of the network; empty means a fresh temporary one, removed at the end")
	cmd.Flags().Uint16Var(&c.HTTPPort, "http.port", 0, "JSON-RPC port of the first node, the others take the following ones; 0 takes free ones")
	cmd.Flags().DurationVar(&c.Links.RoundTrip, "delay", 0, "round trip between any two nodes, such as 100ms; needs root")
	percent := cmd.Flags().Float64("loss", 0, "percentage of packets between nodes that are lost; needs root")
	cmd.Flags().BoolVar(&c.Links.Regions, "regions", false, "nodes in Tehran, Los Angeles, London and Sydney in turn, with the round trips between them; needs root")
	cmd.Flags().BoolVar(&c.Plugin, "plugin", false, "run every node's chain in a process of its own, as AvalancheGo runs plugins")
	cmd.Flags().BoolVar(&c.Links.Cuttable, "cuttable", false, "links that parsd localnet cut can cut, even without delay or loss; needs root")
	asJSON := cmd.Flags().Bool("json", false, "print the banner as one line of JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Flags().Changed("validators") && c.Validators == 0 {
			return node.Usage(fmt.Errorf("--validators is 0, want 1 to %d", localnet.MaxValidators))
		}
		c.Links.Loss = *percent / 100
		c.Progress = func(format string, args ...any) { s.say(slog.LevelInfo, fmt.Sprintf(format, args...)) }
		return s.localnetLive(cmd.Context(), c, *asJSON)
	}
	cmd.AddCommand(s.localnetCut(), s.localnetHeal())
	return cmd
}

func (s streams) localnetCut() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cut GROUP...",
		Short: "Cut a running local network into groups of nodes that can't reach each other",
		Long: `Cut a running local network into groups of nodes that can't reach each other, until
it is healed. A group is a list of numbers such as 1,2; nodes that no group names are
one more group. Another cut replaces this one. You still reach all nodes.

The network must run with --cuttable, --delay, --loss or --regions.`,
		Example: `  parsd localnet cut 1,2 --datadir mynet      nodes 1 and 2 against all others
  parsd localnet cut 1,2 3,4 --datadir mynet  three groups of five nodes`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return node.Usage(fmt.Errorf("%s needs a group of nodes such as 1,2; see %s --help", cmd.CommandPath(), cmd.CommandPath()))
			}
			return nil
		},
	}
	dir := networkFolder(cmd)
	cmd.RunE = func(cmd *cobra.Command, groups []string) error {
		c, err := localnet.ParseCut(groups)
		if err != nil {
			return err
		}
		return localnet.Divide(cmd.Context(), *dir, c)
	}
	return cmd
}

func (s streams) localnetHeal() *cobra.Command {
	cmd := &cobra.Command{Use: "heal", Short: "Let all nodes of a running local network reach each other again", Args: noArgs}
	dir := networkFolder(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return localnet.Divide(cmd.Context(), *dir, nil)
	}
	return cmd
}

// networkFolder adds the flag that says which running network is meant.
func networkFolder(cmd *cobra.Command) *string {
	return cmd.Flags().String("datadir", "", "folder of the running network, which its banner names")
}

// localnetLive runs a local network until it is told to stop or all its nodes
// are gone.
func (s streams) localnetLive(ctx context.Context, c localnet.Config, asJSON bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signals, hurry := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	go func() {
		<-signals
		cancel()
		// A repeated SIGTERM asks for nothing new: timeout(1) sends two.
		for sig := range signals {
			if sig == os.Interrupt {
				close(hurry)
				return
			}
		}
	}()
	began := time.Now()
	n, err := localnet.Start(ctx, c)
	if errors.Is(err, context.Canceled) {
		return nil // stopped before it was ready; nothing runs
	}
	if err != nil {
		return err
	}
	banner, err := n.Banner(os.Getpid(), time.Since(began))
	if err == nil {
		if asJSON {
			err = banner.WriteJSON(s.out)
		} else {
			err = banner.WriteText(s.out)
		}
	}
	if err != nil {
		return errors.Join(fmt.Errorf("printing the banner: %w", err), n.Stop())
	}
	for {
		select {
		case <-ctx.Done():
			s.say(slog.LevelInfo, fmt.Sprintf("stopping %d nodes; interrupt again to kill them", len(banner.Nodes)))
			stopped := make(chan error, 1)
			go func() { stopped <- n.Stop() }()
			select {
			case err := <-stopped:
				return err
			case <-hurry:
				n.Kill()
				return errors.Join(node.ErrForced, <-stopped)
			}
		case d := <-n.Deaths():
			s.say(slog.LevelError, fmt.Sprintf("node%d %s", d.Node, d.Fate))
			if d.Left == 0 {
				return errors.Join(fmt.Errorf("%w: no node that was started here is left; their logs are in %s", node.ErrChain, banner.DataDir), n.Stop())
			}
			s.say(slog.LevelWarn, fmt.Sprintf("%d of the %d nodes started here still run; start it again with: %s", d.Left, len(banner.Nodes), banner.Nodes[d.Node-1].Again))
		}
	}
}
