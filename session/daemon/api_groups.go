package daemon

import (
	"context"

	"connectrpc.com/connect"

	"github.com/pars-network/pars/session/api"
	"github.com/pars-network/pars/session/content"
	"github.com/pars-network/pars/session/group"
	"github.com/pars-network/pars/session/identity"
)

// groupService implements [apiconnect.GroupServiceHandler].
type groupService struct{ d *Daemon }

var roles = map[group.Role]api.Role{group.Member: api.Role_ROLE_MEMBER, group.Admin: api.Role_ROLE_ADMIN, group.Owner: api.Role_ROLE_OWNER}

// roleOf reads a role, which is a member's where none is given.
func roleOf(r api.Role) group.Role {
	for from, to := range roles {
		if to == r {
			return from
		}
	}
	return group.Member
}

func groupOf(g *group.Group) *api.PrivateGroup {
	return &api.PrivateGroup{
		GroupId: g.Space().String(), Title: g.Title(), Role: roles[g.Role()], Members: uint32(len(g.Roster().Members)), Messages: uint64(len(g.Messages())),
	}
}

func invitationOf(i group.Invitation, names map[identity.ID]string) *api.GroupInvitation {
	return &api.GroupInvitation{
		GroupId: i.Space.String(), Title: i.Title, Inviter: i.Inviter.String(), InviterName: names[i.Inviter], Role: roles[i.Role],
		AtMs: i.At.UnixMilli(), Accepted: i.Accepted,
	}
}

// find returns the group that is meant.
func (s groupService) find(which string) (*group.Group, error) {
	all, err := s.d.groups.open()
	if err != nil {
		return nil, err
	}
	return all.Find(which)
}

// answer makes a response of what a change came to, and has it sent on.
func answer[T any](s groupService, res *T, err error) (*connect.Response[T], error) {
	if err != nil {
		return nil, s.d.apiError(err)
	}
	s.d.groups.poke()
	return connect.NewResponse(res), nil
}

// CreateGroup implements [apiconnect.GroupServiceHandler].
func (s groupService) CreateGroup(ctx context.Context, r *connect.Request[api.CreateGroupRequest]) (*connect.Response[api.CreateGroupResponse], error) {
	all, err := s.d.groups.open()
	if err != nil {
		return nil, s.d.apiError(err)
	}
	g, err := all.Create(ctx, r.Msg.GetTitle())
	if err != nil {
		return nil, s.d.apiError(err)
	}
	return answer(s, &api.CreateGroupResponse{Group: groupOf(g)}, nil)
}

// ListGroups implements [apiconnect.GroupServiceHandler].
func (s groupService) ListGroups(context.Context, *connect.Request[api.ListGroupsRequest]) (*connect.Response[api.ListGroupsResponse], error) {
	all, err := s.d.groups.open()
	if err != nil {
		return nil, s.d.apiError(err)
	}
	names, err := s.d.names()
	if err != nil {
		return nil, s.d.apiError(err)
	}
	res := &api.ListGroupsResponse{}
	for _, g := range all.Groups() {
		res.Groups = append(res.Groups, groupOf(g))
	}
	for _, i := range all.Invitations() {
		res.Invitations = append(res.Invitations, invitationOf(i, names))
	}
	return connect.NewResponse(res), nil
}

// GetGroup implements [apiconnect.GroupServiceHandler].
func (s groupService) GetGroup(_ context.Context, r *connect.Request[api.GetGroupRequest]) (*connect.Response[api.GetGroupResponse], error) {
	g, err := s.find(r.Msg.GetGroup())
	if err != nil {
		return nil, s.d.apiError(err)
	}
	names, err := s.d.names()
	if err != nil {
		return nil, s.d.apiError(err)
	}
	me, err := s.d.messenger.Identity()
	if err != nil {
		return nil, s.d.apiError(err)
	}
	waiting := map[identity.ID]bool{}
	for _, a := range g.Waiting() {
		waiting[a] = true
	}
	res := &api.GetGroupResponse{Group: groupOf(g)}
	for _, m := range g.Roster().Members {
		res.Members = append(res.Members, &api.GroupMember{
			SessionId: m.Account.String(), Name: names[m.Account], Role: roles[m.Role], Self: m.Account == me.ID, Waiting: waiting[m.Account],
		})
	}
	return connect.NewResponse(res), nil
}

// InviteToGroup implements [apiconnect.GroupServiceHandler].
func (s groupService) InviteToGroup(ctx context.Context, r *connect.Request[api.InviteToGroupRequest]) (*connect.Response[api.InviteToGroupResponse], error) {
	g, err := s.find(r.Msg.GetGroup())
	if err != nil {
		return nil, s.d.apiError(err)
	}
	who, err := s.d.messenger.Contact(r.Msg.GetWho()) // only contacts can be reached pairwise
	if err == nil {
		err = g.Invite(ctx, who.ID, roleOf(r.Msg.GetRole()))
	}
	return answer(s, &api.InviteToGroupResponse{}, err)
}

// JoinGroup implements [apiconnect.GroupServiceHandler].
func (s groupService) JoinGroup(ctx context.Context, r *connect.Request[api.JoinGroupRequest]) (*connect.Response[api.JoinGroupResponse], error) {
	all, err := s.d.groups.open()
	if err != nil {
		return nil, s.d.apiError(err)
	}
	names, err := s.d.names()
	if err != nil {
		return nil, s.d.apiError(err)
	}
	i, err := all.FindInvitation(r.Msg.GetGroup())
	if err != nil {
		return nil, s.d.apiError(err)
	}
	err = all.Accept(ctx, i.Space)
	i.Accepted = err == nil
	return answer(s, &api.JoinGroupResponse{Invitation: invitationOf(i, names)}, err)
}

// RemoveFromGroup implements [apiconnect.GroupServiceHandler].
func (s groupService) RemoveFromGroup(ctx context.Context, r *connect.Request[api.RemoveFromGroupRequest]) (*connect.Response[api.RemoveFromGroupResponse], error) {
	g, err := s.find(r.Msg.GetGroup())
	if err != nil {
		return nil, s.d.apiError(err)
	}
	if r.Msg.GetWho() == "" {
		return answer(s, &api.RemoveFromGroupResponse{}, g.Leave(ctx))
	}
	who, err := s.d.person(r.Msg.GetWho())
	if err == nil {
		err = g.Remove(ctx, who)
	}
	return answer(s, &api.RemoveFromGroupResponse{}, err)
}

// SetGroupRole implements [apiconnect.GroupServiceHandler].
func (s groupService) SetGroupRole(ctx context.Context, r *connect.Request[api.SetGroupRoleRequest]) (*connect.Response[api.SetGroupRoleResponse], error) {
	g, err := s.find(r.Msg.GetGroup())
	if err != nil {
		return nil, s.d.apiError(err)
	}
	who, err := s.d.person(r.Msg.GetWho())
	if err == nil {
		err = g.SetRole(ctx, who, roleOf(r.Msg.GetRole()))
	}
	return answer(s, &api.SetGroupRoleResponse{}, err)
}

// SendToGroup implements [apiconnect.GroupServiceHandler].
func (s groupService) SendToGroup(ctx context.Context, r *connect.Request[api.SendToGroupRequest]) (*connect.Response[api.SendToGroupResponse], error) {
	g, err := s.find(r.Msg.GetGroup())
	if err != nil {
		return nil, s.d.apiError(err)
	}
	post := content.Post{Text: r.Msg.GetText()}
	if to := r.Msg.GetReplyTo(); to != "" {
		ref, err := s.d.groupRef(g, to)
		if err != nil {
			return nil, s.d.apiError(err)
		}
		post.Reply = ref
	}
	id, err := s.d.say(ctx, g, post)
	return answer(s, &api.SendToGroupResponse{Id: id}, err)
}

// ReadGroup implements [apiconnect.GroupServiceHandler].
func (s groupService) ReadGroup(_ context.Context, r *connect.Request[api.ReadGroupRequest]) (*connect.Response[api.ReadGroupResponse], error) {
	g, err := s.find(r.Msg.GetGroup())
	if err != nil {
		return nil, s.d.apiError(err)
	}
	items, err := s.d.groupItems(g)
	if err != nil {
		return nil, s.d.apiError(err)
	}
	return connect.NewResponse(&api.ReadGroupResponse{Items: items}), nil
}
