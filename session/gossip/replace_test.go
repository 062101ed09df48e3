package gossip

import (
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/pars-network/pars/session/wire"
)

// TestANewerStreamReplacesTheOlder opens a second stream while the first seems
// open, as a peer does that lost power or moved to another network: the link goes
// on with it. Who does that for ever is dropped.
func TestANewerStreamReplacesTheOlder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := idle("self", Config{})
		defer s.Close()
		if err := s.Join(space1, newBoard()); err != nil {
			t.Fatal(err)
		}
		s.Up("peer")
		open := func() net.Conn {
			near, far := net.Pipe()
			go func() { _ = s.Serve("peer", near) }()
			synctest.Wait()
			return far
		}
		joined := func() bool {
			synctest.Wait()
			return slices.Contains(s.Peers(space1), "peer")
		}
		join := func(c net.Conn) error {
			return wire.WriteFrame(c, 1<<20, encode(joinFrame{Type: frameJoin, Alias: 1, Tag: tag("peer", "self", space1)}))
		}
		first := open()
		if err := join(first); err != nil || !joined() {
			t.Fatalf("the first stream doesn't join (%v)", err)
		}
		second := open()
		if joined() {
			t.Error("what was announced on the first stream still stands")
		}
		if n, err := first.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the first stream gives %d bytes (%v), want its end", n, err)
		}
		if err := join(second); err != nil || !joined() {
			t.Errorf("the second stream doesn't join (%v)", err)
		}
		if n := s.Stats().Dropped; n != 0 {
			t.Fatalf("dropped %d times for coming back", n)
		}
		most := wasteBurst/anotherStream + 1
		for i := range most {
			if s.Stats().Dropped > 0 {
				t.Logf("dropped after %d more streams", i)
				break
			}
			open()
		}
		if n := s.Stats().Dropped; n != 1 {
			t.Errorf("dropped %d times after %d streams, want once", n, most)
		}
	})
}
