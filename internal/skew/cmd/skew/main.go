// Command skew gives a running process a wrong clock, see package skew:
//
//	go run ./internal/skew/cmd/skew PID 300ms
//
// A negative duration sets it behind, 0s makes it right again.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/pars-network/pars/internal/skew"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "skew:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("got %d arguments, want the id of a process and a duration such as 300ms", len(args))
	}
	pid, err := strconv.Atoi(args[0])
	if err != nil {
		return fmt.Errorf("%q is no process id: %w", args[0], err)
	}
	ahead, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	return skew.Set(pid, ahead)
}
