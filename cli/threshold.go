package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pars-network/pars/cli/threshold"
	"github.com/pars-network/pars/crypto/frost"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// pollPause is how often --wait looks into the folder.
const pollPause = 300 * time.Millisecond

const thresholdPassphrase = "PARS_THRESHOLD_PASSPHRASE"

// thresholdFlags are what all commands below threshold share.
type thresholdFlags struct {
	home, passphraseFile string
}

// waitFlags say for how long a command goes on.
type waitFlags struct {
	folder  string
	wait    bool
	timeout time.Duration
}

func (w *waitFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&w.folder, "folder", "", "folder with the files of all members: a shared one, or one that you carry around")
	f.BoolVar(&w.wait, "wait", false, "stay and look for files until it is done; without it, do what is possible now")
	f.DurationVar(&w.timeout, "timeout", 0, "with --wait: give up after this long (0: never)")
}

func (a *app) thresholdCommand() *cobra.Command {
	var t thresholdFlags
	cmd := &cobra.Command{
		Use: "threshold", Short: "keys that several people hold together: t of n sign (FROST)",
		Long: `Every member runs these commands on a machine of their own. All that they exchange
is files: put them into one shared folder, or carry them from folder to folder. No
sessiond is needed.`,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.settle() },
	}
	f := cmd.PersistentFlags()
	f.StringVar(&t.home, "home", "", "your own folder for keys (default PARS_THRESHOLD_HOME, else ~/.pars/threshold)")
	f.StringVar(&t.passphraseFile, "passphrase-file", "", "file whose first line is its passphrase (else "+thresholdPassphrase+", else asked for)")

	var name, file string
	init := &cobra.Command{
		Use: "init", Short: "make your own keys, under a passphrase", Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error { return a.thresholdInit(t, name) },
	}
	init.Flags().StringVar(&name, "name", "", "what the other members call you")
	card := &cobra.Command{
		Use: "card", Short: "write your member card for the others", Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error { return a.thresholdCard(t, file) },
	}
	card.Flags().StringVar(&file, "file", "", "where to (default NAME.member)")
	cmd.AddCommand(init, card, a.thresholdDKG(&t), a.thresholdSign(&t),
		&cobra.Command{
			Use: "list", Short: "list the groups that you belong to", Args: args(cobra.NoArgs),
			RunE: func(*cobra.Command, []string) error { return a.thresholdList(t) },
		},
		&cobra.Command{
			Use: "show GROUP", Short: "show a group, its key and its members", Args: args(cobra.ExactArgs(1)),
			RunE: func(_ *cobra.Command, given []string) error { return a.thresholdShow(t, given[0]) },
		},
	)
	return cmd
}

func (a *app) thresholdDKG(t *thresholdFlags) *cobra.Command {
	var w waitFlags
	var label, suite string
	var need int
	var members []string
	cmd := &cobra.Command{
		Use: "dkg", Short: "make a group key together: all members run this with the same arguments", Args: args(cobra.NoArgs),
		Example: "  parsctl threshold dkg --label treasury --suite ed25519 --threshold 2 --member reza.member --member nima.member --folder shared --wait",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.runDKG(cmd.Context(), *t, w, label, suite, need, members)
		},
	}
	w.add(cmd)
	f := cmd.Flags()
	f.StringVar(&label, "label", "", "name of the group; a new one for every attempt")
	f.StringVar(&suite, "suite", "ed25519", "ed25519, ristretto255, ed448, p256 or secp256k1")
	f.IntVar(&need, "threshold", 0, "how many members have to sign")
	f.StringArrayVar(&members, "member", nil, "member card of each other member (repeat)")
	return cmd
}

func (a *app) thresholdSign(t *thresholdFlags) *cobra.Command {
	var w waitFlags
	var group, text, digits, file string
	order := threshold.Order{}
	cmd := &cobra.Command{
		Use: "sign", Short: "sign a message together: all signers run this with the same arguments", Args: args(cobra.NoArgs),
		Example: "  parsctl threshold sign --group treasury --signer sara --signer reza --message 'pay 5' --folder shared --wait",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if order.Message, err = givenMessage(cmd, text, digits, file); err != nil {
				return err
			}
			return a.runSign(cmd.Context(), *t, w, group, order)
		},
	}
	w.add(cmd)
	f := cmd.Flags()
	f.StringVar(&group, "group", "", "label or ID of the group")
	f.StringArrayVar(&order.Signers, "signer", nil, "name of each signer, yourself included (repeat)")
	f.IntVar(&order.Attempt, "attempt", 1, "count up when an attempt by these signers has failed")
	f.StringVar(&text, "message", "", "what to sign, as text")
	f.StringVar(&digits, "message-hex", "", "what to sign, in hexadecimal")
	f.StringVar(&file, "message-file", "", "what to sign, as a file")
	return cmd
}

func givenMessage(cmd *cobra.Command, text, digits, file string) ([]byte, error) {
	given := 0
	for _, name := range []string{"message", "message-hex", "message-file"} {
		if cmd.Flags().Changed(name) {
			given++
		}
	}
	switch {
	case given != 1:
		return nil, fmt.Errorf("%w: give one of --message, --message-hex and --message-file", errUsage)
	case cmd.Flags().Changed("message"):
		return []byte(text), nil
	case cmd.Flags().Changed("message-hex"):
		b, err := hex.DecodeString(strings.TrimPrefix(digits, "0x"))
		if err != nil {
			return nil, fmt.Errorf("%w: --message-hex: %w", errUsage, err)
		}
		return b, nil
	default:
		return readFile(file, threshold.MaxSigned)
	}
}

// readFile reads at most limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%w: %s has more than %d bytes", errUsage, path, limit)
	}
	return b, err
}

func suiteNamed(name string) (*frost.Suite, error) {
	for i, n := range []string{"ed25519", "ristretto255", "ed448", "p256", "secp256k1"} {
		if n == name {
			return frost.SuiteByID(frost.SuiteID(i + 1))
		}
	}
	return nil, fmt.Errorf("%w: --suite %q, want ed25519, ristretto255, ed448, p256 or secp256k1", errUsage, name)
}

// config finds the folder and the passphrase. again asks twice.
func (a *app) thresholdConfig(t thresholdFlags, again bool) (threshold.Config, error) {
	cfg := threshold.Config{Dir: t.home, Rand: rand.Reader}
	if cfg.Dir == "" {
		cfg.Dir = a.sys.Getenv("PARS_THRESHOLD_HOME")
	}
	if cfg.Dir == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return cfg, fmt.Errorf("%w: give --home: %w", errUsage, err)
		}
		cfg.Dir = filepath.Join(user, ".pars", "threshold")
	}
	var err error
	cfg.Passphrase, err = a.passphrase(t.passphraseFile, cfg.Dir, again)
	return cfg, err
}

func (a *app) passphrase(file, dir string, again bool) ([]byte, error) {
	if file != "" {
		b, err := readFile(file, 4<<10)
		line, _, _ := bytes.Cut(b, []byte("\n"))
		return bytes.TrimSuffix(line, []byte("\r")), err
	}
	if p := a.sys.Getenv(thresholdPassphrase); p != "" {
		return []byte(p), nil
	}
	in, ok := a.sys.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, fmt.Errorf("%w: no passphrase: give --passphrase-file FILE or %s", errUsage, thresholdPassphrase)
	}
	ask := func(k key) ([]byte, error) {
		_, _ = fmt.Fprint(a.sys.Stderr, a.say(k, a.ltr(dir))+" ")
		b, err := term.ReadPassword(int(in.Fd()))
		_, _ = fmt.Fprintln(a.sys.Stderr)
		return b, err
	}
	first, err := ask(msgThresholdPassphrase)
	if err != nil || !again {
		return first, err
	}
	second, err := ask(msgThresholdPassphraseAgain)
	if err == nil && !bytes.Equal(first, second) {
		err = fmt.Errorf("%w: the two were not the same", errUsage)
	}
	return first, err
}

// at opens the member's folder for the time of a command.
func (a *app) at(t thresholdFlags, do func(*threshold.Home) error) error {
	cfg, err := a.thresholdConfig(t, false)
	if err != nil {
		return err
	}
	h, err := threshold.Open(cfg)
	if err != nil {
		return err
	}
	return errors.Join(do(h), h.Close())
}

// runDKG goes through a key generation.
func (a *app) runDKG(ctx context.Context, t thresholdFlags, w waitFlags, label, suite string, need int, cards []string) error {
	if w.folder == "" {
		return fmt.Errorf("%w: --folder is missing", errUsage)
	}
	plan := threshold.Plan{Label: label, Threshold: need}
	var err error
	if plan.Suite, err = suiteNamed(suite); err != nil {
		return err
	}
	for _, path := range cards {
		raw, err := readFile(path, threshold.MaxCard)
		if err != nil {
			return err
		}
		m, err := threshold.ParseMember(raw)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		plan.Members = append(plan.Members, m)
	}
	return a.at(t, func(h *threshold.Home) error {
		if self := h.Self(); !containsMember(plan.Members, self) {
			plan.Members = append(plan.Members, self)
		}
		d, err := h.StartDKG(threshold.Folder(w.folder), plan)
		if err != nil {
			return err
		}
		st, err := a.await(ctx, w, d.Ceremony(), d.Step)
		if err != nil || !st.Done {
			return a.unfinished(w, d.Ceremony(), st, err)
		}
		g, err := d.Group()
		if err != nil {
			return err
		}
		return a.printGroup(g, &ceremonyJSON{d.Ceremony().String(), st.Round, st.Rounds})
	})
}

func containsMember(members []threshold.Member, m threshold.Member) bool {
	for _, other := range members {
		if other.Key.Equal(m.Key) {
			return true
		}
	}
	return false
}

// runSign goes through a signature.
func (a *app) runSign(ctx context.Context, t thresholdFlags, w waitFlags, group string, order threshold.Order) error {
	if w.folder == "" || group == "" {
		return fmt.Errorf("%w: --folder or --group is missing", errUsage)
	}
	return a.at(t, func(h *threshold.Home) error {
		g, err := h.Group(group)
		if err != nil {
			return err
		}
		s, err := h.StartSign(threshold.Folder(w.folder), g, order)
		if err != nil {
			return err
		}
		var sig []byte
		st, err := a.await(ctx, w, s.Ceremony(), func() (st threshold.Status, err error) {
			sig, st, err = s.Step()
			return st, err
		})
		if err != nil || !st.Done {
			return a.unfinished(w, s.Ceremony(), st, err)
		}
		return a.printSignature(g, order, s.Ceremony(), sig)
	})
}

// await steps once or, with --wait, until it is over, and shows progress.
func (a *app) await(ctx context.Context, w waitFlags, c threshold.Ceremony, step func() (threshold.Status, error)) (threshold.Status, error) {
	if !a.json {
		_, _ = fmt.Fprintln(a.sys.Stderr, a.say(msgThresholdCeremony, a.ltr(c.String())))
	}
	if w.timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, w.timeout)
		defer stop()
	}
	tick := time.NewTicker(pollPause)
	defer tick.Stop()
	shown := ""
	for {
		st, err := step()
		line := a.progress(st)
		if err == nil && !st.Done && !a.json && line != shown {
			shown = line
			_, _ = fmt.Fprintln(a.sys.Stderr, line)
		}
		if err != nil || st.Done || !w.wait {
			return st, err
		}
		select {
		case <-ctx.Done():
			return st, nil
		case <-tick.C:
		}
	}
}

func (a *app) progress(st threshold.Status) string {
	var names []string
	for _, n := range st.Missing {
		names = append(names, a.free(n))
	}
	comma := ", "
	if a.lang == persian {
		comma = "، "
	}
	lines := []string{a.say(msgThresholdWaiting, a.digits(strconv.Itoa(st.Round)), a.digits(strconv.Itoa(st.Rounds)), strings.Join(names, comma))}
	for _, u := range st.Unreadable {
		lines = append(lines, a.say(msgThresholdUnreadable, a.free(u)))
	}
	return strings.Join(lines, "\n")
}

// unfinished ends a command that has no result.
func (a *app) unfinished(w waitFlags, c threshold.Ceremony, st threshold.Status, err error) error {
	out := unfinishedJSON{Version: 1, State: "waiting", ceremonyJSON: ceremonyJSON{c.String(), st.Round, st.Rounds}, Missing: append([]string{}, st.Missing...), Unreadable: append([]string{}, st.Unreadable...)}
	f := (*threshold.Failure)(nil)
	if errors.As(err, &f) {
		out.State, out.Blamed, out.Proven, out.Reason, out.Missing = "failed", f.Blamed, f.Proven, f.Reason, []string{}
	} else if err != nil {
		return err
	}
	if a.json {
		if err := a.printJSON(out); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	return &notYet{a.say(msgThresholdAgain, a.ltr(w.folder))}
}

// notYet is an errTimeout with a text for people.
type notYet struct{ text string }

func (e *notYet) Error() string { return e.text }
func (e *notYet) Unwrap() error { return errTimeout }
