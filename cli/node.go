package cli

import (
	"context"
	"fmt"
	"strconv"

	"connectrpc.com/connect"
	"github.com/pars-network/pars/session/api"
	"github.com/spf13/cobra"
)

type statusJSON struct {
	Version    int      `json:"version"`
	Release    string   `json:"release"`
	Commit     string   `json:"commit"`
	Network    string   `json:"network"`
	DataDir    string   `json:"datadir"`
	PeerID     string   `json:"peer_id"`
	Multiaddrs []string `json:"multiaddrs"`
	Peers      uint32   `json:"peers"`
	SessionID  string   `json:"session_id,omitempty"`
	Protected  bool     `json:"protected"`
	Queued     uint32   `json:"queued"`
	StartedAt  string   `json:"started_at"`
}

type peerJSON struct {
	PeerID     string   `json:"peer_id"`
	Multiaddrs []string `json:"multiaddrs"`
	Outbound   bool     `json:"outbound"`
}

func (a *app) nodeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "node", Short: "the daemon itself"}
	cmd.AddCommand(
		&cobra.Command{
			Use: "status", Short: "what the daemon is and where it listens", Args: args(cobra.NoArgs),
			RunE: func(cmd *cobra.Command, _ []string) error { return a.nodeStatus(cmd.Context()) },
		},
		&cobra.Command{
			Use: "peers", Short: "the nodes that it has a link to", Args: args(cobra.NoArgs),
			RunE: func(cmd *cobra.Command, _ []string) error { return a.nodePeers(cmd.Context()) },
		},
		a.servicesCommand(), a.leaveCommand(),
	)
	return cmd
}

func (a *app) nodeStatus(ctx context.Context) error {
	res, err := a.client.Node.GetStatus(ctx, connect.NewRequest(&api.GetStatusRequest{}))
	if err != nil {
		return err
	}
	s := res.Msg
	if a.json {
		return a.printJSON(statusJSON{
			Version: 1, Release: s.GetVersion(), Commit: s.GetCommit(), Network: s.GetNetwork(), DataDir: s.GetDatadir(), PeerID: s.GetPeerId(),
			Multiaddrs: append([]string{}, s.GetMultiaddrs()...), Peers: s.GetPeers(), SessionID: s.GetSessionId(), Protected: s.GetProtected(),
			Queued: s.GetQueued(), StartedAt: rfc3339(s.GetStartedAtMs()),
		})
	}
	a.print(a.say(msgNetwork, a.ltr(s.GetNetwork())))
	if s.GetSessionId() != "" {
		a.print(a.say(msgYourID, a.ltr(s.GetSessionId())))
	} else {
		a.print(a.say(msgNoIdentity, a.hint("parsctl identity create")))
	}
	a.print(a.say(msgPeerID, a.ltr(s.GetPeerId())))
	for _, addr := range s.GetMultiaddrs() {
		a.print(a.say(msgAddress, a.ltr(addr)))
	}
	a.print(a.say(msgPeers, a.digits(strconv.Itoa(int(s.GetPeers())))))
	a.print(a.say(msgQueued, a.digits(strconv.Itoa(int(s.GetQueued())))))
	a.print(a.say(msgDataDir, a.ltr(s.GetDatadir())))
	a.print(a.say(msgSince, a.moment(s.GetStartedAtMs())))
	if s.GetProtected() {
		a.print(a.say(msgProtected))
	} else {
		a.print(a.say(msgUnprotected, a.ltr("sessiond passphrase --network "+s.GetNetwork()+" --datadir "+s.GetDatadir())))
	}
	return nil
}

func (a *app) nodePeers(ctx context.Context) error {
	res, err := a.client.Node.ListPeers(ctx, connect.NewRequest(&api.ListPeersRequest{}))
	if err != nil {
		return err
	}
	if a.json {
		list := struct {
			Version int        `json:"version"`
			Peers   []peerJSON `json:"peers"`
		}{1, []peerJSON{}}
		for _, p := range res.Msg.GetPeers() {
			list.Peers = append(list.Peers, peerJSON{p.GetPeerId(), append([]string{}, p.GetMultiaddrs()...), p.GetOutbound()})
		}
		return a.printJSON(list)
	}
	if len(res.Msg.GetPeers()) == 0 {
		a.print(a.say(msgNoPeers))
	}
	for _, p := range res.Msg.GetPeers() {
		direction := a.say(msgInbound)
		if p.GetOutbound() {
			direction = a.say(msgOutbound)
		}
		addr := ""
		if len(p.GetMultiaddrs()) > 0 {
			addr = p.GetMultiaddrs()[0]
		}
		a.print(fmt.Sprintf("%s  %s  %s", a.ltr(p.GetPeerId()), direction, a.ltr(addr)))
	}
	return nil
}
