package cli

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/pars-network/pars/client/chain"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

const (
	oraclePassphrase = "PARS_ORACLE_PASSPHRASE" //nolint:gosec // the name of a variable
	// maxKeyFile and maxReading bound the files that push reads, in bytes.
	maxKeyFile = 1 << 16
	maxReading = 1 << 12
	// maxFeedDecimals is more than any feed has.
	maxFeedDecimals = 36
	// commandTime bounds one run of --command.
	commandTime = 30 * time.Second
	// wholeDeviation is a deviation of 100 %, as the contract counts.
	wholeDeviation = 100_000_000
)

// oracleContract is where the feeds are, 0x0501.
var oracleContract = chain.Address{18: 0x05, 19: 0x01}

// pushFlags are what one push needs to know.
type pushFlags struct {
	rpc, key, payer, passphraseFile string
	feed, template                  string
	value, file, command            string
	decimals                        int
	deviation                       string
	heartbeat, every, timeout       time.Duration
}

type pushJSON struct {
	Version     int    `json:"version"`
	Feed        string `json:"feed"`
	Airnode     string `json:"airnode"`
	Template    string `json:"template"`
	Value       string `json:"value"`
	Timestamp   int64  `json:"timestamp"`
	Pushed      bool   `json:"pushed"`
	Transaction string `json:"transaction,omitempty"`
	Block       uint64 `json:"block,omitempty"`
	GasUsed     uint64 `json:"gas_used,omitempty"`
}

func (a *app) oracleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "oracle", Short: "data feeds on the EVM chain (0x0501)",
		Long:              "These commands talk to an EVM node over JSON-RPC. No sessiond is needed.",
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.settle() },
	}
	var p pushFlags
	push := &cobra.Command{
		Use: "push", Short: "sign a value and bring it to its feed", Args: args(cobra.NoArgs),
		Long: `push signs a value as the feed's airnode and sends it in a transaction. The value is
a decimal number: given, or the first line of a file or of what a command prints.
With --deviation or --heartbeat it sends only what is needed; with --every it goes on.`,
		Example: `  parsctl oracle push --key airnode.key --feed PARS/USD --value 0.42
  parsctl oracle push --key airnode.key --feed PARS/USD --command ./price.sh --deviation 0.5 --heartbeat 1h --every 10s`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.oraclePush(cmd.Context(), p) },
	}
	f := push.Flags()
	f.StringVar(&p.rpc, "rpc", "", "JSON-RPC of an EVM node (default PARS_RPC, else http://127.0.0.1:8545)")
	f.StringVar(&p.key, "key", "", "file with the airnode's key: 64 hex digits, or a keystore")
	f.StringVar(&p.payer, "payer", "", "file with the key that pays for the transaction (default: the airnode's)")
	f.StringVar(&p.passphraseFile, "passphrase-file", "", "file whose first line opens the keystores (else "+oraclePassphrase+", else asked for)")
	f.StringVar(&p.feed, "feed", "", "name of the feed; its template is the hash of the name")
	f.StringVar(&p.template, "template", "", "template id of the feed, 0x and 64 hex digits, instead of a name")
	f.StringVar(&p.value, "value", "", "the value")
	f.StringVar(&p.file, "file", "", "file that has the value in its first line (- is standard input)")
	f.StringVar(&p.command, "command", "", "command for the shell that prints the value")
	f.IntVar(&p.decimals, "decimals", 18, "how many decimals the feed's integers have")
	f.StringVar(&p.deviation, "deviation", "", "push when the value is this many percent off the feed's")
	f.DurationVar(&p.heartbeat, "heartbeat", 0, "push when the feed's value is this old")
	f.DurationVar(&p.every, "every", 0, "go on and look at the value this often, until Ctrl-C")
	f.DurationVar(&p.timeout, "timeout", time.Minute, "give up waiting for the block after this long")
	cmd.AddCommand(push)
	return cmd
}

// feedPush is a push that is ready to be repeated.
type feedPush struct {
	pushFlags
	client         *chain.Client
	airnode, payer *chain.Key
	template       [32]byte
	percent        *big.Int // of wholeDeviation; nil: not asked for
}

func (a *app) oraclePush(ctx context.Context, p pushFlags) error {
	ready, err := a.preparePush(p)
	if err != nil {
		return err
	}
	defer ready.client.Close()
	if p.every == 0 {
		return a.pushOnce(ctx, ready)
	}
	tick := time.NewTicker(p.every)
	defer tick.Stop()
	for {
		if err := a.pushOnce(ctx, ready); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			// A source or a node that is away comes back; what is wrong for good
			// was refused before.
			_, _ = fmt.Fprintln(a.sys.Stderr, "parsctl:", a.explain(err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (a *app) preparePush(p pushFlags) (*feedPush, error) {
	sources := 0
	for _, s := range []string{p.value, p.file, p.command} {
		if s != "" {
			sources++
		}
	}
	switch {
	case p.key == "":
		return nil, fmt.Errorf("%w: give --key FILE, the airnode's key", errUsage)
	case (p.feed == "") == (p.template == ""):
		return nil, fmt.Errorf("%w: give one of --feed and --template", errUsage)
	case sources != 1:
		return nil, fmt.Errorf("%w: give one of --value, --file and --command", errUsage)
	case p.decimals < 0 || p.decimals > maxFeedDecimals:
		return nil, fmt.Errorf("%w: --decimals %d, want 0 to %d", errUsage, p.decimals, maxFeedDecimals)
	case p.every != 0 && (p.every < time.Second || p.command == "" && p.file == ""):
		return nil, fmt.Errorf("%w: --every wants a second or more, and --file or --command", errUsage)
	case p.heartbeat < 0 || p.timeout <= 0:
		return nil, fmt.Errorf("%w: --heartbeat and --timeout are times to come", errUsage)
	}
	out := &feedPush{pushFlags: p, template: chain.Keccak256([]byte(p.feed))}
	if p.template != "" {
		raw, err := hex.DecodeString(strings.TrimPrefix(p.template, "0x"))
		if err != nil || len(raw) != 32 {
			return nil, fmt.Errorf("%w: --template %s, want 0x and 64 hex digits", errUsage, p.template)
		}
		copy(out.template[:], raw)
	}
	if p.deviation != "" {
		parts, err := scaled(p.deviation, 6) // a percent is 10^6 of 10^8
		if err != nil || parts.Sign() < 0 {
			return nil, fmt.Errorf("%w: --deviation %s, want percent as a decimal number", errUsage, p.deviation)
		}
		out.percent = parts
	}
	var err error
	if out.airnode, err = a.readKey(p.key, p.passphraseFile); err != nil {
		return nil, err
	}
	if out.payer = out.airnode; p.payer != "" && p.payer != p.key {
		if out.payer, err = a.readKey(p.payer, p.passphraseFile); err != nil {
			return nil, err
		}
	}
	url := p.rpc
	for _, other := range []string{a.sys.Getenv("PARS_RPC"), "http://127.0.0.1:8545"} {
		if url == "" {
			url = other
		}
	}
	out.client = chain.New(url)
	return out, nil
}

// readKey reads a key from a file, and asks for the passphrase if it needs one.
func (a *app) readKey(file, passphraseFile string) (*chain.Key, error) {
	raw, err := readFile(file, maxKeyFile)
	if err != nil {
		return nil, err
	}
	var passphrase []byte
	if chain.Encrypted(raw) {
		if passphrase, err = a.secret(passphraseFile, oraclePassphrase, a.say(msgOraclePassphrase, a.ltr(file))); err != nil {
			return nil, err
		}
	}
	key, err := chain.ParseKey(raw, passphrase)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return key, nil
}

// reading is the value that the source has now.
func (a *app) reading(ctx context.Context, p *feedPush) (*big.Int, error) {
	text := p.value
	switch {
	case p.file == "-":
		line, err := a.readLine()
		if err != nil {
			return nil, err
		}
		text = line
	case p.file != "":
		raw, err := readFile(p.file, maxReading)
		if err != nil {
			return nil, err
		}
		text = string(raw)
	case p.command != "":
		ctx, cancel := context.WithTimeout(ctx, commandTime)
		defer cancel()
		cmd := exec.CommandContext(ctx, "sh", "-c", p.command)
		cmd.Stderr = a.sys.Stderr
		cmd.WaitDelay = time.Second
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("running %s: %w", p.command, err)
		}
		text = string(out[:min(len(out), maxReading)])
	}
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	value, err := scaled(strings.TrimSpace(line), p.decimals)
	if err != nil {
		return nil, err
	}
	if limit := new(big.Int).Lsh(big.NewInt(1), 223); value.Cmp(limit) >= 0 || value.Cmp(limit.Neg(limit)) < 0 {
		return nil, fmt.Errorf("%w: the value %s doesn't fit into 224 bits", errUsage, line)
	}
	return value, nil
}

// scaled reads a decimal number as an integer of that many decimals, exactly.
func scaled(text string, decimals int) (*big.Int, error) {
	bad := fmt.Errorf("%w: got %.40q, want a decimal number with at most %d decimals", errUsage, text, decimals)
	whole, part, dotted := strings.Cut(text, ".")
	if dotted && part == "" || len(part) > decimals || len(whole) > 80 {
		return nil, bad
	}
	digits := whole + part + strings.Repeat("0", decimals-len(part))
	unsigned := strings.TrimPrefix(digits, "-")
	if strings.Trim(unsigned, "0123456789") != "" || strings.TrimPrefix(whole, "-") == "" {
		return nil, bad
	}
	n, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		return nil, bad
	}
	return n, nil
}

// unscaled is the number that [scaled] read.
func unscaled(n *big.Int, decimals int) string {
	digits := new(big.Int).Abs(n).String()
	if len(digits) <= decimals {
		digits = strings.Repeat("0", decimals+1-len(digits)) + digits
	}
	whole, part := digits[:len(digits)-decimals], strings.TrimRight(digits[len(digits)-decimals:], "0")
	if part != "" {
		whole += "." + part
	}
	if n.Sign() < 0 {
		whole = "-" + whole
	}
	return whole
}

func (a *app) pushOnce(ctx context.Context, p *feedPush) error {
	value, err := a.reading(ctx, p)
	if err != nil {
		return err
	}
	airnode := p.airnode.Address()
	feed := chain.Keccak256(airnode[:], p.template[:])
	now := time.Now().Unix()
	out := pushJSON{
		Version: 1, Feed: "0x" + hex.EncodeToString(feed[:]), Airnode: airnode.String(), Template: "0x" + hex.EncodeToString(p.template[:]),
		Value: value.String(), Timestamp: now,
	}
	needed, err := p.needed(ctx, feed, value, now)
	if err != nil {
		return err
	}
	if !needed {
		if a.json {
			return a.printJSON(out)
		}
		a.print(a.say(msgOracleNotNeeded, a.ltr(unscaled(value, p.decimals))))
		return nil
	}
	if !a.json {
		a.print(a.say(msgOracleFeed, a.ltr(out.Feed)))
		a.print(a.say(msgOracleSigned, a.ltr(unscaled(value, p.decimals)), a.ltr(out.Airnode)))
	}
	hash, err := p.client.Send(ctx, p.payer, oracleContract, updateData(p.airnode, p.template, now, value))
	if err != nil {
		return err
	}
	if !a.json {
		a.print(a.say(msgOracleSent, a.ltr(hash)))
	}
	waiting, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	r, err := p.client.Wait(waiting, hash)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			return fmt.Errorf("%w: %s is in no block yet", errTimeout, hash)
		}
		return err
	}
	out.Pushed, out.Transaction, out.Block, out.GasUsed = true, hash, r.Block, r.GasUsed
	if a.json {
		return a.printJSON(out)
	}
	a.print(a.say(msgOracleDone, a.number(r.Block), a.number(r.GasUsed)))
	return nil
}

// needed compares a value with what the feed has, if that was asked for.
func (p *feedPush) needed(ctx context.Context, feed [32]byte, value *big.Int, now int64) (bool, error) {
	if p.percent == nil && p.heartbeat == 0 {
		return true, nil
	}
	selector := chain.Keccak256([]byte("dataFeeds(bytes32)"))
	out, err := p.client.Call(ctx, oracleContract, append(selector[:4:4], feed[:]...))
	if err != nil {
		return false, err
	}
	if len(out) != 64 {
		return false, fmt.Errorf("the node at %s has no oracle contract: got %d bytes, want 64", p.client.URL(), len(out))
	}
	old, stamp := new(big.Int).SetBytes(out[:32]), binary.BigEndian.Uint64(out[56:])
	if old.Bit(255) == 1 {
		old.Sub(old, new(big.Int).Lsh(big.NewInt(1), 256))
	}
	if stamp == 0 || (p.heartbeat > 0 && now-int64(stamp) >= int64(p.heartbeat/time.Second)) {
		return true, nil
	}
	if p.percent == nil {
		return false, nil
	}
	base := new(big.Int).Abs(old)
	if base.Sign() == 0 {
		base.SetInt64(1)
	}
	off := new(big.Int).Sub(value, old)
	off.Abs(off).Mul(off, big.NewInt(wholeDeviation)).Quo(off, base)
	return off.Cmp(p.percent) >= 0, nil
}

// updateData is the calldata of updateBeaconWithSignedData.
func updateData(airnode *chain.Key, template [32]byte, stamp int64, value *big.Int) []byte {
	data := word(value)
	inner := chain.Keccak256(template[:], word(big.NewInt(stamp)), data)
	signature := airnode.Sign(chain.Keccak256([]byte("\x19Ethereum Signed Message:\n32"), inner[:]))
	selector := chain.Keccak256([]byte("updateBeaconWithSignedData(address,bytes32,uint256,bytes,bytes)"))
	address := airnode.Address()
	at := func(n int64) []byte { return word(big.NewInt(n)) }
	return bytes.Join([][]byte{
		selector[:4], make([]byte, 12), address[:], template[:], at(stamp), at(5 * 32), at(7 * 32),
		at(32), data,
		at(65), signature[:], make([]byte, 31),
	}, nil)
}

// word is a number in two's complement of 256 bits.
func word(n *big.Int) []byte {
	if n.Sign() < 0 {
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), 256))
	}
	return n.FillBytes(make([]byte, 32))
}

// secret is a passphrase from a file, a variable, or a person at a terminal.
func (a *app) secret(file, variable, prompt string) ([]byte, error) {
	if file != "" {
		raw, err := readFile(file, maxReading)
		line, _, _ := bytes.Cut(raw, []byte("\n"))
		return bytes.TrimSuffix(line, []byte("\r")), err
	}
	if v := a.sys.Getenv(variable); v != "" {
		return []byte(v), nil
	}
	in, ok := a.sys.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, fmt.Errorf("%w: no passphrase: give --passphrase-file FILE or %s", errUsage, variable)
	}
	_, _ = fmt.Fprint(a.sys.Stderr, prompt+" ")
	b, err := term.ReadPassword(int(in.Fd()))
	_, _ = fmt.Fprintln(a.sys.Stderr)
	return b, err
}

// chainExit is the exit code of an error of the chain's client.
func chainExit(err error) (code int, ok bool) {
	switch {
	case errors.Is(err, chain.ErrUnreachable):
		return ExitUnreachable, true
	case errors.Is(err, chain.ErrFailed):
		return ExitFailed, true
	case errors.Is(err, chain.ErrRefused), errors.Is(err, chain.ErrPassphrase):
		return ExitRefused, true
	case errors.Is(err, chain.ErrKey):
		return ExitUsage, true
	}
	return 0, false
}

// explainChain is what to tell a person about such an error, "" for others.
func (a *app) explainChain(err error) string {
	if a.lang == english {
		return ""
	}
	for _, e := range []struct {
		is   error
		text key
	}{
		{chain.ErrUnreachable, msgErrChainUnreachable},
		{chain.ErrFailed, msgErrChainFailed},
		{chain.ErrRefused, msgErrChainRefused},
		{chain.ErrPassphrase, msgErrChainPassphrase},
		{chain.ErrKey, msgErrChainKey},
	} {
		if errors.Is(err, e.is) {
			return a.say(e.text) + " (" + a.ltr(err.Error()) + ")"
		}
	}
	return ""
}
