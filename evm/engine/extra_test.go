package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/big"
	"testing"

	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/libevm/core/types"
)

func sampleExtra() Extra {
	x := Extra{TimeMs: 1_700_000_000_123, PChainHeight: 7, Proposer: ids.NodeID{1, 2, 3}}
	for i := range x.Reveal {
		x.Reveal[i], x.Seal[i] = byte(i+1), byte(200-i)
	}
	return x
}

func TestExtraRoundTrip(t *testing.T) {
	x := sampleExtra()
	b := x.Bytes()
	if len(b) != 229 || ExtraLen != 229 {
		t.Fatalf("len(Bytes()) = %d, ExtraLen = %d, want 229", len(b), ExtraLen)
	}
	if b[0] != 1 || binary.BigEndian.Uint64(b[1:9]) != x.TimeMs || binary.BigEndian.Uint64(b[9:17]) != 7 ||
		!bytes.Equal(b[17:37], x.Proposer[:]) || !bytes.Equal(b[37:133], x.Reveal[:]) || !bytes.Equal(b[133:], x.Seal[:]) {
		t.Errorf("Bytes() = %x, want version, time, height, proposer, reveal, seal", b)
	}
	got, err := ParseExtra(b)
	if err != nil || got != x {
		t.Errorf("ParseExtra(Bytes()) = %+v, %v, want %+v", got, err, x)
	}
}

func TestParseExtraRefuses(t *testing.T) {
	good := sampleExtra().Bytes()
	late := sampleExtra()
	late.TimeMs = MaxTimeMs + 1
	for name, b := range map[string][]byte{
		"nothing":            nil,
		"one byte short":     good[:ExtraLen-1],
		"one byte long":      append(bytes.Clone(good), 0),
		"version 0":          append([]byte{0}, good[1:]...),
		"version 2":          append([]byte{2}, good[1:]...),
		"a time above 2^53":  late.Bytes(),
		"a time of all ones": append(append([]byte{1}, bytes.Repeat([]byte{0xff}, 8)...), good[9:]...),
	} {
		if x, err := ParseExtra(b); !errors.Is(err, ErrExtra) {
			t.Errorf("ParseExtra(%s) = %+v, %v, want ErrExtra", name, x, err)
		}
	}
}

func TestTimes(t *testing.T) {
	genesis := &types.Header{Number: new(big.Int), Time: 1_700_000_000}
	if got := TimeMs(genesis); got != 1_700_000_000_000 {
		t.Errorf("TimeMs(genesis) = %d, want its seconds times 1000", got)
	}
	if x, err := ExtraOf(genesis); err != nil || x != (Extra{TimeMs: 1_700_000_000_000}) {
		t.Errorf("ExtraOf(genesis) = %+v, %v, want its time and P-Chain height 0", x, err)
	}
	if got := TimeMs(&types.Header{Number: new(big.Int), Time: math.MaxUint64}); got != math.MaxUint64 {
		t.Errorf("TimeMs of the last second = %d, want no wrap-around", got)
	}
	h := &types.Header{Number: big.NewInt(1), Time: 5, Extra: sampleExtra().Bytes()}
	if got := TimeMs(h); got != 1_700_000_000_123 {
		t.Errorf("TimeMs(block) = %d, want the milliseconds of its extra data", got)
	}
	if _, err := ExtraOf(&types.Header{Number: big.NewInt(1)}); !errors.Is(err, ErrExtra) {
		t.Errorf("ExtraOf(block 1 without extra data) = %v, want ErrExtra", err)
	}
}

func FuzzParseExtra(f *testing.F) {
	f.Add(sampleExtra().Bytes())
	f.Add([]byte{})
	f.Add(make([]byte, ExtraLen))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := ParseExtra(b)
		if err != nil {
			return
		}
		if !bytes.Equal(x.Bytes(), b) {
			t.Errorf("ParseExtra(%x).Bytes() = %x, want the same bytes", b, x.Bytes())
		}
	})
}
