package vault

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseSize reads a size that a person wrote, such as 64MiB or 1GiB, a multiple of
// [Step]. An empty text is 0.
func ParseSize(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	text, unit := strings.ToLower(strings.TrimSpace(s)), int64(1)
	for _, u := range []struct {
		name string
		is   int64
	}{{"mib", 1 << 20}, {"gib", 1 << 30}} {
		if rest, ok := strings.CutSuffix(text, u.name); ok {
			text, unit = strings.TrimSpace(rest), u.is
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n > MaxRegion/unit || n*unit%Step != 0 {
		return 0, fmt.Errorf("%w: %q; want whole MiB or GiB, such as 64MiB", ErrSize, s)
	}
	return n * unit, nil
}
