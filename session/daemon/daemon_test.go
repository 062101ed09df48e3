package daemon

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"connectrpc.com/connect"
	client "github.com/pars-network/pars/client/session"
	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/session/api"
	"github.com/pars-network/pars/session/api/apiconnect"
	"github.com/pars-network/pars/session/store"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(t *testing.T) Config {
	return Config{Network: params.Dev, DataDir: t.TempDir(), Listen: []string{"/ip4/127.0.0.1/tcp/0"}}
}

func start(t *testing.T, cfg Config) *Daemon {
	t.Helper()
	d, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func TestLife(t *testing.T) {
	cfg := config(t)
	cfg.PersistentNodeKey = true
	ctx, cancel := context.WithCancel(t.Context())
	d, err := Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	first := d.PeerID()
	if len(d.Multiaddrs()) != 1 || !strings.HasSuffix(d.Multiaddrs()[0], "/p2p/"+first) || !strings.HasPrefix(first, "Qm") {
		t.Errorf("Multiaddrs() = %v, PeerID() = %s", d.Multiaddrs(), first)
	}
	if runtime.GOOS != "windows" {
		for path, want := range map[string]os.FileMode{d.APISocket(): 0o600, d.DataDir(): 0o700} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, want)
			}
		}
	}
	if _, err := Start(t.Context(), cfg); !errors.Is(err, store.ErrLocked) {
		t.Errorf("a second daemon in the folder: %v, want ErrLocked", err)
	}
	cancel()
	<-d.Done()
	if d.Err() != nil || d.Close() != nil {
		t.Errorf("after the context ended: %v", d.Err())
	}
	if _, err := os.Stat(d.APISocket()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
	d = start(t, cfg)
	if d.PeerID() != first {
		t.Errorf("a persistent key gave %s, then %s", first, d.PeerID())
	}
	other := start(t, config(t))
	if _, err := os.Stat(filepath.Join(other.DataDir(), nodeKeyFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a light node keeps its key on disk: %v", err)
	}
}

func TestSettingsThatCanNotBe(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*Config)
		want error
		text string
	}{
		{"no folder", func(c *Config) { c.DataDir = "" }, ErrConfig, "--datadir"},
		{"no multiaddr", func(c *Config) { c.Listen = []string{"127.0.0.1:9000"} }, ErrConfig, "/ip4/0.0.0.0/tcp/9000"},
		{"a transport that we do not have", func(c *Config) { c.Listen = []string{"/ip4/127.0.0.1/udp/0/quic-v1"} }, ErrListen, "want /ip4/"},
		{"a bootstrap node without its id", func(c *Config) { c.Bootstrap = []string{"/ip4/127.0.0.1/tcp/1"} }, ErrConfig, "p2p/Qm"},
		{"an open API", func(c *Config) { c.HTTP = "0.0.0.0:1" }, ErrConfig, "loopback"},
		{"a long socket path", func(c *Config) { c.APISocket = "/" + strings.Repeat("x", 200) }, ErrConfig, "--api"},
		{"a file where the socket should be", func(c *Config) {
			c.APISocket = filepath.Join(t.TempDir(), "f")
			if err := os.WriteFile(c.APISocket, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, ErrListen, "in the way"},
	} {
		cfg := config(t)
		c.edit(&cfg)
		d, err := Start(t.Context(), cfg)
		if err == nil {
			_ = d.Close()
		}
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %v with %q", c.name, err, c.want, c.text)
		}
	}
}

// dial is a client of d.
func dial(t *testing.T, d *Daemon) *client.Client {
	t.Helper()
	c, err := client.Dial(client.Config{DataDir: d.DataDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// unixHTTP talks plain HTTP over the socket.
func unixHTTP(t *testing.T, d *Daemon, http2 bool) *http.Client {
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", d.APISocket())
	}}
	if http2 {
		tr.Protocols = new(http.Protocols)
		tr.Protocols.SetUnencryptedHTTP2(true)
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func TestPlainHTTPAndGRPC(t *testing.T) {
	d := start(t, config(t))
	post := func(path, body string) (int, string) {
		res, err := unixHTTP(t, d, false).Post("http://localhost/pars.session.v1."+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	for _, c := range []struct {
		path, body string
		code       int
		want       string
	}{
		{"NodeService/GetStatus", `{}`, 200, `"network":"pars-dev"`},
		{"NodeService/GetStatus", `{`, 400, "invalid_argument"},
		{"NodeService/Nothing", `{}`, 404, ""},
		{"IdentityService/GetIdentity", `{}`, 404, "no identity yet"},
		{"IdentityService/RestoreIdentity", `{"phrase":"one two"}`, 400, "want 24"},
		{"ContactService/AddContact", `{"card":"x"}`, 400, "not a contact card"},
		{"ContactService/GetContact", `{"who":"x"}`, 404, "no such contact"},
		{"MessageService/SendMessage", `{"to":"x","text":""}`, 400, "empty"},
		{"MessageService/SendMessage", `{"to":"x","text":"y"}`, 404, "no identity"},
		{"MessageService/ListMessages", `{"limit":4294967295}`, 200, "{}"},
		{"ContactService/AddContact", `{"card":"` + strings.Repeat("x", maxRequest) + `"}`, 429, "resource_exhausted"},
	} {
		code, body := post(c.path, c.body)
		if code != c.code || !strings.Contains(body, c.want) {
			t.Errorf("%s %.40s: %d %.200s, want %d with %q", c.path, c.body, code, body, c.code, c.want)
		}
	}
	grpc := apiconnect.NewNodeServiceClient(unixHTTP(t, d, true), "http://localhost", connect.WithGRPC())
	res, err := grpc.GetStatus(t.Context(), connect.NewRequest(&api.GetStatusRequest{}))
	if err != nil || res.Msg.GetPeerId() != d.PeerID() {
		t.Errorf("over gRPC: %v, %v", res, err)
	}
}

func TestLoopbackNeedsTokenAndName(t *testing.T) {
	cfg := config(t)
	cfg.HTTP = "127.0.0.1:0"
	d := start(t, cfg)
	token, err := os.ReadFile(d.TokenFile())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(host, authorization string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+d.HTTPAddr()+"/pars.session.v1.NodeService/GetStatus", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", authorization)
		if host != "" {
			r.Host = host
		}
		tr := &http.Transport{}
		defer tr.CloseIdleConnections()
		res, err := tr.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	good := "Bearer " + string(bytes.TrimSpace(token))
	for _, c := range []struct {
		name, host, authorization string
		want                      int
	}{
		{"the token", "", good, 200},
		{"no token", "", "", 401},
		{"another token", "", "Bearer x", 401},
		{"a name that points to loopback", "evil.example", good, 403},
	} {
		if got := ask(c.host, c.authorization); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// Watchers do not keep a daemon from stopping, and are told.
func TestWatchersEndWithTheDaemon(t *testing.T) {
	d := start(t, config(t))
	stream, err := dial(t, d).Messages.WatchMessages(t.Context(), connect.NewRequest(&api.WatchMessagesRequest{}))
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- d.Close() }()
	if stream.Receive() {
		t.Error("a message out of nothing")
	}
	if err := stream.Err(); connect.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("the stream ended with %v, want unavailable", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	_ = stream.Close()
}
