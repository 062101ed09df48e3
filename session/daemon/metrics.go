package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metricsServer serves what a service node counts, on loopback.
type metricsServer struct {
	http http.Server
	addr string
	work sync.WaitGroup
}

func serveMetrics(ctx context.Context, addr string, registry *prometheus.Registry) (*metricsServer, error) {
	for _, c := range []prometheus.Collector{collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%w: --metrics %s: %w; give another port", ErrListen, addr, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	m := &metricsServer{addr: l.Addr().String(), http: http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}}
	m.work.Go(func() {
		_ = m.http.Serve(l) // it ends when it is closed; metrics are no reason to stop a node
	})
	return m, nil
}

func (m *metricsServer) close() error {
	err := m.http.Close()
	m.work.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
