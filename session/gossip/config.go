package gossip

import (
	"context"
	"log/slog"
	"time"
)

// Config of a [Service]. The zero value works, without repair.
type Config struct {
	// Repair reconciles a space with a neighbour over a stream of its own, and
	// returns when it is done or ctx ends. It is called for one neighbour of a
	// space at a time. nil means that nothing is repaired.
	Repair func(ctx context.Context, peer string, space SpaceID) error
	// RepairEvery is how often a space is reconciled with some neighbour without
	// any reason; 0 means a minute, negative never.
	RepairEvery time.Duration

	// LazyDelay is how long an id waits before it is announced, for others to
	// come and for the other side to announce it first; 0 means 25 ms.
	LazyDelay time.Duration
	// GraftDelay is how long a node waits for a vertex whose id was announced
	// before it asks; 0 means 75 ms.
	GraftDelay time.Duration
	// AnswerDelay is how long it waits for the answer before it asks the next;
	// 0 means 500 ms.
	AnswerDelay time.Duration
	// Better is how much earlier an announcement must come than the vertex for
	// its sender to take the place in the tree; 0 means 10 ms.
	Better time.Duration

	// PeerRate is how many bytes a second are read from a neighbour, and
	// PeerBurst how many at once; 0 means 256 KiB and 1 MiB. More waits in the
	// neighbour's stream.
	PeerRate, PeerBurst int
	// SpaceRate is how many vertices a second a space verifies, and SpaceBurst
	// how many at once; 0 means 200 and 2,000. More is dropped unverified and
	// left to repair.
	SpaceRate, SpaceBurst int
	// QueueBytes bounds what waits to be sent to a neighbour; 0 means 1 MiB.
	// Above it ids take the place of vertices, and above twice that nothing is
	// sent.
	QueueBytes int
	// Seen is how many ids a space remembers; 0 means 8,192. Each takes about
	// 300 bytes.
	Seen int
	// Wants is how many announced ids a space waits for; 0 means 4,096. A
	// neighbour can fill a quarter.
	Wants int
	// Authors is for how many authors a space keeps a tree of their own; 0 means
	// 1,024.
	Authors int
	// Ban is how long a dropped neighbour is not talked to; 0 means 10 minutes.
	Ban time.Duration

	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log receives why neighbours are dropped; nil means nowhere.
	Log *slog.Logger
}

func (c Config) orDefault() Config {
	or := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	orTime := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	orTime(&c.RepairEvery, time.Minute)
	orTime(&c.LazyDelay, 25*time.Millisecond)
	orTime(&c.GraftDelay, 75*time.Millisecond)
	orTime(&c.AnswerDelay, 500*time.Millisecond)
	orTime(&c.Better, 10*time.Millisecond)
	orTime(&c.Ban, 10*time.Minute)
	or(&c.PeerRate, 256<<10)
	or(&c.PeerBurst, 1<<20)
	or(&c.SpaceRate, 200)
	or(&c.SpaceBurst, 2000)
	or(&c.QueueBytes, 1<<20)
	or(&c.Seen, 8192)
	or(&c.Wants, 4096)
	or(&c.Authors, 1024)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
