package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/ava-labs/avalanchego/vms/platformvm/signer"
	"github.com/spf13/cobra"

	"github.com/pars-network/pars/node"
	"github.com/pars-network/pars/node/localnet"
	"github.com/pars-network/pars/node/staking"
	"github.com/pars-network/pars/params"
)

// Bounds of the validator commands.
const (
	// askTime bounds questions to a node, addTime the wait for the P-Chain.
	askTime = 10 * time.Second
	addTime = 2 * time.Minute
	// maxEntry bounds the JSON of one validator, in bytes.
	maxEntry = 16 << 10
)

func (s streams) validator() *cobra.Command {
	return group("validator", "Add and list the validators of a running network",
		s.validatorAdd(), s.validatorList(), s.validatorOwner())
}

// reach has the flags that say which node to ask.
type reach struct{ api, folder string }

func (r *reach) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.api, "api", fmt.Sprintf("http://127.0.0.1:%d", params.NodeAPIPort), "a node's engine API, see api.port")
	cmd.Flags().StringVar(&r.folder, "localnet", "", "ask the first node of the local network in this folder instead")
}

func (r *reach) dial(ctx context.Context) (*staking.Network, error) {
	at := r.api
	if r.folder != "" {
		var err error
		if at, err = localnet.API(r.folder); err != nil {
			return nil, err
		}
	}
	return staking.Dial(ctx, at)
}

// purse has the flags that say whose stake it is.
type purse struct {
	file, password string
	account        int
}

func (p *purse) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.file, "key", "", "file with the key that owns the stake: a keystore (version 3), or 32 bytes in hex")
	cmd.Flags().StringVar(&p.password, "password-file", "", "file whose first line is the keystore's password")
	cmd.Flags().IntVar(&p.account, "account", -1, "instead of --key: a well-known development account, 0 to 9")
}

func (p *purse) open(n *staking.Network) (*staking.Key, error) {
	var (
		k   *staking.Key
		err error
	)
	switch {
	case (p.file == "") == (p.account < 0):
		err = errors.New("one of --key and --account is needed: whose stake is it?")
	case p.file != "":
		k, err = staking.ReadKey(p.file, p.password)
	case n.Params != params.Dev:
		err = fmt.Errorf("--account is for development networks, and this is %s: everybody knows those keys", n.Params.Name)
	default:
		k, err = staking.DevKey(p.account)
	}
	if err != nil {
		return nil, node.Usage(err)
	}
	return k, nil
}

func (s streams) validatorAdd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add",
		Short: "Make a node a validator for a term, with stake of yours",
		Long: `Make a node a validator for a term, with stake of yours. The stake is bound for
the term and returns by itself at its end; nothing ends a term earlier. A small
fee in STAKE is destroyed.

The new validator votes at once. Its proposer windows begin about half a minute
later, at the same block on every node, and end as long after its term.`,
		Example: `  parsd keys show --json > me.json                      # on the validator's machine
  parsd validator add --node me.json --key owner.json --password-file pw --term 2160h`,
		Args: noArgs,
	}
	var (
		r reach
		p purse
	)
	cmd.Flags().SortFlags = false
	from := cmd.Flags().String("node", "", "JSON file of the node, as 'parsd keys show --json' prints it; - for standard input")
	term := cmd.Flags().Duration("term", 0, "for how long, such as 720h; at least two weeks on pars, a day on pars-testnet, 15s on pars-dev")
	stake := cmd.Flags().Uint64("stake", params.MinStake/params.StakeUnit, "how much, in whole STAKE")
	p.flags(cmd)
	absent := cmd.Flags().Bool("absent", false, "add it though it isn't connected")
	r.flags(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *stake > params.MaxStake/params.StakeUnit {
			return node.Usage(fmt.Errorf("--stake is %d, want at most %d", *stake, params.MaxStake/params.StakeUnit))
		}
		request := staking.Request{Stake: *stake * params.StakeUnit, Term: *term, Absent: *absent}
		if err := readNode(cmd.InOrStdin(), *from, &request); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), addTime)
		defer cancel()
		n, err := r.dial(ctx)
		if err != nil {
			return err
		}
		key, err := p.open(n)
		if err != nil {
			return err
		}
		added, err := n.Add(ctx, key, request)
		if errors.Is(err, staking.ErrRequest) {
			return node.Usage(err)
		}
		if err != nil {
			return err
		}
		if *asJSON {
			return s.printJSON(added)
		}
		_, err = fmt.Fprintf(s.out, "%s is a validator\nstake        %s STAKE, returns to %s\nterm         %s to %s\ntransaction  %s\n",
			added.NodeID, staking.Whole(added.Stake), added.Owner, clock(added.StartTime), clock(added.EndTime), added.TxID)
		return err
	}
	return cmd
}

// readNode reads the public half of a validator's keys.
func readNode(stdin io.Reader, from string, into *staking.Request) error {
	if from == "" {
		return node.Usage(errors.New("--node is needed: the file that `parsd keys show --json` printed on the validator's machine, or - for standard input"))
	}
	var e entry
	if from != "-" {
		if err := readJSON(from, &e); err != nil {
			return fmt.Errorf("--node: %w", err)
		}
	} else {
		text, err := io.ReadAll(io.LimitReader(stdin, maxEntry))
		if err != nil {
			return node.Usage(fmt.Errorf("--node: %w", err))
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&e); err != nil {
			return node.Usage(fmt.Errorf("--node: standard input: %w", err))
		}
	}
	var proof signer.ProofOfPossession
	if len(e.PublicKey) != len(proof.PublicKey) || len(e.ProofOfPossession) != len(proof.ProofOfPossession) {
		return node.Usage(fmt.Errorf("--node: publicKey has %d bytes and proofOfPossession %d, want %d and %d",
			len(e.PublicKey), len(e.ProofOfPossession), len(proof.PublicKey), len(proof.ProofOfPossession)))
	}
	copy(proof.PublicKey[:], e.PublicKey)
	copy(proof.ProofOfPossession[:], e.ProofOfPossession)
	into.Node, into.Proof = e.NodeID, proof
	return nil
}

func (s streams) validatorList() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List who validates now, by the end of the term", Args: noArgs}
	var r reach
	r.flags(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, cancel := context.WithTimeout(cmd.Context(), askTime)
		defer cancel()
		n, err := r.dial(ctx)
		if err != nil {
			return err
		}
		set, err := n.Validators(ctx)
		if err != nil {
			return err
		}
		if *asJSON {
			return s.printJSON(set)
		}
		return writeSet(s.out, n.Params, set)
	}
	return cmd
}

func writeSet(to io.Writer, network params.Network, set staking.Set) error {
	var total uint64
	for _, v := range set.Validators {
		total += v.Stake
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	// What a tabwriter can't write shows when it is flushed.
	_, _ = fmt.Fprintf(w, "%s, P-Chain height %d\nNODE\tSTAKE\tSHARE\tUNTIL\tCONNECTED\n", network.Name, set.PChainHeight)
	for _, v := range set.Validators {
		connected := "yes"
		if !v.Connected {
			connected = "no"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%.2f %%\t%s\t%s\n", v.NodeID, staking.Whole(v.Stake), 100*float64(v.Stake)/float64(total), clock(v.EndTime), connected)
	}
	return w.Flush()
}

func (s streams) validatorOwner() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "owner",
		Short: "Print the P-Chain address of a key, and what it can stake",
		Args:  noArgs,
	}
	var (
		r reach
		p purse
	)
	cmd.Flags().SortFlags = false
	p.flags(cmd)
	offline := cmd.Flags().String("network", "", "ask no node: only the address on pars, pars-testnet or pars-dev")
	r.flags(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, cancel := context.WithTimeout(cmd.Context(), askTime)
		defer cancel()
		if *offline != "" {
			network, err := params.NetworkByName(*offline)
			if err != nil {
				return node.Usage(fmt.Errorf("--network: %w", err))
			}
			return s.ownerOffline(network, p, *asJSON)
		}
		n, err := r.dial(ctx)
		if err != nil {
			return err
		}
		key, err := p.open(n)
		if err != nil {
			return err
		}
		owned, err := n.Owned(ctx, key)
		if err != nil {
			return err
		}
		if *asJSON {
			return s.printJSON(owned)
		}
		_, err = fmt.Fprintf(s.out, "%s\ncan stake %s STAKE\n", owned.Address, staking.Whole(owned.Free))
		return err
	}
	return cmd
}

// ownerOffline prints an address, for a genesis that doesn't run yet.
func (s streams) ownerOffline(network params.Network, p purse, asJSON bool) error {
	key, err := p.open(&staking.Network{Params: network})
	if err != nil {
		return err
	}
	address, err := key.Address(network)
	if err != nil {
		return err
	}
	if asJSON {
		return s.printJSON(struct {
			Address string `json:"address"`
		}{address})
	}
	_, err = fmt.Fprintln(s.out, address)
	return err
}

// clock renders Unix seconds for people.
func clock(seconds uint64) string { return time.Unix(int64(seconds), 0).UTC().Format(time.RFC3339) }
