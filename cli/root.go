package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	client "github.com/pars-network/pars/client/session"
	"github.com/pars-network/pars/params"
	"github.com/spf13/cobra"
)

// System is the world around the program.
type System struct {
	Args           []string // without the program's name
	Getenv         func(string) string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Zone is where the person is; nil means the system's time zone.
	Zone *time.Location
}

// Stdio is the system of a real process.
func Stdio() System {
	return System{Args: os.Args[1:], Getenv: os.Getenv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
}

// app is what all commands share.
type app struct {
	sys     System
	datadir string
	api     string
	json    bool
	langArg string
	lang    language
	zone    *time.Location
	client  *client.Client
	in      *bufio.Reader
}

// Main runs one command and returns its exit code.
func Main(sys System) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{sys: sys, zone: sys.Zone, in: bufio.NewReader(sys.Stdin)}
	if a.zone == nil {
		a.zone = time.Local
	}
	root := a.command()
	root.SetArgs(sys.Args)
	root.SetIn(sys.Stdin)
	root.SetOut(sys.Stdout)
	root.SetErr(sys.Stderr)
	err := root.ExecuteContext(ctx)
	if a.client != nil {
		a.client.Close()
	}
	if err == nil {
		return ExitOK
	}
	_, _ = fmt.Fprintln(sys.Stderr, "parsctl:", a.explain(err))
	return exitCode(err)
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "parsctl",
		Short: "talk to the Pars session node on this machine",
		Long: `parsctl asks the sessiond of the same person, over its unix socket. Settings come
from flags, else from PARS_DATADIR, PARS_API and PARS_LANG.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.prepare() },
	}
	f := root.PersistentFlags()
	f.StringVar(&a.datadir, "datadir", "", "data folder of sessiond (default ~/.pars/session)")
	f.StringVar(&a.api, "api", "", "path of sessiond's API socket, or its loopback host:port (default api.sock in the data folder)")
	f.BoolVar(&a.json, "json", false, "print one JSON object")
	f.StringVar(&a.langArg, "lang", "", "language for people: en or fa (default from LANG)")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w: %w; see %s --help", errUsage, err, cmd.CommandPath())
	})
	root.AddCommand(a.identityCommand(), a.contactCommand(), a.messageCommand(), a.groupCommand(), a.chatCommand(), a.spaceCommand(), a.nodeCommand(), a.vaultCommand(), a.thresholdCommand(), a.oracleCommand(), a.aiCommand(), a.versionCommand())
	for _, noun := range root.Commands() {
		if noun.HasSubCommands() {
			noun.RunE = func(cmd *cobra.Command, args []string) error {
				if len(args) > 0 {
					return fmt.Errorf("%w: unknown command %q; see %s --help", errUsage, args[0], cmd.CommandPath())
				}
				return cmd.Help()
			}
		}
	}
	return root
}

// prepare is for the commands that talk to a daemon.
func (a *app) prepare() error {
	err := a.settle()
	if err == nil {
		a.client, err = client.Dial(client.Config{DataDir: a.datadir, Address: a.api})
	}
	return err
}

// settle reads the settings that no flag gave.
func (a *app) settle() error {
	or := func(value *string, name string) {
		if *value == "" {
			*value = a.sys.Getenv(name)
		}
	}
	or(&a.datadir, "PARS_DATADIR")
	or(&a.api, "PARS_API")
	or(&a.langArg, "PARS_LANG")
	locale := a.sys.Getenv("LC_ALL")
	or(&locale, "LC_MESSAGES")
	or(&locale, "LANG")
	var err error
	a.lang, err = languageOf(a.langArg, locale)
	return err
}

func (a *app) address() string {
	if a.client == nil {
		return ""
	}
	return a.client.Address()
}

// args wraps a cobra rule about arguments so that breaking it is a usage error.
func args(rule cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if err := rule(cmd, given); err != nil {
			return fmt.Errorf("%w: %w; see %s --help", errUsage, err, cmd.CommandPath())
		}
		return nil
	}
}

// print writes a line for a person. Who closed the pipe wants no more.
func (a *app) print(line string) {
	_, _ = fmt.Fprintln(a.sys.Stdout, line)
}

// printJSON writes one versioned object. v is a struct whose first field is the
// version.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.sys.Stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// readAll reads standard input, at most limit bytes.
func (a *app) readAll(limit int64) (string, error) {
	b, err := io.ReadAll(io.LimitReader(a.in, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%w: more than %d bytes on standard input", errUsage, limit)
	}
	return string(b), err
}

// readLine reads one line of standard input.
func (a *app) readLine() (string, error) {
	line, err := a.in.ReadString('\n')
	if errors.Is(err, io.EOF) && line != "" {
		err = nil
	}
	return line, err
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "print the version", Args: args(cobra.NoArgs),
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE: func(*cobra.Command, []string) error {
			if !a.json {
				a.print(fmt.Sprintf("parsctl %s (%s, %s, %s/%s)", params.Version, params.Commit, runtime.Version(), runtime.GOOS, runtime.GOARCH))
				return nil
			}
			return a.printJSON(struct {
				Version int    `json:"version"`
				Program string `json:"program"`
				Release string `json:"release"`
				Commit  string `json:"commit"`
				Go      string `json:"go"`
				OS      string `json:"os"`
				Arch    string `json:"arch"`
			}{1, "parsctl", params.Version, params.Commit, runtime.Version(), runtime.GOOS, runtime.GOARCH})
		},
	}
}

// hint is a command to type, with the data folder that it needs.
func (a *app) hint(command string) string {
	if a.datadir != "" {
		command += " --datadir " + a.datadir
	}
	return a.ltr(command)
}
