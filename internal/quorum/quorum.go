// Package quorum computes how safe and how lively Snowman is for given settings,
// exactly, with rational numbers. docs/adr/0005-consensus-parameters.md has its
// table; `go run ./internal/quorum/table` prints it.
//
// # The model
//
// A poll asks K units of stake. It succeeds for a side if at least Alpha of them
// answer for that side. A node decides for a side after Beta polls in a row that
// succeed for it. Adversarial stake knows everything and tells each node what
// hurts most; honest stake answers truthfully.
//
// AvalancheGo v1.14.2 samples units of weight without replacement
// (utils/sampler, weightedWithoutReplacementGeneric), so one validator counts as
// often as its weight is drawn. A validator has 2*10^12 units unless its genesis
// says otherwise, and K are drawn from all: with and without replacement the
// chances differ by less than K(K-1)/2 over the number of units, which is 2*10^-10
// for five validators, so a poll is binomial. [Settings.Drawn] is the exact form,
// for small weights.
package quorum

import (
	"fmt"
	"math/big"
)

// Settings are the consensus parameters that decide safety.
type Settings struct {
	// K is the sample size, Alpha the quorum for confidence and Beta the polls in
	// a row; AvalancheGo calls them k, alphaConfidence and beta.
	K, Alpha, Beta int
}

// Check returns an error unless K/2 < Alpha <= K and Beta > 0.
func (s Settings) Check() error {
	if 2*s.Alpha <= s.K || s.Alpha > s.K || s.Beta < 1 {
		return fmt.Errorf("quorum: sample %d, quorum %d, polls %d: want sample/2 < quorum <= sample and at least one poll", s.K, s.Alpha, s.Beta)
	}
	return nil
}

// Poll returns the chance that a poll succeeds for a side with the given share
// of the stake: the upper tail of a binomial distribution. share is in 0..1.
func (s Settings) Poll(share *big.Rat) *big.Rat {
	// With share = n/d, the sum of C(K,i) n^i (d-n)^(K-i) over d^K.
	n, d := share.Num(), share.Denom()
	rest := new(big.Int).Sub(d, n)
	sum := new(big.Int)
	for i := s.Alpha; i <= s.K; i++ {
		term := new(big.Int).Binomial(int64(s.K), int64(i))
		term.Mul(term, power(n, i))
		sum.Add(sum, term.Mul(term, power(rest, s.K-i)))
	}
	return new(big.Rat).SetFrac(sum, power(d, s.K))
}

// Drawn is [Settings.Poll] without replacement: of total units of stake, units
// are on the side, and K different ones are asked. total must be at least K.
func (s Settings) Drawn(units, total int64) *big.Rat {
	sum := new(big.Int)
	for i := s.Alpha; i <= s.K; i++ {
		if int64(i) > units || int64(s.K-i) > total-units {
			continue
		}
		term := new(big.Int).Binomial(units, int64(i))
		sum.Add(sum, term.Mul(term, new(big.Int).Binomial(total-units, int64(s.K-i))))
	}
	return new(big.Rat).SetFrac(sum, new(big.Int).Binomial(total, int64(s.K)))
}

// Run returns the chance that the next Beta polls all succeed, if one does with
// chance poll.
func (s Settings) Run(poll *big.Rat) *big.Rat {
	return new(big.Rat).SetFrac(power(poll.Num(), s.Beta), power(poll.Denom(), s.Beta))
}

// Polls returns how many polls, one after another, it takes on average until
// Beta in a row have succeeded: (1 - p^Beta) / ((1-p) p^Beta). poll must not
// be 0.
func (s Settings) Polls(poll *big.Rat) *big.Rat {
	fail := new(big.Rat).Sub(one(), poll)
	if fail.Sign() == 0 {
		return new(big.Rat).SetInt64(int64(s.Beta))
	}
	run := s.Run(poll)
	mean := new(big.Rat).Sub(one(), run)
	return mean.Quo(mean, fail.Mul(fail, run))
}

// Adversary returns how many of n validators with equal stake come nearest to
// num/den of them.
func Adversary(n, num, den int64) int64 { return (2*n*num + den) / (2 * den) }

// Split is how honest stake is divided between two sides, in validators, or in
// parts of any other whole.
type Split struct {
	// A and B are honest; Bad answers either side as it likes.
	A, B, Bad int64
}

// Worst returns the split of n validators, bad of them adversarial, in which it
// is likeliest that two honest nodes decide differently: as even as can be. For
// fixed bad stake the two sides' shares have a constant sum, and the logarithm of
// a binomial tail is concave in the share, so the product of the tails is
// greatest, and so is the lesser of them, where the shares are nearest.
func Worst(n, bad int64) Split {
	honest := n - bad
	return Split{A: honest - honest/2, B: honest / 2, Bad: bad}
}

// WorstLimit returns the worst split of a network so large that any share is
// possible, with num/den of the stake adversarial.
func WorstLimit(num, den int64) Split {
	return Split{A: den - num, B: den - num, Bad: 2 * num}
}

// Shares returns what a poll for either side can get at most, as shares of all.
func (s Split) Shares() (a, b *big.Rat) {
	all := s.A + s.B + s.Bad
	return big.NewRat(s.A+s.Bad, all), big.NewRat(s.B+s.Bad, all)
}

// Apart is how likely honest nodes are driven apart in a split that doesn't move.
type Apart struct {
	// Poll is the chance that a poll succeeds for the side with less honest
	// stake, helped by the adversary.
	Poll *big.Rat
	// Lesser is the chance that a given node decides for that side with its next
	// Beta polls. Nodes can't be driven apart unless this happens to one.
	Lesser *big.Rat
	// Both is the chance that of two given nodes one decides for each side, both
	// with their next Beta polls.
	Both *big.Rat
}

// Apart computes the chances in a split.
func (s Settings) Apart(split Split) Apart {
	a, b := split.Shares()
	pollB := s.Poll(b)
	runA, runB := s.Run(s.Poll(a)), s.Run(pollB)
	return Apart{Poll: pollB, Lesser: runB, Both: new(big.Rat).Mul(runA, runB)}
}

// Alive returns the chance that a poll succeeds when dead of all parts of the
// stake do not answer and the others agree.
func (s Settings) Alive(dead, all int64) *big.Rat { return s.Poll(big.NewRat(all-dead, all)) }

func one() *big.Rat { return new(big.Rat).SetInt64(1) }

func power(x *big.Int, n int) *big.Int { return new(big.Int).Exp(x, big.NewInt(int64(n)), nil) }
