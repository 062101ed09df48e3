package vault

import "testing"

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int64{"": 0, "64MiB": 64 << 20, " 2 gib ": 2 << 30, "1048576": 1 << 20, "0": -1, "5": -1, "-1MiB": -1, "x": -1, "9999999999GiB": -1, "1.5MiB": -1, "64MB": -1} {
		got, err := ParseSize(s)
		if (err != nil) != (want < 0) || (err == nil && got != want) {
			t.Errorf("ParseSize(%q) = %d, %v, want %d", s, got, err, want)
		}
	}
}
