package gossip

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/pars-network/pars/session/wire"
)

// samples are one frame of each type, as in spec/vectors/gossip.json.
func samples() map[string]any {
	id := func(b byte) ID { return ID(bytes.Repeat([]byte{b}, 32)) }
	return map[string]any{
		"join":   joinFrame{Type: frameJoin, Alias: 1, Tag: tag("alice", "bob", SpaceID(id(7)))},
		"leave":  leaveFrame{Type: frameLeave, Alias: 300},
		"vertex": vertexFrame{Type: frameVertex, Alias: 1, Shared: true, Vertex: []byte("vertex")},
		"ids":    idsFrame{Type: frameIDs, Alias: 1, Shared: false, IDs: joinIDs([]ID{id(1), id(2)})},
		"graft":  graftFrame{Type: frameGraft, Alias: 1, Tree: treeAuthor, Want: true, IDs: joinIDs([]ID{id(3)})},
		"prune":  pruneFrame{Type: framePrune, Alias: 1, Shared: true, ID: id(4)},
	}
}

const vectorFile = "../../spec/vectors/gossip.json"

var rewrite = flag.Bool("rewrite", false, "write the frames of spec/vectors/gossip.json anew")

// vectors is the form of spec/vectors/gossip.json.
type vectors struct {
	Frames map[string]string `json:"frames"` // name to hex
	Tag    struct {
		Sender   string `json:"sender"` // hex, as all
		Receiver string `json:"receiver"`
		Space    string `json:"space"`
		Tag      string `json:"tag"`
	} `json:"tag"`
	Refused map[string]string `json:"refused"` // why to hex
}

func TestVectors(t *testing.T) {
	data, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	if *rewrite {
		v.Frames = map[string]string{}
		for name, f := range samples() {
			v.Frames[name] = hex.EncodeToString(encode(f))
		}
		out, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorFile, append(out, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if len(v.Frames) != len(samples()) || len(v.Refused) < 10 {
		t.Fatalf("%d frames and %d refused ones, want %d and at least 10", len(v.Frames), len(v.Refused), len(samples()))
	}
	for name, f := range samples() {
		if got := hex.EncodeToString(encode(f)); got != v.Frames[name] {
			t.Errorf("%s = %s, want %s", name, got, v.Frames[name])
		}
		raw, _ := hex.DecodeString(v.Frames[name])
		got, err := decode(raw)
		if err != nil || !reflect.DeepEqual(reflect.ValueOf(got).Elem().Interface(), f) {
			t.Errorf("decode(%s) = %+v, %v, want %+v", name, got, err, f)
		}
	}
	for why, in := range v.Refused {
		raw, err := hex.DecodeString(in)
		if err != nil {
			t.Fatal(err)
		}
		if f, err := decode(raw); !errors.Is(err, ErrFrame) {
			t.Errorf("decode of %s = %+v, %v, want ErrFrame", why, f, err)
		}
	}
	raw := func(s string) []byte { b, _ := hex.DecodeString(s); return b }
	got := tag(string(raw(v.Tag.Sender)), string(raw(v.Tag.Receiver)), SpaceID(raw(v.Tag.Space)))
	if hex.EncodeToString(got[:]) != v.Tag.Tag {
		t.Errorf("tag = %x, want %s", got, v.Tag.Tag)
	}
}

func TestDecodeRefusesLongFrames(t *testing.T) {
	for name, f := range map[string]any{
		"a vertex above the limit": vertexFrame{Type: frameVertex, Vertex: make([]byte, MaxVertex+1)},
		"too many ids":             idsFrame{Type: frameIDs, IDs: make([]byte, 32*(MaxIDs+1))},
	} {
		if _, err := decode(encode(f)); !errors.Is(err, ErrFrame) {
			t.Errorf("%s: %v, want ErrFrame", name, err)
		}
	}
	if f, err := decode(encode(vertexFrame{Type: frameVertex, Alias: 1 << 63, Vertex: make([]byte, MaxVertex)})); err != nil {
		t.Errorf("the greatest vertex = %T, %v", f, err)
	}
	if n := len(encode(vertexFrame{Type: frameVertex, Alias: 1 << 63, Vertex: make([]byte, MaxVertex)})); n > MaxFrame {
		t.Errorf("the greatest frame has %d bytes, want at most %d", n, MaxFrame)
	}
}

func TestTagsHideSpaces(t *testing.T) {
	s := SpaceID{1}
	if tag("a", "b", s) == tag("b", "a", s) || tag("a", "b", s) == tag("a", "b", SpaceID{2}) || tag("ab", "c", s) == tag("a", "bc", s) {
		t.Error("two tags are the same")
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range samples() {
		f.Add(encode(s))
	}
	f.Add([]byte{0x80})
	f.Add([]byte(strings.Repeat("\x81", 40)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > MaxFrame {
			return
		}
		v, err := decode(data)
		if err != nil {
			if !errors.Is(err, ErrFrame) {
				t.Fatalf("decode(%x) = %v, want ErrFrame", data, err)
			}
			return
		}
		if again, err := wire.Marshal(v); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%x decodes as %+v, which is %x", data, v, again)
		}
	})
}

// FuzzPeer lets bytes of a hostile neighbour run through everything.
func FuzzPeer(f *testing.F) {
	join := joinFrame{Type: frameJoin, Alias: 1, Tag: tag("them", "us", space1)}
	stream := func(frames ...any) []byte {
		var out writer
		for _, fr := range frames {
			_ = wire.WriteFrame(&out, MaxFrame, encode(fr))
		}
		return out
	}
	v := note{Author: [32]byte{1}, Body: []byte("x"), Valid: true}
	id := v.id()
	f.Add(stream(join, vertexFrame{Type: frameVertex, Alias: 1, Vertex: v.encode()}, graftFrame{Type: frameGraft, Alias: 1, Tree: treeShared, Want: true, IDs: id[:]}))
	f.Add(stream(join, idsFrame{Type: frameIDs, Alias: 1, IDs: id[:]}, pruneFrame{Type: framePrune, Alias: 1, ID: id}, leaveFrame{Type: frameLeave, Alias: 1}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<17 {
			return
		}
		s := idle("us", Config{})
		defer s.Close()
		b := newBoard()
		if err := s.Join(space1, b); err != nil {
			t.Fatal(err)
		}
		_ = s.Serve("them", nobody{bytes.NewReader(data)})
		for id, v := range b.all() {
			if raw, _ := b.Get(id); !v || len(raw) > MaxVertex {
				t.Fatal("stored what it should not")
			}
		}
	})
}
