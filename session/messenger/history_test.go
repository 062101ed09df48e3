package messenger

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/store"
)

// TestAnyHistory lets two people write while the network loses, doubles and
// reorders envelopes, also such as were acknowledged, while the machines die, and
// while disks are put back to older states. In the end every message that a
// person's log shows as sent was shown to the other person, once, or is shown as
// failed.
func TestAnyHistory(t *testing.T) {
	histories := 6
	if os.Getenv("PARS_TEST_FULL") != "" {
		histories = 200
	}
	base := uint64(time.Now().UnixNano())
	for i := range histories {
		seed := base + uint64(i)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { history(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

// waiting is an outbox record of a node.
type waitingEnvelope struct {
	p       pair
	num     uint64
	raw     []byte
	message uint64
}

func (n *node) waiting() (out []waitingEnvelope) {
	n.t.Helper()
	if err := n.store.Scan(kindOutbox, nil, 0, func(r store.Record) bool {
		var o outboxRecord
		if err := decode(r.Value, &o); err != nil {
			n.t.Fatal(err)
		}
		out = append(out, waitingEnvelope{pair{identity.ID(r.Name), o.Device}, r.Num, o.Envelope, o.Message})
		return true
	}); err != nil {
		n.t.Fatal(err)
	}
	return out
}

// takeIn puts an envelope into the inbox and opens what is there.
func (n *node) takeIn(raw []byte) {
	n.t.Helper()
	n.mu.Lock()
	var b store.Batch
	b.Put(kindInbox, nameInbox, n.nextIn, raw)
	if err := n.store.Commit(&b); err != nil {
		n.t.Fatal(err)
	}
	n.nextIn++
	n.inbox++
	n.mu.Unlock()
	for more := true; more; {
		var err error
		if more, err = n.openNext(); err != nil {
			n.t.Fatal(err)
		}
	}
}

func history(t *testing.T, random *rand.Rand) {
	w := newWorld(t)
	ava, bahar := w.person("ava"), w.person("bahar")
	ava.knows(bahar)
	bahar.knows(ava)
	nodes := [2]*node{ava, bahar}
	var backups [2]*vfs.MemFS
	var doubled [2][][]byte // to be delivered later once more
	shown := [2]map[string]bool{{}, {}}
	look := func(i int) {
		for _, m := range nodes[i].list() {
			if !m.Sent {
				shown[i][m.Text] = true
			}
		}
	}
	for step := range 60 {
		i := random.IntN(2)
		n, to := nodes[i], nodes[1-i]
		switch random.IntN(12) {
		case 0, 1, 2:
			n.send(to.name, fmt.Sprint(n.name, " ", step))
		case 3, 4, 5, 6:
			all := n.waiting()
			if len(all) == 0 {
				continue
			}
			e := all[random.IntN(len(all))]
			how := random.IntN(8)
			if how > 0 {
				to.takeIn(e.raw)
			}
			if how == 1 {
				doubled[1-i] = append(doubled[1-i], e.raw)
			}
			if how != 2 { // else the acknowledgement is lost
				if err := n.settle(e.p, e.num, e.message, true); err != nil {
					t.Fatal(err)
				}
			}
		case 7:
			for _, raw := range doubled[i] {
				n.takeIn(raw)
			}
			doubled[i] = nil
		case 8:
			n.crash()
		case 9:
			backups[i] = n.fs.CrashClone(vfs.CrashCloneCfg{})
		case 10:
			if backups[i] == nil {
				continue
			}
			again := backups[i].CrashClone(vfs.CrashCloneCfg{})
			n.close()
			n.fs = again
			n.boot()
		case 11:
			w.clock.advance(time.Duration(random.IntN(30)) * time.Hour)
			if err := n.maintain(); err != nil {
				t.Fatal(err)
			}
		}
		look(0)
		look(1)
	}
	// The network is good from now on, and both write.
	for round := range 8 {
		for i, n := range nodes {
			if round < 2 {
				n.send(nodes[1-i].name, fmt.Sprint(n.name, " at last ", round))
			}
			if err := n.maintain(); err != nil {
				t.Fatal(err)
			}
		}
		for quiet := 0; quiet < 2; {
			quiet = 0
			for i, n := range nodes {
				all := n.waiting()
				if len(all) == 0 {
					quiet++
				}
				for _, e := range all {
					nodes[1-i].takeIn(e.raw)
					if err := n.settle(e.p, e.num, e.message, true); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		w.clock.advance(2 * 24 * time.Hour)
		look(0)
		look(1)
	}
	for i, n := range nodes {
		var got []string
		for _, m := range n.list() {
			switch {
			case !m.Sent:
				if slices.Contains(got, m.Text) {
					t.Errorf("%s shows %q twice", n.name, m.Text)
				}
				got = append(got, m.Text)
			case m.State != Delivered && m.Failure == "":
				t.Errorf("%s shows %q as %v", n.name, m.Text, m.State)
			case m.State == Delivered && !shown[1-i][m.Text]:
				t.Errorf("%q is shown as delivered and never was", m.Text)
			}
		}
	}
	if ava.transcript(bahar) != bahar.transcript(ava) {
		t.Error("the two write in different conversations")
	}
}
