package command

import "github.com/spf13/cobra"

func (s streams) genesis() *cobra.Command {
	return group("genesis", "Build, check and show a network's genesis.json")
}
