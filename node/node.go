package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ava-labs/avalanchego/vms"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pars-network/pars/evm/chain"
	"github.com/pars-network/pars/evm/genesis"
	"github.com/pars-network/pars/evm/genesis/pchain"
	"github.com/pars-network/pars/evm/rpc"
	"github.com/pars-network/pars/node/avalanche"
	"github.com/pars-network/pars/node/datadir"
	"github.com/pars-network/pars/node/keys"
	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/session/daemon"
)

// chainAlias is the chain's readable name in the engine's API.
const chainAlias = "pars"

// closeGrace is how long requests in flight may take when the node stops.
const closeGrace = time.Second

// Options is what a node is made of.
type Options struct {
	Mode     Mode
	Settings Settings
	// Log receives log lines; nil means none.
	Log io.Writer
	// Crash ends the process after the chain has panicked: its state in memory
	// can't be trusted, the one on disk can. Nil means the program's own end
	// with [CodeChain].
	Crash func(reason string)

	// Wrap, if set, stands between the engine and the VM's factory: tests put
	// faults there.
	Wrap func(vms.Factory) vms.Factory
}

// Node is a running parsd.
type Node struct {
	mode      Mode
	settings  Settings
	log       *slog.Logger
	crash     func(string)
	began     time.Time
	temporary bool

	folder  *datadir.Folder
	keys    *keys.Keys
	genesis *genesis.Genesis
	hash    string

	http     netip.AddrPort // of JSON-RPC
	front    *front         // for it; nil if the chain's own process has the port
	watching *front         // health and metrics; nil if off
	registry *prometheus.Registry
	vm       atomic.Pointer[running] // while it can be asked
	failure  atomic.Pointer[error]
	engine   atomic.Pointer[avalanche.Node]
	rpcMu    sync.Mutex
	rpc      *rpc.Server
	report   *reporter
	session  *daemon.Daemon
	unsocket func() error
	cancel   context.CancelFunc
	unwatch  func() // ends the log of troubles; nil before it begins

	ready    chan struct{}
	failed   chan error // the first failure while running
	stopping atomic.Bool
	stopOnce sync.Once
	stopErr  error
}

// Start checks everything that can be checked, then starts the node. It
// returns once all parts are running; [Node.Ready] says when the chain takes
// transactions. ctx bounds the start only.
func Start(ctx context.Context, o Options) (_ *Node, err error) {
	n := &Node{
		mode: o.Mode, settings: o.Settings, crash: o.Crash, began: time.Now(),
		ready: make(chan struct{}), failed: make(chan error, 1),
	}
	if n.crash == nil {
		n.crash = func(string) { os.Exit(int(CodeChain)) }
	}
	if n.mode == Run {
		if n.genesis, err = networkGenesis(n.settings.Network); err != nil {
			return nil, err
		}
	}
	at, err := n.settings.resolve(n.mode)
	if err != nil {
		return nil, err
	}
	n.log = newLogger(o.Log, n.settings.LogLevel, n.settings.LogFormat)
	n.registry = n.newRegistry()
	files, err := fileLimit(n.settings.FDLimit)
	if err != nil {
		return nil, err
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	n.cancel = cancel
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Stop())
		}
	}()
	if err := n.openFolder(); err != nil {
		return nil, err
	}
	if err := n.claim(ctx, &at); err != nil {
		return nil, err
	}
	if err := n.settleGenesis(); err != nil {
		return nil, err
	}
	if n.settings.Session {
		n.session, n.unsocket, err = startSession(life, n.folder, n.genesis.Network, at.session, n.settings.SessionBootstrap, n.mode == Run, n.log.With("part", "session"))
		if err != nil {
			return nil, err
		}
		go n.watchSession()
	}
	factory, err := n.factory(o.Log)
	if err != nil {
		return nil, err
	}
	if o.Wrap != nil {
		factory = o.Wrap(factory)
	}
	if err := n.startEngine(at, files, factory); err != nil {
		return nil, err
	}
	watching, unwatch := context.WithCancel(life)
	var watched sync.WaitGroup
	watched.Go(func() { n.watchOver(watching) })
	n.unwatch = func() { unwatch(); watched.Wait() }
	return n, nil
}

// factory returns what makes the chain, in this process or in one of its own.
func (n *Node) factory(log io.Writer) (vms.Factory, error) {
	w := watch{ready: n.becomeReady, closing: n.closeRPC, failed: n.fail, panicked: n.panicked}
	if !n.settings.Plugin {
		return &watchedFactory{Factory: chain.Factory{OnReady: n.serve}, watch: w}, nil
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding parsd's own file: %w", err)
	}
	if log == nil {
		log = io.Discard
	}
	return &hostFactory{program: program, log: log, watch: w, hosted: func(v *hostedVM) { n.observe(v) }}, nil
}

// observe lets the monitoring port ask the chain.
func (n *Node) observe(c running) { n.vm.Store(&c) }

// openFolder opens the data folder, or a temporary one.
func (n *Node) openFolder() error {
	path := n.settings.DataDir
	if path == "" {
		made, err := os.MkdirTemp("", "parsd-dev-")
		if err != nil {
			return fmt.Errorf("%w: %w; name one with --datadir", datadir.ErrUnusable, err)
		}
		n.temporary, path = true, made
	}
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return Usage(fmt.Errorf("finding the home folder of --datadir %s: %w", path, err))
		}
		path = filepath.Join(home, rest)
	}
	folder, err := datadir.Open(path)
	if err != nil {
		if n.temporary {
			err = errors.Join(err, os.RemoveAll(path))
		}
		return err
	}
	n.folder = folder
	return nil
}

// claim takes the ports. Those of JSON-RPC and monitoring are kept from here on,
// and the latter answers at once; the others are
// given back for the engine and the session node to take, which leaves another
// program a moment, but the common mistake is found with a clear message.
func (n *Node) claim(ctx context.Context, at *resolved) error {
	claims := []claim{{"http.port", at.http}, {"staking.port", at.staking}, {"api.port", at.api}}
	if n.settings.Session {
		claims = append(claims, claim{"session.port", at.session})
	}
	if n.settings.Metrics {
		claims = append(claims, claim{"metrics.port", at.metrics})
	}
	listeners, err := claimPorts(ctx, claims)
	if err != nil {
		return err
	}
	at.http, at.api = addrOf(listeners[0]), addrOf(listeners[2])
	n.http = at.http
	kept := len(listeners)
	if n.settings.Metrics {
		kept--
		n.watching = newFront(listeners[kept])
		n.watching.set(n.monitor())
	}
	closeAll(listeners[1:kept])
	if n.settings.Plugin {
		closeAll(listeners[:1]) // the chain's process takes it
		return nil
	}
	n.front = newFront(listeners[0])
	return nil
}

// settleGenesis decides which genesis the node runs: in a folder that has one,
// that one.
func (n *Node) settleGenesis() error {
	var err error
	made := errors.Is(dirExists(n.folder.Path(datadir.KeysFolder)), os.ErrNotExist)
	if n.keys, err = LoadKeys(n.folder.Path(datadir.KeysFolder), true); err != nil {
		return err
	}
	if made && n.mode == Run {
		n.log.Info("made new keys; to be a validator they must be in the genesis", "node", n.keys.Node.String())
	}
	id, bound := n.folder.Identity()
	switch {
	case n.mode == Dev && !bound:
		if n.genesis, err = DevGenesis([]*keys.Keys{n.keys}, n.settings.DevGasLimit, n.began); err != nil {
			return err
		}
	case n.mode == Dev && id.NetworkID != params.Dev.ID:
		return n.folder.Bind(datadir.Identity{Network: params.Dev.Name, NetworkID: params.Dev.ID}, nil)
	case n.mode == Dev:
		text, err := n.folder.Genesis()
		if err != nil {
			return err
		}
		if n.genesis, err = genesis.Parse(text); err != nil {
			return fmt.Errorf("%w: its genesis.json: %w; restore the folder from a backup or begin a new one", datadir.ErrCorrupt, err)
		}
	}
	hashes, err := n.genesis.Hash()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrGenesis, err)
	}
	n.hash = hashes.File.Hex()
	text, err := n.genesis.Bytes()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrGenesis, err)
	}
	network := n.genesis.Network
	err = n.folder.Bind(datadir.Identity{Network: network.Name, NetworkID: network.ID, GenesisHash: n.hash}, text)
	if n.mode == Dev && errors.Is(err, datadir.ErrOtherGenesis) {
		// Here the genesis came from the folder itself, so it was changed.
		return fmt.Errorf("%w: its genesis.json was changed: %w", datadir.ErrCorrupt, err)
	}
	return err
}

func dirExists(path string) error {
	_, err := os.Stat(path)
	return err
}

// startEngine starts consensus with our chain in it.
func (n *Node) startEngine(at resolved, files uint64, factory vms.Factory) error {
	data, chainID, assetID, err := pchain.New(n.genesis)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrGenesis, err)
	}
	rewards, err := pchain.Rewards(n.genesis)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrGenesis, err)
	}
	config, err := json.Marshal(chain.Config{Archive: n.settings.Archive, GuardDir: n.folder.Path(datadir.KeysFolder, guardFolder)})
	if err == nil && n.settings.Plugin {
		h := newHandover(n.settings, n.http)
		h.Session, h.LogsDir, h.EngineLevel = n.sessionAddrs(), n.folder.Path(datadir.LogsFolder), engineLevel(n.settings.LogLevel)
		config, err = h.give(config)
	}
	if err != nil {
		return fmt.Errorf("configuring the chain: %w", err)
	}
	network := n.genesis.Network
	e, err := avalanche.Start(avalanche.Config{
		DataDir: n.folder.Path(), KeysDir: datadir.KeysFolder, DatabaseDir: datadir.EngineFolder,
		ChainsDir: datadir.ChainsFolder, LogsDir: datadir.LogsFolder,
		NetworkID: network.ID, Genesis: data, AssetID: assetID, Rewards: rewards, MinTerm: n.genesis.Network.MinTerm, Validators: len(n.genesis.Validators),
		ChainID: chainID, VMID: genesis.VMID, Alias: chainAlias, ChainConfig: config,
		VM:      factory,
		Staking: at.staking, PublicIP: at.publicIP, API: at.api, Bootstrap: at.bootstrap,
		// Only a network whose peers are all public may refuse private addresses.
		AllowPrivateIPs: network != params.Mainnet || !at.publicIP.IsGlobalUnicast() || at.publicIP.IsPrivate(),
		LogLevel:        engineLevel(n.settings.LogLevel),
		FileLimit:       files,
		OnPanic:         n.panicked,
	})
	if errors.Is(err, avalanche.ErrDatabase) {
		return fmt.Errorf("%w; %s", err, startAnew)
	}
	if err != nil {
		return err
	}
	n.engine.Store(e)
	if n.mode == Run {
		n.log.Info("started; catching up with the network", "node", e.ID().String(), "staking", e.StakingAddr().String(),
			"validators", len(n.genesis.Validators), "rpc", n.http.String())
	}
	go func() {
		<-e.Done()
		if err := e.Err(); err != nil {
			n.fail(err)
		}
	}()
	return nil
}

// engineLevel keeps the engine's files at info unless more is asked for: they
// are where to look after something went wrong.
func engineLevel(ours string) string {
	if ours == "debug" {
		return "debug"
	}
	return "info"
}

// serve puts JSON-RPC in front of the chain. The VM calls it when it is
// initialized.
func (n *Node) serve(vm *chain.VM) {
	server, err := newRPC(n.settings, n.log.With("part", "rpc"), n.registry, nodeFacts{
		vm: vm, network: n.genesis.Network, peers: n.peers, session: n.sessionAddrs,
	})
	if err != nil {
		n.fail(fmt.Errorf("%w: JSON-RPC can't start: %w", ErrChain, err))
		return
	}
	n.rpcMu.Lock()
	n.rpc = server
	n.report = newReporter(vm, n.mode, n.log)
	n.rpcMu.Unlock()
	n.front.set(server)
	n.observe(inProcess{vm})
}

// closeRPC ends what reads the chain, before the chain stops.
func (n *Node) closeRPC() {
	n.vm.Store(nil)
	n.rpcMu.Lock()
	server, report := n.rpc, n.report
	n.rpc, n.report = nil, nil
	n.rpcMu.Unlock()
	if server == nil {
		return
	}
	report.close()
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	if err := errors.Join(n.front.close(ctx), server.Close(ctx)); err != nil {
		n.log.Debug("closing JSON-RPC", "error", err)
	}
}

func (n *Node) becomeReady() { close(n.ready) }

func (n *Node) peers() int {
	if e := n.engine.Load(); e != nil {
		return e.Peers()
	}
	return 0
}

// fail records why a running node can't go on.
func (n *Node) fail(err error) {
	if n.stopping.Load() {
		return
	}
	if e := n.engine.Load(); e != nil && errors.Is(err, ErrChain) {
		if said := e.Said(); said != "" {
			err = fmt.Errorf("%w: %s", err, said)
		}
	}
	n.failure.CompareAndSwap(nil, &err)
	select {
	case n.failed <- err:
	default: // a first failure is waiting already
	}
}

// panicked ends the process after writing down why.
func (n *Node) panicked(value any, stack []byte) {
	report := n.folder.Path(datadir.LogsFolder, fmt.Sprintf("panic-%d.txt", time.Now().UnixMilli()))
	reason := fmt.Sprintf("the chain panicked: %v; the stack is in %s; please report it, and start parsd again", value, report)
	if err := os.WriteFile(report, fmt.Appendf(nil, "parsd %s %s\n%v\n%s", params.Version, params.Commit, value, stack), 0o600); err != nil {
		reason = fmt.Sprintf("the chain panicked: %v\n%s", value, stack)
	}
	n.crash(reason)
}

// watchSession reports a session node that ends by itself.
func (n *Node) watchSession() {
	<-n.session.Done()
	if err := n.session.Err(); err != nil {
		n.fail(fmt.Errorf("session node ended: %w", err))
	}
}

func (n *Node) sessionAddrs() []string {
	if n.session == nil {
		return nil
	}
	return n.session.Multiaddrs()
}

// Ready is closed when the chain takes transactions.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// Failed delivers why a running node can't go on; it should be stopped then.
func (n *Node) Failed() <-chan error { return n.failed }

// Engine returns the running engine, for programs that test other nodes.
func (n *Node) Engine() *avalanche.Node { return n.engine.Load() }

// Banner describes the node. It must be called after it is ready and before it
// is stopped.
func (n *Node) Banner() (Banner, error) {
	e := n.engine.Load()
	addr := shown(n.http)
	b := Banner{
		Network: n.genesis.Network.Name, ChainID: n.genesis.Network.ChainID(), GenesisHash: n.hash,
		HTTP: "http://" + addr, WebSocket: "ws://" + addr,
		NodeID: e.ID().String(), Staking: e.StakingAddr().String(), API: "http://" + e.APIAddr().String(),
		DataDir: n.folder.Path(), Temporary: n.temporary, PID: os.Getpid(), Version: params.Version,
		ReadyMs: time.Since(n.began).Milliseconds(), Session: n.sessionAddrs(),
	}
	if n.session != nil {
		b.SessionSocket = n.session.APISocket()
	}
	if n.watching != nil {
		b.Metrics = "http://" + shown(addrOf(n.watching.listener))
	}
	if n.mode == Dev {
		var err error
		if b.Accounts, err = DevAccounts(n.genesis); err != nil {
			return Banner{}, err
		}
	}
	return b, nil
}

// shown replaces "all addresses" by one that can be dialled.
func shown(at netip.AddrPort) string {
	if at.Addr().IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", fmt.Sprint(at.Port()))
	}
	return at.String()
}

// Stop ends the node, last part first, and waits until everything is on disk.
// It may be called more than once.
func (n *Node) Stop() error {
	n.stopOnce.Do(func() { n.stopErr = n.stop() })
	return n.stopErr
}

func (n *Node) stop() error {
	n.stopping.Store(true)
	var errs []error
	if n.unwatch != nil {
		n.unwatch()
	}
	n.closeRPC()
	if e := n.engine.Load(); e != nil {
		e.Stop()
	}
	if n.front != nil { // open still if the chain never came to be
		ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
		errs = append(errs, n.front.close(ctx))
		cancel()
	}
	if n.session != nil {
		errs = append(errs, n.session.Close(), n.unsocket())
	}
	n.cancel()
	if n.watching != nil { // last, so that who watches sees the stop
		ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
		errs = append(errs, n.watching.close(ctx))
		cancel()
	}
	if n.folder != nil {
		errs = append(errs, n.folder.Close())
		if n.temporary {
			errs = append(errs, os.RemoveAll(n.folder.Path()))
		}
	}
	return errors.Join(errs...)
}
