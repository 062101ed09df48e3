package daemon

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"
	"github.com/pars-network/pars/session/api"
	"github.com/pars-network/pars/session/api/apiconnect"
)

// maxRequest bounds the body of one API request, in bytes. A contact card is
// the largest thing that is ever sent at once. The import of a file is a stream of
// messages that are bounded one by one.
const maxRequest = 256 << 10

// bounded bounds what a request can send.
func bounded(handler http.Handler) http.Handler {
	limited := http.MaxBytesHandler(handler, maxRequest)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == apiconnect.SpaceServiceImportSpaceProcedure {
			handler.ServeHTTP(w, r)
			return
		}
		limited.ServeHTTP(w, r)
	})
}

// server serves the API on its socket and, if asked to, on loopback.
type server struct {
	http     http.Server
	socket   string
	httpAddr string
	wg       sync.WaitGroup
	// failed gets the first error of a listener that ended by itself.
	failed chan error
}

// newServer listens and starts to serve. The caller owns the data folder, so a
// socket that lies in it is left over from a process that is gone.
func newServer(ctx context.Context, cfg Config, handler http.Handler) (*server, error) {
	s := &server{socket: cfg.APISocket, failed: make(chan error, 2)}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s.http = http.Server{
		Handler:           bounded(handler),
		Protocols:         &protocols,
		ReadHeaderTimeout: 10 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
	}
	unix, err := listenSocket(ctx, cfg.APISocket)
	if err != nil {
		return nil, err
	}
	s.serve(unix)
	if cfg.HTTP == "" {
		return s, nil
	}
	if err := s.listenHTTP(ctx, cfg, handler, &protocols); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *server) serve(l net.Listener) {
	s.wg.Go(func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	})
}

func listenSocket(ctx context.Context, path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil {
		if info.Mode()&fs.ModeSocket == 0 {
			return nil, fmt.Errorf("%w: %s is in the way and is no socket; give another --api", ErrListen, path)
		}
		if conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", path); err == nil {
			_ = conn.Close()
			return nil, fmt.Errorf("%w: another program answers on %s; give another --api", ErrListen, path)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("%w: removing an old socket: %w", ErrListen, err)
		}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("%w: API socket %s: %w; give another --api", ErrListen, path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: closing the API socket to others: %w", ErrListen, err), l.Close())
	}
	return l, nil
}

// listenHTTP serves the API on loopback behind a bearer token.
func (s *server) listenHTTP(ctx context.Context, cfg Config, handler http.Handler, protocols *http.Protocols) error {
	token, err := readToken(cfg)
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.HTTP)
	if err != nil {
		return fmt.Errorf("%w: --http %s: %w; give another port", ErrListen, cfg.HTTP, err)
	}
	s.httpAddr = l.Addr().String()
	web := &http.Server{
		Handler:           guard(token, bounded(handler)),
		Protocols:         protocols,
		ReadHeaderTimeout: 10 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          s.http.ErrorLog,
	}
	s.http.RegisterOnShutdown(func() { _ = web.Close() })
	s.wg.Go(func() {
		if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	})
	return nil
}

// readToken returns the token of the data folder, made at first use.
func readToken(cfg Config) (string, error) {
	path := api.TokenFile(cfg.DataDir)
	b, err := os.ReadFile(path)
	if err == nil && len(b) >= 64 {
		return strings.TrimSpace(string(b)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading the API token: %w", err)
	}
	secret := make([]byte, 32)
	if _, err := io.ReadFull(cfg.Rand, secret); err != nil {
		return "", fmt.Errorf("making the API token: %w", err)
	}
	token := hex.EncodeToString(secret)
	if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("writing the API token: %w", err)
	}
	return token, nil
}

// guard lets requests through that carry the token and were addressed to
// loopback by name: a web page that points its own name here is refused before
// it can try tokens.
func guard(token string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			deny(w, r, connect.CodePermissionDenied, "this API is for loopback only")
			return
		}
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			deny(w, r, connect.CodeUnauthenticated, "the token in api.token of the data folder is needed as a bearer token")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// deny answers in the protocol that the caller speaks.
func deny(w http.ResponseWriter, r *http.Request, code connect.Code, text string) {
	err := connect.NewError(code, errors.New(text))
	if errors := connect.NewErrorWriter(); errors.IsSupported(r) {
		_ = errors.Write(w, r, err) // the caller has gone
		return
	}
	status := http.StatusForbidden
	if code == connect.CodeUnauthenticated {
		status = http.StatusUnauthorized
	}
	http.Error(w, text, status)
}

// close ends every connection. Streams end at once: their clients reconnect.
func (s *server) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	s.wg.Wait()
	if rm := os.Remove(s.socket); rm != nil && !errors.Is(rm, fs.ErrNotExist) {
		err = errors.Join(err, rm)
	}
	return err
}
