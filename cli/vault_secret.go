package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"

	"github.com/pars-network/pars/session/store"
	"github.com/pars-network/pars/session/vault"
)

// vaultPassphrase is the variable that sessiond reads too.
const vaultPassphrase = "PARS_SESSION_PASSPHRASE"

// terminal is standard input if somebody sits there.
func (a *app) terminal() (*os.File, bool) {
	in, ok := a.sys.Stdin.(*os.File)
	return in, ok && term.IsTerminal(int(in.Fd()))
}

// ask reads a line from the terminal without showing it.
func (a *app) ask(in *os.File, k key) ([]byte, error) {
	_, _ = fmt.Fprint(a.sys.Stderr, a.say(k)+" ")
	b, err := term.ReadPassword(int(in.Fd()))
	_, _ = fmt.Fprintln(a.sys.Stderr)
	return b, err
}

// firstLine is the first line of a file, which must not be empty.
func firstLine(path string) ([]byte, error) {
	b, err := readFile(path, 4<<10)
	if err != nil {
		return nil, err
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
		return nil, fmt.Errorf("%w: the first line of %s is empty", errUsage, path)
	}
	return line, nil
}

// present is the passphrase of the profile, empty where none is given.
func (a *app) present(f vaultFlags) ([]byte, error) {
	if f.passphraseFile != "" {
		return firstLine(f.passphraseFile)
	}
	if p := a.sys.Getenv(vaultPassphrase); p != "" {
		return []byte(p), nil
	}
	if in, ok := a.terminal(); ok {
		return a.ask(in, msgVaultAskPresent)
	}
	return nil, nil
}

// newPassphrase comes from --new-file, or is asked for twice.
func (a *app) newPassphrase(f vaultFlags) ([]byte, error) {
	if f.newFile != "" {
		return firstLine(f.newFile)
	}
	in, ok := a.terminal()
	if !ok {
		return nil, fmt.Errorf("%w: no terminal to ask for the new passphrase on: give --new-file FILE", errUsage)
	}
	first, err := a.ask(in, msgVaultAskNew)
	if err != nil {
		return nil, err
	}
	again, err := a.ask(in, msgVaultAskAgain)
	if err == nil && !bytes.Equal(first, again) {
		err = fmt.Errorf("%w: the two were not the same; nothing was changed", errUsage)
	}
	return first, err
}

// keep is every passphrase whose profile must stay: the present one and those of
// --keep-file, or what is typed until an empty line.
func (a *app) keep(f vaultFlags) ([][]byte, error) {
	mine, err := a.present(f)
	if err != nil {
		return nil, err
	}
	out := [][]byte{mine}
	if f.keepFile != "" {
		b, err := readFile(f.keepFile, 16<<10)
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(b) {
			if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 {
				out = append(out, line)
			}
		}
		return out, nil
	}
	if in, ok := a.terminal(); ok {
		for len(out) < vault.Regions {
			p, err := a.ask(in, msgVaultAskKeep)
			if err != nil {
				return nil, err
			}
			if len(p) == 0 {
				break
			}
			out = append(out, p)
		}
	}
	return out, nil
}

// vaultErrors are the errors of vault and store that people cause.
var vaultErrors = []struct {
	err  error
	text key
	code int
}{
	{store.ErrBackup, msgErrVaultBackup, ExitRefused},
	{vault.ErrPassphraseNeeded, msgErrVaultPassphraseNeeded, ExitRefused},
	{vault.ErrUnprotected, msgErrVaultUnprotected, ExitRefused},
	{vault.ErrPassphrase, msgErrVaultPassphrase, ExitRefused},
	{vault.ErrTaken, msgErrVaultTaken, ExitRefused},
	{vault.ErrNoRegion, msgErrVaultNoRegion, ExitRefused},
	{vault.ErrLocked, msgErrVaultLocked, ExitRefused},
	{vault.ErrExists, msgErrVaultExists, ExitRefused},
	{vault.ErrNotFound, msgErrVaultNotFound, ExitNotFound},
	{store.ErrNetwork, msgErrVaultNetwork, ExitRefused},
	{vault.ErrSize, msgErrVaultSize, ExitUsage},
}

// explainVault returns what to tell a person, empty if err is none of a vault's.
func (a *app) explainVault(err error) string {
	for _, e := range vaultErrors {
		if errors.Is(err, e.err) {
			return a.say(e.text) + " (" + a.ltr(err.Error()) + ")"
		}
	}
	return ""
}

func vaultExit(err error) (int, bool) {
	for _, e := range vaultErrors {
		if errors.Is(err, e.err) {
			return e.code, true
		}
	}
	return 0, false
}
