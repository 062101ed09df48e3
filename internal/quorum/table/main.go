// Command table prints the table of docs/adr/0005-consensus-parameters.md.
package main

import (
	"fmt"
	"os"

	"github.com/pars-network/pars/internal/quorum"
)

func main() {
	if err := quorum.WriteTable(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(1)
	}
}
