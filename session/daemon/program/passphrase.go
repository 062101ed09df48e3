package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/session/daemon"
	"github.com/pars-network/pars/session/store"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

const passphraseVariable = envPrefix + "PASSPHRASE"

// givenPassphrase returns the passphrase of file or environment, nil if there is none.
func givenPassphrase(sys System, file string) ([]byte, error) {
	if file != "" {
		return readPassphraseFile(file)
	}
	return []byte(sys.Getenv(passphraseVariable)), nil
}

func (sys System) terminal() bool {
	return sys.Stdin != nil && term.IsTerminal(int(sys.Stdin.Fd()))
}

// ask reads a line from the terminal without showing it.
func (sys System) ask(question string) ([]byte, error) {
	_, _ = fmt.Fprint(sys.Stderr, question)
	b, err := term.ReadPassword(int(sys.Stdin.Fd()))
	_, _ = fmt.Fprintln(sys.Stderr)
	if err != nil {
		return nil, fmt.Errorf("reading the passphrase: %w", err)
	}
	return b, nil
}

// askNew asks for a new passphrase twice; empty means none.
func (sys System) askNew(question string) ([]byte, error) {
	first, err := sys.ask(question)
	if err != nil || len(first) == 0 {
		return nil, err
	}
	again, err := sys.ask("Once more: ")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(first, again) {
		return nil, fmt.Errorf("%w: the two were not the same; nothing was changed", store.ErrPassphrase)
	}
	return first, nil
}

// start starts the daemon, asking for the passphrase where it can and must.
func start(ctx context.Context, sys System, s settings, cfg daemon.Config) (*daemon.Daemon, error) {
	var err error
	if cfg.Passphrase, err = givenPassphrase(sys, s.passphraseFile); err != nil {
		return nil, err
	}
	if len(cfg.Passphrase) == 0 && sys.terminal() && !store.Exists(cfg.DataDir) {
		if cfg.Passphrase, err = sys.askNew("Passphrase for the new data folder (empty for none): "); err != nil {
			return nil, err
		}
	}
	d, err := daemon.Start(ctx, cfg)
	if errors.Is(err, store.ErrPassphraseNeeded) && sys.terminal() {
		if cfg.Passphrase, err = sys.ask("Passphrase of " + cfg.DataDir + ": "); err != nil {
			return nil, err
		}
		d, err = daemon.Start(ctx, cfg)
	}
	clear(cfg.Passphrase)
	return d, explain(err)
}

// explain says what to do about a passphrase.
func explain(err error) error {
	switch {
	case errors.Is(err, store.ErrPassphraseNeeded):
		return fmt.Errorf("%w; give --passphrase-file FILE or %s", err, passphraseVariable)
	case errors.Is(err, store.ErrUnprotected):
		return fmt.Errorf("%w; start without one, or set one first: sessiond passphrase", err)
	case errors.Is(err, store.ErrLocked):
		return fmt.Errorf("%w; stop the other sessiond or give another --datadir", err)
	}
	return err
}

// passphraseCommand sets, changes or removes the passphrase of a data folder.
func passphraseCommand(sys System) *cobra.Command {
	var s settings
	var newFile string
	var remove bool
	cmd := &cobra.Command{
		Use:   "passphrase",
		Short: "set, change or remove the passphrase of a data folder that no daemon has open",
		Long: `The new passphrase comes from --new-file, else from the terminal. It protects the
folder from now on; a copy of the folder made before can still be opened as before.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.complete(cmd.Flags(), sys.Getenv); err != nil {
				return err
			}
			return changePassphrase(sys, s, newFile, remove)
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.network, "network", params.Mainnet.Name, "network of the data folder")
	f.StringVar(&s.datadir, "datadir", "", "the data folder (default ~/.pars/session)")
	f.StringVar(&s.passphraseFile, "passphrase-file", "", "file whose first line is the present passphrase")
	f.StringVar(&newFile, "new-file", "", "file whose first line is the new passphrase")
	f.BoolVar(&remove, "remove", false, "leave the folder without a passphrase")
	return cmd
}

func changePassphrase(sys System, s settings, newFile string, remove bool) error {
	network, err := params.NetworkByName(s.network)
	if err != nil {
		return fmt.Errorf("%w: --network: %w", daemon.ErrConfig, err)
	}
	if !store.Exists(s.datadir) {
		return fmt.Errorf("%w: %s is no data folder yet; sessiond makes it", daemon.ErrConfig, s.datadir)
	}
	cfg := store.Config{Dir: s.datadir, NetworkID: network.ID}
	if cfg.Passphrase, err = givenPassphrase(sys, s.passphraseFile); err != nil {
		return err
	}
	st, err := store.Open(cfg)
	if errors.Is(err, store.ErrPassphraseNeeded) && sys.terminal() {
		if cfg.Passphrase, err = sys.ask("Present passphrase: "); err != nil {
			return err
		}
		st, err = store.Open(cfg)
	}
	if err != nil {
		return explain(err)
	}
	fresh, err := newPassphrase(sys, newFile, remove)
	if err == nil {
		err = st.ChangePassphrase(fresh)
	}
	if err := errors.Join(err, st.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintln(sys.Stdout, "The passphrase was changed.")
	return err
}

func newPassphrase(sys System, file string, remove bool) ([]byte, error) {
	switch {
	case remove && file != "":
		return nil, fmt.Errorf("--remove and --new-file exclude each other; %w", errUsage)
	case remove:
		return nil, nil
	case file != "":
		return readPassphraseFile(file)
	case !sys.terminal():
		return nil, fmt.Errorf("no terminal to ask on: give --new-file or --remove; %w", errUsage)
	}
	b, err := sys.askNew("New passphrase: ")
	if err == nil && len(b) == 0 {
		err = fmt.Errorf("nothing was typed; --remove takes the passphrase away; %w", errUsage)
	}
	return b, err
}

// Stdio is the system of a real process.
func Stdio() System {
	return System{Args: os.Args[1:], Getenv: os.Getenv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
}
