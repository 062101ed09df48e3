package store

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/chacha20poly1305"
)

// attacker has an image of the whole vault and the passphrase, and knows the format
// as spec/store.md has it; of the program it uses only the tree's arithmetic.
type attacker struct {
	region []byte // every block of the profile's region, decrypted, in use or not
	secret []byte // the slot's
	// live holds the nodes that the program finds in the image.
	live map[place][]byte
}

// run opens a copy of the image with the program, for what it finds there.
func (a *attacker) run(t *testing.T, image []byte, passphrase string) {
	t.Helper()
	fs := vfs.NewMem()
	if err := fs.MkdirAll("data", 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := fs.Create("data/"+FileName, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(bytes.Clone(image)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s := open(t, config(fs, passphrase))
	iter, err := s.db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	a.live = map[place][]byte{}
	for ok := iter.SeekGE([]byte{byte(kindOwn), 't'}); ok && iter.Key()[1] == 't'; ok = iter.Next() {
		a.live[place{iter.Key()[2], binary.BigEndian.Uint64(iter.Key()[3:])}] = bytes.Clone(iter.Value())
	}
	if err := iter.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// seize decrypts all that the passphrase opens. It does not look at the labels of
// blocks: freed ones decrypt as well as others.
func seize(t *testing.T, image []byte, passphrase string) attacker {
	t.Helper()
	master := argon2.IDKey([]byte(passphrase), image[:32], cheap.Passes, cheap.MemoryKiB, cheap.Lanes, 32)
	for slot := range 4 {
		key, err := hkdf.Key(sha512.New, master, nil, fmt.Sprintf("pars vault slot v1 %d", slot), 32)
		if err != nil {
			t.Fatal(err)
		}
		for copy := range 2 {
			block := image[4096*(1+4*copy+slot):][:4096]
			aead, err := chacha20poly1305.NewX(key)
			if err != nil {
				t.Fatal(err)
			}
			plain, err := aead.Open(nil, block[:24], block[24:], fmt.Appendf(nil, "pars vault slot v1 %d", slot))
			if err != nil {
				continue
			}
			a := attacker{secret: plain[74:][:binary.BigEndian.Uint16(plain[72:])]}
			const head, unit = 16 * 4096, 1 << 20
			for at := head + slot*unit; at < len(image); at += 4 * unit {
				for b := at; b < at+unit; b += 4096 {
					stream, err := chacha20.NewUnauthenticatedCipher(plain[16:48], image[b:b+24])
					if err != nil {
						t.Fatal(err)
					}
					stream.SetCounter(1)
					out := make([]byte, 4096-40)
					stream.XORKeyStream(out, image[b+24:b+4096-16])
					// Full blocks of one file lie side by side; their length comes first.
					a.region = append(a.region, out[2:]...)
				}
			}
			return a
		}
	}
	t.Fatal("the passphrase opens nothing")
	return attacker{}
}

// known is every seed that can be reached from what is in the slot, through nodes found
// anywhere in the region, new and old.
func (a attacker) known(t *testing.T) map[place][]seed {
	t.Helper()
	k, err := parseKeys(a.secret)
	if err != nil {
		t.Fatal(err)
	}
	out := map[place][]seed{{}: {k.tree, {key: k.tree.key, stored: !k.tree.stored}}}
	type found struct {
		p    place
		at   int
		live []byte
		done bool
	}
	var nodes []found
	for p, b := range a.live {
		nodes = append(nodes, found{p: p, live: b})
	}
	for at := 0; ; {
		i := bytes.Index(a.region[at:], []byte{byte(kindOwn), 't'})
		if i < 0 || at+i+11 > len(a.region) {
			break
		}
		at += i
		if level := a.region[at+2]; level < treeDepth {
			nodes = append(nodes, found{p: place{level, binary.BigEndian.Uint64(a.region[at+3:])}, at: at + 11})
		}
		at++
	}
	// Again until nothing new opens: a node may open only with a seed of another.
	for grown := true; grown; {
		grown = false
		for i, f := range nodes {
			if f.done {
				continue
			}
			for _, s := range out[f.p] {
				var n *node
				if f.live == nil {
					n = a.try(f.at, f.p, s)
				} else if m, err := openNode(s, f.p, f.live); err == nil {
					n = m
				}
				if n == nil {
					continue
				}
				for d := range n.children {
					if n.alive>>d&1 == 1 {
						below := place{f.p.level + 1, f.p.index<<treeBits | uint64(d)}
						out[below] = append(out[below], n.children[d], seed{key: n.children[d].key, stored: !n.children[d].stored})
					}
				}
				nodes[i].done, grown = true, true
				break
			}
		}
	}
	return out
}

// try opens a node that begins a few bytes behind its key, whatever its size.
func (a attacker) try(at int, p place, s seed) *node {
	for skip := range 6 {
		for children := 1; children <= treeFan; children++ {
			end := at + skip + 24 + 8 + 32*children + 16
			if end > len(a.region) {
				break
			}
			if n, err := openNode(s, p, a.region[at+skip:end]); err == nil {
				return n
			}
		}
	}
	return nil
}

// opens tries every key that it can reach on one record.
func (a attacker) opens(t *testing.T, key, sealed []byte) bool {
	t.Helper()
	leaf := binary.BigEndian.Uint64(sealed)
	for p, seeds := range a.known(t) {
		if leaf>>(treeBits*(treeDepth-int(p.level))) != p.index {
			continue
		}
		for _, s := range seeds {
			for level := int(p.level); level < treeDepth; level++ {
				var err error
				if s, err = s.child(digit(leaf, level)); err != nil {
					t.Fatal(err)
				}
			}
			if _, _, err := openValue(s.key[:], key, sealed[8:]); err == nil {
				return true
			}
		}
	}
	return false
}

// A message that was deleted can't be read even by who has the passphrase and a full
// image taken afterwards, although its ciphertext is still there.
func TestDeletedMessagesAreGoneFromAnImage(t *testing.T) {
	const canary = "we met in the teahouse behind the bazaar"
	const passphrase = "پنجره"
	fs := vfs.NewMem()
	s := open(t, config(fs, passphrase))
	for i := range uint64(100) {
		put(t, s, secretKind, "messages", i, fmt.Sprint("something else ", i))
	}
	put(t, s, secretKind, "messages", 50, canary) // replaces: an erasure of its own
	key, sealed := sealedOf(t, s, secretKind, "messages", 50)
	image := func() []byte { return read(t, fs, "data/"+FileName) }
	before := image()

	del(t, s, secretKind, "messages", 50)
	after := image()
	// Later erasures rewrite the same nodes, old ones stay behind.
	del(t, s, secretKind, "messages", 51)
	del(t, s, secretKind, "messages", 3)
	later := image()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		when  string
		image []byte
		want  bool
	}{{"before", before, true}, {"right after", after, false}, {"later", later, false}, {"after the end", image(), false}} {
		a := seize(t, c.image, passphrase)
		a.run(t, c.image, passphrase)
		if c.when != "after the end" && !bytes.Contains(a.region, sealed[8:40]) {
			t.Errorf("%s: the ciphertext is not in the image: the search is wrong", c.when)
		}
		if got := a.opens(t, key, sealed); got != c.want {
			t.Errorf("%s: the deleted message opens: %v, want %v", c.when, got, c.want)
		}
		if bytes.Contains(a.region, []byte(canary)) {
			t.Errorf("%s: the message is in the region in clear", c.when)
		}
	}
	// With the slot of before, the image of later opens it again: that is what an older
	// copy of the disk gives, and docs/threat-model.md says so.
	a := seize(t, later, passphrase)
	a.secret = seize(t, before, passphrase).secret
	if !a.opens(t, key, sealed) {
		t.Error("not even the old keys open it: the attacker is too weak for this test")
	}
}
