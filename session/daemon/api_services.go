package daemon

import (
	"context"
	"fmt"

	"connectrpc.com/connect"

	"github.com/pars-network/pars/session/api"
	"github.com/pars-network/pars/session/mistake"
	"github.com/pars-network/pars/session/nodes"
)

// errNoService reports a question to a service node that this node is not.
var errNoService = mistake.New(mistake.Refused, "no-service", "this node is no service node; start sessiond with --service")

// serviceNodeService implements [apiconnect.ServiceNodeServiceHandler].
type serviceNodeService struct{ d *Daemon }

// ListServiceNodes implements [apiconnect.ServiceNodeServiceHandler].
func (s serviceNodeService) ListServiceNodes(context.Context, *connect.Request[api.ListServiceNodesRequest]) (*connect.Response[api.ListServiceNodesResponse], error) {
	res := &api.ListServiceNodesResponse{Epoch: nodes.EpochOf(s.d.cfg.Clock.Now())}
	own := nodes.IDOf(s.d.link.key.Composite())
	for _, r := range s.d.directory.List() {
		n := &api.ServiceNode{
			Id: r.ID().String(), PeerId: r.Peer().String(), ExpiresAtMs: r.Expires().UnixMilli(), Seq: r.Seq(), Own: r.ID() == own,
		}
		for _, a := range r.Addrs() {
			n.Multiaddrs = append(n.Multiaddrs, fmt.Sprintf("%s/p2p/%s", a, r.Peer()))
		}
		for _, v := range []nodes.Services{nodes.Store, nodes.Relay} {
			if r.Services().Has(v) {
				n.Services = append(n.Services, v.String())
			}
		}
		res.Nodes = append(res.Nodes, n)
	}
	return connect.NewResponse(res), nil
}

// LeaveService implements [apiconnect.ServiceNodeServiceHandler].
func (s serviceNodeService) LeaveService(ctx context.Context, _ *connect.Request[api.LeaveServiceRequest]) (*connect.Response[api.LeaveServiceResponse], error) {
	if s.d.service == nil {
		return nil, s.d.apiError(errNoService)
	}
	left, err := s.d.service.leave(ctx)
	if err != nil {
		s.d.cfg.Logger.Warn("leaving", "items left", left, "error", err)
	}
	return connect.NewResponse(&api.LeaveServiceResponse{Left: uint64(left)}), nil
}
