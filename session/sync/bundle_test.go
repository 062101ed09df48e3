package sync

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func export(t testing.TB, s *memory, since ...ID) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := Export(&b, testSpace, s.snapshot(), since); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func frontier(s *memory) (out []ID) {
	for _, h := range s.snapshot().heads {
		out = append(out, h.ID)
	}
	return out
}

// Exports of a growing space, each since the frontier of the one before,
// imported in any order, some of them twice, bring everything.
func TestExportsInAnyOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		src, dst := newMemory(), newMemory()
		var files [][]byte
		for i := range rapid.IntRange(1, 5).Draw(r, "exports") {
			before := frontier(src)
			for j := range rapid.IntRange(0, 300).Draw(r, "vertices") {
				heads := frontier(src)
				src.write(heads[:min(len(heads), rapid.IntRange(0, 2).Draw(r, "parents"))], fmt.Sprint(i, j))
			}
			files = append(files, export(t, src, before...))
		}
		order := rapid.Permutation(slices.Concat(files, files[:1])).Draw(r, "order")
		errs := ImportAll(t.Context(), testSpace, len(order), func(i int) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(order[i])), nil
		}, func() (Snapshot, error) { return dst.snapshot(), nil }, dst)
		if err := errors.Join(errs...); err != nil {
			r.Fatal(err)
		}
		if len(dst.vertices) != len(src.vertices) {
			r.Fatalf("%d vertices, want %d", len(dst.vertices), len(src.vertices))
		}
	})
}

func TestImports(t *testing.T) {
	src := newMemory()
	tip := src.chain(nil, 500, "a")
	first := export(t, src)
	src.chain([]ID{tip}, 10, "b")
	second := export(t, src, tip)

	t.Run("an export without the one before brings nothing and says what is missing", func(t *testing.T) {
		dst := newMemory()
		_, err := Import(t.Context(), bytes.NewReader(second), testSpace, dst.snapshot(), dst)
		var missing *MissingError
		if !errors.As(err, &missing) || !errors.Is(err, ErrEarlier) || !slices.Equal(missing.Heads, []ID{tip}) || len(dst.vertices) != 0 {
			t.Errorf("%v, %d vertices", err, len(dst.vertices))
		}
	})
	t.Run("another space", func(t *testing.T) {
		dst := newMemory()
		if _, err := Import(t.Context(), bytes.NewReader(first), ID{9}, dst.snapshot(), dst); !errors.Is(err, ErrExport) {
			t.Errorf("Import = %v, want ErrExport", err)
		}
	})
	t.Run("a cut export keeps what came, and goes on from there", func(t *testing.T) {
		dst := newMemory()
		for n := len(first) / 2; n <= len(first); n += len(first) / 2 {
			got, err := Import(t.Context(), bytes.NewReader(first[:n]), testSpace, dst.snapshot(), dst)
			if n < len(first) && (!errors.Is(err, ErrExport) || got.Stored == 0) || n == len(first) && err != nil {
				t.Errorf("%d of %d bytes: %d stored, %v", n, len(first), got.Stored, err)
			}
		}
		if _, err := Import(t.Context(), bytes.NewReader(first), testSpace, dst.snapshot(), dst); err != nil || len(dst.vertices) != 500 {
			t.Errorf("%v, %d vertices", err, len(dst.vertices))
		}
	})
	t.Run("every flipped bit is seen", func(t *testing.T) {
		small := newMemory()
		small.chain(nil, 3, "x")
		file := export(t, small)
		for i := range file {
			for bit := range 8 {
				dst := newMemory()
				altered := slices.Clone(file)
				altered[i] ^= 1 << bit
				if h, err := Import(t.Context(), bytes.NewReader(altered), testSpace, dst.snapshot(), dst); err == nil && slices.Equal(h.Header.Heads, frontier(small)) && h.Header.Line == 0 {
					t.Fatalf("bit %d of byte %d: imported", bit, i)
				}
			}
		}
	})
	t.Run("a wrong signature", func(t *testing.T) {
		bad, dst := newMemory(), newMemory()
		bad.write(nil, "bad")
		if _, err := Import(t.Context(), bytes.NewReader(export(t, bad)), testSpace, dst.snapshot(), dst); !errors.Is(err, ErrRefused) {
			t.Errorf("Import = %v, want ErrRefused", err)
		}
	})
	t.Run("an export of nothing", func(t *testing.T) {
		dst := src.clone()
		got, err := Import(t.Context(), bytes.NewReader(export(t, src, frontier(src)...)), testSpace, dst.snapshot(), dst)
		if err != nil || got.Stored != 0 || got.Header.Count != 0 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
