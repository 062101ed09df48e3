package vault

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// These tests look at a vault as somebody does who has the disk and no passphrase.

// Bounds of the statistics of one block of 4096 bytes, at six deviations and more: a
// random block fails about once in a few thousand million.
const (
	// chi-square of byte frequencies, 255 degrees of freedom: mean 255, deviation 22.6
	chiLow, chiHigh = 130, 430
	// serial correlation of neighbours: mean 0, deviation 1/64
	correlation = 0.1
	// ones among 32768 bits: mean 16384, deviation 90.5
	onesOff = 590
	// entropy of the byte frequencies in bits; a random block has 7.95
	entropyLow = 7.925
)

// suspicious counts the blocks whose statistics are not those of random bytes.
func suspicious(b []byte) (blocks, odd int) {
	for ; len(b) >= blockSize; b = b[blockSize:] {
		blocks++
		if !looksRandom(b[:blockSize]) {
			odd++
		}
	}
	return blocks, odd
}

func looksRandom(b []byte) bool {
	var counts [256]int
	ones, products := 0, 0.0
	for i, x := range b {
		counts[x]++
		for y := x; y != 0; y &= y - 1 {
			ones++
		}
		products += (float64(x) - 127.5) * (float64(b[(i+1)%len(b)]) - 127.5)
	}
	want := float64(len(b)) / 256
	chi, entropy := 0.0, 0.0
	for _, c := range counts {
		chi += (float64(c) - want) * (float64(c) - want) / want
		if c > 0 {
			p := float64(c) / float64(len(b))
			entropy -= p * math.Log2(p)
		}
	}
	serial := products / float64(len(b)) / ((256*256 - 1) / 12.0)
	return chi > chiLow && chi < chiHigh && math.Abs(serial) < correlation && math.Abs(float64(ones-len(b)*4)) < onesOff && entropy > entropyLow
}

// The measure sees what it must see.
func TestStatisticsSeeStructure(t *testing.T) {
	text := make([]byte, blockSize)
	for i := range text {
		text[i] = "meet me at noon "[i%16]
	}
	counting := make([]byte, blockSize)
	for i := range counting {
		counting[i] = byte(i)
	}
	for what, b := range map[string][]byte{"zeros": make([]byte, blockSize), "text": text, "counting": counting} {
		if looksRandom(b) {
			t.Errorf("%s look random", what)
		}
	}
}

// used makes a vault in which n profiles are in use: databases, renamings, removals,
// slots rewritten, growth.
func used(t *testing.T, fs vfs.FS, path string, n int) {
	t.Helper()
	cfg := config(fs)
	cfg.Path, cfg.GrowBy = path, Step
	v := mustCreate(t, cfg, 2*Step)
	var keep []string
	for i := range n {
		p := string(rune('a' + i))
		r := mustAdd(t, v, Profile{Passphrase: []byte(p)}, keep...)
		keep = append(keep, p)
		fill(t, r, 300, "the same text again and again, which would show")
		if err := r.SetSecret([]byte("secret")); err != nil {
			t.Fatal(err)
		}
		mustClose(t, r)
	}
	if err := v.Grow(Step); err != nil {
		t.Fatal(err)
	}
	mustClose(t, v)
}

// Every block of the file looks random, whatever it is: salt, slots, metadata, data,
// never used. No two blocks are the same.
func TestNoBlockHasStructure(t *testing.T) {
	for _, n := range []int{0, 1, 4} {
		fs := vfs.NewMem()
		used(t, fs, "v.pars", n)
		b := image(t, fs)
		if blocks, odd := suspicious(b); odd > 0 || blocks < 3000 {
			t.Errorf("%d profiles: %d of %d blocks don't look random", n, odd, blocks)
		}
		seen := map[[16]byte]int{}
		for at := 0; at+16 <= len(b); at += 16 {
			key := [16]byte(b[at:])
			if other, ok := seen[key]; ok {
				t.Fatalf("%d profiles: the 16 bytes at %d are those at %d", n, at, other)
			}
			seen[key] = at
		}
	}
}

// moments are sums over a region that would differ if it were in use and showed it.
func moments(b []byte) (mean, chi float64) {
	var counts [256]int
	for _, x := range b {
		counts[x]++
		mean += float64(x)
	}
	want := float64(len(b)) / 256
	for _, c := range counts {
		chi += (float64(c) - want) * (float64(c) - want) / want
	}
	return mean / float64(len(b)), chi
}

// The statistics of whole regions and slots are the same for one profile and for
// four: the deviation of each is that of random bytes, used or not.
func TestFourProfilesLookLikeOne(t *testing.T) {
	for _, n := range []int{1, 4} {
		fs := vfs.NewMem()
		used(t, fs, "v.pars", n)
		b := image(t, fs)
		stripes := (len(b) - headSize) / stripeSize
		for region := range Regions {
			var all []byte
			for s := range stripes {
				at, _ := physical(region, int64(s)*Step)
				all = append(all, b[at:at+Step]...)
			}
			mean, chi := moments(all)
			// Five deviations: 73.9 over the root of 3 MiB, and 22.6.
			if math.Abs(mean-127.5) > 5*73.9/math.Sqrt(float64(len(all))) || math.Abs(chi-255) > 5*22.6 {
				t.Errorf("%d profiles, region %d: mean %.3f, chi-square %.1f", n, region, mean, chi)
			}
		}
		if _, odd := suspicious(b[:headSize]); odd > 0 {
			t.Errorf("%d profiles: %d blocks of the head don't look random", n, odd)
		}
	}
}

// On a real disk a vault of one profile and one of four have the same size, the same
// blocks allocated and no holes, and there is one time for all.
func TestExtentsTellNothing(t *testing.T) {
	dir := t.TempDir()
	var sizes, disk []int64
	for _, name := range []string{"one", "four"} {
		path := filepath.Join(dir, name)
		used(t, vfs.Default, path, map[string]int{"one": 1, "four": 4}[name])
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, info.Size())
		allocated, holes, err := extents(path)
		if err != nil {
			t.Fatal(err)
		}
		if holes {
			t.Errorf("%s has holes", name)
		}
		disk = append(disk, allocated)
	}
	if sizes[0] != sizes[1] || disk[0] < sizes[0] {
		t.Errorf("sizes %v, on disk %v", sizes, disk)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 4 {
		t.Errorf("%v, %v: want a file and its lock for each", files, err)
	}
}

// touches counts the writes to each region.
type touches struct {
	vfs.FS
	log *[][2]int64
}

func (f touches) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	file, err := f.FS.OpenReadWrite(name, c, o...)
	return touchedFile{file, f.log}, err
}

type touchedFile struct {
	vfs.File
	log *[][2]int64
}

func (f touchedFile) WriteAt(b []byte, off int64) (int, error) {
	*f.log = append(*f.log, [2]int64{off, int64(len(b))})
	return f.File.WriteAt(b, off)
}

// When everything is closed, every place that was written in one region was written
// in all four.
func TestAllRegionsAreTouchedAlike(t *testing.T) {
	var log [][2]int64
	cfg := config(touches{vfs.NewMem(), &log})
	v := mustCreate(t, cfg, 2*Step)
	r := mustAdd(t, v, Profile{Passphrase: []byte("p")})
	fill(t, r, 200, "text")
	mustClose(t, r, v)
	var written [Regions]map[int64]bool
	for i := range written {
		written[i] = map[int64]bool{}
	}
	for _, w := range log {
		for at := w[0]; at < w[0]+w[1]; at += blockSize {
			if at < headSize {
				continue
			}
			in := at - headSize
			region := in % stripeSize / Step
			written[region][in/stripeSize*Step+in%Step] = true
		}
	}
	if len(written[0]) < 10 {
		t.Fatalf("only %d blocks were written", len(written[0]))
	}
	for region := 1; region < Regions; region++ {
		if len(written[region]) != len(written[0]) {
			t.Errorf("%d blocks of region %d were written, %d of region 0", len(written[region]), region, len(written[0]))
		}
		for at := range written[0] {
			if !written[region][at] {
				t.Fatalf("block %d was written in region 0 and not in region %d", at/blockSize, region)
			}
		}
	}
}
