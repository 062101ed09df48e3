// Command crdtbench replays an editing trace with package session/crdt, yjs and
// loro-crdt, one after the other in one run, and says whether ours keeps to the
// goals: no slower than loro and at most 0.3 times yjs, no larger than yjs, and
// a remote replica that merges all of it in a tenth of the time that yjs takes
// to apply the trace. `make bench-crdt` runs it.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha3"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pars-network/pars/session/crdt"
)

// tracesVar names the folder of a checkout of the public traces.
const tracesVar = "PARS_EDITING_TRACES"

const howTo = `the traces have no licence file and are not in this repository. Get them with
  git clone https://github.com/josephg/editing-traces /some/folder
and name the folder:
  make bench-crdt ` + tracesVar + `=/some/folder`

func main() {
	name := flag.String("trace", "automerge-paper", "`name` of a sequential trace")
	batches := flag.String("batches", "256,1,16,64,1024", "how many `edits` a vertex carries; the goals are held to the first")
	rounds := flag.Int("rounds", 5, "how many `rounds`; the fastest counts")
	flag.Parse()
	if err := run(context.Background(), *name, *batches, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "crdtbench:", err)
		os.Exit(1)
	}
}

type patch struct {
	at, del int
	text    string
}

func (p *patch) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&p.at, &p.del, &p.text})
}

type trace struct {
	End  string `json:"endContent"`
	Txns []struct {
		Patches []patch `json:"patches"`
	} `json:"txns"`
}

// figures is what one implementation came to. Times are in milliseconds.
type figures struct {
	Name    string  `json:"name"`
	Right   bool    `json:"right"`
	Apply   float64 `json:"apply"`
	Encode  float64 `json:"encode"`
	Merge   float64 `json:"merge"`
	Bytes   int     `json:"bytes"`
	BytesV2 int     `json:"bytesV2"`

	deltas   int     // bytes that the vertices carry
	remote   float64 // applying these on another replica
	vertices int
	memory   uint64 // bytes of heap of the document
}

func run(ctx context.Context, name, batches string, rounds int) error {
	dir := os.Getenv(tracesVar)
	if dir == "" {
		return fmt.Errorf("%s is not set: %s", tracesVar, howTo)
	}
	path := filepath.Join(dir, "sequential_traces", name+".json.gz")
	t, edits, err := load(path)
	if err != nil {
		return fmt.Errorf("reading the trace: %w; %s", err, howTo)
	}
	fmt.Printf("%s: %d edits, %d characters at the end; %s/%s, %d cores, %s\n\n", name, len(edits), utf8.RuneCountInString(t.End), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	var ours []figures
	for _, s := range strings.Split(batches, ",") {
		batch, err := strconv.Atoi(s)
		if err != nil || batch < 1 {
			return fmt.Errorf("batch %q, want a number of edits", s)
		}
		f, err := measure(edits, t.End, batch, rounds)
		if err != nil {
			return err
		}
		ours = append(ours, f)
	}
	peers, err := others(ctx, path)
	if err != nil {
		return err
	}
	show(ours, peers, utf8.RuneCountInString(t.End))
	return judge(ours[0], peers)
}

func load(path string) (t trace, edits []patch, err error) {
	f, err := os.Open(path)
	if err != nil {
		return t, nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return t, nil, err
	}
	if err := json.NewDecoder(z).Decode(&t); err != nil {
		return t, nil, err
	}
	for _, x := range t.Txns {
		edits = append(edits, x.Patches...)
	}
	return t, edits, nil
}

type sent struct {
	crdt.Vertex
	data []byte
}

// replay makes a vertex for every batch of edits, with the hash that its id
// takes, and returns the document and the vertices.
func replay(edits []patch, batch int) (*crdt.Document, []sent, error) {
	d := crdt.NewDocument()
	var log []sent
	for len(edits) > 0 {
		tx, err := d.Begin()
		if err != nil {
			return nil, nil, err
		}
		text, err := tx.Text("text")
		if err != nil {
			return nil, nil, err
		}
		n := min(batch, len(edits))
		for i, typed := 0, 0; i < n; i++ {
			p := edits[i]
			if typed += len(p.text); i > 0 && typed > crdt.MaxDelta/4 {
				n = i
				break
			}
			if err := text.Splice(p.at, p.del, p.text); err != nil {
				return nil, nil, err
			}
		}
		edits = edits[n:]
		data, err := tx.Delta()
		if err != nil {
			return nil, nil, err
		}
		v := crdt.Vertex{Lamport: uint64(len(log)) + 1}
		v.ID = sha3.Sum256(append(binary.BigEndian.AppendUint64(nil, v.Lamport), data...))
		if err := tx.Commit(v); err != nil {
			return nil, nil, err
		}
		log = append(log, sent{v, data})
	}
	return d, log, nil
}

func measure(edits []patch, end string, batch, rounds int) (figures, error) {
	f := figures{Name: fmt.Sprintf("ours, a vertex for %d edits", batch), Right: true}
	if batch == 1 {
		rounds = 1
	}
	var err error
	if f.memory, err = memory(edits, batch); err != nil {
		return f, err
	}
	for i := range rounds {
		from := time.Now()
		d, log, err := replay(edits, batch)
		if err != nil {
			return f, err
		}
		apply := ms(from)
		deltas := 0
		for _, s := range log {
			deltas += len(s.data)
		}
		from = time.Now()
		state, err := d.Encode()
		if err != nil {
			return f, err
		}
		encode := ms(from)
		from = time.Now()
		other := crdt.NewDocument()
		if err := other.MergeState(state); err != nil {
			return f, err
		}
		merge := ms(from)
		third := crdt.NewDocument()
		from = time.Now()
		for _, s := range log {
			if _, err := third.Apply(s.Vertex, s.data, func(crdt.Vertex) bool { return true }); err != nil {
				return f, err
			}
		}
		remote := ms(from)
		for _, x := range []*crdt.Document{d, other, third} {
			f.Right = f.Right && x.Text("text").String() == end
		}
		f.Bytes, f.BytesV2, f.deltas, f.vertices = len(state), len(state), deltas, len(log)
		if i == 0 {
			f.Apply, f.Encode, f.Merge, f.remote = apply, encode, merge, remote
		}
		f.Apply, f.Encode, f.Merge, f.remote = min(f.Apply, apply), min(f.Encode, encode), min(f.Merge, merge), min(f.remote, remote)
	}
	return f, nil
}

// memory is what the document takes on the heap once it is made.
func memory(edits []patch, batch int) (uint64, error) {
	before := heap()
	d, _, err := replay(edits, batch)
	if err != nil {
		return 0, err
	}
	after := heap()
	runtime.KeepAlive(d)
	return after - before, nil
}

func ms(from time.Time) float64 { return float64(time.Since(from).Microseconds()) / 1000 }

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// others runs the peers under node.
func others(ctx context.Context, path string) ([]figures, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	script := filepath.Join("internal", "crdtbench", "peers.mjs")
	cmd := exec.CommandContext(ctx, "node", "--expose-gc", script, path)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("the peers: %w; run `make bench-crdt` in the repository's root, it installs them", err)
	}
	var peers []figures
	if err := json.NewDecoder(bytes.NewReader(out)).Decode(&peers); err != nil {
		return nil, fmt.Errorf("reading the peers' figures: %w", err)
	}
	return peers, nil
}

func show(ours, peers []figures, chars int) {
	fmt.Println("|  | apply the trace, ms | encode, ms | bytes | bytes, other format | merge into an empty replica, ms |")
	fmt.Println("|---|---|---|---|---|---|")
	for _, f := range append(append([]figures{}, ours...), peers...) {
		v2 := "-"
		if f.BytesV2 != f.Bytes {
			v2 = strconv.Itoa(f.BytesV2)
		}
		fmt.Printf("| %s | %.0f | %.1f | %d | %s | %.1f |\n", f.Name, f.Apply, f.Encode, f.Bytes, v2, f.Merge)
	}
	fmt.Println("\n| edits a vertex | vertices | bytes of deltas | applied elsewhere, ms | memory, bytes per character |")
	fmt.Println("|---|---|---|---|---|")
	for _, f := range ours {
		fmt.Printf("| %s | %d | %d | %.0f | %.1f |\n", strings.Fields(f.Name)[4], f.vertices, f.deltas, f.remote, float64(f.memory)/float64(chars))
	}
	fmt.Println()
}

// judge holds ours to the goals, with the faster of yjs's two ways.
func judge(ours figures, peers []figures) error {
	by := map[string]figures{}
	for _, p := range append(peers, ours) {
		if !p.Right {
			return fmt.Errorf("%s does not end with the trace's text", p.Name)
		}
		by[p.Name] = p
	}
	yjs, loro := by["yjs"], by["loro"]
	yjs.Apply = min(yjs.Apply, by["yjs, one transaction"].Apply)
	missed := 0
	for _, g := range []struct {
		what      string
		got, most float64
	}{
		{"applying the trace, ms; loro", ours.Apply, loro.Apply},
		{"applying the trace, ms; 0.3 of yjs", ours.Apply, 0.3 * yjs.Apply},
		{"encoded size, bytes; yjs", float64(ours.Bytes), float64(yjs.Bytes)},
		{"merging elsewhere, ms; a tenth of yjs applying", ours.Merge, 0.1 * yjs.Apply},
	} {
		verdict := "met"
		if g.got > g.most {
			verdict = "MISSED"
			missed++
		}
		fmt.Printf("%-50s %10.1f of %10.1f: %s\n", g.what, g.got, g.most, verdict)
	}
	if missed > 0 {
		return errors.New("a goal was missed")
	}
	return nil
}
