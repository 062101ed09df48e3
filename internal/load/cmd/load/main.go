// Command load measures an Ethereum node under transactions; see docs/load.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/pars-network/pars/internal/load"
	"github.com/pars-network/pars/internal/load/compare"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := command().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var (
		c        load.Config
		tip, top float64
		file     string
		quiet    bool
	)
	cmd := &cobra.Command{
		Use:           "load",
		Short:         "Put transactions on an Ethereum chain and measure what a user sees",
		Example:       "  load --rate 100 --duration 30s\n  load --http http://127.0.0.1:9545 --accounts 50 --json result.json",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Tip, c.FeeCap = gwei(tip), gwei(top)
			if !quiet {
				c.Progress = func(format string, args ...any) { cmd.PrintErrf(format+"\n", args...) }
			}
			r, err := load.Run(cmd.Context(), c)
			if err != nil {
				return err
			}
			return write(cmd, r, file)
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.HTTP, "http", "http://127.0.0.1:8545", "the node's HTTP address")
	f.StringVar(&c.WS, "ws", "", "the node's WebSocket address (default: the HTTP address with ws)")
	f.Float64Var(&c.Rate, "rate", 0, "transactions a second (open loop); 0: each account waits for its last receipt (closed loop)")
	f.DurationVar(&c.Duration, "duration", 0, "how long to hand in transactions (default 30s)")
	f.DurationVar(&c.Drain, "drain", 0, "how long to wait for the last receipts (default 30s)")
	f.IntVar(&c.Accounts, "accounts", 10, "how many accounts send")
	f.StringVar(&c.KeySeed, "key-seed", "", "derive the senders from this text, paid by the first development account (default: the development accounts)")
	f.Float64Var(&tip, "tip", 1, "priority fee, in gwei")
	f.Float64Var(&top, "fee-cap", 1000, "most that is paid for a gas, in gwei")
	f.StringVar(&file, "json", "", "also write the result to this file")
	f.BoolVarP(&quiet, "quiet", "q", false, "print the result only")
	cmd.AddCommand(compareCommand())
	return cmd
}

// compareCommand starts nodes by itself and measures one after another.
func compareCommand() *cobra.Command {
	c := compare.Config{Programs: compare.Programs{}}
	var (
		file               string
		parsd, geth, anvil string
	)
	cmd := &cobra.Command{
		Use:     "compare [TARGET...]",
		Short:   "Start nodes, one after another, and put the same load on each",
		Long:    "Start nodes, one after another, and put the same load on each: an open and a\nclosed loop. Targets are one, five, geth and anvil.",
		Example: "  load compare one five\n  load compare one anvil --anvil ~/.foundry/bin/anvil --rounds 3",
		RunE: func(cmd *cobra.Command, args []string) error {
			c.Targets = args
			c.Programs = compare.Programs{"parsd": parsd, "geth": geth, "anvil": anvil}
			c.Progress = func(format string, args ...any) { cmd.PrintErrf(format+"\n", args...) }
			r, err := compare.Measure(cmd.Context(), c)
			if r == nil {
				return err
			}
			return errors.Join(err, write(cmd, r, file))
		},
	}
	f := cmd.Flags()
	f.StringVar(&parsd, "parsd", "bin/parsd", "the program parsd")
	f.StringVar(&geth, "geth", "geth", "the program geth")
	f.StringVar(&anvil, "anvil", "anvil", "the program anvil")
	f.Float64Var(&c.Rate, "rate", 100, "transactions a second of the open loop")
	f.IntVar(&c.Accounts, "accounts", 500, "senders of the closed loop, each with one transaction at a time")
	f.DurationVar(&c.Duration, "duration", 0, "how long each run hands in transactions (default 30s)")
	f.IntVar(&c.Rounds, "rounds", 1, "how often the targets take turns")
	f.StringVar(&file, "json", "", "also write the report to this file")
	return cmd
}

// write prints a table and writes JSON to a file, if one is named.
func write(cmd *cobra.Command, r interface {
	WriteTable(io.Writer) error
	WriteJSON(io.Writer) error
}, file string) error {
	if err := r.WriteTable(cmd.OutOrStdout()); err != nil || file == "" {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(r.WriteJSON(f), f.Close())
}

func gwei(n float64) *big.Int {
	wei, _ := new(big.Float).Mul(big.NewFloat(n), big.NewFloat(1e9)).Int(nil)
	return wei
}
