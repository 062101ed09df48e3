package crdt

import (
	"compress/gzip"
	"crypto/sha3"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// tracesVar names the folder of a checkout of github.com/josephg/editing-traces.
const tracesVar = "PARS_EDITING_TRACES"

// patch is one edit of a trace: delete del characters at at and insert text.
type patch struct {
	at, del int
	text    string
}

func (p *patch) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&p.at, &p.del, &p.text})
}

type traceTxn struct {
	Parents []int   `json:"parents"`
	Agent   int     `json:"agent"`
	Patches []patch `json:"patches"`
}

type trace struct {
	Name string
	Kind string     `json:"kind"`
	End  string     `json:"endContent"`
	Txns []traceTxn `json:"txns"`
}

func loadTrace(tb testing.TB, path string) trace {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	t := trace{Name: strings.TrimSuffix(filepath.Base(path), ".json.gz")}
	if err := json.NewDecoder(z).Decode(&t); err != nil {
		tb.Fatal(err)
	}
	return t
}

// vertexOf makes the vertex that carries data: an id as a DAG would make one,
// from all that the vertex says.
func vertexOf(author, lamport uint64, data []byte) Vertex {
	head := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, author), lamport)
	return Vertex{ID: sha3.Sum256(append(head, data...)), Lamport: lamport}
}

// typist replays edits, a vertex for every batch of them.
type typist struct {
	doc     *Document
	batch   int
	open    int // edits since the last commit
	typed   int // bytes inserted since then
	tx      *Tx
	text    TextEdit
	lamport uint64
	bytes   int // of all deltas
}

// burst is how many bytes a vertex's insertions may have before the typist
// commits, well below [MaxDelta].
const burst = 16 << 10

func (y *typist) apply(p patch) error {
	for len(p.text) > burst { // a paste that no vertex could carry
		cut := burst
		for !utf8.RuneStart(p.text[cut]) {
			cut--
		}
		if err := y.apply(patch{p.at, p.del, p.text[:cut]}); err != nil {
			return err
		}
		p = patch{p.at + utf8.RuneCountInString(p.text[:cut]), 0, p.text[cut:]}
	}
	if y.tx == nil {
		tx, err := y.doc.Begin()
		if err != nil {
			return err
		}
		y.tx = tx
		if y.text, err = tx.Text("text"); err != nil {
			return err
		}
	}
	if err := y.text.Splice(p.at, p.del, p.text); err != nil {
		return err
	}
	y.typed += len(p.text)
	if y.open++; y.open == y.batch || y.typed > burst {
		return y.commit()
	}
	return nil
}

func (y *typist) commit() error {
	if y.tx == nil {
		return nil
	}
	data, err := y.tx.Delta()
	if err != nil {
		return err
	}
	y.lamport++
	y.bytes += len(data)
	err = y.tx.Commit(vertexOf(1, y.lamport, data))
	y.tx, y.open, y.typed = nil, 0, 0
	return err
}

func replay(tb testing.TB, t trace, batch int) *typist {
	tb.Helper()
	y := &typist{doc: NewDocument(), batch: batch}
	for _, txn := range t.Txns {
		for _, p := range txn.Patches {
			if err := y.apply(p); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if err := y.commit(); err != nil {
		tb.Fatal(err)
	}
	return y
}

// TestPublicSequentialTraces replays the traces of the folder that the variable
// names; `make bench-crdt` says how to get them.
func TestPublicSequentialTraces(t *testing.T) {
	for _, path := range traceFiles(t, "sequential_traces") {
		tr := loadTrace(t, path)
		y := replay(t, tr, 256)
		checkEnd(t, tr, y.doc)
	}
}

func traceFiles(t *testing.T, kind string) []string {
	t.Helper()
	dir := os.Getenv(tracesVar)
	if dir == "" {
		t.Skipf("%s names no folder with github.com/josephg/editing-traces, which has no licence file and is not in this repository", tracesVar)
	}
	paths, err := filepath.Glob(filepath.Join(dir, kind, "*.json.gz"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s=%s has no %s/*.json.gz: %v", tracesVar, dir, kind, err)
	}
	return paths
}

func checkEnd(t *testing.T, tr trace, d *Document) {
	t.Helper()
	if got := d.Text("text").String(); got != tr.End {
		t.Fatalf("%s ends with %d bytes that differ from the %d of the trace", tr.Name, len(got), len(tr.End))
	}
	other, err := Decode(encoded(t, d))
	if err != nil {
		t.Fatal(err)
	}
	if got := other.Text("text").String(); got != tr.End {
		t.Errorf("%s: the decoded state has another text", tr.Name)
	}
}

// TestPublicConcurrentTraces replays the traces of several hands with one replica
// for each, every transaction a vertex on exactly the state that it was made on.
func TestPublicConcurrentTraces(t *testing.T) {
	for _, path := range traceFiles(t, "concurrent_traces") {
		replayConcurrent(t, loadTrace(t, path))
	}
}

// TestGeneratedTraces replays traces of several hands that our own generator
// makes, whose end a plain list knows.
func TestGeneratedTraces(t *testing.T) {
	for seed := range cases(8) {
		if seed == 200 {
			break
		}
		replayConcurrent(t, generateTrace(seed, 3, 300))
	}
}

func replayConcurrent(t *testing.T, tr trace) {
	t.Helper()
	type sent struct {
		Vertex
		data  []byte
		agent int
		clock []int // of each agent, how many of its transactions are in the past
	}
	agents := 0
	for _, x := range tr.Txns {
		agents = max(agents, x.Agent+1)
	}
	log := make([]sent, len(tr.Txns))
	chains := make([][]int, agents) // transactions of each agent
	docs := make([]*Document, agents)
	at := make([][]int, agents) // clock of each agent's document
	for i := range docs {
		docs[i], at[i] = NewDocument(), make([]int, agents)
	}
	where := map[ID][2]int{}
	// bring applies to an agent's document what a clock has and it lacks.
	bring := func(agent int, clock []int) {
		for progress := true; progress; {
			progress = false
			for a := range clock {
				for at[agent][a] < clock[a] {
					x := &log[chains[a][at[agent][a]]]
					behind := false
					for b, n := range x.clock {
						behind = behind || n > at[agent][b]
					}
					if behind {
						break
					}
					if x.data != nil {
						past := func(v Vertex) bool { w := where[v.ID]; return w[1] < x.clock[w[0]] }
						if _, err := docs[agent].Apply(x.Vertex, x.data, past); err != nil {
							t.Fatal(err)
						}
					}
					at[agent][a]++
					progress = true
				}
			}
		}
	}
	for i, x := range tr.Txns {
		me := &log[i]
		me.agent, me.clock = x.Agent, make([]int, agents)
		lamport := uint64(0)
		for _, p := range x.Parents {
			for a, n := range log[p].clock {
				me.clock[a] = max(me.clock[a], n)
			}
			a := log[p].agent
			for k, c := range chains[a] {
				if c == p {
					me.clock[a] = max(me.clock[a], k+1)
				}
			}
			lamport = max(lamport, log[p].Lamport)
		}
		bring(x.Agent, me.clock)
		y := &typist{doc: docs[x.Agent], batch: len(x.Patches) + 1}
		for _, p := range x.Patches {
			if err := y.apply(p); err != nil {
				t.Fatalf("%s, transaction %d: %v", tr.Name, i, err)
			}
		}
		me.Lamport = lamport + 1
		if y.tx != nil {
			data, err := y.tx.Delta()
			if err != nil {
				t.Fatal(err)
			}
			me.data = data
			me.ID = vertexOf(uint64(x.Agent), uint64(i), data).ID
			if err := y.tx.Commit(me.Vertex); err != nil {
				t.Fatal(err)
			}
		}
		where[me.ID] = [2]int{x.Agent, len(chains[x.Agent])}
		chains[x.Agent] = append(chains[x.Agent], i)
		at[x.Agent][x.Agent]++
	}
	all := make([]int, agents)
	for a := range chains {
		all[a] = len(chains[a])
	}
	for a := range docs {
		bring(a, all)
		checkEnd(t, tr, docs[a])
	}
}
