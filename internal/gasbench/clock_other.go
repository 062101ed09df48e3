//go:build !linux

package main

import "time"

var start = time.Now()

// cpuTime is wall-clock time where a thread's own is hard to come by: measure on
// an idle machine.
func cpuTime() time.Duration { return time.Since(start) }
