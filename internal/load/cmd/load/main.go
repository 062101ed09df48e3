// Command load measures an Ethereum node under transactions; see docs/load.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/pars-network/pars/internal/load"
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
			if err := r.WriteTable(cmd.OutOrStdout()); err != nil || file == "" {
				return err
			}
			f, err := os.Create(file)
			if err != nil {
				return err
			}
			return errors.Join(r.WriteJSON(f), f.Close())
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
	return cmd
}

func gwei(n float64) *big.Int {
	wei, _ := new(big.Float).Mul(big.NewFloat(n), big.NewFloat(1e9)).Int(nil)
	return wei
}
