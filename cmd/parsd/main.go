// Command parsd runs a node of Pars Network. `parsd --dev` starts a network of
// its own on this machine; `parsd help` lists the rest.
package main

import (
	"os"

	"github.com/pars-network/pars/node/command"
)

func main() { os.Exit(command.Main(os.Args[1:])) }
