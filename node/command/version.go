package command

import (
	"encoding/json"
	"fmt"
	"runtime"

	avalanche "github.com/ava-labs/avalanchego/version"
	libevm "github.com/ava-labs/libevm/params"
	"github.com/spf13/cobra"

	"github.com/pars-network/pars/evm/genesis"
	"github.com/pars-network/pars/params"
)

// versionInfo is the output of `parsd version --json`.
type versionInfo struct {
	Version     string `json:"version"`
	Commit      string `json:"commit"`
	Go          string `json:"go"`
	Platform    string `json:"platform"`
	AvalancheGo string `json:"avalanchego"`
	LibEVM      string `json:"libevm"`
	// VMID is the chain's name in AvalancheGo's plugin folder.
	VMID string `json:"vmId"`
}

func (s streams) version() *cobra.Command {
	cmd := &cobra.Command{Use: "version", Short: "Print the version", Args: noArgs}
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(*cobra.Command, []string) error {
		v := versionInfo{
			Version: params.Version, Commit: params.Commit, Go: runtime.Version(),
			Platform: runtime.GOOS + "/" + runtime.GOARCH, AvalancheGo: avalanche.Current.String(), LibEVM: libevm.LibEVMVersion,
			VMID: genesis.VMID.String(),
		}
		if *asJSON {
			return s.printJSON(v)
		}
		_, err := fmt.Fprintf(s.out, "parsd %s (commit %s, %s, %s; %s, libevm %s)\n", v.Version, v.Commit, v.Go, v.Platform, v.AvalancheGo, v.LibEVM)
		return err
	}
	return cmd
}

// printJSON writes v as indented JSON.
func (s streams) printJSON(v any) error {
	enc := json.NewEncoder(s.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
