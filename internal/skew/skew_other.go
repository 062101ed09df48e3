//go:build !(linux && amd64)

package skew

import (
	"errors"
	"time"
)

// Supported is nil where [Set] works.
var Supported = errors.New("only on Linux on amd64 can the clock of one process be changed")

// Set returns [Supported].
func Set(int, time.Duration) error { return Supported }
