package vault

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

func TestProfilesAreApart(t *testing.T) {
	fs := vfs.NewMem()
	v := mustCreate(t, config(fs), MinRegion)
	first := mustAdd(t, v, Profile{Passphrase: []byte("first"), NetworkID: 7})
	if err := first.SetSecret([]byte("secret of the first")); err != nil {
		t.Fatal(err)
	}
	fill(t, first, 20, "text of the first")
	second := mustAdd(t, v, Profile{Passphrase: []byte("second"), NetworkID: 8}, "first")
	third := mustAdd(t, v, Profile{Passphrase: []byte("third")}, "second", "first")
	fourth := mustAdd(t, v, Profile{}, "third", "second", "first")
	for i, r := range []*Region{first, second, third, fourth} {
		for j, s := range []*Region{first, second, third, fourth} {
			if i != j && r.slot == s.slot {
				t.Errorf("profiles %d and %d share region %d", i, j, r.slot)
			}
		}
	}
	if _, err := v.AddProfile(Profile{Passphrase: []byte("fifth")}, []byte("first"), []byte("second"), []byte("third"), nil); !errors.Is(err, ErrNoRegion) {
		t.Errorf("a fifth profile: %v, want ErrNoRegion", err)
	}
	if _, err := v.AddProfile(Profile{Passphrase: []byte("second")}, []byte("first")); !errors.Is(err, ErrTaken) {
		t.Errorf("a passphrase that opens another: %v, want ErrTaken", err)
	}
	if _, err := v.AddProfile(Profile{Passphrase: []byte("x")}, []byte("frist")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("a mistake in what must stay: %v, want ErrPassphrase", err)
	}
	if err := first.ChangePassphrase([]byte("third")); !errors.Is(err, ErrTaken) {
		t.Errorf("changing to another's passphrase: %v, want ErrTaken", err)
	}
	mustClose(t, first, second, third, fourth)
	if _, err := Open(config(fs)); !errors.Is(err, ErrLocked) {
		t.Errorf("opening twice: %v, want ErrLocked", err)
	}
	mustClose(t, v)
	v, err := Open(config(fs))
	if err != nil {
		t.Fatal(err)
	}
	r := mustUnlock(t, v, "first")
	if string(r.Secret()) != "secret of the first" || r.NetworkID() != 7 || !r.Protected() {
		t.Errorf("the first holds %q on network %d", r.Secret(), r.NetworkID())
	}
	if names, err := r.FS().List("/db"); err != nil || len(names) < 4 {
		t.Errorf("its files are %v, %v", names, err)
	}
	mustClose(t, r)
	open := mustUnlock(t, v, "")
	if open.Protected() {
		t.Error("a profile without a passphrase says that it is protected")
	}
	mustClose(t, open)
	if _, err := v.Unlock([]byte("wrong")); !errors.Is(err, ErrUnprotected) {
		t.Errorf("a passphrase for a vault that opens without: %v", err)
	}
	mustClose(t, v)
}

func TestPassphrases(t *testing.T) {
	fs := vfs.NewMem()
	v := mustCreate(t, config(fs), MinRegion)
	r := mustAdd(t, v, Profile{Passphrase: []byte("old")})
	fill(t, r, 5, "text")
	before := image(t, fs)
	if err := r.ChangePassphrase([]byte("new")); err != nil {
		t.Fatal(err)
	}
	changed := 0
	for i, b := range image(t, fs) {
		if b != before[i] {
			if i >= headSize {
				t.Fatalf("byte %d changed with the passphrase: data was encrypted again", i)
			}
			changed++
		}
	}
	if changed < blockSize {
		t.Errorf("only %d bytes changed", changed)
	}
	mustClose(t, r)
	for passphrase, want := range map[string]error{"old": ErrPassphrase, "": ErrPassphraseNeeded, "new": nil} {
		r, err := v.Unlock([]byte(passphrase))
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%q: %v, want %v", passphrase, err, want)
		}
		if err == nil {
			mustClose(t, r)
		}
	}
	// Another cost is another format: it opens nothing, and shows nothing.
	mustClose(t, v)
	cfg := config(fs)
	cfg.Cost.Passes = 2
	v, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Unlock([]byte("new")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("another cost: %v", err)
	}
	mustClose(t, v)
}

func TestDuressShowsTheDecoyOnly(t *testing.T) {
	for _, destroy := range []bool{false, true} {
		fs := vfs.NewMem()
		v := mustCreate(t, config(fs), MinRegion)
		real := mustAdd(t, v, Profile{Passphrase: []byte("real")})
		if err := real.SetSecret([]byte("the real secret")); err != nil {
			t.Fatal(err)
		}
		decoy := mustAdd(t, v, Profile{Passphrase: []byte("duress"), DestroyOthers: destroy}, "real")
		if err := decoy.SetSecret([]byte("nothing to see")); err != nil {
			t.Fatal(err)
		}
		mustClose(t, real, decoy)
		r := mustUnlock(t, v, "duress")
		if string(r.Secret()) != "nothing to see" {
			t.Errorf("duress shows %q", r.Secret())
		}
		if r.c.onOpen != ScopeNone {
			t.Error("the decoy tells that it destroyed the others")
		}
		mustClose(t, r)
		r, err := v.Unlock([]byte("real"))
		if destroyed := errors.Is(err, ErrPassphrase); destroyed != destroy {
			t.Errorf("destroy %v: afterwards the real passphrase gives %v", destroy, err)
		}
		if err == nil {
			mustClose(t, r)
		}
		mustClose(t, mustUnlock(t, v, "duress"), v)
	}
}

func TestDeadline(t *testing.T) {
	for _, all := range []bool{false, true} {
		c := &clock{time.Unix(1_800_000_000, 0)}
		cfg := config(vfs.NewMem())
		cfg.Now = c.Now
		v := mustCreate(t, cfg, MinRegion)
		other := mustAdd(t, v, Profile{Passphrase: []byte("other")})
		r := mustAdd(t, v, Profile{Passphrase: []byte("mine")}, "other")
		if err := r.SetDeadline(Deadline{Within: 48 * time.Hour, All: all}); err != nil {
			t.Fatal(err)
		}
		if err := r.SetDeadline(Deadline{Within: time.Millisecond}); !errors.Is(err, ErrSize) {
			t.Errorf("a millisecond: %v", err)
		}
		c.now = c.now.Add(47 * time.Hour)
		mustClose(t, r)
		r = mustUnlock(t, v, "mine") // a sign of life
		c.now = c.now.Add(47 * time.Hour)
		if r.Missed() {
			t.Error("missed an hour before")
		}
		if err := r.CheckIn(); err != nil {
			t.Fatal(err)
		}
		c.now = c.now.Add(49 * time.Hour)
		if !r.Missed() {
			t.Error("not missed an hour later")
		}
		mustClose(t, r)
		for range 2 {
			if _, err := v.Unlock([]byte("mine")); !errors.Is(err, ErrPassphrase) {
				t.Errorf("after the deadline: %v, want ErrPassphrase", err)
			}
		}
		mustClose(t, other)
		r, err := v.Unlock([]byte("other"))
		if (err != nil) != all {
			t.Errorf("all %v: the other profile gives %v", all, err)
		}
		if err == nil {
			mustClose(t, r)
		}
		mustClose(t, v)
	}
}

func TestWipe(t *testing.T) {
	fs := vfs.NewMem()
	v := mustCreate(t, config(fs), MinRegion)
	r := mustAdd(t, v, Profile{Passphrase: []byte("p")})
	before := image(t, fs)
	// Another process, while this one has the vault open.
	if err := Wipe(config(fs)); err != nil {
		t.Fatal(err)
	}
	if err := r.SetSecret([]byte("late")); !errors.Is(err, ErrWiped) {
		t.Errorf("a change after the wipe: %v, want ErrWiped", err)
	}
	if err := r.ChangePassphrase([]byte("late")); !errors.Is(err, ErrWiped) {
		t.Errorf("a new passphrase after the wipe: %v, want ErrWiped", err)
	}
	mustClose(t, r)
	if _, err := v.Unlock([]byte("p")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("after the wipe: %v", err)
	}
	mustClose(t, v)
	same := 0
	after := image(t, fs)
	for i := range headSize {
		if before[i] == after[i] {
			same++
		}
	}
	if same > headSize/100 {
		t.Errorf("%d of %d bytes of salt and slots stayed", same, headSize)
	}
	if err := Wipe(Config{Path: "none", FS: fs}); !errors.Is(err, ErrNotFound) {
		t.Errorf("nothing to wipe: %v", err)
	}
}

// All four regions grow alike, whoever is full, and nothing moves.
func TestGrowth(t *testing.T) {
	fs := vfs.NewMem()
	cfg := config(fs)
	cfg.GrowBy, cfg.Most = 2*Step, 5*Step
	v := mustCreate(t, cfg, MinRegion)
	a := mustAdd(t, v, Profile{Passphrase: []byte("a")})
	fill(t, a, 3, "of a")
	b := mustAdd(t, v, Profile{Passphrase: []byte("b")}, "a")
	big, err := b.FS().Create("/big", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := big.Write(make([]byte, 2*Step)); err != nil {
		t.Fatal(err)
	}
	mustClose(t, big)
	if got := v.RegionSize(); got != 3*Step && got != 5*Step {
		t.Errorf("the regions have %d bytes", got)
	}
	if got := int64(len(image(t, fs))); got != fileSize(v.RegionSize()) {
		t.Errorf("the file has %d bytes, want %d", got, fileSize(v.RegionSize()))
	}
	for _, by := range []int64{0, 5, -Step, 5 * Step} {
		if err := v.Grow(by); !errors.Is(err, ErrSize) {
			t.Errorf("growing by %d: %v, want ErrSize", by, err)
		}
	}
	mustClose(t, a, b)
	size := v.RegionSize()
	mustClose(t, v)
	// A growth that was cut short leaves bytes that don't count.
	v, err = Open(Config{Path: "v.pars", FS: plant(t, append(image(t, fs), make([]byte, Step)...)), Cost: cheap})
	if err != nil {
		t.Fatal(err)
	}
	if v.RegionSize() != size {
		t.Errorf("after half a growth the regions have %d bytes, want %d", v.RegionSize(), size)
	}
	if err := v.Grow(Step); err != nil {
		t.Fatal(err)
	}
	b = mustUnlock(t, v, "b")
	if err := b.SetSecret(nil); err != nil {
		t.Fatal(err)
	}
	mustClose(t, b, mustUnlock(t, v, "a"), v)
}

func TestSizes(t *testing.T) {
	for _, size := range []int64{0, -Step, Step - 1, Step + 1, MaxRegion + Step} {
		if _, err := Create(config(vfs.NewMem()), size); !errors.Is(err, ErrSize) {
			t.Errorf("regions of %d bytes: %v, want ErrSize", size, err)
		}
	}
	fs := vfs.NewMem()
	mustClose(t, mustCreate(t, config(fs), MinRegion))
	if _, err := Create(config(fs), MinRegion); !errors.Is(err, ErrExists) {
		t.Errorf("making it twice: %v, want ErrExists", err)
	}
	if _, err := Open(Config{Path: "none", FS: fs}); !errors.Is(err, ErrNotFound) {
		t.Errorf("opening nothing: %v", err)
	}
	if _, err := Open(Config{Path: "v.pars", FS: plant(t, make([]byte, headSize+stripeSize-1))}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a file that was cut short: %v", err)
	}
	v, err := Open(config(fs))
	if err != nil {
		t.Fatal(err)
	}
	r := mustAdd(t, v, Profile{})
	if err := r.SetSecret(make([]byte, MaxSecret+1)); err == nil {
		t.Error("a secret that is too long was taken")
	}
	mustClose(t, r, v)
}

// The power goes at every write and sync of a slot: the secret is the old or the new
// one, both copies are the same after the next opening, and once SetSecret has
// returned the old one is gone.
func TestSlotSurvivesTornWrites(t *testing.T) {
	const seed = 1
	rng := rand.New(rand.NewPCG(seed, 0))
	under := vfs.NewCrashableMem()
	type moment struct {
		fs   *vfs.MemFS
		done int
	}
	var moments []moment
	done, recording := 0, false
	fs := errorfs.Wrap(under, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if recording && (op.Kind == errorfs.OpFileWriteAt || op.Kind == errorfs.OpFileSyncData) {
			for _, percent := range []int{0, 50} {
				moments = append(moments, moment{under.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng}), done})
			}
		}
		return nil
	}))
	v := mustCreate(t, config(fs), MinRegion)
	r := mustAdd(t, v, Profile{Passphrase: []byte("p")})
	if err := r.SetSecret([]byte("secret 0")); err != nil {
		t.Fatal(err)
	}
	recording = true
	for i := 1; i < 6; i++ {
		if err := r.SetSecret(fmt.Appendf(nil, "secret %d", i)); err != nil {
			t.Fatal(err)
		}
		done = i
	}
	recording = false
	key := bytes.Clone(r.key)
	slot := r.slot
	mustClose(t, r, v)
	if len(moments) < 30 {
		t.Fatalf("only %d moments", len(moments))
	}
	for i, m := range moments {
		v, err := Open(config(m.fs))
		if err != nil {
			t.Fatal(err)
		}
		r, err := v.Unlock([]byte("p"))
		if err != nil {
			t.Fatalf("moment %d: %v", i, err)
		}
		got := string(r.Secret())
		if got != fmt.Sprint("secret ", m.done) && got != fmt.Sprint("secret ", m.done+1) {
			t.Fatalf("moment %d: %q after %d changes", i, got, m.done)
		}
		if c, clean, err := v.readSlot(key, slot); err != nil || !clean || string(c.secret) != got {
			t.Fatalf("moment %d: the copies differ: %v", i, err)
		}
		mustClose(t, r, v)
	}
}

func TestContentBounds(t *testing.T) {
	c := content{network: 5, generation: 9, secret: []byte("s"), onMiss: ScopeAll}
	good, err := c.bytes()
	if err != nil {
		t.Fatal(err)
	}
	for at, b := range map[int]byte{8: 9, 10: 1, 11: 2, 48: 0x80, 56: 0x80, 64: 0x80, 72: 0xff, slotFixed + 5: 1} {
		bad := bytes.Clone(good)
		bad[at] = b
		if _, err := parseContent(bad); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
			t.Errorf("byte %d as %#x: %v", at, b, err)
		}
	}
}

func FuzzParseContent(f *testing.F) {
	c := content{network: 5, generation: 9, secret: []byte("s"), onMiss: ScopeAll, onOpen: ScopeOthers, within: 60}
	b, err := c.bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:100])
	f.Fuzz(func(t *testing.T, b []byte) {
		full := make([]byte, slotPlain)
		copy(full, b)
		c, err := parseContent(full)
		if err != nil {
			return
		}
		if again, err := c.bytes(); err != nil || !bytes.Equal(again, full) {
			t.Errorf("%x encodes as %x, %v", full, again, err)
		}
	})
}
