package rpc

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	ethrpc "github.com/ava-labs/libevm/rpc"
	"github.com/gorilla/websocket"
)

const (
	wsBuffer = 4096
	// wsPing is how long a connection may be silent before the server asks
	// whether the client is still there, and wsPong how long that may take.
	wsPing = 30 * time.Second
	wsPong = 30 * time.Second
	// wsWrite bounds writing a control message.
	wsWrite = 5 * time.Second
)

// isWebSocket reports whether r asks to become a WebSocket.
func isWebSocket(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket") &&
		strings.Contains(strings.ToLower(r.Header.Get("Connection")), "upgrade")
}

// wsHandler turns requests into WebSocket connections of the JSON-RPC server.
type wsHandler struct {
	rpc      *ethrpc.Server
	upgrader websocket.Upgrader
	log      *slog.Logger
	most     int   // connections; 0: no limit
	message  int64 // bytes
	opened   func(int)

	serving sync.WaitGroup
	mu      sync.Mutex
	conns   map[string]*wsConn // by remote address; nil once closed
	waiting int                // slots taken by connections in their handshake
}

func newWSHandler(server *ethrpc.Server, cfg Config, opened func(int)) *wsHandler {
	return &wsHandler{
		rpc: server,
		upgrader: websocket.Upgrader{
			ReadBufferSize:  wsBuffer,
			WriteBufferSize: wsBuffer,
			WriteBufferPool: new(sync.Pool),
			CheckOrigin:     originCheck(cfg.WSOrigins, cfg.Logger),
		},
		log:     cfg.Logger,
		most:    cfg.WSConnections,
		message: cfg.WSMessageBytes,
		opened:  opened,
		conns:   make(map[string]*wsConn),
	}
}

func (h *wsHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.reserve() {
		http.Error(w, "too many WebSocket connections; try again later", http.StatusServiceUnavailable)
		return
	}
	defer h.serving.Done()
	conn, err := h.upgrader.Upgrade(w, r, nil)
	if err != nil {
		h.release(nil)
		h.log.Debug("WebSocket handshake failed", "remote", r.RemoteAddr, "err", err)
		return
	}
	c := &wsConn{Conn: conn, remote: r.RemoteAddr}
	conn.SetReadLimit(h.message)
	conn.SetPongHandler(func(string) error { return conn.SetReadDeadline(time.Now().Add(wsPing + wsPong)) })
	if !h.admit(c) { // closed meanwhile
		_ = c.Close()
		return
	}
	defer h.release(c)
	alive, stop := context.WithCancel(context.Background())
	var pinger sync.WaitGroup
	pinger.Go(func() { c.ping(alive) })
	defer pinger.Wait()
	defer stop()
	encode := func(v any, _ bool) error { return conn.WriteJSON(v) }
	h.rpc.ServeCodec(ethrpc.NewFuncCodec(c, encode, c.ReadJSON), 0)
}

// reserve takes a slot for a connection; release gives it back.
func (h *wsHandler) reserve() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conns == nil || (h.most > 0 && len(h.conns)+h.waiting >= h.most) {
		return false
	}
	h.waiting++
	h.serving.Add(1)
	return true
}

// admit turns the slot of a handshake into that of a connection.
func (h *wsHandler) admit(c *wsConn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting--
	if h.conns == nil {
		return false
	}
	h.conns[c.remote] = c
	h.opened(len(h.conns))
	return true
}

// release ends a connection's slot, or with nil that of a failed handshake.
func (h *wsHandler) release(c *wsConn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c == nil {
		h.waiting--
		return
	}
	delete(h.conns, c.remote)
	h.opened(len(h.conns))
}

// drop closes the connection of a client that does not read. It may be stuck in
// a write, so it gets no farewell.
func (h *wsHandler) drop(remote string) {
	h.mu.Lock()
	c := h.conns[remote]
	h.mu.Unlock()
	if c != nil {
		_ = c.Close() // there is nobody to tell
	}
}

// close tells all clients that the server goes away, closes the connections and
// waits until their calls have returned or ctx ends.
func (h *wsHandler) close(ctx context.Context) error {
	h.mu.Lock()
	conns := h.conns
	h.conns = nil
	h.mu.Unlock()
	var farewell sync.WaitGroup
	for _, c := range conns {
		farewell.Go(func() {
			bye := websocket.FormatCloseMessage(websocket.CloseGoingAway, "node is shutting down")
			_ = c.WriteControl(websocket.CloseMessage, bye, time.Now().Add(wsWrite)) // it may be gone already
			_ = c.Close()
		})
	}
	farewell.Wait()
	done := make(chan struct{})
	go func() {
		h.serving.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wsConn is a WebSocket as the JSON-RPC codec wants it.
type wsConn struct {
	*websocket.Conn
	remote string
	once   sync.Once
}

// RemoteAddr returns the client's address, by which its connection is found.
func (c *wsConn) RemoteAddr() string { return c.remote }

// Close closes the connection once.
func (c *wsConn) Close() error {
	var err error
	c.once.Do(func() { err = c.Conn.Close() })
	return err
}

// ReadJSON reads one message, whatever its type, and moves the deadline by which
// the client must be heard again.
func (c *wsConn) ReadJSON(v any) error {
	if err := c.SetReadDeadline(time.Now().Add(wsPing + wsPong)); err != nil {
		return err
	}
	return c.Conn.ReadJSON(v)
}

// ping asks the client every wsPing whether it is there. An answer moves the
// read deadline, so a dead client's connection ends by itself.
func (c *wsConn) ping(ctx context.Context) {
	tick := time.NewTicker(wsPing)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if c.WriteControl(websocket.PingMessage, nil, time.Now().Add(wsWrite)) != nil {
				_ = c.Close()
				return
			}
		}
	}
}

// originCheck returns the test of the Origin header of a WebSocket handshake.
// A rule is an origin, of which scheme and port may be left out; "*" allows all.
// Without rules, pages served from this machine's own name are allowed.
func originCheck(rules []string, log *slog.Logger) func(*http.Request) bool {
	if len(rules) == 0 {
		rules = []string{"http://localhost"}
		if name, err := os.Hostname(); err == nil {
			rules = append(rules, "http://"+name)
		}
	}
	return func(r *http.Request) bool {
		if _, ok := r.Header["Origin"]; !ok {
			return true // not a browser
		}
		got := parseOrigin(r.Header.Get("Origin"))
		for _, rule := range rules {
			want := parseOrigin(rule)
			if rule == "*" || (want.host != "" && want.allows(got)) {
				return true
			}
		}
		log.Warn("refused a WebSocket from another web origin", "origin", r.Header.Get("Origin"), "allowed", rules)
		return false
	}
}

// origin is a web origin; parts of a rule that are empty stand for any.
type origin struct{ scheme, host, port string }

func (o origin) allows(got origin) bool {
	same := func(want, got string) bool { return want == "" || want == got }
	return same(o.scheme, got.scheme) && same(o.host, got.host) && same(o.port, got.port)
}

func parseOrigin(s string) origin {
	s = strings.ToLower(s)
	if !strings.Contains(s, "://") {
		if host, port, err := net.SplitHostPort(s); err == nil {
			return origin{host: host, port: port}
		}
		return origin{host: s}
	}
	u, err := url.Parse(s)
	if err != nil {
		return origin{}
	}
	return origin{scheme: u.Scheme, host: u.Hostname(), port: u.Port()}
}
