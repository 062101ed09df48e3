// Command gasbench measures what each native contract costs in time beside what
// it costs in gas, with ecrecover as the yardstick: a nanosecond of a native
// contract must not be cheaper than a nanosecond of ecrecover, which every
// Ethereum client has priced at 3,000 gas.
//
// `make bench-precompiles` runs it for the default and the portable build and
// writes both tables into docs/precompiles/gas.md.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"time"

	"github.com/ava-labs/libevm/common"
	"github.com/ava-labs/libevm/core/vm"
	"github.com/holiman/uint256"
	"golang.org/x/sys/cpu"

	"github.com/pars-network/pars/internal/evmtest"
)

// call is one measured call.
type call struct {
	name    string
	address common.Address
	input   []byte
	// from calls when the state is set up; the usual caller when it is zero.
	from common.Address
	// setUp, of a call that sets the state up, is run instead of a call.
	setUp func(*evmtest.EVM)
	// reverts is set for a call that has to end in a revert.
	reverts bool
	// slow calls are measured in the first two rounds only.
	slow bool
}

// figure is what a call came to: the fastest round, and the gas.
type figure struct {
	call
	perOp time.Duration
	gas   uint64
}

func main() {
	rounds := flag.Int("rounds", 15, "how many `rounds`; the fastest of each call counts")
	slice := flag.Duration("slice", 20*time.Millisecond, "how `long` a call is repeated in a round")
	only := flag.String("only", "", "measure the calls whose name this regular `expression` matches, and ecrecover")
	write := flag.String("write", "", "`file` whose table is replaced, between <!-- name --> and <!-- /name -->")
	name := flag.String("name", "default", "`name` of the build: default or portable")
	flag.Parse()
	if err := run(*rounds, *slice, *only, *write, *name); err != nil {
		fmt.Fprintln(os.Stderr, "gasbench:", err)
		os.Exit(1)
	}
}

func run(rounds int, slice time.Duration, match, write, name string) error {
	only, err := regexp.Compile(match)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	figures, err := measure(rounds, slice, only)
	if err != nil {
		return err
	}
	table, cheap := render(name, figures)
	fmt.Print(table)
	if write != "" {
		if err := replace(write, name, table); err != nil {
			return err
		}
	}
	if len(cheap) > 0 && name == "default" {
		return fmt.Errorf("cheaper per nanosecond than ecrecover: %v; raise their gas", cheap)
	}
	return nil
}

// gasLimit is more than any call needs: signing with the small sets of SLH-DSA
// costs more than a block has.
const gasLimit = 10_000_000_000

// measure interleaves the calls, so that a busy machine slows all of them.
func measure(rounds int, slice time.Duration, only *regexp.Regexp) ([]figure, error) {
	calls, before, err := allCalls()
	if err != nil {
		return nil, err
	}
	calls = slices.DeleteFunc(calls, func(c call) bool { return c.name != calls[0].name && !only.MatchString(c.name) })
	e, err := evmtest.Open(evmtest.Block{})
	if err != nil {
		return nil, err
	}
	for _, c := range before {
		if c.setUp != nil {
			c.setUp(e)
			continue
		}
		from := c.from
		if from == (common.Address{}) {
			from = evmtest.Caller
		}
		if out, _, err := e.Call(vm.AccountRef(from), c.address, c.input, gasLimit, new(uint256.Int)); err != nil {
			return nil, fmt.Errorf("setting up: %x, %w", out, err)
		}
	}
	figures := make([]figure, len(calls))
	for i, c := range calls {
		// What is measured is repeated: its storage is warm, and has to be paid as
		// such (EIP-2929).
		_, _, _ = e.Do(vm.Call, c.address, c.input, gasLimit)
		_, used, err := e.Do(vm.Call, c.address, c.input, gasLimit)
		if c.reverts != errors.Is(err, vm.ErrExecutionReverted) || (err != nil && !c.reverts) {
			return nil, fmt.Errorf("%s: %w, want a revert: %t", c.name, err, c.reverts)
		}
		figures[i] = figure{call: c, gas: used, perOp: time.Hour}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for round := range rounds {
		for i, c := range calls {
			if c.slow && round >= 2 {
				continue
			}
			runtime.GC()
			n := 0
			start := cpuTime()
			for cpuTime()-start < slice || n == 0 {
				_, _, _ = e.Do(vm.Call, c.address, c.input, gasLimit)
				n++
			}
			figures[i].perOp = min(figures[i].perOp, (cpuTime()-start)/time.Duration(n))
		}
	}
	return figures, nil
}

// render makes the table, and lists the calls that are cheaper than ecrecover,
// the first of the figures.
func render(name string, figures []figure) (table string, cheap []string) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Build %q, %s, %s/%s, AVX2 %t, %d cores.\n\n", name, runtime.Version(), runtime.GOOS, runtime.GOARCH, cpu.X86.HasAVX2, runtime.NumCPU())
	fmt.Fprintln(&b, "| call | ns/op | gas | ns per gas | of ecrecover's | least gas | 30 M gas of it |")
	fmt.Fprintln(&b, "|---|--:|--:|--:|--:|--:|--:|")
	yardstick := float64(figures[0].perOp) / float64(figures[0].gas)
	for _, f := range figures {
		perGas := float64(f.perOp) / float64(f.gas)
		fmt.Fprintf(&b, "| %s | %d | %d | %.2f | %.2f | %.0f | %.0f ms |\n",
			f.name, f.perOp.Nanoseconds(), f.gas, perGas, perGas/yardstick, float64(f.perOp)/yardstick, perGas*30)
		if perGas > yardstick {
			cheap = append(cheap, f.name)
		}
	}
	return b.String(), cheap
}

// replace puts table between the two marks of the file.
func replace(path, name, table string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	from, to := fmt.Appendf(nil, "<!-- %s -->\n", name), fmt.Appendf(nil, "<!-- /%s -->", name)
	i, j := bytes.Index(old, from), bytes.Index(old, to)
	if i < 0 || j < i {
		return fmt.Errorf("%s: no %s before %s", path, bytes.TrimSpace(from), to)
	}
	var b bytes.Buffer
	b.Write(old[:i+len(from)])
	b.WriteString(table)
	b.Write(old[j:])
	return os.WriteFile(path, b.Bytes(), 0o644)
}
