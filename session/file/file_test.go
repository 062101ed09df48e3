package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("PARS_FILE_CHILD"); dir != "" {
		child(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func blobs(t testing.TB) *Blobs {
	t.Helper()
	b, err := OpenBlobs(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func noise(seed uint64, n int) []byte {
	out := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), 1}).Read(out) // never fails
	return out
}

func encrypted(t testing.TB, b *Blobs, key Key, data []byte) *Blob {
	t.Helper()
	x, err := b.Encrypt(key, bytes.NewReader(data), uint64(len(data)), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Close() })
	return x
}

func opened(t testing.TB, b *Blobs, n Name) *Blob {
	t.Helper()
	x, err := b.Open(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Close() })
	return x
}

// blobSource gives chunks of a blob; wrong says which to falsify, broken after how many
// it fails.
type blobSource struct {
	*Blob
	name   string
	mu     sync.Mutex
	given  int
	broken int // 0: never
	wrong  func(index uint64, chunk []byte, proof []Hash) ([]byte, []Hash)
}

func (s *blobSource) String() string { return s.name }

func (s *blobSource) Chunk(ctx context.Context, n Name, index uint64) ([]byte, []Hash, error) {
	s.mu.Lock()
	s.given++
	stop := s.broken > 0 && s.given > s.broken
	s.mu.Unlock()
	if stop {
		return nil, nil, errors.New("gone away")
	}
	chunk, proof, err := s.Blob.Chunk(index)
	if err == nil && s.wrong != nil {
		chunk, proof = s.wrong(index, chunk, proof)
	}
	return chunk, proof, errors.Join(err, ctx.Err())
}

func TestFilesOfAllSizesComeBack(t *testing.T) {
	for _, size := range []int{0, 1, MinPadded - 1, MinPadded, MinPadded + 1, ChunkSize - 1, ChunkSize, ChunkSize + 1, 3*ChunkSize + 5, 5 * ChunkSize} {
		key, data := Key{1}, noise(1, size)
		from := encrypted(t, blobs(t), key, data)
		to := opened(t, blobs(t), from.Name())
		last := uint64(0)
		r, err := Fetch(t.Context(), to, []Source{&blobSource{Blob: from, name: "a"}}, func(done, total uint64) {
			if done <= last || total != from.Name().Chunks() {
				t.Errorf("progress %d of %d after %d", done, total, last)
			}
			last = done
		})
		if err != nil || r.Done != r.Total || last != r.Total || r.From["a"] != int(r.Total) || r.Faults != nil {
			t.Fatalf("%d bytes: %+v, %v", size, r, err)
		}
		path := filepath.Join(t.TempDir(), "out")
		if err := to.Decrypt(key, uint64(size), path); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes came back as %d, %v", size, len(got), err)
		}
		if err := to.Decrypt(key, uint64(size), path); !errors.Is(err, ErrExists) {
			t.Errorf("onto a file: %v, want ErrExists", err)
		}
		other := filepath.Join(t.TempDir(), "out")
		if err := to.Decrypt(Key{2}, uint64(size), other); !errors.Is(err, ErrKey) {
			t.Errorf("with another key: %v, want ErrKey", err)
		}
		if _, err := os.Stat(other); !errors.Is(err, os.ErrNotExist) {
			t.Error("something was left where a file could not be decrypted")
		}
	}
}

func TestSeveralSourcesOneLiesOneLeaves(t *testing.T) {
	key, data := Key{1}, noise(2, 40*ChunkSize)
	from := encrypted(t, blobs(t), key, data)
	n := from.Name()
	lies := map[string]func(uint64, []byte, []Hash) ([]byte, []Hash){
		"altered chunks":   func(_ uint64, c []byte, p []Hash) ([]byte, []Hash) { c[9] ^= 1; return c, p },
		"another's chunk":  func(i uint64, _ []byte, _ []Hash) ([]byte, []Hash) { c, p, _ := from.Chunk((i + 1) % 40); return c, p },
		"a short proof":    func(_ uint64, c []byte, p []Hash) ([]byte, []Hash) { return c, p[1:] },
		"a long proof":     func(_ uint64, c []byte, p []Hash) ([]byte, []Hash) { return c, append(p, Hash{}) },
		"a very long one":  func(_ uint64, c []byte, _ []Hash) ([]byte, []Hash) { return c, make([]Hash, 1000) },
		"an altered proof": func(_ uint64, c []byte, p []Hash) ([]byte, []Hash) { p[0][0] ^= 1; return c, p },
		"cut off chunks":   func(_ uint64, c []byte, p []Hash) ([]byte, []Hash) { return c[1:], p },
		"nothing":          func(uint64, []byte, []Hash) ([]byte, []Hash) { return nil, nil },
	}
	for name, lie := range lies {
		to := opened(t, blobs(t), n)
		r, err := Fetch(t.Context(), to, []Source{
			&blobSource{Blob: from, name: "honest"}, &blobSource{Blob: from, name: "liar", wrong: lie}, &blobSource{Blob: from, name: "leaver", broken: 3},
		}, nil)
		if err != nil || r.Done != 40 {
			t.Fatalf("%s: %+v, %v", name, r, err)
		}
		for _, f := range r.Faults {
			if wrong := errors.Is(f.Err, ErrChunk); wrong != (f.Source == "liar") || f.Source == "honest" {
				t.Errorf("%s: %s is blamed for %v", name, f.Source, f.Err)
			}
		}
		if r.From["liar"] != 0 {
			t.Errorf("%s: %d chunks were taken of the liar", name, r.From["liar"])
		}
		if err := to.Decrypt(key, uint64(len(data)), filepath.Join(t.TempDir(), "f")); err != nil {
			t.Error(err)
		}
	}
	to := opened(t, blobs(t), n)
	r, err := Fetch(t.Context(), to, []Source{&blobSource{Blob: from, name: "liar", wrong: lies["altered chunks"]}}, nil)
	if !errors.Is(err, ErrNoSource) || r.Done != 0 || len(r.Faults) != 1 || r.Faults[0].Source != "liar" {
		t.Errorf("only a liar: %+v, %v", r, err)
	}
}

func TestATransferGoesOnWhereItWas(t *testing.T) {
	key, data := Key{1}, noise(3, 50*ChunkSize+9)
	from := encrypted(t, blobs(t), key, data)
	total := int(from.Name().Chunks())
	dir := blobs(t)
	given := 0
	for _, s := range []*blobSource{{Blob: from, name: "a", broken: 20}, {Blob: from, name: "b", broken: 13}, {Blob: from, name: "c"}} {
		to, err := dir.Open(from.Name())
		if err != nil {
			t.Fatal(err)
		}
		if have, _ := to.Have(); int(have) != given {
			t.Fatalf("opened with %d chunks, want %d", have, given)
		}
		r, err := Fetch(t.Context(), to, []Source{s}, nil)
		if (err == nil) != (s.name == "c") || err != nil && !errors.Is(err, ErrNoSource) {
			t.Fatalf("%+v, %v", r, err)
		}
		if given += r.From[s.name]; int(r.Done) != given {
			t.Fatalf("%d chunks are here, %d were given", r.Done, given)
		}
		if err := to.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if given != total {
		t.Errorf("%d chunks were given, want each of %d once", given, total)
	}
	// And out again, to a sink that has some.
	whole := opened(t, dir, from.Name())
	sink := &blobSink{x: opened(t, blobs(t), from.Name()), broken: 7}
	if err := Push(t.Context(), whole, sink, nil); err == nil {
		t.Fatal("a sink that failed took everything")
	}
	sink.broken = 0
	if err := Push(t.Context(), whole, sink, nil); err != nil {
		t.Fatal(err)
	}
	if sink.put != total {
		t.Errorf("%d chunks were brought, want each of %d once", sink.put, total)
	}
	if err := sink.x.Decrypt(key, uint64(len(data)), filepath.Join(t.TempDir(), "f")); err != nil {
		t.Error(err)
	}
}

type blobSink struct {
	x           *Blob
	put, broken int
}

func (s *blobSink) String() string { return "sink" }

func (s *blobSink) Missing(_ context.Context, _ Name, from uint64, most int) ([]uint64, error) {
	return s.x.Missing(from, most), nil
}

func (s *blobSink) Put(_ context.Context, _ Name, index uint64, chunk []byte, proof []Hash) error {
	if s.broken > 0 && s.put >= s.broken {
		return errors.New("gone away")
	}
	s.put++
	return s.x.Put(index, chunk, proof)
}

func TestProofsAndTreesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 70).Draw(t, "leaves")
		leaves := make([]Hash, n)
		for i := range leaves {
			leaves[i] = Hash{byte(i), 1}
		}
		tr := grow(leaves)
		if tr[len(tr)-1][0] != top(leaves) {
			t.Fatal("two ways to the top differ")
		}
		i := uint64(rapid.IntRange(0, n-1).Draw(t, "index"))
		p := tr.proof(i)
		got, err := climb(uint64(n), i, leaves[i], p)
		if err != nil || got != top(leaves) {
			t.Fatalf("leaf %d of %d does not climb to the top: %v", i, n, err)
		}
		j := uint64(rapid.IntRange(0, n-1).Draw(t, "another place"))
		if got, err := climb(uint64(n), j, leaves[i], p); j != i && err == nil && got == top(leaves) {
			t.Fatalf("leaf %d of %d passes for %d", i, n, j)
		}
	})
	if most := grow(make([]Hash, 1+Padded(MaxSize)/ChunkSize)); len(most)-1 > maxProof {
		t.Errorf("the greatest file has proofs of %d, want at most %d", len(most)-1, maxProof)
	}
}

func TestPaddingLeaksLittle(t *testing.T) {
	sizes := map[uint64]bool{}
	worst := 0.0
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Uint64Range(0, MaxSize).Draw(t, "size")
		p := Padded(size)
		if p < size || Padded(p) != p || checkPadded(p) != nil {
			t.Fatalf("Padded(%d) = %d", size, p)
		}
		if over := float64(p-size) / float64(size); size > MinPadded && over >= 0.125 {
			t.Fatalf("%d bytes are padded by %.1f %%", size, 100*over)
		}
	})
	for size := uint64(0); size <= MaxSize; {
		p := Padded(size)
		sizes[p] = true
		if size > MinPadded {
			worst = max(worst, float64(p-size)/float64(size))
		}
		size = p + 1
	}
	bits := math.Log2(float64(len(sizes)))
	t.Logf("%d lengths up to 64 GiB: %.1f bits of the length show; at most %.1f %% are added", len(sizes), bits, 100*worst)
	if len(sizes) != 177 {
		t.Errorf("%d lengths show, want 177", len(sizes))
	}
}

func TestEqualContentsLookDifferent(t *testing.T) {
	b := blobs(t)
	zeros := encrypted(t, b, Key{1}, make([]byte, 4*ChunkSize))
	seen := map[string]bool{}
	for i := range zeros.Name().Chunks() {
		c, _, err := zeros.Chunk(i)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at+32 <= len(c); at += 32 {
			if seen[string(c[at:at+32])] {
				t.Fatal("equal plaintexts make equal ciphertexts")
			}
			seen[string(c[at:at+32])] = true
		}
	}
	if other := encrypted(t, b, Key{2}, make([]byte, 4*ChunkSize)); other.Name() == zeros.Name() {
		t.Error("one file under two keys has one name")
	}
	// The same key for a file that changed while it was read again: no nonce twice.
	changed := make([]byte, 4*ChunkSize)
	changed[0] = 1
	again := encrypted(t, b, Key{1}, changed)
	a, _, _ := zeros.Chunk(0)
	c, _, _ := again.Chunk(0)
	if bytes.Equal(a[:24], c[:24]) {
		t.Error("one nonce for two contents")
	}
}

func TestFilesThatChangeWhileTheyAreRead(t *testing.T) {
	b := blobs(t)
	for name, r := range map[string]io.Reader{"shorter": strings.NewReader("abc"), "longer": strings.NewReader("abcdef")} {
		if _, err := b.Encrypt(Key{1}, r, 5, nil); !errors.Is(err, ErrBlob) {
			t.Errorf("%s: %v, want ErrBlob", name, err)
		}
	}
	if left, err := os.ReadDir(b.dir); err != nil || len(left) != 0 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
	if _, err := b.Encrypt(Key{1}, nil, MaxSize+1, nil); err == nil {
		t.Error("a file that is too large was read")
	}
}

func TestDamageOnDiskIsFound(t *testing.T) {
	dir := blobs(t)
	x := encrypted(t, dir, Key{1}, noise(4, 3*ChunkSize))
	n := x.Name()
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	flip := func(path string, at int64) {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		var b [1]byte
		if _, err := f.ReadAt(b[:], at); err != nil {
			t.Fatal(err)
		}
		b[0] ^= 1
		if _, err := f.WriteAt(b[:], at); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		suffix string
		at     int64
	}{{".blob", stride + 100}, {".journal", 50}} {
		flip(dir.path(n, c.suffix), c.at)
		again := opened(t, dir, n)
		if err := again.Decrypt(Key{1}, 3*ChunkSize, filepath.Join(t.TempDir(), "f")); !errors.Is(err, ErrBlob) {
			t.Errorf("a damaged %s: %v, want ErrBlob", c.suffix, err)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
		flip(dir.path(n, c.suffix), c.at)
	}
	if err := dir.Delete(n); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir.dir); len(left) != 0 {
		t.Errorf("%d files are left of a deleted one", len(left))
	}
}

func TestOverALink(t *testing.T) {
	served := blobs(t)
	data := noise(5, 9*ChunkSize+1)
	from := encrypted(t, served, Key{1}, data)
	var serving sync.WaitGroup
	l := NewLink("desk", func(context.Context) (io.ReadWriteCloser, error) {
		ours, theirs := net.Pipe()
		serving.Go(func() {
			_ = served.Serve(theirs) // ends when the link closes
			_ = theirs.Close()
		})
		return ours, nil
	})
	to := opened(t, blobs(t), from.Name())
	r, err := Fetch(t.Context(), to, []Source{l}, nil)
	if err != nil || r.From["desk"] != int(r.Total) {
		t.Errorf("%+v, %v", r, err)
	}
	other := from.Name()
	other.Root[0] ^= 1
	if _, _, err := l.Chunk(t.Context(), other, 0); !errors.Is(err, ErrNone) {
		t.Errorf("a file that is not there: %v, want ErrNone", err)
	}
	if _, _, err := l.Chunk(t.Context(), Name{Padded: 5}, 0); !errors.Is(err, ErrNone) {
		t.Errorf("a file that can't be: %v, want ErrNone", err)
	}
	if files, _ := os.ReadDir(served.dir); len(files) != 2 {
		t.Errorf("a question left %d files, want the 2 there were", len(files))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	serving.Wait()
}

func FuzzServe(f *testing.F) {
	f.Add([]byte{0, 0, 0, 3, 0x83, 1, 2})
	b, err := OpenBlobs(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		_ = b.Serve(struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(data), io.Discard})
	})
}

// child fetches into a folder until it is killed.
func child(dir string) {
	b, err := OpenBlobs(filepath.Join(dir, "to"))
	if err != nil {
		panic(err)
	}
	src, err := OpenBlobs(filepath.Join(dir, "from"))
	if err != nil {
		panic(err)
	}
	data := noise(6, 100*ChunkSize)
	from, err := src.Encrypt(Key{1}, bytes.NewReader(data), uint64(len(data)), nil)
	if err != nil {
		panic(err)
	}
	to, err := b.Open(from.Name())
	if err != nil {
		panic(err)
	}
	_, err = Fetch(context.Background(), to, []Source{&blobSource{Blob: from, name: "a"}}, func(done, _ uint64) { fmt.Println(done) })
	fmt.Println("end", err)
}

func TestKillAtAnyMoment(t *testing.T) {
	dir := t.TempDir()
	data := noise(6, 100*ChunkSize)
	from := encrypted(t, blobs(t), Key{1}, data)
	for _, at := range []string{"3\n", "40\n", "77\n"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), "PARS_FILE_CHILD="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		seen := ""
		buf := make([]byte, 256)
		for !strings.Contains("\n"+seen, "\n"+at) && !strings.Contains(seen, "end") {
			n, err := out.Read(buf)
			seen += string(buf[:n])
			if err != nil {
				break
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	b, err := OpenBlobs(filepath.Join(dir, "to"))
	if err != nil {
		t.Fatal(err)
	}
	to := opened(t, b, from.Name())
	have, total := to.Have()
	if have == 0 || have == total {
		t.Fatalf("%d of %d chunks after being killed: this proves nothing", have, total)
	}
	r, err := Fetch(t.Context(), to, []Source{&blobSource{Blob: from, name: "a"}}, nil)
	if err != nil || r.From["a"] != int(total-have) {
		t.Fatalf("%+v, %v: want the missing %d alone", r, err, total-have)
	}
	path := filepath.Join(t.TempDir(), "f")
	if err := to.Decrypt(Key{1}, uint64(len(data)), path); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !slices.Equal(got, data) {
		t.Errorf("the file differs, %v", err)
	}
}
