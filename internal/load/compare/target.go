package compare

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/common/hexutil"
	"github.com/ava-labs/libevm/ethclient"

	"github.com/pars-network/pars/evm/genesis"
)

const (
	// startTime is how long a node may take until it answers.
	startTime = 2 * time.Minute
	// stopTime is how long it may take to end before it is killed.
	stopTime = 20 * time.Second
	// pollTime is between two looks at a node that starts.
	pollTime = 100 * time.Millisecond
	// tailSize is how much of a node's last words an error repeats, in bytes.
	tailSize = 2048
)

// endowment is what the first development account gets on a peer that doesn't
// know it, in wei: 10^8 coins.
var endowment = new(big.Int).Exp(big.NewInt(10), big.NewInt(26), nil)

// Kinds are the nodes that Start knows, with what they stand for.
var Kinds = map[string]string{
	"one":   "parsd --dev, one validator",
	"five":  "parsd localnet, five validators",
	"geth":  "go-ethereum --dev, a block as soon as there is a transaction",
	"anvil": "anvil, a block every 400 ms",
}

// Programs says where the nodes' programs are: parsd, geth and anvil.
type Programs map[string]string

// target is a node that runs.
type target struct {
	http, ws string
	process  *exec.Cmd
	ended    chan struct{} // closed once the process is gone
	tail     *tail
	folder   string // removed at the end
}

// start runs a node of a kind on free ports of loopback with funded development
// accounts. The caller must stop it.
func start(ctx context.Context, kind string, programs Programs) (*target, error) {
	folder, err := os.MkdirTemp("", "pars-load-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for %s: %w", kind, err)
	}
	t := &target{folder: folder, tail: &tail{}, ended: make(chan struct{})}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	switch kind {
	case "one":
		err = t.startPars(ctx, programs["parsd"], "--dev", "--json", "--datadir", filepath.Join(folder, "data"), "--http.port", "0", "--session.enable=false", "--metrics.enable=false")
	case "five":
		err = t.startPars(ctx, programs["parsd"], "localnet", "--json", "--validators", "5", "--datadir", filepath.Join(folder, "net"))
	case "geth":
		err = t.startGeth(ctx, programs["geth"])
	case "anvil":
		err = t.startAnvil(ctx, programs["anvil"])
	default:
		err = fmt.Errorf("no target is called %q; there are one, five, geth and anvil", kind)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s: %w%s", kind, err, t.tail), t.stop())
	}
	return t, nil
}

// run starts a program and returns its standard output.
func (t *target) run(program string, args ...string) (io.Reader, error) {
	if program == "" {
		return nil, errors.New("its program was not named")
	}
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	// Not bound to a context: the node must get the chance to end by itself.
	cmd := exec.Command(program, args...) //nolint:noctx // stop ends it
	cmd.Stdout, cmd.Stderr = in, t.tail
	err = cmd.Start()
	_ = in.Close()
	if err != nil {
		_ = out.Close()
		return nil, err
	}
	t.process = cmd
	go func() {
		_ = cmd.Wait()
		close(t.ended)
	}()
	return out, nil
}

// startPars runs parsd, whose first line of output says where it listens.
func (t *target) startPars(ctx context.Context, program string, args ...string) error {
	out, err := t.run(program, args...)
	if err != nil {
		return err
	}
	lines := make(chan string, 1)
	go func() {
		r := bufio.NewReader(out)
		line, err := r.ReadString('\n')
		if err == nil {
			lines <- line
		}
		_, _ = io.Copy(io.Discard, r)
	}()
	var line string
	select {
	case line = <-lines:
	case <-t.ended:
		return errors.New("it ended before it was ready")
	case <-ctx.Done():
		return ctx.Err()
	}
	type addresses struct {
		HTTP string `json:"http"`
		WS   string `json:"ws"`
	}
	var banner struct {
		addresses
		Nodes []addresses `json:"nodes"`
	}
	if err := json.Unmarshal([]byte(line), &banner); err != nil {
		return fmt.Errorf("it printed %q, want one line of JSON: %w", line, err)
	}
	if len(banner.Nodes) > 0 {
		banner.addresses = banner.Nodes[0]
	}
	t.http, t.ws = banner.HTTP, banner.WS
	return nil
}

// startGeth runs go-ethereum's development chain, and has its one funded account
// pay the one that pays the senders.
func (t *target) startGeth(ctx context.Context, program string) error {
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	t.http, t.ws = "http://127.0.0.1:"+ports[0], "ws://127.0.0.1:"+ports[1]
	if err := t.startPeer(ctx, program, "--dev", "--dev.gaslimit", "30000000", "--datadir", t.folder, "--ipcdisable", "--nodiscover", "--maxpeers", "0",
		"--http", "--http.port", ports[0], "--http.api", "eth,net,web3", "--ws", "--ws.port", ports[1], "--ws.api", "eth,net,web3",
		"--miner.gasprice", "1", "--verbosity", "1"); err != nil {
		return err
	}
	return t.endow(ctx)
}

// startAnvil runs Foundry's development chain with the pace of Pars.
func (t *target) startAnvil(ctx context.Context, program string) error {
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	t.http, t.ws = "http://127.0.0.1:"+ports[0], "ws://127.0.0.1:"+ports[0]
	return t.startPeer(ctx, program, "--silent", "--block-time", "0.4", "--balance", "100000000", "--gas-limit", "30000000", "--port", ports[0])
}

// startPeer runs a program and waits until it answers at the target's address.
func (t *target) startPeer(ctx context.Context, program string, args ...string) error {
	out, err := t.run(program, args...)
	if err != nil {
		return err
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	tick := time.NewTicker(pollTime)
	defer tick.Stop()
	for {
		client, err := ethclient.DialContext(ctx, t.http)
		if err == nil {
			_, err = client.BlockNumber(ctx)
			client.Close()
		}
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-t.ended:
			return errors.New("it ended before it was ready")
		case <-ctx.Done():
			return fmt.Errorf("it did not answer in %s: %w", startTime, err)
		}
	}
}

// endow has the node's own account pay the first development account.
func (t *target) endow(ctx context.Context) error {
	dev, err := genesis.DevAccounts()
	if err != nil {
		return err
	}
	client, err := ethclient.DialContext(ctx, t.http)
	if err != nil {
		return err
	}
	defer client.Close()
	var own []common.Address
	if err := client.Client().CallContext(ctx, &own, "eth_accounts"); err != nil || len(own) == 0 {
		return fmt.Errorf("it has %d accounts of its own, want one that pays: %w", len(own), err)
	}
	var hash common.Hash
	pay := map[string]any{"from": own[0], "to": dev[0].Address, "value": (*hexutil.Big)(endowment)}
	if err := client.Client().CallContext(ctx, &hash, "eth_sendTransaction", pay); err != nil {
		return fmt.Errorf("paying the development account: %w", err)
	}
	tick := time.NewTicker(pollTime)
	defer tick.Stop()
	for {
		if r, err := client.TransactionReceipt(ctx, hash); err == nil && r.Status == 1 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the payment of the development account: %w", ctx.Err())
		}
	}
}

// cpu is the processor time that the node and its ended children took.
func (t *target) cpu() time.Duration {
	if t.process == nil || t.process.ProcessState == nil {
		return 0
	}
	return t.process.ProcessState.UserTime() + t.process.ProcessState.SystemTime()
}

// stop ends the node and removes its folder.
func (t *target) stop() error {
	if t.process != nil {
		_ = t.process.Process.Signal(syscall.SIGTERM) // it may be gone already
		late := time.NewTimer(stopTime)
		defer late.Stop()
		select {
		case <-t.ended:
		case <-late.C:
			_ = t.process.Process.Kill()
			<-t.ended
		}
	}
	return os.RemoveAll(t.folder)
}

// freePorts returns ports of loopback that nobody uses now.
func freePorts(n int) ([]string, error) {
	ports := make([]string, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
		if err != nil {
			return nil, fmt.Errorf("looking for a free port: %w", err)
		}
		// All are held until the last is found, so that they differ.
		defer func() { _ = l.Close() }()
		ports[i] = strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// tail keeps the last words of a program.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write keeps the end of what is written.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	t.text = t.text[max(0, len(t.text)-tailSize):]
	return len(b), nil
}

// String is the text as an addition to an error.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := strings.TrimSpace(string(t.text)); s != "" {
		return "; its last words:\n" + s
	}
	return ""
}
