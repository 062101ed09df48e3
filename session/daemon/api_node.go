package daemon

import (
	"context"
	"net/http"
	"sync"

	"connectrpc.com/connect"
	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/session/api"
	"github.com/pars-network/pars/session/api/apiconnect"
)

// handler is the whole API.
func (d *Daemon) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(apiconnect.NewNodeServiceHandler(nodeService{d}))
	mux.Handle(apiconnect.NewIdentityServiceHandler(identityService{d}))
	mux.Handle(apiconnect.NewContactServiceHandler(contactService{d, new(sync.Mutex)}))
	mux.Handle(apiconnect.NewMessageServiceHandler(messageService{d}))
	mux.Handle(apiconnect.NewServiceNodeServiceHandler(serviceNodeService{d}))
	mux.Handle(apiconnect.NewVaultServiceHandler(vaultService{d}))
	mux.Handle(apiconnect.NewSpaceServiceHandler(spaceService{d}, connect.WithReadMaxBytes(maxRequest)))
	mux.Handle(apiconnect.NewGroupServiceHandler(groupService{d}))
	mux.Handle(apiconnect.NewConversationServiceHandler(conversationService{d}))
	return mux
}

// nodeService implements [apiconnect.NodeServiceHandler].
type nodeService struct{ d *Daemon }

// GetStatus implements [apiconnect.NodeServiceHandler].
func (s nodeService) GetStatus(context.Context, *connect.Request[api.GetStatusRequest]) (*connect.Response[api.GetStatusResponse], error) {
	d := s.d
	return connect.NewResponse(&api.GetStatusResponse{
		Version: params.Version, Commit: params.Commit,
		Network: d.cfg.Network.Name, Datadir: d.cfg.DataDir,
		PeerId: d.PeerID(), Multiaddrs: d.Multiaddrs(),
		Peers: uint32(len(d.link.Peers())), SessionId: d.SessionID(),
		Protected:   d.Protected(),
		Queued:      uint32(d.messenger.Queued()),
		StartedAtMs: d.started.UnixMilli(),
	}), nil
}

// ListPeers implements [apiconnect.NodeServiceHandler].
func (s nodeService) ListPeers(context.Context, *connect.Request[api.ListPeersRequest]) (*connect.Response[api.ListPeersResponse], error) {
	res := &api.ListPeersResponse{}
	for _, p := range s.d.link.control.Peers() {
		res.Peers = append(res.Peers, &api.Peer{PeerId: p.ID.String(), Multiaddrs: []string{p.Addr.String()}, Outbound: !p.Inbound})
	}
	return connect.NewResponse(res), nil
}
