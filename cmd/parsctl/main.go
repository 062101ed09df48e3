// Command parsctl talks to the session node on this machine: see package cli
// and docs/parsctl.md.
package main

import (
	"os"

	"github.com/pars-network/pars/cli"
)

func main() { os.Exit(cli.Main(cli.Stdio())) }
