package node

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Banner is what a user needs to know of a node that has just become ready.
type Banner struct {
	Network     string `json:"network"`
	ChainID     uint64 `json:"chainId"`
	GenesisHash string `json:"genesisHash"`
	// HTTP and WebSocket are the JSON-RPC URLs.
	HTTP      string `json:"http"`
	WebSocket string `json:"ws"`
	// Metrics is the URL before /healthz, /readyz and /metrics; empty when off.
	Metrics string `json:"metrics,omitempty"`
	// Accounts are the funded development accounts; none on real networks.
	Accounts []Account `json:"accounts,omitempty"`
	// Session lists the session node's multiaddrs; SessionSocket is its local
	// API for parsctl. Both are empty when it is off.
	Session       []string `json:"session,omitempty"`
	SessionSocket string   `json:"sessionSocket,omitempty"`
	NodeID        string   `json:"nodeId"`
	// Staking is IP:PORT for the --bootstrap of other nodes; API is the URL of
	// the engine's own API.
	Staking string `json:"staking"`
	API     string `json:"api"`
	DataDir string `json:"datadir"`
	// Temporary says that DataDir is removed at the end.
	Temporary bool   `json:"temporary"`
	PID       int    `json:"pid"`
	Version   string `json:"version"`
	// ReadyMs is how long the start took, in milliseconds.
	ReadyMs int64 `json:"readyMs"`
}

// Account is a development account. Its key is public knowledge.
type Account struct {
	Address    string `json:"address"`
	PrivateKey string `json:"privateKey"`
	// Balance is the balance at genesis, in wei.
	Balance string `json:"balance"`
	// Tokens is the same in whole tokens, for people.
	Tokens string `json:"-"`
}

// WriteJSON writes the banner as one line of JSON.
func (b Banner) WriteJSON(w io.Writer) error { return json.NewEncoder(w).Encode(b) }

// WriteText writes the banner for people.
func (b Banner) WriteText(w io.Writer) error {
	var s strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&s, "  %-13s "+format+"\n", append([]any{name}, args...)...)
	}
	fmt.Fprintf(&s, "\nPars node %s, network %s, ready in %d ms\n\n", b.Version, b.Network, b.ReadyMs)
	line("JSON-RPC", "%s", b.HTTP)
	line("WebSocket", "%s", b.WebSocket)
	line("chain id", "%d", b.ChainID)
	line("genesis", "%s", b.GenesisHash)
	line("node", "%s at %s", b.NodeID, b.Staking)
	line("engine API", "%s", b.API)
	if b.Metrics != "" {
		line("monitoring", "%s/healthz /readyz /metrics", b.Metrics)
	}
	for i, addr := range b.Session {
		name := "session"
		if i > 0 {
			name = ""
		}
		line(name, "%s", addr)
	}
	if b.SessionSocket != "" {
		line("session API", "%s", b.SessionSocket)
	}
	kept := "kept"
	if b.Temporary {
		kept = "temporary, removed at the end; use --datadir to keep one"
	}
	line("data folder", "%s (%s)", b.DataDir, kept)
	if len(b.Accounts) > 0 {
		fmt.Fprint(&s, "\nAccounts. These keys are publicly known: never use them on a real network.\n\n")
		for i, a := range b.Accounts {
			fmt.Fprintf(&s, "  (%d) %s  %s PARS\n      %s\n", i, a.Address, a.Tokens, a.PrivateKey)
		}
	}
	fmt.Fprint(&s, "\nStop with Ctrl-C.\n\n")
	_, err := io.WriteString(w, s.String())
	return err
}
