package command

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/pars-network/pars/node"
)

func (s streams) config() *cobra.Command {
	show := func(use, short string, mode node.Mode) *cobra.Command {
		cmd := &cobra.Command{Use: use, Short: short, Args: noArgs}
		load := s.settings(cmd, mode)
		asJSON := cmd.Flags().Bool("json", false, "print JSON")
		cmd.RunE = func(*cobra.Command, []string) error {
			_, values, err := load()
			if err != nil {
				return err
			}
			if *asJSON {
				return s.printJSON(values)
			}
			w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
			for _, v := range values {
				if _, err := fmt.Fprintf(w, "%s\t%s\t%s\n", v.Name, v.Value, v.Origin); err != nil {
					return err
				}
			}
			return w.Flush()
		}
		return cmd
	}
	run := show("show", "Print every setting of `parsd run`, its value and where that comes from", node.Run)
	run.AddCommand(show("dev", "The same for `parsd dev`", node.Dev))
	return group("config", "Show the effective configuration", run)
}
