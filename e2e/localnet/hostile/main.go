// Command hostile is a validator that lies. It is a parsd in everything but what
// a test tells it to do to the others: propose out of turn, equivocate, withhold,
// send invalid headers, flood. The tests of e2e/localnet put one among honest
// nodes and look at what those make of it.
//
// It isn't built by `make build`, nothing imports it, and it runs on pars-dev
// networks only.
//
// The node writes the address of its controls, HTTP on loopback, to the file
// hostile.addr in its data folder; control.go lists what it can be told.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/pars-network/pars/node"
	"github.com/pars-network/pars/node/config"
	"github.com/pars-network/pars/node/datadir"
	"github.com/pars-network/pars/params"
)

// addressFile is where the node says how to control it.
const addressFile = "hostile.addr"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "hostile:", err)
		os.Exit(1)
	}
}

// run takes parsd's arguments, as far as a local network uses them.
func run(args []string) error {
	if len(args) == 0 || args[0] != "run" {
		return fmt.Errorf("got arguments %q, want run --json --config FILE", args)
	}
	var s node.Settings
	flags := s.Flags(node.Run)
	file := flags.String("config", "", "TOML file with settings")
	flags.Bool("json", true, "print the banner as one line of JSON")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if _, err := config.Load(settingsOnly(flags), node.SettingNames(), config.Source{File: *file}); err != nil {
		return err
	}
	g, err := node.ReadGenesis(s.Network)
	if err != nil {
		return err
	}
	if g.Network != params.Dev {
		return fmt.Errorf("the network is %s; a hostile node runs on %s only", g.Network.Name, params.Dev.Name)
	}
	s.Session = false
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	bad, err := newSaboteur()
	if err != nil {
		return err
	}
	n, err := node.Start(context.Background(), node.Options{Mode: node.Run, Settings: s, Log: os.Stderr, Wrap: bad.wrap})
	if err != nil {
		return err
	}
	return errors.Join(serve(n, bad, s.DataDir, signals), n.Stop())
}

// settingsOnly leaves out the flags that are no settings.
func settingsOnly(all *pflag.FlagSet) *pflag.FlagSet {
	some := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	all.VisitAll(func(f *pflag.Flag) {
		if f.Name != "config" && f.Name != "json" {
			some.AddFlag(f)
		}
	})
	return some
}

// serve runs until a signal or a failure.
func serve(n *node.Node, bad *saboteur, home string, signals <-chan os.Signal) error {
	select {
	case <-n.Ready():
	case err := <-n.Failed():
		return err
	case <-signals:
		return nil
	}
	if err := bad.arm(filepath.Join(home, datadir.KeysFolder), n.Engine().Sender()); err != nil {
		return err
	}
	controls, err := bad.listen(filepath.Join(home, addressFile))
	if err != nil {
		return err
	}
	defer func() { _ = controls.Close() }()
	banner, err := n.Banner()
	if err != nil {
		return err
	}
	if err := banner.WriteJSON(os.Stdout); err != nil {
		return err
	}
	select {
	case err := <-n.Failed():
		return err
	case <-signals:
		return bad.become(honest) // so that nothing hangs
	}
}
