package onion

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/session/control"
	"github.com/pars-network/pars/session/daemon/program"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/onion"
	"github.com/pars-network/pars/session/swarm"
	"github.com/pars-network/pars/session/transport"
)

// asDaemon makes this test binary be sessiond.
const asDaemon = "PARS_E2E_SESSIOND"

func TestMain(m *testing.M) {
	if os.Getenv(asDaemon) != "" {
		os.Exit(program.Main(program.Stdio()))
	}
	os.Exit(m.Run())
}

// patience bounds every wait. Nothing is measured by it.
const patience = 60 * time.Second

// service is a sessiond --service in a process of its own.
type service struct {
	cmd    *exec.Cmd
	done   chan struct{}
	stderr bytes.Buffer
	addr   string
	id     nodes.ID
	dead   bool
}

// network is a number of service nodes.
type network struct {
	t        *testing.T
	services []*service
}

// start starts a service node that knows the first living one.
func (n *network) start() *service {
	n.t.Helper()
	args := []string{"--network", "pars-dev", "--datadir", n.t.TempDir(), "--listen", "/ip4/127.0.0.1/tcp/0", "--json", "--service", "--service-mib", "64"}
	for _, s := range n.services {
		if !s.dead {
			args = append(args, "--bootstrap", s.addr)
			break
		}
	}
	// The test's end kills it; its context would end before the clean-up.
	s := &service{cmd: exec.CommandContext(context.WithoutCancel(n.t.Context()), os.Args[0], args...), done: make(chan struct{})}
	s.cmd.Env = append(os.Environ(), asDaemon+"=1")
	s.cmd.Stderr = &s.stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { n.kill(s) })
	line, readErr := bufio.NewReader(out).ReadBytes('\n')
	go func() {
		_, _ = io.Copy(io.Discard, out)
		_ = s.cmd.Wait()
		close(s.done)
	}()
	var ready struct {
		Multiaddrs []string `json:"multiaddrs"`
		NodeID     string   `json:"node_id"`
	}
	if err := json.Unmarshal(line, &ready); err != nil {
		n.kill(s)
		n.t.Fatalf("a service node did not come up: %v %v\n%s", readErr, err, &s.stderr)
	}
	s.addr = ready.Multiaddrs[0]
	if s.id, err = nodes.ParseID(ready.NodeID); err != nil {
		n.t.Fatal(err)
	}
	n.services = append(n.services, s)
	return s
}

// kill is kill -9.
func (n *network) kill(s *service) {
	if s.dead {
		return
	}
	s.dead = true
	_ = s.cmd.Process.Signal(syscall.SIGKILL)
	<-s.done
}

func (n *network) living() (out []*service) {
	for _, s := range n.services {
		if !s.dead {
			out = append(out, s)
		}
	}
	return out
}

// person is a light node with a mailbox, in this process.
type person struct {
	t         *testing.T
	host      host.Host
	directory *nodes.Directory
	exchange  *nodes.Host
	onion     *onion.Client
	guards    *onion.Guards
	swarm     *swarm.Client
	key       *sign.PrivateKey
	mailbox   identity.MailboxID
}

func (n *network) newPerson() *person {
	n.t.Helper()
	t := n.t
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	p := &person{t: t}
	var err error
	p.host, err = transport.NewHost(transport.Config{})
	must(err)
	ctl, err := control.New(p.host, control.Config{Network: params.Dev})
	must(err)
	p.directory, err = nodes.NewDirectory(nodes.Config{Network: params.Dev.ID})
	must(err)
	p.exchange = nodes.Attach(p.host, p.directory, nodes.HostConfig{Links: ctl})
	var targets []ma.Multiaddr
	for _, s := range n.living() {
		targets = append(targets, ma.StringCast(s.addr))
	}
	boot, err := control.NewBootstrap(ctl, targets[:1], nil, nil)
	must(err)
	p.guards, err = onion.NewGuards(nil, rand.Reader, nil)
	must(err)
	stale := make(chan struct{}, 1)
	p.onion = onion.NewClient(onion.HostLinks(p.host, ctl, p.directory), onion.ClientConfig{
		Directory: p.directory, Guards: p.guards, Rand: rand.Reader,
		Stale: func(nodes.ID) {
			select {
			case stale <- struct{}{}:
			default:
			}
		},
	})
	p.swarm = swarm.NewClient(swarm.ClientConfig{Maps: swarm.NewMaps(p.directory, time.Now), Caller: p.onion})
	seed := make([]byte, sign.SeedSize)
	_, err = rand.Read(seed)
	must(err)
	p.key, err = sign.NewPrivateKey(seed)
	must(err)
	p.mailbox = identity.MailboxIDOf(p.key.Public())

	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{}, 2)
	go func() { boot.Run(ctx); ended <- struct{}{} }()
	go func() {
		for ctx.Err() == nil {
			p.exchange.Round(ctx)
			select {
			case <-ctx.Done():
			case <-stale:
			case <-time.After(2 * time.Second):
			}
		}
		ended <- struct{}{}
	}()
	t.Cleanup(func() {
		cancel()
		p.swarm.Close()
		<-ended
		<-ended
		p.exchange.Close()
		_ = ctl.Close()
		_ = p.host.Close()
	})
	return p
}

// knows waits until the person knows n service nodes.
func (p *person) knows(n int) {
	p.t.Helper()
	late := time.After(patience)
	for {
		changed := p.directory.Changed()
		if p.directory.Len() >= n {
			return
		}
		select {
		case <-changed:
		case <-late:
			p.t.Fatalf("%d service nodes are known after %v, want %d", p.directory.Len(), patience, n)
		}
	}
}

// write makes an envelope of 8 KiB with a number in it.
func (p *person) write(to *person, number int) []byte {
	p.t.Helper()
	e, err := envelope.New(to.mailbox, time.Now(), time.Hour, 100)
	if err != nil {
		p.t.Fatal(err)
	}
	copy(e.Sealed, fmt.Sprintf("message %06d", number))
	raw, err := e.Bytes()
	if err != nil {
		p.t.Fatal(err)
	}
	return raw
}

// numberOf reads it back.
func numberOf(t *testing.T, raw []byte) (n int) {
	t.Helper()
	e, err := envelope.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(e.Sealed[:14]), "message %06d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}
