package stark

import (
	"encoding/hex"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// transcript is NAME.transcript.json, as far as the coin produces it.
type transcript struct {
	Seed0        string     `json:"seed_0"`
	AfterTrace   string     `json:"seed_after_trace"`
	Coefficients [][]string `json:"constraint_coeffs"`
	Z            []string
	DEEP         [][]string `json:"deep_coeffs"`
	Alphas       [][]string `json:"fri_alphas"`
	BeforePoW    string     `json:"seed_before_pow"`
	Positions    []uint64   `json:"positions_drawn"`
}

func parseElement(t *testing.T, parts []string) (e element) {
	t.Helper()
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		e[i] = v
	}
	return e
}

// Every value that the coin gives must be the one Winterfell drew.
func TestTranscripts(t *testing.T) {
	paths, err := filepath.Glob(winterfell + "/*.transcript.json")
	if err != nil || len(paths) != 3 {
		t.Fatalf("%d transcripts, %v, want 3", len(paths), err)
	}
	for _, path := range paths {
		name := filepath.Base(path[:len(path)-len(".transcript.json")])
		var want transcript
		loadJSON(t, path, &want)
		c, _ := loadClaim(t, name)
		s, err := newShape(&c.air, c.length, c.options)
		if err != nil {
			t.Fatal(err)
		}
		p, err := parse(c.proof, s, len(c.air.Constraints)+len(c.air.Assertions))
		if err != nil {
			t.Fatal(err)
		}
		bounds, err := c.air.boundaries(c.length, c.public)
		if err != nil {
			t.Fatal(err)
		}
		v := verifier{shape: s, air: &c.air, public: c.public, bounds: bounds, proof: p}
		v.coin = coin{hash: s.hash, field: s.field, seed: s.hash.sum(v.seed())}
		seedIs := func(stage, want string) {
			if got := hex.EncodeToString(v.coin.seed[:]); got != want {
				t.Errorf("%s: seed %s = %s, want %s", name, stage, got, want)
			}
		}
		drawsAre := func(stage string, got []element, want [][]string) {
			if len(got) != len(want) {
				t.Errorf("%s: %d %s, want %d", name, len(got), stage, len(want))
				return
			}
			for i, e := range got {
				if e != parseElement(t, want[i]) {
					t.Errorf("%s: %s %d = %v, want %v", name, stage, i, e, want[i])
				}
			}
		}
		seedIs("at the start", want.Seed0)
		v.coin.reseed(p.commitments[0])
		seedIs("after the trace", want.AfterTrace)
		coefficients, _ := v.batch(c.options.ConstraintBatching, len(c.air.Constraints)+len(bounds))
		drawsAre("constraint coefficients", coefficients, want.Coefficients)
		v.coin.reseed(p.commitments[1])
		z, _ := v.coin.draw()
		drawsAre("z", []element{z}, [][]string{want.Z})
		v.coin.reseed(s.hash.sum(v.outOfDomainBytes()))
		deep, _ := v.batch(c.options.DEEPBatching, s.width+s.quotients)
		drawsAre("DEEP coefficients", deep, want.DEEP)
		var alphas []element
		for _, root := range p.commitments[2:] {
			v.coin.reseed(root)
			alpha, _ := v.coin.draw()
			alphas = append(alphas, alpha)
		}
		drawsAre("FRI alphas", alphas[:len(want.Alphas)], want.Alphas)
		seedIs("before the proof of work", want.BeforePoW)
		positions, err := v.positions()
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(want.Positions)
		if drawn := slices.Compact(want.Positions); !slices.Equal(positions, drawn) {
			t.Errorf("%s: positions %v, want %v", name, positions, drawn)
		}
	}
}
