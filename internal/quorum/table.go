package quorum

import (
	"fmt"
	"io"
	"math/big"
	"strings"
)

// Alternative is a named choice of settings.
type Alternative struct {
	Name string
	Settings
}

// Alternatives lists the settings of the ADR, ours first.
var Alternatives = []Alternative{
	{"ours", Settings{K: 60, Alpha: 42, Beta: 12}},
	{"AvalancheGo's default", Settings{K: 20, Alpha: 15, Beta: 20}},
	{"the prototype's", Settings{K: 20, Alpha: 13, Beta: 12}},
}

// share is adversarial or dead stake, num/den of all.
type share struct{ num, den int64 }

var (
	shares = []share{{1, 5}, {1, 4}, {1, 3}}
	sizes  = []int64{5, 21, 100}
)

// WriteTable writes the ADR's table as Markdown.
func WriteTable(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| settings (sample/quorum/polls) | stake | validators | poll for the wrong side | decided wrong | two nodes apart | poll, stake dead | polls to decide, stake dead |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|\n")
	for _, alt := range Alternatives {
		for _, sh := range shares {
			for _, n := range sizes {
				bad := Adversary(n, sh.num, sh.den)
				writeRow(&b, alt, sh, fmt.Sprintf("%d of %d", bad, n), Worst(n, bad), bad, n)
			}
			writeRow(&b, alt, sh, "limit", WorstLimit(sh.num, sh.den), sh.num, sh.den)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeRow(b *strings.Builder, alt Alternative, sh share, who string, split Split, dead, all int64) {
	apart, alive := alt.Apart(split), alt.Alive(dead, all)
	fmt.Fprintf(b, "| %s %d/%d/%d | %d/%d | %s | %s | %s | %s | %s | %s |\n",
		alt.Name, alt.K, alt.Alpha, alt.Beta, sh.num, sh.den, who,
		digits(apart.Poll), digits(apart.Lesser), digits(apart.Both), digits(alive), digits(alt.Polls(alive)))
}

// digits writes r with two digits. The value is exact; only this rounds.
func digits(r *big.Rat) string {
	f, _ := r.Float64()
	return fmt.Sprintf("%.2g", f)
}
