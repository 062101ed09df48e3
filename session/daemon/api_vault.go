package daemon

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect"
	"github.com/pars-network/pars/session/api"
	"github.com/pars-network/pars/session/vault"
)

// vaultService implements [apiconnect.VaultServiceHandler].
type vaultService struct{ d *Daemon }

// GetVault implements [apiconnect.VaultServiceHandler].
func (s vaultService) GetVault(context.Context, *connect.Request[api.GetVaultRequest]) (*connect.Response[api.GetVaultResponse], error) {
	r := s.d.store.Region()
	res := &api.GetVaultResponse{
		File: s.d.store.File(), RegionBytes: uint64(s.d.store.Vault().RegionSize()), UsedBytes: uint64(r.Usage().Used),
		Protected: r.Protected(), Deadline: deadlineOf(r),
	}
	if at := r.Restored(); !at.IsZero() {
		res.RestoredAtMs = at.UnixMilli()
	}
	return connect.NewResponse(res), nil
}

func deadlineOf(r *vault.Region) *api.Deadline {
	d := r.Deadline()
	if d.Within == 0 {
		return &api.Deadline{}
	}
	return &api.Deadline{WithinS: uint64(d.Within / time.Second), All: d.All, AliveAtMs: d.Alive.UnixMilli()}
}

// maxDeadline is the longest deadline, in seconds.
const maxDeadline = 10 * 365 * 24 * 3600

// SetDeadline implements [apiconnect.VaultServiceHandler].
func (s vaultService) SetDeadline(_ context.Context, req *connect.Request[api.SetDeadlineRequest]) (*connect.Response[api.SetDeadlineResponse], error) {
	if req.Msg.GetWithinS() > maxDeadline {
		return nil, connect.NewError(connect.CodeInvalidArgument, errors.New("a deadline is at most ten years away"))
	}
	r := s.d.store.Region()
	err := r.SetDeadline(vault.Deadline{Within: time.Duration(req.Msg.GetWithinS()) * time.Second, All: req.Msg.GetAll()})
	if err != nil {
		return nil, vaultError(err)
	}
	return connect.NewResponse(&api.SetDeadlineResponse{Deadline: deadlineOf(r)}), nil
}

// CheckIn implements [apiconnect.VaultServiceHandler].
func (s vaultService) CheckIn(context.Context, *connect.Request[api.CheckInRequest]) (*connect.Response[api.CheckInResponse], error) {
	r := s.d.store.Region()
	if err := r.CheckIn(); err != nil {
		return nil, vaultError(err)
	}
	return connect.NewResponse(&api.CheckInResponse{Deadline: deadlineOf(r)}), nil
}

// WipeVault implements [apiconnect.VaultServiceHandler].
func (s vaultService) WipeVault(_ context.Context, req *connect.Request[api.WipeVaultRequest]) (*connect.Response[api.WipeVaultResponse], error) {
	if !req.Msg.GetSure() {
		return nil, connect.NewError(connect.CodeInvalidArgument, errors.New("nothing was wiped: the request does not say that it is sure"))
	}
	if err := s.d.store.Wipe(); err != nil {
		return nil, vaultError(err)
	}
	s.d.end(errWiped)
	return connect.NewResponse(&api.WipeVaultResponse{}), nil
}

func vaultError(err error) error {
	if errors.Is(err, vault.ErrWiped) {
		return connect.NewError(connect.CodeFailedPrecondition, err)
	}
	return connect.NewError(connect.CodeInternal, err)
}
