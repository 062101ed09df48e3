package monitor

import (
	"fmt"
	"strings"
	"time"

	"github.com/pars-network/pars/evm/peerclock"
	"github.com/pars-network/pars/params"
)

// Stage is where a node is in its life.
type Stage int

// The stages in their order.
const (
	Starting Stage = iota
	Running
	Stopping
)

// String returns the stage as a word.
func (s Stage) String() string {
	switch s {
	case Starting:
		return "starting"
	case Running:
		return "running"
	case Stopping:
		return "stopping"
	}
	return fmt.Sprintf("stage %d", int(s))
}

// readyAfter is how old the last accepted block of a ready node may be: two
// heartbeats. The chain itself calls three a halt.
const readyAfter = 2 * params.HeartbeatMs * time.Millisecond

// Chain is what a running chain tells of itself.
type Chain struct {
	// Height is that of the last accepted block.
	Height uint64
	// Bootstrapped says that the node has caught up with the network.
	Bootstrapped bool
	// Since is how long ago a block was accepted, or normal operation began.
	Since time.Duration
	// Stuck is the chain's own verdict that it has come to a halt, or nil.
	Stuck error
	// Pending is how many executable transactions wait.
	Pending int
}

// Missing is a validator that a node doesn't hear.
type Missing struct {
	ID string
	// Silent is how long it has said nothing though it is connected; 0 if it is
	// not connected.
	Silent time.Duration
}

// String names the validator and says what is wrong.
func (m Missing) String() string {
	if m.Silent == 0 {
		return m.ID + " (not connected)"
	}
	return fmt.Sprintf("%s (silent for %s)", m.ID, m.Silent.Round(time.Second))
}

// Stake is how much of the validators' stake this node hears, its own included,
// in units of weight.
type Stake struct {
	Heard, Total uint64
	// Missing are the validators that are not heard.
	Missing []Missing
	// Num/Den is the least share without which no poll can succeed.
	Num, Den uint64
	// Err is why the validators are not known, or nil.
	Err error
}

// enough reports whether Heard/Total >= Num/Den.
func (s Stake) enough() bool {
	return s.Total > 0 && float64(s.Heard)*float64(s.Den) >= float64(s.Total)*float64(s.Num)
}

// maxNamed is how many validators a reason names; it counts the others.
const maxNamed = 8

// names lists the missing.
func (s Stake) names() string {
	var names []string
	for _, m := range s.Missing[:min(len(s.Missing), maxNamed)] {
		names = append(names, m.String())
	}
	if more := len(s.Missing) - maxNamed; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

// reason says how much stake is heard, and who is missing.
func (s Stake) reason() string {
	if s.Total == 0 || s.Den == 0 {
		return "the validators have no stake"
	}
	text := fmt.Sprintf("%.4g %% of the stake is heard, a decision takes %.4g %%", 100*float64(s.Heard)/float64(s.Total), 100*float64(s.Num)/float64(s.Den))
	if len(s.Missing) > 0 {
		text += "; not heard: " + s.names()
	}
	return text
}

// Clock is the comparison of this node's clock with the validators'.
type Clock struct {
	peerclock.Report
	// Limit is how far a clock may be off.
	Limit time.Duration
}

// wrong reports whether this node's own clock is the wrong one.
func (c Clock) wrong() bool { return c.Own.Beyond(c.Limit) }

// ahead says how far a clock is off, for people.
func ahead(o peerclock.Offset) string {
	d, word := o.Ahead, "ahead of"
	if d < 0 {
		d, word = -d, "behind"
	}
	return fmt.Sprintf("%s %s the other validators' clocks, give or take %s", d.Round(time.Millisecond), word, o.Doubt.Round(time.Millisecond))
}

// Facts is a node at one moment.
type Facts struct {
	Stage Stage
	// Failure is why the node is about to end by itself, or nil.
	Failure error
	// Chain, Stake and Clock are nil until the chain is initialized.
	Chain *Chain
	Stake *Stake
	Clock *Clock
	// Peers is the number of connected nodes.
	Peers int
}

// Check is one reason to trust a node or not.
type Check struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Reason says what was found, for people.
	Reason string `json:"reason"`
}

// Health returns the checks of /healthz. A node that fails one needs a person,
// or a restart. One that is starting, catching up or stopping is healthy.
func Health(f Facts) []Check {
	process := Check{Name: "process", OK: true, Reason: f.Stage.String()}
	if f.Failure != nil {
		process = Check{Name: "process", Reason: f.Failure.Error()}
	}
	chain := Check{Name: "chain", OK: true, Reason: "not started yet"}
	switch c := f.Chain; {
	case c == nil:
	case c.Stuck != nil:
		chain = Check{Name: "chain", Reason: c.Stuck.Error()}
		if s := f.Stake; s != nil && s.Err == nil && !s.enough() {
			chain.Reason += "; " + s.reason()
		}
	case !c.Bootstrapped:
		chain.Reason = fmt.Sprintf("catching up, at height %d", c.Height)
	default:
		chain.Reason = fmt.Sprintf("at height %d, last block %s ago", c.Height, c.Since.Round(time.Millisecond))
	}
	return []Check{process, chain}
}

// Readiness returns the checks of /readyz. A node that fails one should get no
// requests from a load balancer; by itself that is no reason to restart it.
func Readiness(f Facts) []Check {
	stage := Check{Name: "process", OK: f.Stage == Running && f.Failure == nil, Reason: f.Stage.String()}
	if f.Failure != nil {
		stage.Reason = f.Failure.Error()
	}
	bootstrapped := Check{Name: "bootstrapped", Reason: "the chain is not started yet"}
	recent := Check{Name: "recent", Reason: "the chain is not started yet"}
	if c := f.Chain; c != nil {
		bootstrapped.OK, bootstrapped.Reason = c.Bootstrapped, "caught up with the network"
		if !c.Bootstrapped {
			bootstrapped.Reason = fmt.Sprintf("catching up, at height %d", c.Height)
		}
		recent.OK = c.Bootstrapped && c.Since <= readyAfter
		recent.Reason = fmt.Sprintf("last block %s ago, want at most %s", c.Since.Round(time.Millisecond), readyAfter)
		if !c.Bootstrapped {
			recent.Reason = "not known while catching up"
		}
	}
	stake := Check{Name: "validators", Reason: "the validators are not known yet"}
	switch s := f.Stake; {
	case s == nil:
	case s.Err != nil:
		stake.Reason = "the validators are not known: " + s.Err.Error()
	default:
		stake.OK = s.enough()
		stake.Reason = fmt.Sprintf("%s; %d peers", s.reason(), f.Peers)
	}
	clock := Check{Name: "clock", OK: true, Reason: "not compared with others yet"}
	if c := f.Clock; c != nil && len(c.Peers) > 0 {
		clock.OK, clock.Reason = !c.wrong(), "this node's clock is "+ahead(c.Own)
		if !clock.OK {
			clock.Reason += "; set it, and keep it right with NTP"
		}
	}
	return []Check{stage, bootstrapped, stake, recent, clock}
}
