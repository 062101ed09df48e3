package simhost

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/pars-network/pars/internal/simnet"
	link "github.com/pars-network/pars/session/transport"
)

// rand is a node's source of randomness for its key.
type rand struct{ node *simnet.Node }

func (r rand) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r.node.Rand().Uint32())
	}
	return len(p), nil
}

func TestHostsTalk(t *testing.T) {
	simnet.Test(t, simnet.Config{}, func(t *testing.T, n *simnet.Net) {
		var hosts []host.Host
		for range 2 {
			node := n.Add()
			key, err := link.Fresh(rand{node})
			if err != nil {
				t.Fatal(err)
			}
			h, err := New(node, key)
			if err != nil {
				t.Fatal(err)
			}
			hosts = append(hosts, h)
		}
		hosts[1].SetStreamHandler("/echo", func(s network.Stream) {
			_, _ = io.Copy(s, s)
			_ = s.Close()
		})
		var got []byte
		var took time.Duration
		n.Node(0).Go(func(ctx context.Context) {
			err := hosts[0].Connect(ctx, peer.AddrInfo{ID: hosts[1].ID(), Addrs: hosts[1].Addrs()})
			if err != nil {
				t.Error(err)
				return
			}
			took = n.Elapsed()
			s, err := hosts[0].NewStream(ctx, hosts[1].ID(), "/echo")
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = s.Write([]byte("hello"))
			_ = s.CloseWrite()
			got, _ = io.ReadAll(s)
		})
		n.Run(10 * time.Second)
		if string(got) != "hello" || took < 200*time.Millisecond {
			t.Errorf("echo of %q, a connection after %v", got, took)
		}
	})
}
