package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/utils/logging"
	"github.com/ava-labs/avalanchego/vms"
	"go.uber.org/goleak"

	"github.com/pars-network/pars/node/datadir"
)

// longest is how long anything here may take before it counts as hung.
const longest = time.Minute

// devSettings are those of a development node on free ports.
func devSettings(t *testing.T) Settings {
	t.Helper()
	var s Settings
	if err := s.Flags(Dev).Parse([]string{"--http.port=0"}); err != nil {
		t.Fatal(err)
	}
	s.DataDir = filepath.Join(t.TempDir(), "data")
	return s
}

func start(t *testing.T, o Options) *Node {
	t.Helper()
	n, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Errorf("Stop() = %v, want nil", err)
		}
	})
	return n
}

func TestNodeServesAndStops(t *testing.T) {
	n := start(t, Options{Mode: Dev, Settings: devSettings(t)})
	select {
	case <-n.Ready():
	case err := <-n.Failed():
		t.Fatal(err)
	case <-time.After(longest):
		t.Fatal("not ready")
	}
	b, err := n.Banner()
	if err != nil {
		t.Fatal(err)
	}
	for method, want := range map[string]string{
		"eth_chainId":           `"0x539"`,
		"net_version":           `"1337"`,
		"eth_syncing":           "false",
		"txpool_status":         "pending",
		"pars_nodeInfo":         b.NodeID,
		"pars_validators":       b.NodeID,
		"pars_schedule":         b.NodeID,
		"pars_getEquivocations": `"result":`,
	} {
		if got := call(t, b.HTTP, method); !strings.Contains(got, want) {
			t.Errorf("%s = %s, want %q in it", method, got, want)
		}
	}
	for _, url := range []string{b.HTTP, b.API + "/ext/health"} {
		if got := allowedOrigin(t, url); got != "" {
			t.Errorf("%s lets pages of %q call, want none", url, got)
		}
	}
	if err := n.Stop(); err != nil {
		t.Errorf("Stop() = %v, want nil", err)
	}
	if _, err := net.DialTimeout("tcp", strings.TrimPrefix(b.HTTP, "http://"), longest); err == nil {
		t.Error("the JSON-RPC port still answers after Stop")
	}
	select {
	case err := <-n.Failed():
		t.Errorf("a stopped node failed: %v", err)
	default:
	}
}

// allowedOrigin returns the origin that a server allows when a page of another
// one asks.
func allowedOrigin(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "https://evil.example")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.Header.Get("Access-Control-Allow-Origin")
}

// call returns the answer to a call without parameters.
func call(t *testing.T, url, method string) string {
	t.Helper()
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":[]}`, method)
	r, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// faultyFactory makes VMs that panic when the engine sets its preference.
type faultyFactory struct{ vms.Factory }

func (f faultyFactory) New(log logging.Logger) (any, error) {
	made, err := f.Factory.New(log)
	if vm, ok := made.(*watchedVM); ok {
		made = faultyVM{vm}
	}
	return made, err
}

type faultyVM struct{ *watchedVM }

func (faultyVM) SetPreference(context.Context, ids.ID) error { panic("injected fault") }

func TestPanicInTheChainEndsTheProcess(t *testing.T) {
	s := devSettings(t)
	crashed := make(chan string, 8)
	start(t, Options{
		Mode: Dev, Settings: s,
		Crash: func(reason string) { crashed <- reason },
		Wrap:  func(f vms.Factory) vms.Factory { return faultyFactory{f} },
	})
	select {
	case reason := <-crashed:
		if !strings.Contains(reason, "the chain panicked: injected fault") || strings.Contains(reason, "\n") {
			t.Errorf("reason = %q, want one line with the panic's value", reason)
		}
	case <-time.After(longest):
		t.Fatal("the panic didn't reach Crash")
	}
	reports, err := filepath.Glob(filepath.Join(s.DataDir, datadir.LogsFolder, "panic-*.txt"))
	if err != nil || len(reports) == 0 {
		t.Fatalf("panic reports = %v, %v, want one", reports, err)
	}
	text, err := os.ReadFile(reports[0])
	if err != nil || !strings.Contains(string(text), "faultyVM.SetPreference") {
		t.Errorf("report = %q, %v, want the stack of the fault", text, err)
	}
}

func TestChainStoppedByTheEngineIsAFailure(t *testing.T) {
	var w *watchedVM
	n := start(t, Options{Mode: Dev, Settings: devSettings(t), Wrap: func(f vms.Factory) vms.Factory {
		return catcher{f, func(vm *watchedVM) { w = vm }}
	}})
	select {
	case <-n.Ready():
	case <-time.After(longest):
		t.Fatal("not ready")
	}
	if err := w.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-n.Failed():
		if !errors.Is(err, ErrChain) || CodeOf(err) != CodeChain {
			t.Errorf("Failed() = %v with code %d, want ErrChain and %d", err, CodeOf(err), CodeChain)
		}
	case <-time.After(longest):
		t.Fatal("nobody noticed")
	}
}

// catcher hands out the VMs it makes.
type catcher struct {
	vms.Factory
	caught func(*watchedVM)
}

func (c catcher) New(log logging.Logger) (any, error) {
	made, err := c.Factory.New(log)
	if vm, ok := made.(*watchedVM); ok {
		c.caught(vm)
	}
	return made, err
}

func TestPortAnswersWhileStarting(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := newFront(l)
	r, err := http.Get("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, _ := io.ReadAll(r.Body)
	if r.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(text), "starting") {
		t.Errorf("answer = %d %q, want 503 and that it is starting", r.StatusCode, text)
	}
	for range 2 {
		if err := f.close(t.Context()); err != nil {
			t.Errorf("close() = %v, want nil", err)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestBannerForPeopleAndScripts(t *testing.T) {
	b := Banner{
		Network: "pars-dev", ChainID: 1337, HTTP: "http://127.0.0.1:8545", WebSocket: "ws://127.0.0.1:8545",
		Accounts: []Account{{Address: "0xaa", PrivateKey: "0xbb", Balance: "1", Tokens: "1"}},
		Session:  []string{"/ip4/127.0.0.1/tcp/9000/p2p/QmA", "/ip4/10.0.0.1/tcp/9000/p2p/QmA"}, SessionSocket: "/x/api.sock",
		DataDir: "/tmp/x", Temporary: true,
	}
	var text, line bytes.Buffer
	if err := errors.Join(b.WriteText(&text), b.WriteJSON(&line)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"http://127.0.0.1:8545", "ws://127.0.0.1:8545", "1337", "0xaa", "0xbb", "QmA", "/tmp/x", "removed at the end", "publicly known", "Ctrl-C"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("banner lacks %q:\n%s", want, text.String())
		}
	}
	var back Banner
	if err := json.Unmarshal(line.Bytes(), &back); err != nil || strings.Count(line.String(), "\n") != 1 {
		t.Errorf("JSON banner = %q, %v, want one line", line.String(), err)
	}
	b.Accounts, b.Temporary = nil, false
	text.Reset()
	if err := b.WriteText(&text); err != nil || strings.Contains(text.String(), "publicly known") || !strings.Contains(text.String(), "(kept)") {
		t.Errorf("banner of a real network = %q, %v, want no word of public keys, and that the folder is kept", text.String(), err)
	}
}

func TestSocketPathFitsTheSystem(t *testing.T) {
	short := "/tmp/x/api.sock"
	if got, _, err := socketPath(short); err != nil || got != short {
		t.Errorf("socketPath(%q) = %q, %v, want it as it is", short, got, err)
	}
	got, cleanUp, err := socketPath("/" + strings.Repeat("x", 200))
	if err != nil || len(got) > maxSocketPath {
		t.Fatalf("socketPath of a long path = %q, %v, want a short one", got, err)
	}
	if err := cleanUp(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Dir(got)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after cleanUp, Stat = %v, want ErrNotExist", err)
	}
}

func TestPeersAndCodes(t *testing.T) {
	for _, text := range []string{"", "NodeID-x", "NodeID-x@1.2.3.4:5", "NodeID-7Xhw2mDxuDS44j42TCB6U5579esbSt3Lg@1.2.3.4", "NodeID-7Xhw2mDxuDS44j42TCB6U5579esbSt3Lg@1.2.3.4:0"} {
		if p, err := parsePeer(text); err == nil {
			t.Errorf("parsePeer(%q) = %+v, want an error", text, p)
		}
	}
	p, err := parsePeer("NodeID-7Xhw2mDxuDS44j42TCB6U5579esbSt3Lg@[2001:db8::1]:9651")
	if err != nil || p.Addr.Port() != 9651 {
		t.Errorf("parsePeer = %+v, %v, want port 9651", p, err)
	}
	if got := CodeOf(errors.New("?")); got != CodeFailure {
		t.Errorf("CodeOf(unknown) = %d, want %d", got, CodeFailure)
	}
	if got := CodeOf(fmt.Errorf("x: %w", Usage(errors.New("y")))); got != CodeUsage {
		t.Errorf("CodeOf(usage) = %d, want %d", got, CodeUsage)
	}
}
