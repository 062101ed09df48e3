// Package skew gives one running process a wrong clock, for tests: the program
// is the released one, unchanged, and all of it is affected, its libraries
// included.
//
// Programs read the time by a function that Linux maps into every process (the
// vDSO, vdso(7)). [Set] overwrites that function in one process, the way a
// debugger sets a breakpoint: it asks the kernel and adds a number to the wall
// clock (CLOCK_REALTIME). The monotonic clock, by which timers run, stays as it is,
// as with a clock that is set wrong. Time that a program reads otherwise (libc's
// gettimeofday, the coarse clocks) is not changed; Go programs don't.
//
// It works on Linux on amd64, for processes that the caller may debug: its own
// descendants, or all for root.
package skew
