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
	open    int
	tx      *Tx
	text    TextEdit
	lamport uint64
	bytes   int // of all deltas
}

func (y *typist) apply(p patch) error {
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
	if y.open++; y.open == y.batch {
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
	y.tx, y.open = nil, 0
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

