package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"connectrpc.com/connect"
	"github.com/pars-network/pars/session/api"
	"github.com/spf13/cobra"
)

type serviceNodeJSON struct {
	ID         string   `json:"id"`
	PeerID     string   `json:"peer_id"`
	Multiaddrs []string `json:"multiaddrs"`
	Services   []string `json:"services"`
	ExpiresAt  string   `json:"expires_at"`
	Seq        uint64   `json:"seq"`
	Own        bool     `json:"own"`
}

func (a *app) servicesCommand() *cobra.Command {
	return &cobra.Command{
		Use: "services", Short: "the service nodes that it knows", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.nodeServices(cmd.Context()) },
	}
}

func (a *app) leaveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "leave", Short: "stop being a service node: hand over what is stored", Args: args(cobra.NoArgs),
		Long: `leave takes a service node out of everybody's placement and hands the messages
that it keeps for others over to the nodes that keep them without it. Stop the
daemon when nothing is left. For a restart it is not needed.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.nodeLeave(cmd.Context()) },
	}
}

func (a *app) nodeServices(ctx context.Context) error {
	res, err := a.client.Services.ListServiceNodes(ctx, connect.NewRequest(&api.ListServiceNodesRequest{}))
	if err != nil {
		return err
	}
	list := res.Msg.GetNodes()
	if a.json {
		out := struct {
			Version int               `json:"version"`
			Epoch   uint64            `json:"epoch"`
			Nodes   []serviceNodeJSON `json:"nodes"`
		}{1, res.Msg.GetEpoch(), []serviceNodeJSON{}}
		for _, n := range list {
			out.Nodes = append(out.Nodes, serviceNodeJSON{
				n.GetId(), n.GetPeerId(), append([]string{}, n.GetMultiaddrs()...), append([]string{}, n.GetServices()...),
				rfc3339(n.GetExpiresAtMs()), n.GetSeq(), n.GetOwn(),
			})
		}
		return a.printJSON(out)
	}
	if len(list) == 0 {
		a.print(a.say(msgNoServices))
		return nil
	}
	a.print(a.say(msgServicesKnown, a.digits(strconv.Itoa(len(list))), a.digits(strconv.FormatUint(res.Msg.GetEpoch(), 10))))
	for _, n := range list {
		services := "-"
		if len(n.GetServices()) > 0 {
			services = strings.Join(n.GetServices(), ",")
		}
		line := fmt.Sprintf("%s  %s  %s", a.ltr(n.GetId()), a.ltr(services), a.say(msgServiceUntil, a.moment(n.GetExpiresAtMs())))
		if n.GetOwn() {
			line += "  " + a.say(msgServiceOwn)
		}
		a.print(line)
		for _, addr := range n.GetMultiaddrs() {
			a.print("  " + a.ltr(addr))
		}
	}
	return nil
}

func (a *app) nodeLeave(ctx context.Context) error {
	res, err := a.client.Services.LeaveService(ctx, connect.NewRequest(&api.LeaveServiceRequest{}))
	if err != nil {
		return err
	}
	left := res.Msg.GetLeft()
	if a.json {
		return a.printJSON(struct {
			Version int    `json:"version"`
			Left    uint64 `json:"left"`
		}{1, left})
	}
	if left > 0 {
		a.print(a.say(msgLeftSome, a.digits(strconv.FormatUint(left, 10))))
		return nil
	}
	a.print(a.say(msgLeft))
	return nil
}
