package transport

import (
	"crypto/mlkem"
	"crypto/rand"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"
	lcrypto "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
)

// metered counts the bytes of a connection.
type metered struct {
	net.Conn
	n *atomic.Int64
}

func (m metered) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	m.n.Add(int64(n))
	return n, err
}
func (m metered) Write(p []byte) (int, error) {
	n, err := m.Conn.Write(p)
	m.n.Add(int64(n))
	return n, err
}

// security is one protocol at both ends: 0 dials 1.
type security struct {
	name string
	ends [2]sec.SecureTransport
	id   peer.ID // of end 1
}

// securities are ours and libp2p's two.
func securities(b *testing.B) []security {
	b.Helper()
	muxers := []upgrader.StreamMuxer{{ID: yamux.ID, Muxer: yamux.DefaultTransport}}
	out := []security{{name: "pq-sigma"}, {name: "noise"}, {name: "tls"}}
	for i := range 2 {
		k := nodeKey(b, byte(i+1))
		ed, _, err := lcrypto.GenerateEd25519Key(rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		if out[0].ends[i], err = New(k, muxers); err != nil {
			b.Fatal(err)
		}
		if out[1].ends[i], err = noise.New(noise.ID, ed, muxers); err != nil {
			b.Fatal(err)
		}
		if out[2].ends[i], err = libp2ptls.New(libp2ptls.ID, ed, muxers); err != nil {
			b.Fatal(err)
		}
		out[0].id = k.ID()
		if out[1].id, err = peer.IDFromPrivateKey(ed); err != nil {
			b.Fatal(err)
		}
		out[2].id = out[1].id
	}
	return out
}

// secured makes one link over the loopback.
func secured(b *testing.B, s security, c1, c2 net.Conn) (sec.SecureConn, sec.SecureConn) {
	b.Helper()
	type result struct {
		c   sec.SecureConn
		err error
	}
	done := make(chan result, 1)
	go func() {
		c, err := s.ends[1].SecureInbound(b.Context(), c2, "")
		done <- result{c, err}
	}()
	out, err := s.ends[0].SecureOutbound(b.Context(), c1, s.id)
	in := <-done
	if err != nil || in.err != nil {
		b.Fatal(err, in.err)
	}
	return out, in.c
}

// BenchmarkHandshake is both sides on this machine, until both are done, with
// the bytes that crossed.
func BenchmarkHandshake(b *testing.B) {
	for _, s := range securities(b) {
		b.Run(s.name, func(b *testing.B) {
			var bytes atomic.Int64
			for b.Loop() {
				c1, c2 := tcpPair(b)
				out, in := secured(b, s, metered{c1, &bytes}, c2)
				_, _ = out.Close(), in.Close()
			}
			b.ReportMetric(float64(bytes.Load())/float64(b.N), "wire-bytes/op")
		})
	}
}

// BenchmarkThroughput is one direction of one link over the loopback, in
// writes of 64 KiB.
func BenchmarkThroughput(b *testing.B) {
	for _, s := range securities(b) {
		b.Run(s.name, func(b *testing.B) {
			c1, c2 := tcpPair(b)
			out, in := secured(b, s, c1, c2)
			done := make(chan struct{})
			go func() {
				_, _ = io.CopyBuffer(io.Discard, struct{ io.Reader }{in}, make([]byte, 128<<10))
				close(done)
			}()
			chunk := make([]byte, 64<<10)
			b.SetBytes(int64(len(chunk)))
			for b.Loop() {
				if _, err := out.Write(chunk); err != nil {
					b.Fatal(err)
				}
			}
			_ = out.Close()
			<-done
			_ = in.Close()
		})
	}
}

// BenchmarkMLKEM is what a handshake does with ML-KEM-1024: make a key,
// encapsulate, decapsulate.
func BenchmarkMLKEM(b *testing.B) {
	b.Run("circl", func(b *testing.B) {
		ct, ss := make([]byte, mlkem1024.CiphertextSize), make([]byte, mlkem1024.SharedKeySize)
		for b.Loop() {
			ek, dk, err := mlkem1024.GenerateKeyPair(rand.Reader)
			if err != nil {
				b.Fatal(err)
			}
			packed := make([]byte, mlkem1024.PublicKeySize)
			ek.Pack(packed)
			var theirs mlkem1024.PublicKey
			if err := theirs.Unpack(packed); err != nil {
				b.Fatal(err)
			}
			theirs.EncapsulateTo(ct, ss, nil)
			dk.DecapsulateTo(ss, ct)
		}
	})
	b.Run("stdlib", func(b *testing.B) {
		for b.Loop() {
			dk, err := mlkem.GenerateKey1024()
			if err != nil {
				b.Fatal(err)
			}
			ek, err := mlkem.NewEncapsulationKey1024(dk.EncapsulationKey().Bytes())
			if err != nil {
				b.Fatal(err)
			}
			_, ct := ek.Encapsulate()
			if _, err := dk.Decapsulate(ct); err != nil {
				b.Fatal(err)
			}
		}
	})
}
