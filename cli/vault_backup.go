package cli

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/store"
	"github.com/pars-network/pars/session/vault"
)

// maxWords bounds 24 typed words in bytes.
const maxWords = 4 << 10

type backupJSON struct {
	Version int    `json:"version"`
	File    string `json:"file"`
	MadeAt  string `json:"made_at"`
	Entries uint64 `json:"entries"`
}

func (a *app) vaultBackupCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "backup", Short: "one encrypted file with everything of a profile"}
	var out, in vaultFlags
	var outWords, inWords bool
	var backupFile, region string
	export := &cobra.Command{
		Use: "export FILE", Short: "write a backup of this profile", Args: args(cobra.ExactArgs(1)),
		Long: `The file is random bytes to who has neither its passphrase nor, with --words, the 24 words
(read from standard input; they are checked, not compared with the identity). Ephemeral
messages are in it until their time comes. What is deleted later stays in it: destroy
old backups.`,
		RunE: func(_ *cobra.Command, given []string) error { return a.backupExport(out, outWords, given[0]) },
	}
	export.Flags().BoolVar(&outWords, "words", false, "lock it under the 24 words")
	restore := &cobra.Command{
		Use: "import FILE", Short: "make a profile of a backup, in a new vault or beside others", Args: args(cobra.ExactArgs(1)),
		Long: `import checks the whole file first. The new profile opens under the passphrase of
--new-file. In a vault that exists give the passphrases that must stay: yours with
--passphrase-file, others with --keep-file.

What a restored device can't continue: conversations, whose keys have moved on since the
backup, are set up again by the first message; what was received since is not there,
unless another device of yours has it; groups need you to be let in again if their keys
changed; in spaces you write under a new author key. Never run the old device and the
restored one at the same time.`,
		RunE: func(_ *cobra.Command, given []string) error {
			return a.backupImport(in, inWords, backupFile, region, given[0])
		},
	}
	restore.Flags().BoolVar(&inWords, "words", false, "it is locked under the 24 words, which are read from standard input")
	restore.Flags().StringVar(&backupFile, "backup-passphrase-file", "", "file whose first line is the backup's passphrase (else asked for)")
	restore.Flags().StringVar(&region, "region", "64MiB", "size of each of the four regions, if a vault is made")
	cmd.AddCommand(out.add(export, "the backup's passphrase", ""), in.add(restore, "the passphrase of the restored profile", keepHelp))
	return cmd
}

// words reads 24 words from standard input.
func (a *app) words() (store.BackupKey, error) {
	_, _ = fmt.Fprintln(a.sys.Stderr, a.say(msgRestoreAsk))
	typed, err := a.readLine()
	if err != nil || len(typed) > maxWords {
		return store.BackupKey{}, fmt.Errorf("%w: no 24 words on standard input", errUsage)
	}
	entropy, err := identity.PhraseEntropy(typed)
	if err != nil {
		return store.BackupKey{}, fmt.Errorf("%w: %w", errUsage, err)
	}
	return store.BackupKey{Entropy: entropy}, nil
}

func (a *app) backupExport(f vaultFlags, words bool, path string) (err error) {
	cfg, err := a.storeConfig(f)
	if err != nil {
		return err
	}
	if !store.Exists(cfg.Dir) {
		return fmt.Errorf("%w: %s", vault.ErrNotFound, cfg.Dir)
	}
	if cfg.Passphrase, err = a.present(f); err != nil {
		return err
	}
	var key store.BackupKey
	if words {
		key, err = a.words()
	} else {
		key.Passphrase, err = a.newPassphrase(f)
	}
	if err != nil {
		return err
	}
	if !words && len(key.Passphrase) == 0 {
		return fmt.Errorf("%w: a backup needs a passphrase", errUsage)
	}
	s, err := store.Open(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	file, err := os.OpenFile(path+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	info, err := s.Export(file, key)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(path+".part", path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(path+".part"))
	}
	if a.json {
		return a.printJSON(backupJSON{1, path, rfc3339(info.Made.UnixMilli()), info.Entries})
	}
	a.print(a.say(msgBackupMade, a.ltr(path), a.digits(strconv.FormatUint(info.Entries, 10))))
	a.print(a.say(msgBackupLimits))
	return nil
}

func (a *app) backupImport(f vaultFlags, words bool, backupFile, region, path string) (err error) {
	cfg, err := a.storeConfig(f)
	if err != nil {
		return err
	}
	if cfg.Region, err = vault.ParseSize(region); err != nil {
		return fmt.Errorf("%w: --region: %w", errUsage, err)
	}
	var key store.BackupKey
	if words {
		key, err = a.words()
	} else if backupFile != "" {
		key.Passphrase, err = firstLine(backupFile)
	} else if in, ok := a.terminal(); ok {
		key.Passphrase, err = a.ask(in, msgVaultAskBackup)
	} else {
		err = fmt.Errorf("%w: give --backup-passphrase-file FILE or --words", errUsage)
	}
	if err != nil {
		return err
	}
	var keep [][]byte
	if store.Exists(cfg.Dir) {
		if keep, err = a.keep(f); err != nil {
			return err
		}
	}
	if cfg.Passphrase, err = a.newPassphrase(f); err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := store.Import(cfg, file, key, keep...)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(backupJSON{1, path, rfc3339(info.Made.UnixMilli()), info.Entries})
	}
	a.print(a.say(msgBackupImported, a.moment(info.Made.UnixMilli()), a.digits(strconv.FormatUint(info.Entries, 10))))
	a.print(a.say(msgBackupLimits))
	return nil
}
