// Package command is parsd's command line.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/ava-labs/avalanchego/vms/rpcchainvm/runtime"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pars-network/pars/node"
	"github.com/pars-network/pars/node/config"
)

// streams is where a command reads and writes.
type streams struct {
	out, err io.Writer
	environ  []string
	// json is set once it is known that log lines are JSON: what the program
	// itself says among them is then JSON too.
	json *bool
}

// Main runs parsd with the given arguments and returns its exit code.
func Main(args []string) int {
	s := streams{out: os.Stdout, err: os.Stderr, environ: os.Environ(), json: new(bool)}
	// An AvalancheGo that starts parsd as a plugin says so in the environment.
	if os.Getenv(runtime.EngineAddressKey) != "" {
		if slices.Equal(args, []string{node.HostedArg}) {
			return s.finish(node.ServeHosted(context.Background(), s.err))
		}
		return s.finish(node.ServePlugin(context.Background(), s.err))
	}
	root := s.root()
	root.SetArgs(devArgs(args))
	return s.finish(root.ExecuteContext(context.Background()))
}

// finish prints err as one line and returns its exit code.
func (s streams) finish(err error) int {
	if err == nil {
		return int(node.CodeOK)
	}
	s.say(slog.LevelError, strings.ReplaceAll(err.Error(), "\n", "; "))
	return int(node.CodeOf(err))
}

// say writes a line to standard error. If that fails, there is nobody to tell.
func (s streams) say(level slog.Level, line string) {
	if *s.json {
		slog.New(slog.NewJSONHandler(s.err, nil)).Log(context.Background(), level, line)
		return
	}
	_, _ = fmt.Fprintln(s.err, "parsd:", line)
}

// devArgs lets --dev stand for the command dev, as it does in other nodes.
func devArgs(args []string) []string {
	if len(args) == 0 || !strings.HasPrefix(args[0], "-") {
		return args
	}
	i := slices.IndexFunc(args, func(a string) bool { return a == "--dev" || a == "-dev" || a == "--dev=true" })
	if i < 0 || slices.Contains(args[:i], "--") {
		return args
	}
	return append([]string{"dev"}, slices.Delete(slices.Clone(args), i, i+1)...)
}

func (s streams) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "parsd",
		Short: "A node of Pars Network: EVM chain and session layer in one process",
		Long: `A node of Pars Network: EVM chain and session layer in one process.

  parsd --dev                  start a development network of one node
  parsd localnet               start a network of five nodes on this machine
  parsd run --network FILE     join a network
  parsd keys init              make the keys of a validator
  parsd validator add          make a node a validator of a running network
  parsd genesis build          make a network's genesis.json

Settings come from flags, then PARS_ variables (http.port is PARS_HTTP_PORT),
then the TOML file of --config, then defaults; parsd config show tells which.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(flagError)
	root.Flags().Bool("dev", false, "the same as the command dev; takes dev's flags")
	root.AddCommand(s.dev(), s.run(), s.localnet(), s.validator(), s.genesis(), s.keys(), s.config(), s.version())
	root.SetHelpCommandGroupID("")
	return root
}

// noArgs refuses arguments and unknown commands with a suggestion.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	if len(names) == 0 {
		return node.Usage(fmt.Errorf("%s takes no argument, got %q; see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath()))
	}
	return node.Usage(fmt.Errorf("unknown command %q for %s%s; see %s --help", args[0], cmd.CommandPath(), config.Suggest(args[0], names), cmd.CommandPath()))
}

// group is a command that only holds others.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: noArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	c.AddCommand(children...)
	return c
}

// flagError turns pflag's error into a usage error with a suggestion.
func flagError(cmd *cobra.Command, err error) error {
	var missing *pflag.NotExistError
	if errors.As(err, &missing) {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		err = fmt.Errorf("%w%s", err, config.Suggest("--"+missing.GetSpecifiedName(), names))
	}
	return node.Usage(fmt.Errorf("%w; see %s --help", err, cmd.CommandPath()))
}

// settings adds a mode's settings to a command and returns a function that
// fills them from everywhere, to be called when the command runs.
func (s streams) settings(cmd *cobra.Command, mode node.Mode) func() (node.Settings, []config.Value, error) {
	var (
		values node.Settings
		file   string
	)
	flags := values.Flags(mode)
	cmd.Flags().SortFlags = false
	cmd.Flags().AddFlagSet(flags)
	cmd.Flags().StringVar(&file, "config", "", "TOML file with settings")
	return func() (node.Settings, []config.Value, error) {
		path := file
		if path == "" {
			path = lookup(s.environ, config.FileVariable)
		}
		origins, err := config.Load(flags, node.SettingNames(), config.Source{Environ: s.environ, File: path})
		if err != nil {
			return node.Settings{}, nil, node.Usage(err)
		}
		return values, origins, nil
	}
}

// lookup returns the value of a variable in environ, or nothing.
func lookup(environ []string, name string) string {
	for _, e := range slices.Backward(environ) {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}
