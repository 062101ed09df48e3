//go:build !unix

package sync

import "time"

var started = time.Now()

// cpuTime is the time since the start where processor time is not known.
func cpuTime() time.Duration { return time.Since(started) }
