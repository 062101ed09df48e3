package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	client "github.com/pars-network/pars/client/session"
	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/session/api"
	"github.com/pars-network/pars/session/store"
	"github.com/pars-network/pars/session/vault"
)

// vaultFlags are those of the commands that open the vault themselves.
type vaultFlags struct {
	network, passphraseFile, newFile, keepFile string
}

func (f *vaultFlags) add(cmd *cobra.Command, fresh, keep string) *cobra.Command {
	flags := cmd.Flags()
	flags.StringVar(&f.network, "network", params.Mainnet.Name, "network of the data folder")
	flags.StringVar(&f.passphraseFile, "passphrase-file", "", "file whose first line is the present passphrase (else "+vaultPassphrase+", else asked for)")
	if fresh != "" {
		flags.StringVar(&f.newFile, "new-file", "", "file whose first line is "+fresh+" (else asked for)")
	}
	if keep != "" {
		flags.StringVar(&f.keepFile, "keep-file", "", keep)
	}
	return cmd
}

const keepHelp = "file with the passphrases of the other profiles that must stay, one a line"

func (a *app) vaultCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "vault",
		Short: "the file that everything is kept in, and what protects it",
		Long: `vault.pars in the data folder has four regions of random-looking bytes. A profile is
one of them, opened by its passphrase; nothing in the file tells how many are real.

status, deadline, check-in and wipe ask a running sessiond; the others open the file
themselves, so stop sessiond first. What a vault does not protect from: somebody who
has seen the disk before and after, an SSD that keeps old blocks, what is in memory
while sessiond runs, and a watched screen.`,
		// Nothing here needs a daemon to be there.
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.settle() },
	}
	cmd.AddCommand(a.vaultStatusCommand(), a.vaultInitCommand(), a.vaultPassphraseCommand(), a.vaultProfileCommand(), a.vaultDuressCommand(),
		a.vaultWipeCommand(), a.vaultGrowCommand(), a.vaultDeadlineCommand(), a.vaultCheckInCommand(), a.vaultBackupCommand())
	return cmd
}

// folder is the data folder.
func (a *app) folder() (string, error) {
	if a.datadir != "" {
		return a.datadir, nil
	}
	dir, err := api.DefaultDataDir()
	if err != nil {
		return "", fmt.Errorf("%w: %w", errUsage, err)
	}
	return dir, nil
}

// dial is for the commands that ask a daemon.
func (a *app) dial() (err error) {
	a.client, err = client.Dial(client.Config{DataDir: a.datadir, Address: a.api})
	return err
}

// storeConfig is the store of the data folder, without a passphrase.
func (a *app) storeConfig(f vaultFlags) (store.Config, error) {
	dir, err := a.folder()
	if err != nil {
		return store.Config{}, err
	}
	network, err := params.NetworkByName(f.network)
	if err != nil {
		return store.Config{}, fmt.Errorf("%w: --network: %w", errUsage, err)
	}
	return store.Config{Dir: dir, NetworkID: network.ID}, nil
}

func (a *app) vaultConfig(f vaultFlags) (vault.Config, error) {
	cfg, err := a.storeConfig(f)
	return vault.Config{Path: filepath.Join(cfg.Dir, store.FileName)}, err
}

type vaultJSON struct {
	Version      int    `json:"version"`
	File         string `json:"file"`
	FileBytes    int64  `json:"file_bytes"`
	RegionBytes  int64  `json:"region_bytes"`
	Running      bool   `json:"running"`
	UsedBytes    uint64 `json:"used_bytes,omitempty"`
	Protected    bool   `json:"protected,omitempty"`
	DeadlineDays string `json:"deadline_days,omitempty"`
	DeadlineAll  bool   `json:"deadline_all,omitempty"`
	AliveAt      string `json:"alive_at,omitempty"`
	RestoredAt   string `json:"restored_at,omitempty"`
}

func (a *app) vaultStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "sizes, and with a running sessiond what its profile may know", Args: args(cobra.NoArgs),
		Long: "status shows the file and its size. How many profiles there are it can't tell, and nobody can.",
		RunE: func(cmd *cobra.Command, _ []string) error { return a.vaultStatus(cmd.Context()) },
	}
}

func (a *app) vaultStatus(ctx context.Context) error {
	if err := a.dial(); err != nil {
		return err
	}
	out := vaultJSON{Version: 1}
	res, err := a.client.Vault.GetVault(ctx, connect.NewRequest(&api.GetVaultRequest{}))
	switch {
	case err == nil:
		m := res.Msg
		out.File, out.Running = m.GetFile(), true
		out.UsedBytes, out.Protected, out.RegionBytes = m.GetUsedBytes(), m.GetProtected(), int64(m.GetRegionBytes())
		if d := m.GetDeadline(); d.GetWithinS() > 0 {
			out.DeadlineDays, out.DeadlineAll, out.AliveAt = days(d.GetWithinS()), d.GetAll(), rfc3339(d.GetAliveAtMs())
		}
		out.RestoredAt = rfc3339(m.GetRestoredAtMs())
	case errors.Is(err, client.ErrUnreachable):
		cfg, err := a.vaultConfig(vaultFlags{network: params.Mainnet.Name})
		if err != nil {
			return err
		}
		out.File = cfg.Path
	default:
		return err
	}
	info, err := os.Stat(out.File)
	if err != nil {
		return fmt.Errorf("%w: %s", vault.ErrNotFound, out.File)
	}
	out.FileBytes = info.Size()
	if !out.Running {
		out.RegionBytes = vault.RegionOf(info.Size())
	}
	if a.json {
		return a.printJSON(out)
	}
	a.print(a.say(msgVaultFile, a.ltr(out.File), a.size(out.FileBytes), a.size(out.RegionBytes)))
	if !out.Running {
		a.print(a.say(msgVaultClosed))
		return nil
	}
	a.print(a.say(msgVaultUsed, a.size(int64(out.UsedBytes))))
	if out.Protected {
		a.print(a.say(msgProtected))
	} else {
		a.print(a.say(msgVaultOpen, a.hint("parsctl vault change-passphrase")))
	}
	a.printDeadline(res.Msg.GetDeadline())
	if at := res.Msg.GetRestoredAtMs(); at != 0 {
		a.print(a.say(msgVaultRestoredAt, a.moment(at)))
	}
	return nil
}

func days(seconds uint64) string {
	return strconv.FormatFloat(float64(seconds)/86400, 'f', -1, 64)
}

func (a *app) printDeadline(d *api.Deadline) {
	switch {
	case d.GetWithinS() == 0:
		a.print(a.say(msgVaultNoDeadline))
	case d.GetAll():
		a.print(a.say(msgVaultDeadlineAll, a.digits(days(d.GetWithinS())), a.moment(d.GetAliveAtMs())))
	default:
		a.print(a.say(msgVaultDeadline, a.digits(days(d.GetWithinS())), a.moment(d.GetAliveAtMs())))
	}
}

// size is a number of bytes for a person.
func (a *app) size(n int64) string {
	return a.ltr(a.digits(strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64)) + " MiB")
}

func (a *app) vaultInitCommand() *cobra.Command {
	var f vaultFlags
	var region string
	cmd := &cobra.Command{
		Use: "init", Short: "make the vault before sessiond does, of a size of your own", Args: args(cobra.NoArgs),
		Long: `init fills four regions with random bytes and makes a profile in one of them. All four
grow alike and by themselves when one is full; the size of the file then shows how
full the fullest is, so a size that is never outgrown says least.`,
		RunE: func(*cobra.Command, []string) error { return a.vaultInit(f, region) },
	}
	cmd.Flags().StringVar(&region, "region", "64MiB", "size of each of the four regions")
	return f.add(cmd, "the passphrase", "")
}

func (a *app) vaultInit(f vaultFlags, region string) error {
	cfg, err := a.storeConfig(f)
	if err != nil {
		return err
	}
	if cfg.Region, err = vault.ParseSize(region); err != nil {
		return fmt.Errorf("%w: --region: %w", errUsage, err)
	}
	if store.Exists(cfg.Dir) {
		return fmt.Errorf("%w: %s", vault.ErrExists, cfg.Dir)
	}
	if cfg.Passphrase, err = a.newPassphrase(f); err != nil {
		return err
	}
	s, err := store.Open(cfg)
	if err != nil {
		return err
	}
	path, size := s.File(), s.Vault().RegionSize()
	if err := s.Close(); err != nil {
		return err
	}
	return a.vaultDone(msgVaultMade, a.ltr(path), a.size(size))
}

// vaultDone tells that a command has done its work.
func (a *app) vaultDone(k key, args ...any) error {
	if a.json {
		return a.printJSON(struct {
			Version int  `json:"version"`
			Done    bool `json:"done"`
		}{1, true})
	}
	a.print(a.say(k, args...))
	return nil
}

func (a *app) vaultPassphraseCommand() *cobra.Command {
	var f vaultFlags
	cmd := &cobra.Command{
		Use: "change-passphrase", Short: "lock this profile under another passphrase", Args: args(cobra.NoArgs),
		Long: `The data stays as it is; only its keys are locked anew. Who copied the disk before and
learns the old passphrase can still open that copy.`,
		RunE: func(*cobra.Command, []string) error {
			return a.inProfile(f, func(_ *vault.Vault, r *vault.Region) error {
				fresh, err := a.newPassphrase(f)
				if err == nil {
					err = r.ChangePassphrase(fresh)
				}
				if err != nil {
					return err
				}
				return a.vaultDone(msgVaultChanged)
			})
		},
	}
	return f.add(cmd, "the new passphrase", "")
}

// inVault opens the file for the time of a command.
func (a *app) inVault(f vaultFlags, do func(*vault.Vault) error) error {
	cfg, err := a.vaultConfig(f)
	if err != nil {
		return err
	}
	v, err := vault.Open(cfg)
	if err != nil {
		return err
	}
	return errors.Join(do(v), v.Close())
}

// inProfile opens a profile for the time of a command.
func (a *app) inProfile(f vaultFlags, do func(*vault.Vault, *vault.Region) error) error {
	return a.inVault(f, func(v *vault.Vault) error {
		passphrase, err := a.present(f)
		if err != nil {
			return err
		}
		r, err := v.Unlock(passphrase)
		if err != nil {
			return err
		}
		return errors.Join(do(v, r), r.Close())
	})
}

func (a *app) vaultProfileCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "profile", Short: "profiles: each a region and a passphrase of its own"}
	var f vaultFlags
	add := &cobra.Command{
		Use: "add", Short: "make a profile in a region that none of the given passphrases opens", Args: args(cobra.NoArgs),
		Long: `Give the passphrase of every profile that must stay: yours with --passphrase-file, the
others with --keep-file. Nobody can tell a hidden profile from a free region, so one
whose passphrase you don't give may be lost. sessiond opens whichever profile its
passphrase belongs to.`,
		RunE: func(*cobra.Command, []string) error { return a.addProfile(f, false, msgVaultProfileMade) },
	}
	cmd.AddCommand(f.add(add, "the passphrase of the new profile", keepHelp))
	return cmd
}

func (a *app) addProfile(f vaultFlags, destroyOthers bool, said key) error {
	network, err := params.NetworkByName(f.network)
	if err != nil {
		return fmt.Errorf("%w: --network: %w", errUsage, err)
	}
	return a.inVault(f, func(v *vault.Vault) error {
		keep, err := a.keep(f)
		if err != nil {
			return err
		}
		fresh, err := a.newPassphrase(f)
		if err != nil {
			return err
		}
		if len(fresh) == 0 {
			return fmt.Errorf("%w: a profile beside others needs a passphrase", errUsage)
		}
		r, err := v.AddProfile(vault.Profile{Passphrase: fresh, NetworkID: network.ID, DestroyOthers: destroyOthers}, keep...)
		if err != nil {
			return err
		}
		if err := r.Close(); err != nil {
			return err
		}
		return a.vaultDone(said)
	})
}

func (a *app) vaultDuressCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "duress", Short: "a passphrase to give away under pressure"}
	var f vaultFlags
	var destroy, here bool
	set := &cobra.Command{
		Use: "set", Short: "make a decoy profile with a passphrase of its own", Args: args(cobra.NoArgs),
		Long: `The duress passphrase opens a decoy: a profile like any other, which you should use now
and then so that it looks lived in. With --destroy-others its first opening destroys
every other profile before anything is shown; there is no way back. Who copied the
disk before still has the others, and can find that the decoy was made to destroy, if
they open the copy with the duress passphrase and a program of their own.

--here sets or clears this on the profile of the present passphrase, for a decoy that
exists. Give the passphrases of all profiles that must stay, as for profile add.`,
		RunE: func(*cobra.Command, []string) error {
			if !here {
				return a.addProfile(f, destroy, msgVaultDuressMade)
			}
			return a.inProfile(f, func(_ *vault.Vault, r *vault.Region) error {
				if err := r.SetDestroyOthers(destroy); err != nil {
					return err
				}
				return a.vaultDone(msgVaultDuressMade)
			})
		},
	}
	set.Flags().BoolVar(&destroy, "destroy-others", false, "its first opening destroys every other profile")
	set.Flags().BoolVar(&here, "here", false, "no new profile: the one of the present passphrase is the decoy")
	cmd.AddCommand(f.add(set, "the duress passphrase", keepHelp))
	return cmd
}

func (a *app) vaultWipeCommand() *cobra.Command {
	var sure bool
	cmd := &cobra.Command{
		Use: "wipe", Short: "destroy the keys of every profile, now", Args: args(cobra.NoArgs),
		Long: `wipe writes random bytes over all key slots and the salt and ends a running sessiond. It
asks for no passphrase and takes less than a second; nothing in the file opens any
more, and it looks as before. Only a backup and the 24 words are left. It can't reach
copies of the disk, nor blocks that an SSD has set aside.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.vaultWipe(cmd.Context(), sure) },
	}
	cmd.Flags().BoolVar(&sure, "yes", false, "do not ask")
	return cmd
}

func (a *app) vaultWipe(ctx context.Context, sure bool) error {
	dir, err := a.folder()
	if err != nil {
		return err
	}
	if !store.Exists(dir) {
		return fmt.Errorf("%w: %s", vault.ErrNotFound, dir)
	}
	if !sure {
		_, _ = fmt.Fprint(a.sys.Stderr, a.say(msgVaultWipeAsk)+" ")
		line, err := a.readLine()
		if err != nil || strings.TrimSpace(line) != "wipe" {
			return fmt.Errorf("%w: nothing was wiped", errUsage)
		}
	}
	start := time.Now()
	// The slots first, whoever has the file open; then the daemon, for what it has in
	// memory; then the slots again, should it have written in between.
	err = store.Wipe(dir)
	if a.dial() == nil {
		short, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		_, _ = a.client.Vault.WipeVault(short, connect.NewRequest(&api.WipeVaultRequest{Sure: true}))
		cancel()
	}
	if err = errors.Join(err, store.Wipe(dir)); err != nil {
		return err
	}
	took := time.Since(start)
	if a.json {
		return a.printJSON(struct {
			Version int   `json:"version"`
			Wiped   bool  `json:"wiped"`
			TookMs  int64 `json:"took_ms"`
		}{1, true, took.Milliseconds()})
	}
	a.print(a.say(msgVaultWiped, a.digits(strconv.FormatInt(took.Milliseconds(), 10))))
	return nil
}

func (a *app) vaultGrowCommand() *cobra.Command {
	var f vaultFlags
	cmd := &cobra.Command{
		Use: "grow SIZE", Short: "make each of the four regions longer by SIZE, such as 64MiB", Args: args(cobra.ExactArgs(1)),
		Long: "All four grow alike. It needs no passphrase. Who compares two images sees that the vault grew, not for whom.",
		RunE: func(_ *cobra.Command, given []string) error {
			by, err := vault.ParseSize(given[0])
			if err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			return a.inVault(f, func(v *vault.Vault) error {
				if err := v.Grow(by); err != nil {
					return err
				}
				return a.vaultDone(msgVaultGrown, a.size(v.RegionSize()))
			})
		},
	}
	f.network = params.Mainnet.Name
	return cmd
}

func (a *app) vaultDeadlineCommand() *cobra.Command {
	var within float64
	var all, off bool
	cmd := &cobra.Command{
		Use: "deadline", Short: "destroy the keys if there is no sign of life for some days", Args: args(cobra.NoArgs),
		Long: `Starting sessiond with the passphrase and parsctl vault check-in are signs of life. Without
one for --days the running sessiond destroys the keys of this profile, with --all of
every profile; one that is started later does so instead of opening, and says that the
passphrase is wrong. It asks the clock of this machine, which whoever has it can set,
and does nothing on a copy of the disk. Illness and lost chargers are no signs of life.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if off == (within > 0) || within < 0 || within > 3650 {
				return fmt.Errorf("%w: give --days, above 0 and at most 3650, or --off", errUsage)
			}
			if err := a.dial(); err != nil {
				return err
			}
			res, err := a.client.Vault.SetDeadline(cmd.Context(), connect.NewRequest(&api.SetDeadlineRequest{WithinS: uint64(within * 86400), All: all && !off}))
			if err != nil {
				return err
			}
			return a.showDeadline(res.Msg.GetDeadline())
		},
	}
	cmd.Flags().Float64Var(&within, "days", 0, "days after the last sign of life; a fraction is possible")
	cmd.Flags().BoolVar(&all, "all", false, "destroy every profile, not only this one")
	cmd.Flags().BoolVar(&off, "off", false, "no deadline any more")
	return cmd
}

func (a *app) showDeadline(d *api.Deadline) error {
	if a.json {
		out := struct {
			Version int    `json:"version"`
			Days    string `json:"deadline_days,omitempty"`
			All     bool   `json:"deadline_all,omitempty"`
			AliveAt string `json:"alive_at,omitempty"`
		}{Version: 1}
		if d.GetWithinS() > 0 {
			out.Days, out.All, out.AliveAt = days(d.GetWithinS()), d.GetAll(), rfc3339(d.GetAliveAtMs())
		}
		return a.printJSON(out)
	}
	a.printDeadline(d)
	return nil
}

func (a *app) vaultCheckInCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check-in", Short: "a sign of life", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.dial(); err != nil {
				return err
			}
			res, err := a.client.Vault.CheckIn(cmd.Context(), connect.NewRequest(&api.CheckInRequest{}))
			if err != nil {
				return err
			}
			return a.showDeadline(res.Msg.GetDeadline())
		},
	}
}
