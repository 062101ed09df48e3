package swarm

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/internal/testutil"
	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/session/control"
	"github.com/pars-network/pars/session/envelope"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/onion"
	"github.com/pars-network/pars/session/swarm"
	"github.com/pars-network/pars/session/transport"
)

// patience bounds every wait. Nothing is measured by it.
const patience = 90 * time.Second

func TestMain(m *testing.M) { os.Exit(testutil.Main(m)) }

// node is a process of sessiond --service.
type node struct {
	*testutil.Process
	dir  string
	args []string
	ready
}

type ready struct {
	NodeID     string   `json:"node_id"`
	Multiaddrs []string `json:"multiaddrs"`
	API        string   `json:"api"`
	Metrics    string   `json:"metrics"`
}

func start(t *testing.T, dir string, args ...string) *node {
	t.Helper()
	n := &node{dir: dir, args: args}
	n.again(t)
	return n
}

// again starts the node's process with the data folder that it has.
func (n *node) again(t *testing.T) {
	t.Helper()
	args := append([]string{
		"--service", "--network", "pars-dev", "--datadir", n.dir, "--listen", "/ip4/127.0.0.1/tcp/0",
		"--metrics", "127.0.0.1:0", "--service-lifetime", "20s", "--service-mib", "64", "--json", "--log.level", "debug",
	}, n.args...)
	n.Process = testutil.Start(t, testutil.Build(t, "sessiond"), args...)
	n.JSON(patience, &n.ready)
}

// person is a client with a directory of its own.
type person struct {
	t         *testing.T
	host      host.Host
	control   *control.Service
	directory *nodes.Directory
	exchange  *nodes.Host
	maps      *swarm.Maps
	client    *swarm.Client
	mailbox   *sign.PrivateKey
	cursor    swarm.Cursor
	got       []uint64
}

func newPerson(t *testing.T, boot string) *person {
	t.Helper()
	key, err := transport.Fresh(rand.Reader)
	check(t, err)
	p := &person{t: t}
	p.host, err = transport.NewHost(transport.Config{Key: key})
	check(t, err)
	t.Cleanup(func() { _ = p.host.Close() })
	p.control, err = control.New(p.host, control.Config{Network: params.Dev})
	check(t, err)
	t.Cleanup(func() { _ = p.control.Close() })
	p.directory, err = nodes.NewDirectory(nodes.Config{Network: params.Dev.ID})
	check(t, err)
	p.exchange = nodes.Attach(p.host, p.directory, nodes.HostConfig{Links: p.control})
	t.Cleanup(p.exchange.Close)
	addr, err := peer.AddrInfoFromString(boot)
	check(t, err)
	check(t, p.control.Connect(t.Context(), *addr))
	p.maps = swarm.NewMaps(p.directory, nil)
	p.client = swarm.NewClient(swarm.ClientConfig{Maps: p.maps, Caller: swarm.NewDirect(p.host, p.control, p.directory), Sweep: time.Second})
	t.Cleanup(p.client.Close)
	seed := make([]byte, sign.SeedSize)
	_, _ = rand.Read(seed)
	p.mailbox, err = sign.NewPrivateKey(seed)
	check(t, err)
	return p
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until repeats f until it is true.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited %v for this: %s", patience, what)
		case <-tick.C:
		}
	}
}

// learn asks around until the directory has exactly these nodes that store.
func (p *person) learn(all []*node) {
	p.t.Helper()
	var want []string
	for _, n := range all {
		want = append(want, n.NodeID)
	}
	slices.Sort(want)
	until(p.t, fmt.Sprintf("%d service nodes are known", len(all)), func() bool {
		p.exchange.Round(p.t.Context())
		var got []string
		for _, r := range p.directory.With(nodes.Store) {
			got = append(got, r.ID().String())
		}
		return slices.Equal(got, want)
	})
}

func (p *person) put(n uint64) {
	p.t.Helper()
	e, err := envelope.New(identity.MailboxIDOf(p.mailbox.Public()), time.Now(), 0, 64)
	check(p.t, err)
	binary.BigEndian.PutUint64(e.Sealed, n)
	raw, err := e.Bytes()
	check(p.t, err)
	if stored, total, err := p.client.Put(p.t.Context(), raw); err != nil {
		p.t.Fatalf("Put(%d) = %d of %d, %v", n, stored, total, err)
	}
}

// poll polls once, keeps what came and deletes it.
func (p *person) poll() {
	p.t.Helper()
	found, next, err := p.client.Poll(p.t.Context(), p.mailbox, p.cursor, 0)
	if err != nil {
		p.t.Logf("Poll: %v", err)
		return
	}
	p.cursor = next
	for _, raw := range found {
		e, err := envelope.Parse(raw)
		check(p.t, err)
		p.got = append(p.got, binary.BigEndian.Uint64(e.Sealed))
	}
	if len(found) > 0 {
		if _, _, err := p.client.Delete(p.t.Context(), p.mailbox, found); err != nil {
			p.t.Errorf("Delete: %v", err)
		}
	}
}

// want polls until n messages are there, and a little more for doubles.
func (p *person) want(n int) {
	p.t.Helper()
	until(p.t, fmt.Sprintf("%d messages have come", n), func() bool { p.poll(); return len(p.got) >= n })
	for range 3 {
		p.poll()
	}
	slices.Sort(p.got)
	if len(p.got) != n || len(slices.Compact(slices.Clone(p.got))) != n {
		p.t.Errorf("messages %v came, want %d different ones", p.got, n)
	}
}

func metric(t *testing.T, n *node, name string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+n.Metrics+"/metrics", nil)
	check(t, err)
	res, err := http.DefaultClient.Do(req)
	check(t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	check(t, err)
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(v)
		}
	}
	t.Errorf("%s has no metric %s", n.NodeID, name)
	return ""
}

func parsctl(t *testing.T, n *node, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), testutil.Build(t, "parsctl"), append([]string{"--datadir", n.dir}, args...)...)
	cmd.Env = testutil.Environ()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("parsctl %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestServiceNodes(t *testing.T) {
	all := []*node{start(t, t.TempDir())}
	boot := all[0].Multiaddrs[0]
	for range 7 {
		all = append(all, start(t, t.TempDir(), "--bootstrap", boot))
	}
	p := newPerson(t, boot)
	p.learn(all)
	key := swarm.Key(identity.MailboxIDOf(p.mailbox.Public()))
	holders := func() (in, out []*node) {
		for _, n := range all {
			if slices.ContainsFunc(p.maps.Now().Current(key), func(r *nodes.Record) bool { return r.ID().String() == n.NodeID }) {
				in = append(in, n)
			} else {
				out = append(out, n)
			}
		}
		return in, out
	}

	// Messages go in and come out once.
	sent := uint64(0)
	send := func(n int) {
		t.Helper()
		for range n {
			p.put(sent)
			sent++
		}
	}
	send(10)
	p.want(int(sent))

	// kill -9 of three that hold the mailbox: what was stored is there.
	send(10)
	in, _ := holders()
	for _, n := range in[:3] {
		n.Kill()
	}
	p.want(int(sent))
	send(5) // four of seven are enough

	// They come back with their folders, and what they acknowledged.
	for _, n := range in[:3] {
		n.again(t)
	}
	p.learn(all)
	// Ten whose deletion they missed, and five that were stored without them.
	until(t, "a node that was away is repaired", func() bool { return metric(t, in[0], "pars_swarm_items") == "15" })
	for _, n := range in[3:6] { // those who took it when the others were away
		n.Kill()
	}
	p.want(int(sent))
	for _, n := range in[3:6] {
		n.again(t)
	}
	p.learn(all)

	// One vanishes with its folder and is replaced by a new one; one leaves.
	send(5)
	in, _ = holders()
	in[0].Kill()
	all = slices.DeleteFunc(all, func(n *node) bool { return n == in[0] })
	all = append(all, start(t, t.TempDir(), "--bootstrap", in[1].Multiaddrs[0]))
	if out := parsctl(t, in[2], "node", "leave", "--json"); !strings.Contains(out, `"left":0`) {
		t.Errorf("node leave: %s", out)
	}
	all = slices.DeleteFunc(all, func(n *node) bool { return n == in[2] })
	p.learn(all) // the record of the one that vanished expires meanwhile
	if code, _ := in[2].Terminate(); code != 0 {
		t.Errorf("sessiond ended with %d", code)
	}
	p.want(int(sent))

	// The same over onions.
	guards, err := onion.NewGuards(nil, rand.Reader, nil)
	check(t, err)
	client := onion.NewClient(onion.HostLinks(p.host, nil, p.directory), onion.ClientConfig{Directory: p.directory, Guards: guards, Rand: rand.Reader})
	direct := p.client
	p.client = swarm.NewClient(swarm.ClientConfig{Maps: p.maps, Caller: client, Sweep: time.Second})
	defer p.client.Close()
	send(3)
	p.want(int(sent))
	p.client = direct

	if out := parsctl(t, all[1], "node", "services", "--json"); strings.Count(out, `"store"`) != len(all) {
		t.Errorf("node services lists %s, want %d nodes that store", out, len(all))
	}
}

// Two people who are never online together write to each other: messages wait at
// service nodes, and come over onions.
func TestMessagesWaitAtServiceNodes(t *testing.T) {
	all := []*node{start(t, t.TempDir())}
	boot := all[0].Multiaddrs[0]
	for range 4 {
		all = append(all, start(t, t.TempDir(), "--bootstrap", boot))
	}
	light := func(dir string) *node {
		n := &node{dir: dir}
		n.Process = testutil.Start(t, testutil.Build(t, "sessiond"), "--network", "pars-dev", "--datadir", dir,
			"--listen", "/ip4/127.0.0.1/tcp/0", "--bootstrap", boot, "--json", "--log.level", "debug")
		n.JSON(patience, &n.ready)
		return n
	}
	dirs := map[string]string{"alice": t.TempDir(), "bob": t.TempDir()}
	cards := map[string]string{}
	for name, dir := range dirs {
		n := light(dir)
		parsctl(t, n, "identity", "create", "--json")
		cards[name] = filepath.Join(t.TempDir(), name+".card")
		check(t, os.WriteFile(cards[name], []byte(parsctl(t, n, "contact", "card")), 0o600))
		n.Terminate()
	}
	say := func(n *node, to, text string) {
		t.Helper()
		parsctl(t, n, "message", "send", "--to", to, text, "--json")
		until(t, text+" is stored", func() bool {
			return strings.Contains(parsctl(t, n, "message", "list", "--json"), `"state":"stored"`)
		})
	}
	comes := func(n *node, text string) {
		t.Helper()
		until(t, text+" has come", func() bool {
			list := parsctl(t, n, "message", "list", "--json")
			return strings.Count(list, text) == 1 && strings.Contains(list, `"state":"received"`)
		})
	}
	alice := light(dirs["alice"])
	parsctl(t, alice, "contact", "add", "--name", "bob", cards["bob"])
	say(alice, "bob", "salam from alice")
	alice.Terminate()

	bob := light(dirs["bob"])
	parsctl(t, bob, "contact", "add", "--name", "alice", cards["alice"])
	comes(bob, "salam from alice")
	say(bob, "alice", "salam from bob")
	bob.Kill()

	alice = light(dirs["alice"])
	comes(alice, "salam from bob")
	until(t, "the first message is known to be delivered", func() bool {
		return strings.Contains(parsctl(t, alice, "message", "list", "--json"), `"state":"delivered"`)
	})
}

// The address that a person announces is checked when it is typed.
func TestSettingsOfServiceNodes(t *testing.T) {
	for _, c := range [][]string{
		{"--announce", "here"}, {"--service-mib", "1"}, {"--service-lifetime", "1s"}, {"--metrics", "0.0.0.0:1"}, {"--metrics", "127.0.0.1:0"},
	} {
		args := append([]string{"--network", "pars-dev", "--datadir", t.TempDir()}, c...)
		if slices.Contains(c, "0.0.0.0:1") {
			args = append(args, "--service")
		}
		p := testutil.Start(t, testutil.Build(t, "sessiond"), args...)
		if code := p.Wait(patience); code != 2 {
			t.Errorf("sessiond %v ended with %d, want 2", c, code)
		}
	}
}
