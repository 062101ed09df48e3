package daemon

import (
	"context"
	"net/http"

	"connectrpc.com/connect"
	"github.com/pars-network/pars/params"
	"github.com/pars-network/pars/session/api"
	"github.com/pars-network/pars/session/api/apiconnect"
)

// handler is the whole API.
func (d *Daemon) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(apiconnect.NewNodeServiceHandler(nodeService{d}))
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
		Protected:   d.Protected(),
		StartedAtMs: d.started.UnixMilli(),
	}), nil
}

// ListPeers implements [apiconnect.NodeServiceHandler].
func (s nodeService) ListPeers(context.Context, *connect.Request[api.ListPeersRequest]) (*connect.Response[api.ListPeersResponse], error) {
	return connect.NewResponse(&api.ListPeersResponse{}), nil
}
