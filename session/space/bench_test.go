package space

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// BenchmarkNoteFromDisk is what the first look at a note costs after a start.
func BenchmarkNoteFromDisk(b *testing.B) {
	const changes = 1000
	p := newPerson(b, vfs.NewMem())
	sp, err := p.Create("room", "")
	if err != nil {
		b.Fatal(err)
	}
	text := ""
	for i := range changes {
		text += fmt.Sprintf("line %d\n", i)
		p.set(sp, "n", text)
	}
	for b.Loop() {
		p.notes = notes{}
		if n := p.note(sp, "n"); n.Text != text {
			b.Fatalf("%d bytes, want %d", len(n.Text), len(text))
		}
	}
	b.ReportMetric(changes, "changes/op")
}
