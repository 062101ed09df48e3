package localnet

import (
	"fmt"
	"time"

	"github.com/pars-network/pars/node"
)

// Links says what the network between the nodes is like. The zero value is
// plain loopback.
type Links struct {
	// RoundTrip is the time from any node to any other and back.
	RoundTrip time.Duration
	// Loss is the part of all packets that is lost on their way, 0 to 1.
	Loss float64
	// Regions spreads the nodes over [Regions], in turn, with the round trips
	// between them instead of RoundTrip.
	Regions bool
	// Cuttable makes links that [Divide] can cut, even if they have neither
	// delay nor loss.
	Cuttable bool
}

// Most that can be asked for: beyond it, consensus' own timeouts decide.
const (
	maxRoundTrip = 10 * time.Second
	maxLoss      = 0.9
)

// Regions are the places of the mission's map.
var Regions = [...]string{"Tehran", "Los Angeles", "London", "Sydney"}

// regionTrips are round trips between regions in milliseconds, of the size that
// today's routes have; within a region it is localTrip.
var regionTrips = [len(Regions)][len(Regions)]int{
	{0, 220, 80, 250},
	{220, 0, 140, 150},
	{80, 140, 0, 240},
	{250, 150, 240, 0},
}

const localTrip = 2 * time.Millisecond

// plain reports whether nodes talk over loopback.
func (l Links) plain() bool { return l == Links{} }

func (l Links) check() error {
	switch {
	case l.RoundTrip < 0 || l.RoundTrip > maxRoundTrip:
		return node.Usage(fmt.Errorf("--delay is %s, want 0s to %s", l.RoundTrip, maxRoundTrip))
	case !(l.Loss >= 0 && l.Loss <= maxLoss): // so that NaN is refused too
		return node.Usage(fmt.Errorf("--loss is %g %%, want 0 to %g", 100*l.Loss, 100*maxLoss))
	case l.Regions && l.RoundTrip != 0:
		return node.Usage(fmt.Errorf("--regions has delays of its own; leave --delay %s out", l.RoundTrip))
	}
	return nil
}

// region is where node i is, or nothing without regions.
func (l Links) region(i int) string {
	if !l.Regions {
		return ""
	}
	return Regions[i%len(Regions)]
}

// oneWay is how long a packet from node i to node j travels.
func (l Links) oneWay(i, j int) time.Duration {
	if !l.Regions {
		return l.RoundTrip / 2
	}
	a, b := i%len(Regions), j%len(Regions)
	if a == b {
		return localTrip / 2
	}
	return time.Duration(regionTrips[a][b]) * time.Millisecond / 2
}
