package transport

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	lcrypto "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

func TestPeerIDsAreMultihashes(t *testing.T) {
	k := nodeKey(t, 1)
	if id := k.ID().String(); !strings.HasPrefix(id, "Qm") || len(id) != 46 {
		t.Errorf("peer id %s, want Qm... of 46 characters", id)
	}
	if !k.ID().MatchesPrivateKey(k) || !k.ID().MatchesPublicKey(k.GetPublic()) || nodeKey(t, 2).ID() == k.ID() {
		t.Error("the peer id does not follow from the key")
	}
	parsed, err := peer.Decode(k.ID().String())
	if err != nil || parsed != k.ID() {
		t.Errorf("Decode = %s, %v", parsed, err)
	}
}

func TestPublicKeysTravelInLibp2psEnvelope(t *testing.T) {
	k := nodeKey(t, 1)
	wire, err := lcrypto.MarshalPublicKey(k.GetPublic())
	if err != nil {
		t.Fatal(err)
	}
	back, err := lcrypto.UnmarshalPublicKey(wire)
	if err != nil || !back.Equals(k.GetPublic()) || back.Equals(nodeKey(t, 2).GetPublic()) {
		t.Fatalf("came back as %v, %v", back, err)
	}
	sig, err := k.Sign([]byte("record"))
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := back.Verify([]byte("record"), sig); !ok || err != nil {
		t.Error("a signature of our own is refused")
	}
	if ok, _ := back.Verify([]byte("another"), sig); ok {
		t.Error("a signature passes for another text")
	}
	// What libp2p has signed proves nothing in a handshake.
	if k.public().key.Verify(contextInitiator, []byte("record"), sig) {
		t.Error("a libp2p signature passes as one of a handshake")
	}
	if _, err := lcrypto.UnmarshalPublicKey(wire[:len(wire)-1]); err == nil {
		t.Error("a cut key was read")
	}
}

func TestThePrivateKeyStaysInside(t *testing.T) {
	k := nodeKey(t, 1)
	if _, err := k.Raw(); !errors.Is(err, ErrSecret) {
		t.Errorf("Raw = %v, want ErrSecret", err)
	}
	if _, err := lcrypto.MarshalPrivateKey(k); !errors.Is(err, ErrSecret) {
		t.Errorf("MarshalPrivateKey = %v, want ErrSecret", err)
	}
	seed := fmt.Sprintf("%x", k.key.Seed())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if out := fmt.Sprintf(verb, k); !strings.Contains(out, "hidden") || strings.Contains(out, seed[:16]) {
			t.Errorf("Sprintf(%q) = %s", verb, out)
		}
	}
}

func TestPersistentKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.key")
	a, err := Persistent(path, fixed(1))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("key file has mode %v, %v, want 0600", info.Mode(), err)
	}
	b, err := Persistent(path, fixed(2))
	if err != nil || b.ID() != a.ID() {
		t.Errorf("second start gave %v, %v, want the same key", b, err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("%d files are left, want only the key", len(left))
	}
	if _, err := Persistent(filepath.Join(path, "below"), fixed(1)); err == nil {
		t.Error("a key was stored below a file")
	}
	if err := writeKeyFile(path, nodeKey(t, 3)); !errors.Is(err, os.ErrExist) {
		t.Errorf("writing over a key = %v, want os.ErrExist", err)
	}
}

func TestUnusableKeyFilesAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	k, err := Persistent(good, fixed(1))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	flipped := []byte(lines[1])
	flipped[7] = "0123456789abcdef"[15-strings.IndexByte("0123456789abcdef", flipped[7])]
	for name, content := range map[string]string{
		"empty":                 "",
		"of another program":    "-----BEGIN OPENSSH PRIVATE KEY-----\n",
		"cut":                   string(text[:60]),
		"cut before its end":    string(text[:len(text)-1]),
		"with a damaged seed":   keyFileMagic + "\n" + string(flipped) + "\n" + lines[2] + "\n",
		"with another peer id":  keyFileMagic + "\n" + lines[1] + "\n" + nodeKey(t, 2).ID().String() + "\n",
		"with something after":  string(text) + "more\n",
		"of a thousand and one": strings.Repeat("x", maxKeyFile+1),
	} {
		path := filepath.Join(dir, "bad")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Persistent(path, fixed(9))
		if !errors.Is(err, ErrKeyFile) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), lines[1][:16]) {
			t.Errorf("a file %s: %v, want ErrKeyFile with the path and without the key", name, err)
		}
		if now, _ := os.ReadFile(path); !bytes.Equal(now, []byte(content)) {
			t.Errorf("a file %s was changed", name)
		}
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(good, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Persistent(good, fixed(9)); !errors.Is(err, ErrKeyFile) || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("a file that others can read: %v, want ErrKeyFile and what to do", err)
		}
	}
	if _, err := Persistent(dir, fixed(9)); !errors.Is(err, ErrKeyFile) {
		t.Errorf("a folder: %v, want ErrKeyFile", err)
	}
	_ = k
}

func FuzzKeyFile(f *testing.F) {
	k := nodeKey(f, 1)
	f.Add([]byte(fmt.Sprintf("%s\n%x\n%s\n", keyFileMagic, k.key.Seed(), k.ID())))
	f.Add([]byte(keyFileMagic + "\n\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := parseKeyFile(text)
		if err != nil {
			return
		}
		if want := fmt.Sprintf("%s\n%x\n%s\n", keyFileMagic, k.key.Seed(), k.ID()); !strings.EqualFold(want, string(text)) {
			t.Fatalf("%q was read as a key", text)
		}
	})
}
