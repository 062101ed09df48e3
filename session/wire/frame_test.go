package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/iotest"
)

func TestFramesComeBackInOrder(t *testing.T) {
	var stream bytes.Buffer
	frames := [][]byte{{}, {1}, bytes.Repeat([]byte{2}, 3*firstRead)}
	for _, f := range frames {
		if err := WriteFrame(&stream, 4*firstRead, f); err != nil {
			t.Fatal(err)
		}
	}
	r := iotest.OneByteReader(&stream)
	for i, want := range frames {
		got, err := ReadFrame(r, 4*firstRead)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("frame %d has %d bytes, %v, want %d", i, len(got), err, len(want))
		}
	}
	if _, err := ReadFrame(r, 1); !errors.Is(err, io.EOF) {
		t.Errorf("ReadFrame at the end = %v, want io.EOF", err)
	}
}

func TestFrameLimits(t *testing.T) {
	if err := WriteFrame(io.Discard, 3, make([]byte, 4)); !errors.Is(err, ErrSize) {
		t.Errorf("WriteFrame of 4 bytes with limit 3 = %v, want ErrSize", err)
	}
	if _, err := ReadFrame(bytes.NewReader([]byte{0, 0, 0, 4, 1, 2, 3, 4}), 3); !errors.Is(err, ErrSize) {
		t.Errorf("ReadFrame of 4 bytes with limit 3 = %v, want ErrSize", err)
	}
	if _, err := ReadFrame(bytes.NewReader([]byte{0xff, 0xff, 0xff, 0xff}), 1<<20); !errors.Is(err, ErrSize) {
		t.Errorf("ReadFrame of 4 GiB = %v, want ErrSize", err)
	}
}

func TestCutFrames(t *testing.T) {
	whole := []byte{0, 0, 0, 2, 7, 8}
	for n := 1; n < len(whole); n++ {
		if _, err := ReadFrame(bytes.NewReader(whole[:n]), 8); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("ReadFrame of %d bytes of 6 = %v, want io.ErrUnexpectedEOF", n, err)
		}
	}
}

// A length that is promised but never sent must not cost memory.
func TestAPromisedLengthCostsNothing(t *testing.T) {
	header := binary.BigEndian.AppendUint32(nil, 1<<30)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := ReadFrame(bytes.NewReader(header), 1<<30); err == nil {
		t.Error("read a gigabyte from nothing")
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 16<<20 {
		t.Errorf("a promised gigabyte allocated %d bytes, want about %d", got, firstRead)
	}
}

func TestMessages(t *testing.T) {
	var stream bytes.Buffer
	if err := WriteMessage(&stream, 64, sequence{A: 5, B: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	var got sequence
	if err := ReadMessage(&stream, 64, &got); err != nil || got.A != 5 || string(got.B) != "x" {
		t.Errorf("ReadMessage = %+v, %v", got, err)
	}
	if err := WriteMessage(&stream, 2, sequence{B: make([]byte, 9)}); !errors.Is(err, ErrSize) {
		t.Errorf("WriteMessage above the limit = %v, want ErrSize", err)
	}
	if err := ReadMessage(bytes.NewReader([]byte{0, 0, 0, 1, 0xff}), 64, &got); !errors.Is(err, ErrEncoding) {
		t.Errorf("ReadMessage of a break code = %v, want ErrEncoding", err)
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		payload, err := ReadFrame(bytes.NewReader(data), 1<<10)
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := WriteFrame(&out, 1<<10, payload); err != nil || !bytes.HasPrefix(data, out.Bytes()) {
			t.Fatalf("%x was read as %x, written as %x", data, payload, out.Bytes())
		}
	})
}
