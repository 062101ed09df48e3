// Command sessiond is the Pars session node of one person: see package program
// and docs/guide/messaging.md.
package main

import (
	"os"

	"github.com/pars-network/pars/session/daemon/program"
)

func main() { os.Exit(program.Main(program.Stdio())) }
