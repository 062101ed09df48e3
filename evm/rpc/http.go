package rpc

import (
	"compress/gzip"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/rs/cors"
)

// checkHost lets only requests through whose Host header is an IP address, is
// absent, or is one of hosts; "*" lets all through. A page of a web site whose
// name an attacker points at 127.0.0.1 is so refused.
func checkHost(hosts []string, next http.Handler) http.Handler {
	allowed := make(map[string]bool, len(hosts))
	for _, h := range hosts {
		allowed[strings.ToLower(h)] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host // no port, or not an address at all
		}
		name := strings.ToLower(host)
		ip := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
		if host == "" || net.ParseIP(ip) != nil || allowed["*"] || allowed[name] {
			next.ServeHTTP(w, r)
			return
		}
		http.Error(w, "invalid host specified", http.StatusForbidden)
	})
}

// allowOrigins answers CORS requests of the given web origins; with none there
// are no CORS headers at all.
func allowOrigins(origins []string, next http.Handler) http.Handler {
	if len(origins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodPost, http.MethodGet},
		AllowedHeaders: []string{"*"},
		MaxAge:         600,
	}).Handler(next)
}

var gzipWriters = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// compress packs answers for clients that accept gzip.
func compress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			next.ServeHTTP(w, r)
			return
		}
		packed := &gzipResponse{ResponseWriter: w}
		defer packed.close()
		next.ServeHTTP(packed, r)
	})
}

// gzipResponse packs the body of an answer, unless the handler asks for the
// identity encoding: libevm's server does so for the error that it writes just
// before the connection's deadline.
type gzipResponse struct {
	http.ResponseWriter
	started bool
	gz      *gzip.Writer // nil: not packed
}

func (w *gzipResponse) start(status int) {
	if w.started {
		return
	}
	w.started = true
	h := w.Header()
	if h.Get("Transfer-Encoding") == "identity" || status == http.StatusNoContent || status == http.StatusNotModified {
		return
	}
	h.Set("Content-Encoding", "gzip")
	h.Add("Vary", "Accept-Encoding")
	h.Del("Content-Length")
	w.gz = gzipWriters.Get().(*gzip.Writer)
	w.gz.Reset(w.ResponseWriter)
}

func (w *gzipResponse) WriteHeader(status int) {
	w.start(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *gzipResponse) Write(b []byte) (int, error) {
	w.start(http.StatusOK)
	if w.gz == nil {
		return w.ResponseWriter.Write(b)
	}
	return w.gz.Write(b)
}

// Flush sends what is packed so far; libevm's server looks for it.
func (w *gzipResponse) Flush() {
	if w.gz != nil {
		_ = w.gz.Flush() // a lost connection shows at the next write
	}
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

func (w *gzipResponse) close() {
	if w.gz == nil {
		return
	}
	_ = w.gz.Close() // a lost connection has nobody to tell
	gzipWriters.Put(w.gz)
	w.gz = nil
}
