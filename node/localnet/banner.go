package localnet

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pars-network/pars/node"
	"github.com/pars-network/pars/params"
)

// Banner is what a user needs to know of a network that has just become ready.
type Banner struct {
	Network     string `json:"network"`
	ChainID     uint64 `json:"chainId"`
	GenesisHash string `json:"genesisHash"`
	Nodes       []Node `json:"nodes"`
	// Accounts are the funded development accounts.
	Accounts []node.Account `json:"accounts"`
	DataDir  string         `json:"datadir"`
	// Temporary says that DataDir is removed at the end.
	Temporary bool `json:"temporary"`
	// Join is the settings file with which further nodes join; empty if links
	// are not plain.
	Join    string `json:"join,omitempty"`
	PID     int    `json:"pid"`
	Version string `json:"version"`
	// ReadyMs is how long the start took, in milliseconds.
	ReadyMs int64 `json:"readyMs"`
}

// Node describes one node of the network.
type Node struct {
	// Name is node1, node2 and so on.
	Name   string `json:"name"`
	NodeID string `json:"nodeId"`
	// HTTP and WebSocket are the JSON-RPC URLs, API the engine's own.
	HTTP      string `json:"http"`
	WebSocket string `json:"ws"`
	API       string `json:"api"`
	// Metrics is the URL before /healthz, /readyz and /metrics.
	Metrics string `json:"metrics"`
	// Staking is IP:PORT where validators connect.
	Staking string `json:"staking"`
	PID     int    `json:"pid"`
	DataDir string `json:"datadir"`
	// Config is the settings file: `parsd run --config` starts the node again.
	Config string `json:"config"`
	Log    string `json:"log"`
	// Region is where the node stands in for; only with regions.
	Region string `json:"region,omitempty"`
	// Again is the command that starts the node again.
	Again string `json:"again"`
}

// Banner describes the network. pid is the process that holds it, took how long
// the start was.
func (n *Network) Banner(pid int, took time.Duration) (Banner, error) {
	b := Banner{
		Network: n.folder.genesis.Network.Name, ChainID: n.folder.genesis.Network.ChainID(),
		DataDir: n.folder.path, Temporary: n.temporary, PID: pid, Version: params.Version, ReadyMs: took.Milliseconds(),
	}
	for i, c := range n.children {
		b.GenesisHash = c.banner.GenesisHash
		b.Nodes = append(b.Nodes, Node{
			Name: fmt.Sprintf("node%d", i+1), NodeID: c.banner.NodeID, HTTP: c.banner.HTTP, WebSocket: c.banner.WebSocket,
			API: c.banner.API, Metrics: c.banner.Metrics, Staking: c.banner.Staking, PID: c.cmd.Process.Pid,
			DataDir: n.folder.home(i), Config: n.settingsPath(i), Log: n.folder.log(i),
			Region: n.links.region(i), Again: n.again(i),
		})
	}
	if n.fabric == nil {
		b.Join = n.joinPath()
	}
	var err error
	b.Accounts, err = node.DevAccounts(n.folder.genesis)
	return b, err
}

// again is what a user types to start node i again.
func (n *Network) again(i int) string {
	args := []string{"parsd", "run", "--config", n.settingsPath(i)}
	if n.fabric != nil {
		if inside, err := n.fabric.command(i, args); err == nil {
			args = inside
		}
	}
	return strings.Join(args, " ")
}

// WriteJSON writes the banner as one line of JSON.
func (b Banner) WriteJSON(w io.Writer) error { return json.NewEncoder(w).Encode(b) }

// WriteText writes the banner for people.
func (b Banner) WriteText(w io.Writer) error {
	var s strings.Builder
	fmt.Fprintf(&s, "\nPars local network %s, %d validators of %s, ready in %.1f s\n\n", b.Version, len(b.Nodes), b.Network, float64(b.ReadyMs)/1000)
	for _, n := range b.Nodes {
		fmt.Fprintf(&s, "  %-7s %s  %s  pid %d  %s\n", n.Name, n.HTTP, n.NodeID, n.PID, n.Region)
	}
	kept := "kept"
	if b.Temporary {
		kept = "temporary, removed at the end; use --datadir to keep one"
	}
	fmt.Fprintf(&s, "\n  chain id     %d\n  genesis      %s\n  folder       %s (%s)\n", b.ChainID, b.GenesisHash, b.DataDir, kept)
	fmt.Fprintf(&s, "  logs         %s/node1.log to node%d.log\n", b.DataDir, len(b.Nodes))
	fmt.Fprintf(&s, "  a node again %s\n", b.Nodes[0].Again)
	if b.Join != "" {
		fmt.Fprintf(&s, "  a node more  parsd run --config %s --datadir NEW-FOLDER\n", b.Join)
	}
	fmt.Fprint(&s, "\nAccounts. These keys are publicly known: never use them on a real network.\n\n")
	for i, a := range b.Accounts {
		fmt.Fprintf(&s, "  (%d) %s  %s PARS\n      %s\n", i, a.Address, a.Tokens, a.PrivateKey)
	}
	fmt.Fprint(&s, "\nWebSocket is on the same ports. Stop with Ctrl-C.\n\n")
	_, err := io.WriteString(w, s.String())
	return err
}
