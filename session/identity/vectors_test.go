package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/tyler-smith/go-bip39"
)

// checkVectors compares what this package makes with a file of spec/vectors, which
// spec/check reads too. With -rewrite it writes the file.
func checkVectors(t *testing.T, name string, made any) {
	t.Helper()
	got, err := json.MarshalIndent(made, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("..", "..", "spec", "vectors", name)
	if *rewrite {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%v; make it with -rewrite", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what this package makes; a change of format changes spec/ and, with -rewrite, this file", path)
	}
}

type accountVector struct {
	Entropy   hexText `json:"entropy"`
	Phrase    string  `json:"phrase"`
	Seed      hexText `json:"account_seed"`
	Signing   hexText `json:"signing_public"`
	Agreement hexText `json:"agreement_public"`
	ID        ID      `json:"session_id"`
	Link      string  `json:"link"`
}

type safetyVector struct {
	A       ID     `json:"a"`
	B       ID     `json:"b"`
	Words   string `json:"words"`
	Digits  string `json:"digits"`
	Persian string `json:"persian_digits"`
}

type slotVector struct {
	ID   ID      `json:"session_id"`
	Unix int64   `json:"unix"`
	Week uint64  `json:"week"`
	Slot hexText `json:"slot"`
}

func TestIdentityVectors(t *testing.T) {
	var v struct {
		Accounts []accountVector `json:"accounts"`
		Safety   []safetyVector  `json:"safety"`
		Slots    []slotVector    `json:"slots"`
	}
	for _, entropy := range [][]byte{bytes.Repeat([]byte{0}, 32), bytes.Repeat([]byte{0x7f}, 32), bytes.Repeat([]byte{0xff}, 32), read(t, "entropy", 32)} {
		phrase, err := NewPhrase(bytes.NewReader(entropy))
		if err != nil {
			t.Fatal(err)
		}
		a, err := AccountFromPhrase(phrase)
		if err != nil {
			t.Fatal(err)
		}
		v.Accounts = append(v.Accounts, accountVector{
			Entropy: entropy, Phrase: phrase, Seed: a.Seed(), Signing: a.Signing().Bytes(), Agreement: a.Agreement().Bytes(), ID: a.ID(), Link: a.ID().Link(),
		})
	}
	for i := range 2 {
		a, b := v.Accounts[i].ID, v.Accounts[i+1].ID
		if i == 0 { // one is enough: Argon2id takes seconds in JavaScript
			s := SafetyOf(a, b)
			v.Safety = append(v.Safety, safetyVector{A: a, B: b, Words: s.String(), Digits: s.Digits(), Persian: s.PersianDigits()})
		}
		week := WeekOf(start) + uint64(i)
		slot := SlotOf(a, week)
		v.Slots = append(v.Slots, slotVector{ID: a, Unix: start.Unix() + int64(i)*604800, Week: week, Slot: slot[:]})
	}
	checkVectors(t, "identity.json", v)
}

type deviceVector struct {
	ID      string   `json:"id"`
	Key     hexText  `json:"key"`
	Signed  string   `json:"signed_prekey_id"`
	OneTime []string `json:"one_time_prekey_ids"`
}

type bundleVector struct {
	Name        string         `json:"name"`
	AccountSeed hexText        `json:"account_seed"`
	Bundle      hexText        `json:"bundle"`
	ID          ID             `json:"session_id"`
	Issued      int64          `json:"issued"`
	Expires     int64          `json:"expires"`
	Devices     []deviceVector `json:"devices"`
	Mailbox     string         `json:"mailbox"`
	Card        string         `json:"card"`
	Frames      []string       `json:"frames"`
	Week        uint64         `json:"week"`
	Sealed      hexText        `json:"sealed"`
}

func TestBundleVectors(t *testing.T) {
	var v struct {
		Bundles []bundleVector `json:"bundles"`
	}
	second := newRing(t, "second device")
	other, err := second.Describe(stream("describe"), start, start.Add(Lifetime), 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, opt := range map[string]IssueOptions{"one device": {}, "two devices, three one-time prekeys": {OneTime: 2, Others: []Device{other}}} {
		account := newAccount(t, name)
		b, err := newRing(t, name).Issue(stream("issue "+name), account, start, opt)
		if err != nil {
			t.Fatal(err)
		}
		frames, err := b.Frames(MaxFrame)
		if err != nil {
			t.Fatal(err)
		}
		week := WeekOf(start)
		sealed, err := SealBundle(stream("seal "+name), b, week)
		if err != nil {
			t.Fatal(err)
		}
		out := bundleVector{
			Name: name, AccountSeed: account.Seed(), Bundle: b.Bytes(), ID: b.ID(), Issued: b.Issued().Unix(), Expires: b.Expires().Unix(),
			Mailbox: b.Mailbox().String(), Card: b.Card(), Frames: frames, Week: week, Sealed: sealed,
		}
		for _, d := range b.Devices() {
			dv := deviceVector{ID: d.ID().String(), Key: d.Key.Bytes(), Signed: PrekeyIDOf(d.Signed).String(), OneTime: []string{}}
			for _, k := range d.OneTime {
				dv.OneTime = append(dv.OneTime, PrekeyIDOf(k).String())
			}
			out.Devices = append(out.Devices, dv)
		}
		v.Bundles = append(v.Bundles, out)
	}
	if v.Bundles[0].Name > v.Bundles[1].Name {
		v.Bundles[0], v.Bundles[1] = v.Bundles[1], v.Bundles[0]
	}
	checkVectors(t, "bundle.json", v)
}

// The reference vectors of BIP-39 have a passphrase, which Pars does not use,
// so they judge the library under the two calls that this package makes.
func TestBIP39ReferenceVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/bip39-trezor-24.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Entropy, Seed hexText
		Mnemonic      string
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) != 8 {
		t.Fatalf("%d cases, want 8", len(cases))
	}
	for _, c := range cases {
		phrase, err := NewPhrase(bytes.NewReader(c.Entropy))
		if err != nil || phrase != c.Mnemonic {
			t.Errorf("NewPhrase(%x) is not the reference's phrase, %v", []byte(c.Entropy), err)
		}
		if got := bip39.NewSeed(c.Mnemonic, "TREZOR"); !bytes.Equal(got, c.Seed) {
			t.Errorf("seed of %x = %x, want %x", []byte(c.Entropy), got, []byte(c.Seed))
		}
		if normal, err := normalPhrase("  " + c.Mnemonic + "\n"); err != nil || normal != c.Mnemonic {
			t.Errorf("normalPhrase refuses the reference's phrase: %v", err)
		}
	}
}
