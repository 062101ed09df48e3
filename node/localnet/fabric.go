package localnet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pars-network/pars/node"
)

// Addresses of nodes and host are from the block that is set aside for
// measuring networks (RFC 2544, section C.2.2): 198.18.S.1 for node 1, and the
// host at the end. S is chosen so that several networks can run at once.
const (
	fabricNet  = "198.18"
	hostNumber = 254
)

// namespacesDir is where `ip netns` keeps its namespaces.
const namespacesDir = "/run/netns"

// fabric is a network of namespaces, one for each node, whose only link is a
// TUN interface that this process reads: so it decides what arrives, and when,
// on every system that has TUN, with or without the kernel's own emulator.
type fabric struct {
	prefix string
	nodes  int
	addrs  []netip.Addr
	router *router
}

// newFabric makes the namespaces and interfaces for n nodes.
func newFabric(ctx context.Context, n int, l Links) (_ *fabric, err error) {
	if os.Geteuid() != 0 {
		return nil, node.Usage(errors.New("--delay, --loss, --regions and --cuttable make network namespaces, which only root may; run it with sudo, or leave them out"))
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return nil, node.Usage(fmt.Errorf("--delay, --loss, --regions and --cuttable need the program ip (package iproute2): %w", err))
	}
	sweep(ctx)
	f := &fabric{prefix: "pars" + strconv.Itoa(os.Getpid()), nodes: n}
	var wires []wire
	defer func() {
		if err == nil {
			return
		}
		for _, w := range wires {
			err = errors.Join(err, w.Close())
		}
		err = errors.Join(err, f.remove(ctx))
	}()
	subnet, err := freeSubnet()
	if err != nil {
		return nil, err
	}
	for i := range n + 1 {
		number := byte(i + 1)
		if i == n {
			number = hostNumber
		}
		addr := netip.AddrFrom4([4]byte{198, 18, subnet, number})
		name := f.prefix + "-" + strconv.Itoa(i+1)
		tun, err := openTUN(name)
		if err != nil {
			return nil, node.Usage(fmt.Errorf("--delay, --loss, --regions and --cuttable need TUN interfaces, which this system doesn't give: %w", err))
		}
		wires = append(wires, wire{ReadWriteCloser: tun, addr: addr})
		ip := []string{}
		if i < n {
			if err := run(ctx, "netns", "add", name); err != nil {
				return nil, err
			}
			if err := run(ctx, "link", "set", name, "netns", name); err != nil {
				return nil, err
			}
			ip = []string{"-n", name}
			if err := run(ctx, append(ip, "link", "set", "lo", "up")...); err != nil {
				return nil, err
			}
		}
		if err := run(ctx, append(ip, "addr", "add", addr.String()+"/24", "dev", name)...); err != nil {
			return nil, err
		}
		if err := run(ctx, append(ip, "link", "set", name, "up")...); err != nil {
			return nil, err
		}
		f.addrs = append(f.addrs, addr)
	}
	f.router = newRouter(wires, l.fromHost(n), dice(l.Loss, n))
	return f, nil
}

// fromHost is oneWay with a wire for the host, to and from which packets travel
// at once.
func (l Links) fromHost(host int) func(i, j int) time.Duration {
	return func(i, j int) time.Duration {
		if i == host || j == host {
			return 0
		}
		return l.oneWay(i, j)
	}
}

// command is what runs args inside the namespace of node i.
func (f *fabric) command(i int, args []string) ([]string, error) {
	ip, err := exec.LookPath("ip")
	if err != nil {
		return nil, err
	}
	return append([]string{ip, "netns", "exec", f.prefix + "-" + strconv.Itoa(i+1)}, args...), nil
}

// close takes the network down; nodes must have ended.
func (f *fabric) close() error {
	return errors.Join(f.router.close(), f.remove(context.Background()))
}

// remove deletes the namespaces. The interfaces end with their files.
func (f *fabric) remove(ctx context.Context) error {
	var errs []error
	for i := range f.nodes {
		name := f.prefix + "-" + strconv.Itoa(i+1)
		if _, err := os.Stat(filepath.Join(namespacesDir, name)); err == nil {
			errs = append(errs, run(ctx, "netns", "del", name))
		}
	}
	return errors.Join(errs...)
}

// sweep removes namespaces of local networks that were killed. It does what it
// can; a leftover namespace harms nobody.
func sweep(ctx context.Context) {
	entries, err := os.ReadDir(namespacesDir)
	if err != nil {
		return
	}
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), "pars")
		pid, _, split := strings.Cut(rest, "-")
		number, err := strconv.Atoi(pid)
		if !ours || !split || err != nil || !errors.Is(syscall.Kill(number, 0), syscall.ESRCH) {
			continue
		}
		_ = run(ctx, "netns", "del", e.Name())
	}
}

// run runs ip, which says nothing unless it fails.
func run(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// freeSubnet returns a third byte of addresses that no interface of this
// machine has.
func freeSubnet() (byte, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return 0, fmt.Errorf("listing this machine's addresses: %w", err)
	}
	used := map[string]bool{}
	for _, a := range addrs {
		used[a.String()] = true
	}
	for s := range 256 {
		if !used[fmt.Sprintf("%s.%d.%d/24", fabricNet, s, hostNumber)] {
			return byte(s), nil
		}
	}
	return 0, fmt.Errorf("%w: all of %s.0.0/16 are used", fs.ErrExist, fabricNet)
}
