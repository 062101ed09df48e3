package command

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pars-network/pars/node"
	"github.com/pars-network/pars/node/config"
	"github.com/pars-network/pars/node/datadir"
	"github.com/pars-network/pars/node/keys"
)

func (s streams) keys() *cobra.Command {
	initialize := s.keyCommand("init", "Make the staking and BLS keys of a node", func(dir string) (*keys.Keys, error) {
		if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
			return nil, fmt.Errorf("%w: %w; choose another folder with --datadir", datadir.ErrUnusable, err)
		}
		k, err := node.CreateKeys(dir)
		if err != nil {
			return nil, fmt.Errorf("%w; keys are never overwritten: use `parsd keys show`, or another --datadir", err)
		}
		return k, nil
	})
	show := s.keyCommand("show", "Print a node's id, BLS public key and proof of possession; never a secret", func(dir string) (*keys.Keys, error) {
		k, err := node.LoadKeys(dir, false)
		if err != nil {
			return nil, fmt.Errorf("%w; make new keys with `parsd keys init`, or name their data folder with --datadir", err)
		}
		return k, nil
	})
	return group("keys", "Make and show the keys of a node", initialize, show)
}

// keyCommand prints the public half of the keys that get returns.
func (s streams) keyCommand(use, short string, get func(dir string) (*keys.Keys, error)) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: noArgs}
	dir := cmd.Flags().String("datadir", "", "data folder; the keys are in its folder staking (default ~/.parsd, or PARS_DATADIR)")
	asJSON := cmd.Flags().Bool("json", false, "print JSON, as 'parsd genesis build --validators' reads it")
	cmd.RunE = func(*cobra.Command, []string) error {
		path, err := s.dataDir(*dir)
		if err != nil {
			return err
		}
		k, err := get(filepath.Join(path, datadir.KeysFolder))
		if err != nil {
			return err
		}
		public, err := k.Public()
		if err != nil {
			return err
		}
		if *asJSON {
			return s.printJSON(public)
		}
		_, err = fmt.Fprintf(s.out, "node id              %s\nBLS public key       %s\nproof of possession  %s\nkeys in              %s\n",
			public.NodeID, public.PublicKey, public.ProofOfPossession, filepath.Join(path, datadir.KeysFolder))
		return err
	}
	return cmd
}

// dataDir resolves the data folder of commands that need no other setting.
func (s streams) dataDir(flag string) (string, error) {
	path := flag
	if path == "" {
		path = lookup(s.environ, config.Variable("datadir"))
	}
	if path == "" {
		path = "~/.parsd"
	}
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", node.Usage(fmt.Errorf("finding the home folder: %w; name the data folder with --datadir", err))
		}
		path = filepath.Join(home, rest)
	}
	return path, nil
}
