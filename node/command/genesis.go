package command

import (
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/pars-network/pars/evm/genesis"
	"github.com/pars-network/pars/evm/genesis/pchain"
	"github.com/pars-network/pars/node"
	"github.com/pars-network/pars/params"
)

func (s streams) genesis() *cobra.Command {
	return group("genesis", "Build, check and show a network's genesis.json", s.genesisBuild(), s.genesisCheck(), s.genesisShow())
}

func (s streams) genesisBuild() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Build a genesis.json from validators and an allocation",
		Long: `Build a genesis.json from validators and an allocation of the whole supply.

Every validator sends the output of 'parsd keys show --json' to whoever builds.
The allocation is geth's: {"0x...": {"balance": "1000000000000000000"}}, in wei;
its balances must sum to exactly 1,000,000,000 PARS. For pars-dev the ten
development accounts are the default.`,
		Example: `  parsd genesis build --network pars-testnet --alloc alloc.json --time 2027-03-20T12:00:00Z \
    --owner P-custom1... --validator a.json --validator b.json --validator c.json --validator d.json`,
		Args: noArgs,
	}
	var b builder
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&b.network, "network", "", "pars, pars-testnet or pars-dev")
	cmd.Flags().StringVar(&b.alloc, "alloc", "", "JSON file with the first balances")
	cmd.Flags().StringVar(&b.list, "validators", "", "JSON file with a list of validators")
	cmd.Flags().StringArrayVar(&b.files, "validator", nil, "JSON file of one validator, as 'parsd keys show --json' prints it; repeat")
	cmd.Flags().StringVar(&b.owner, "owner", "", "P-Chain address that stake returns to, for validators that name none")
	cmd.Flags().Uint64Var(&b.weight, "weight", params.MinStake, "stake in units of 10^-9, for validators that name none")
	cmd.Flags().DurationVar(&b.term, "term", 365*24*time.Hour, "how long validators serve, for those that name no end")
	cmd.Flags().StringArrayVar(&b.holdings, "holding", nil, "stake for validators who join later, as ADDRESS=AMOUNT in units of 10^-9; repeat")
	cmd.Flags().StringVar(&b.time, "time", "", "genesis time, as 2027-03-20T12:00:00Z or Unix seconds (default now)")
	cmd.Flags().Uint64Var(&b.gasLimit, "gaslimit", params.GenesisGasLimit, "gas limit of a block")
	cmd.Flags().StringVar(&b.mixHash, "mixhash", "", "start of the randomness chain: 0x and 32 bytes that nobody could choose (default zeros)")
	out := cmd.Flags().StringP("out", "o", "genesis.json", "file to write")
	force := cmd.Flags().Bool("force", false, "replace the file if it exists")
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(*cobra.Command, []string) error {
		g, err := b.build(time.Now())
		if err != nil {
			return err
		}
		text, err := g.Bytes()
		if err != nil {
			return err
		}
		if err := writeNew(*out, text, *force); err != nil {
			return err
		}
		return s.verdict(*out, g, *asJSON)
	}
	return cmd
}

// writeNew writes a file that must not exist unless force is set.
func writeNew(path string, text []byte, force bool) error {
	mode := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, mode, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return node.Usage(fmt.Errorf("%s exists; choose another name with --out, or replace it with --force", path))
	}
	if err != nil {
		return fmt.Errorf("writing the genesis: %w", err)
	}
	if _, err := f.Write(text); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// verdict is the output of build and check.
type verdict struct {
	File  string `json:"file"`
	Valid bool   `json:"valid"`
	// Error says what is wrong with an invalid file.
	Error     string `json:"error,omitempty"`
	Network   string `json:"network,omitempty"`
	NetworkID uint32 `json:"networkId,omitempty"`
	// Hash is that of the whole file's canonical form: nodes with the same hash
	// are on the same network. BlockHash is that of the EVM's genesis block.
	Hash       string `json:"hash,omitempty"`
	BlockHash  string `json:"blockHash,omitempty"`
	Validators int    `json:"validators,omitempty"`
}

func (s streams) verdict(path string, g *genesis.Genesis, asJSON bool) error {
	h, err := g.Hash()
	if err != nil {
		return err
	}
	v := verdict{
		File: path, Valid: true, Network: g.Network.Name, NetworkID: g.Network.ID,
		Hash: h.File.Hex(), BlockHash: h.Block.Hex(), Validators: len(g.Validators),
	}
	if asJSON {
		return s.printJSON(v)
	}
	_, err = fmt.Fprintf(s.out, "%s is a valid genesis of %s with %d validators\nhash        %s\nblock hash  %s\n", path, v.Network, v.Validators, v.Hash, v.BlockHash)
	return err
}

// oneFile takes the name of a genesis file, or genesis.json.
func oneFile(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return node.Usage(fmt.Errorf("got %d files, want one", len(args)))
	}
	return nil
}

func fileName(args []string) string {
	if len(args) == 0 {
		return "genesis.json"
	}
	return args[0]
}

func (s streams) genesisCheck() *cobra.Command {
	cmd := &cobra.Command{Use: "check [FILE]", Short: "Check a genesis.json and print its hash", Args: oneFile}
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		path := fileName(args)
		g, err := node.ReadGenesis(path)
		if errors.Is(err, node.ErrGenesis) && *asJSON {
			err = errors.Join(err, s.printJSON(verdict{File: path, Error: err.Error()}))
		}
		if err != nil {
			return err
		}
		return s.verdict(path, g, *asJSON)
	}
	return cmd
}

// summary is the output of show.
type summary struct {
	verdict
	ChainID     uint64         `json:"chainId"`
	Time        string         `json:"time"`
	GasLimit    uint64         `json:"gasLimit"`
	BaseFee     string         `json:"baseFee"`
	Accounts    int            `json:"accounts"`
	Contracts   int            `json:"contracts"`
	Supply      string         `json:"supply"`
	StakeSupply uint64         `json:"stakeSupply"`
	Blockchain  string         `json:"blockchainId"`
	Asset       string         `json:"stakeAssetId"`
	Members     []memberOutput `json:"members"`
}

type memberOutput struct {
	NodeID string `json:"nodeId"`
	Weight uint64 `json:"weight"`
	// Share is the part of all stake, in percent.
	Share float64 `json:"share"`
	End   string  `json:"end"`
}

func (s streams) genesisShow() *cobra.Command {
	cmd := &cobra.Command{Use: "show [FILE]", Short: "Print a summary of a genesis.json", Args: oneFile}
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		sum, err := summarize(fileName(args))
		if err != nil {
			return err
		}
		if *asJSON {
			return s.printJSON(sum)
		}
		return s.printSummary(sum)
	}
	return cmd
}

func summarize(path string) (summary, error) {
	g, err := node.ReadGenesis(path)
	if err != nil {
		return summary{}, err
	}
	h, err := g.Hash()
	if err != nil {
		return summary{}, err
	}
	_, chainID, assetID, err := pchain.New(g)
	if err != nil {
		return summary{}, err
	}
	stake, err := g.StakingSupply()
	if err != nil {
		return summary{}, err
	}
	out := summary{
		verdict: verdict{
			File: path, Valid: true, Network: g.Network.Name, NetworkID: g.Network.ID,
			Hash: h.File.Hex(), BlockHash: h.Block.Hex(), Validators: len(g.Validators),
		},
		ChainID: g.Network.ChainID(), Time: unixTime(g.Time), GasLimit: g.GasLimit, BaseFee: g.BaseFee.String(),
		StakeSupply: stake, Blockchain: chainID.String(), Asset: assetID.String(),
	}
	supply, weight := new(big.Int), uint64(0)
	for _, a := range g.Alloc {
		if len(a.Code) > 0 {
			out.Contracts++
		} else {
			out.Accounts++
		}
		if a.Balance != nil {
			supply.Add(supply, a.Balance)
		}
	}
	out.Supply = supply.String()
	for _, v := range g.Validators {
		weight += v.Weight
	}
	for _, v := range g.Validators {
		out.Members = append(out.Members, memberOutput{
			NodeID: v.NodeID.String(), Weight: v.Weight, Share: 100 * float64(v.Weight) / float64(weight), End: unixTime(v.EndTime),
		})
	}
	return out, nil
}

func unixTime(s uint64) string { return time.Unix(int64(s), 0).UTC().Format(time.RFC3339) }

func (s streams) printSummary(sum summary) error {
	_, err := fmt.Fprintf(s.out, `network       %s, chain id %d
hash          %s
block hash    %s
time          %s
gas limit     %d
base fee      %s wei
accounts      %d, and %d native contracts
supply        %s wei
blockchain    %s
stake         %d of asset %s
validators    %d
`, sum.Network, sum.ChainID, sum.Hash, sum.BlockHash, sum.Time, sum.GasLimit, sum.BaseFee, sum.Accounts, sum.Contracts, sum.Supply,
		sum.Blockchain, sum.StakeSupply, sum.Asset, sum.Validators)
	for _, m := range sum.Members {
		if err != nil {
			break
		}
		_, err = fmt.Fprintf(s.out, "  %s  %6.2f %%  until %s\n", m.NodeID, m.Share, m.End)
	}
	return err
}
