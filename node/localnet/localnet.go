package localnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/pars-network/pars/node"
	"github.com/pars-network/pars/node/datadir"
	"github.com/pars-network/pars/params"
)

// Bounds of a local network: what one machine can reasonably carry.
const (
	DefaultValidators = 5
	MaxValidators     = 100
)

const (
	// startTime and startTimeEach bound how long nodes may take to be ready.
	startTime     = time.Minute
	startTimeEach = 10 * time.Second
	// stopTime is how long nodes may take to end by themselves; their own bound
	// is 20 s.
	stopTime = 25 * time.Second
)

// Config says which network to run. Its zero value is a temporary one of
// [DefaultValidators] nodes on free ports.
type Config struct {
	// Program is the parsd to run; empty means the one that is running.
	Program string
	// Programs are other programs for single nodes, by number from 1: tests put
	// nodes among the others that misbehave. They take parsd's arguments.
	Programs map[int]string
	// Dir has the network's files; empty means a temporary folder that is
	// removed at the end.
	Dir string
	// Validators is how many; 0 means as many as the folder has, or
	// DefaultValidators in a new one.
	Validators int
	// HTTPPort is the first node's JSON-RPC port, the others have the following
	// ones; 0 means free ports.
	HTTPPort uint16
	// Links is what the network between the nodes is like. Anything but the zero
	// value puts every node into a network namespace, which needs Linux and root.
	Links Links
	// Plugin runs every node's chain in a process of its own.
	Plugin bool
	// Environ is the nodes' environment. Variables named PARS_ are left out:
	// they would override the nodes' settings.
	Environ []string
	// Progress is told, for people, what is going on; it may be nil.
	Progress func(format string, args ...any)
}

// Network is a running local network.
type Network struct {
	folder    *folder
	temporary bool
	links     Links
	fabric    *fabric // nil on loopback, and control with it
	control   *control
	starter   *starter
	children  []*child
	deaths    chan Death
	stopping  chan struct{}
}

// Death is the end of a node that was not asked for.
type Death struct {
	// Node is its number, counted from 1.
	Node int
	// Fate says how it ended and what its log says last.
	Fate string
	// Left is how many nodes still run.
	Left int
}

// Start starts all nodes and waits until all are ready. When it fails or ctx
// ends before that, nothing is left running.
func Start(ctx context.Context, c Config) (_ *Network, err error) {
	if c.Validators < 0 || c.Validators > MaxValidators {
		return nil, node.Usage(fmt.Errorf("--validators is %d, want 1 to %d", c.Validators, MaxValidators))
	}
	if err := c.Links.check(); err != nil {
		return nil, err
	}
	if c.Progress == nil {
		c.Progress = func(string, ...any) {}
	}
	if c.Program == "" {
		if c.Program, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("finding parsd's own file: %w", err)
		}
	}
	n := &Network{links: c.Links, stopping: make(chan struct{})}
	if c.Dir == "" {
		if c.Dir, err = os.MkdirTemp("", "parsd-localnet-"); err != nil {
			return nil, fmt.Errorf("%w: %w; name one with --datadir", datadir.ErrUnusable, err)
		}
		n.temporary = true
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Stop())
		}
	}()
	want := c.Validators
	if entries, _ := os.ReadDir(c.Dir); want == 0 && len(entries) == 0 {
		want = DefaultValidators
	}
	if n.folder, err = openFolder(c.Dir, want, time.Now()); err != nil {
		if n.temporary {
			err = errors.Join(err, os.RemoveAll(c.Dir))
		}
		return nil, err
	}
	if !c.Links.plain() {
		if n.fabric, err = newFabric(ctx, len(n.folder.record.Nodes), c.Links); err != nil {
			return nil, err
		}
		if n.control, err = newControl(ctx, n.folder.path, n.obey(c.Progress)); err != nil {
			return nil, err
		}
	}
	if err := n.configure(ctx, c); err != nil {
		return nil, err
	}
	if err := n.startAll(c); err != nil {
		return nil, err
	}
	return n, n.awaitReady(ctx, c.Progress)
}

// obey carries out orders while the network runs.
func (n *Network) obey(progress func(string, ...any)) func(order) error {
	return func(o order) error {
		sides, err := o.Cut.sides(len(n.folder.record.Nodes))
		if err != nil {
			return err
		}
		n.fabric.router.cut(sides)
		if len(o.Cut) == 0 {
			progress("all nodes reach each other again")
		} else {
			progress("the network is cut into %s and the rest", o.Cut)
		}
		return nil
	}
}

// configure decides ports and writes every node's settings.
func (n *Network) configure(ctx context.Context, c Config) error {
	base := c.HTTPPort
	places := make([]place, len(n.folder.record.Nodes))
	if n.fabric != nil {
		// Every node has an address of its own, and with it all ports.
		if base == 0 {
			base = params.RPCPort
		}
		for i := range places {
			places[i] = place{n.fabric.addrs[i], base, params.StakingPort, params.NodeAPIPort}
		}
	} else {
		if err := settlePorts(ctx, n.folder.record.Nodes, base); err != nil {
			return err
		}
		if err := n.folder.save(); err != nil {
			return err
		}
		for i, m := range n.folder.record.Nodes {
			places[i] = place{loopback, m.HTTP, m.Staking, m.API}
		}
	}
	for i := range places {
		text, err := settings(n.folder, places, i, c.Plugin)
		if err != nil {
			return err
		}
		if err := os.WriteFile(n.settingsPath(i), []byte(text), 0o600); err != nil {
			return fmt.Errorf("%w: %w", datadir.ErrUnusable, err)
		}
	}
	if n.fabric != nil {
		return nil // nobody outside can reach the nodes
	}
	text, err := joinSettings(n.folder, places)
	if err != nil {
		return err
	}
	if err := os.WriteFile(n.joinPath(), []byte(text), 0o600); err != nil {
		return fmt.Errorf("%w: %w", datadir.ErrUnusable, err)
	}
	return nil
}

// joinPath is where the settings of a node are that isn't of this network yet.
func (n *Network) joinPath() string { return n.folder.file(joinFile) }

func (n *Network) settingsPath(i int) string { return n.folder.home(i) + "/" + settingsFile }

func (n *Network) startAll(c Config) error {
	environ := []string{} // not nil, which would mean ours
	for _, e := range c.Environ {
		if !strings.HasPrefix(e, "PARS_") {
			environ = append(environ, e)
		}
	}
	count := len(n.folder.record.Nodes)
	c.Progress("starting %d nodes in %s", count, n.folder.path)
	n.starter = newStarter()
	n.deaths = make(chan Death, count)
	for i := range count {
		program := c.Program
		if other, ok := c.Programs[i+1]; ok {
			program = other
		}
		args := []string{program, "run", "--json", "--config", n.settingsPath(i)}
		if n.fabric != nil {
			var err error
			if args, err = n.fabric.command(i, args); err != nil {
				return fmt.Errorf("node %d: %w", i+1, err)
			}
		}
		child, err := n.starter.startChild(args, environ, n.folder.log(i))
		if err != nil {
			return fmt.Errorf("node %d: %w", i+1, err)
		}
		n.children = append(n.children, child)
	}
	for i, child := range n.children {
		go n.mourn(i, child)
	}
	return nil
}

// mourn reports the end of a node unless all are being stopped.
func (n *Network) mourn(i int, c *child) {
	select {
	case <-n.stopping:
		return
	case <-c.done:
	}
	left := 0
	for _, other := range n.children {
		if other.running() {
			left++
		}
	}
	n.deaths <- Death{Node: i + 1, Fate: c.fate(), Left: left}
}

// awaitReady waits for every node's banner. One that dies before it has failed
// to start, and the network with it.
func (n *Network) awaitReady(ctx context.Context, progress func(string, ...any)) error {
	limit := startTime + time.Duration(len(n.children))*startTimeEach
	late := time.NewTimer(limit)
	defer late.Stop()
	news := make(chan struct{})
	done := make(chan struct{})
	defer close(done)
	for _, c := range n.children {
		go func() {
			select {
			case <-c.ready:
			case <-done:
				return
			}
			select {
			case news <- struct{}{}:
			case <-done:
			}
		}()
	}
	for ready := range len(n.children) {
		select {
		case <-news:
			progress("%d of %d nodes are ready", ready+1, len(n.children))
		case d := <-n.deaths:
			return fmt.Errorf("node %d %s (all of it in %s)", d.Node, d.Fate, n.folder.log(d.Node-1))
		case <-late.C:
			return fmt.Errorf("after %s these nodes are not ready: %s; see their logs in %s", limit, n.notReady(), n.folder.path)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (n *Network) notReady() string {
	var names []string
	for i, c := range n.children {
		if !c.isReady() {
			names = append(names, fmt.Sprintf("node%d", i+1))
		}
	}
	return strings.Join(names, ", ")
}

// Deaths delivers the nodes that end by themselves, or because somebody other
// than [Network.Stop] ended them. The network runs on without them.
func (n *Network) Deaths() <-chan Death { return n.deaths }

// Kill ends all nodes at once, for who doesn't want to wait for a [Network.Stop]
// that has begun.
func (n *Network) Kill() {
	for _, c := range n.children {
		// If it can't be killed, Stop says so.
		_ = c.signal(syscall.SIGKILL)
	}
}

// Stop ends all nodes, with SIGTERM and then, when their time is over, with
// SIGKILL. A temporary folder is removed. It must be called once.
func (n *Network) Stop() error {
	close(n.stopping)
	var errs []error
	late := time.NewTimer(stopTime)
	defer late.Stop()
	for i, c := range n.children {
		// A frozen node couldn't hear it.
		if err := errors.Join(c.signal(syscall.SIGCONT), c.signal(syscall.SIGTERM)); err != nil {
			errs = append(errs, fmt.Errorf("stopping node %d: %w", i+1, err))
		}
	}
	over := late.C
	for i, c := range n.children {
		if c.wait(over) {
			continue
		}
		// The timer fires once; from here on nobody is waited for.
		expired := make(chan time.Time)
		close(expired)
		over = expired
		errs = append(errs, fmt.Errorf("node %d did not stop in %s and was killed; its log is %s", i+1, stopTime, n.folder.log(i)), c.signal(syscall.SIGKILL))
		<-c.done
	}
	if n.starter != nil {
		n.starter.close()
	}
	if n.control != nil {
		errs = append(errs, n.control.close(n.folder.path))
	}
	if n.fabric != nil {
		errs = append(errs, n.fabric.close())
	}
	if n.folder != nil {
		errs = append(errs, n.folder.close())
		if n.temporary {
			errs = append(errs, os.RemoveAll(n.folder.path))
		}
	}
	return errors.Join(errs...)
}
