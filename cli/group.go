package cli

import (
	"context"
	"fmt"
	"strconv"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/pars-network/pars/session/api"
)

// privateGroupJSON is a group in --json.
type privateGroupJSON struct {
	GroupID  string `json:"group_id"`
	Title    string `json:"title"`
	Role     string `json:"role"`
	Members  uint32 `json:"members"`
	Messages uint64 `json:"messages"`
}

type invitationJSON struct {
	GroupID     string `json:"group_id"`
	Title       string `json:"title"`
	Inviter     string `json:"inviter"`
	InviterName string `json:"inviter_name"`
	Role        string `json:"role"`
	At          string `json:"at"`
	Accepted    bool   `json:"accepted"`
}

type groupMemberJSON struct {
	SessionID string `json:"session_id"`
	Name      string `json:"name"`
	Role      string `json:"role"`
	Self      bool   `json:"self"`
	Waiting   bool   `json:"waiting"`
}

var roleNames = map[api.Role]string{api.Role_ROLE_UNSPECIFIED: "none", api.Role_ROLE_MEMBER: "member", api.Role_ROLE_ADMIN: "admin", api.Role_ROLE_OWNER: "owner"}

func (a *app) role(r api.Role) string {
	switch r {
	case api.Role_ROLE_ADMIN:
		return a.tell(txtRoleAdmin)
	case api.Role_ROLE_OWNER:
		return a.tell(txtRoleOwner)
	default:
		return a.tell(txtRoleMember)
	}
}

func roleOf(name string) (api.Role, error) {
	for r, n := range roleNames {
		if n == name && r != api.Role_ROLE_UNSPECIFIED {
			return r, nil
		}
	}
	return 0, fmt.Errorf("%w: role %q, want member, admin or owner", errUsage, name)
}

func privateGroupOf(g *api.PrivateGroup) privateGroupJSON {
	return privateGroupJSON{GroupID: g.GetGroupId(), Title: g.GetTitle(), Role: roleNames[g.GetRole()], Members: g.GetMembers(), Messages: g.GetMessages()}
}

func invitationOf(i *api.GroupInvitation) invitationJSON {
	return invitationJSON{
		GroupID: i.GetGroupId(), Title: i.GetTitle(), Inviter: i.GetInviter(), InviterName: i.GetInviterName(), Role: roleNames[i.GetRole()],
		At: rfc3339(i.GetAtMs()), Accepted: i.GetAccepted(),
	}
}

// doneJSON is the answer of commands that change something.
type doneJSON struct {
	Version int    `json:"version"`
	ID      string `json:"id,omitempty"`
	Done    bool   `json:"done"`
}

func (a *app) groupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "group", Short: "private groups of up to 1,000 people",
		Long: `Every member's device works out who belongs to a group; nobody runs it. GROUP is its
title, its id, or the beginning of its id; WHO is a contact's name or a Session ID. Everybody
whom a device gives keys to must be in its contacts.`,
	}
	var role, reply string
	invite := &cobra.Command{
		Use: "invite GROUP WHO", Short: "ask a contact to join", Args: args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.groupInvite(cmd.Context(), given[0], given[1], role)
		},
	}
	invite.Flags().StringVar(&role, "role", "member", "member, admin or owner")
	send := &cobra.Command{
		Use: "send GROUP TEXT|-", Short: "write a text", Args: args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.groupSend(cmd.Context(), given[0], given[1], reply)
		},
	}
	send.Flags().StringVar(&reply, "reply-to", "", "the message that is answered: the beginning of its id")
	one := func(use, short string, n int, run func(context.Context, []string) error) *cobra.Command {
		return &cobra.Command{
			Use: use, Short: short, Args: args(cobra.ExactArgs(n)),
			RunE: func(cmd *cobra.Command, given []string) error { return run(cmd.Context(), given) },
		}
	}
	cmd.AddCommand(invite, send,
		one("create TITLE", "make a group", 1, a.groupCreate),
		one("join GROUP", "accept an invitation", 1, a.groupJoin),
		one("list", "list groups and invitations", 0, a.groupList),
		one("members GROUP", "list the members of a group", 1, a.groupMembers),
		one("read GROUP", "show what was written", 1, a.groupRead),
		one("remove GROUP WHO", "take somebody out, for all", 2, a.groupRemove),
		one("role GROUP WHO ROLE", "make somebody member, admin or owner", 3, a.groupRole),
		one("leave GROUP", "leave a group", 1, a.groupLeave),
	)
	return cmd
}

// done says that a change was made.
func (a *app) done(id, line string) error {
	if a.json {
		return a.printJSON(doneJSON{Version: 1, ID: id, Done: true})
	}
	a.print(line)
	return nil
}

func (a *app) groupCreate(ctx context.Context, given []string) error {
	res, err := a.client.Groups.CreateGroup(ctx, connect.NewRequest(&api.CreateGroupRequest{Title: given[0]}))
	if err != nil {
		return err
	}
	g := res.Msg.GetGroup()
	if a.json {
		return a.printJSON(struct {
			Version int              `json:"version"`
			Group   privateGroupJSON `json:"group"`
		}{1, privateGroupOf(g)})
	}
	a.print(a.tell(txtGroupMade, a.free(g.GetTitle()), a.ltr(g.GetGroupId()[:shortID])))
	return nil
}

func (a *app) groupInvite(ctx context.Context, group, who, role string) error {
	r, err := roleOf(role)
	if err != nil {
		return err
	}
	if _, err := a.client.Groups.InviteToGroup(ctx, connect.NewRequest(&api.InviteToGroupRequest{Group: group, Who: who, Role: r})); err != nil {
		return err
	}
	return a.done("", a.tell(txtGroupInvited, a.free(who), a.free(group)))
}

func (a *app) groupJoin(ctx context.Context, given []string) error {
	res, err := a.client.Groups.JoinGroup(ctx, connect.NewRequest(&api.JoinGroupRequest{Group: given[0]}))
	if err != nil {
		return err
	}
	i := res.Msg.GetInvitation()
	if a.json {
		return a.printJSON(struct {
			Version    int            `json:"version"`
			Invitation invitationJSON `json:"invitation"`
		}{1, invitationOf(i)})
	}
	a.print(a.tell(txtGroupJoining, a.free(i.GetTitle()), a.free(a.nameOr(i.GetInviterName(), i.GetInviter()))))
	return nil
}

// nameOr is a contact's name, or the beginning of a Session ID.
func (a *app) nameOr(name, id string) string {
	if name == "" && len(id) > 10 {
		return id[:10]
	}
	return name
}

func (a *app) groupList(ctx context.Context, _ []string) error {
	res, err := a.client.Groups.ListGroups(ctx, connect.NewRequest(&api.ListGroupsRequest{}))
	if err != nil {
		return err
	}
	if a.json {
		out := struct {
			Version     int                `json:"version"`
			Groups      []privateGroupJSON `json:"groups"`
			Invitations []invitationJSON   `json:"invitations"`
		}{1, []privateGroupJSON{}, []invitationJSON{}}
		for _, g := range res.Msg.GetGroups() {
			out.Groups = append(out.Groups, privateGroupOf(g))
		}
		for _, i := range res.Msg.GetInvitations() {
			out.Invitations = append(out.Invitations, invitationOf(i))
		}
		return a.printJSON(out)
	}
	if len(res.Msg.GetGroups())+len(res.Msg.GetInvitations()) == 0 {
		a.print(a.tell(txtNoGroups))
	}
	for _, g := range res.Msg.GetGroups() {
		id, title := a.ltr(g.GetGroupId()[:shortID]), a.free(g.GetTitle())
		if g.GetRole() == api.Role_ROLE_UNSPECIFIED {
			a.print(a.tell(txtGroupOut, id, title))
			continue
		}
		a.print(a.tell(txtGroupLine, id, title, a.digits(strconv.Itoa(int(g.GetMembers()))), a.digits(strconv.FormatUint(g.GetMessages(), 10)), a.role(g.GetRole())))
	}
	for _, i := range res.Msg.GetInvitations() {
		id, title, by := a.ltr(i.GetGroupId()[:shortID]), a.free(i.GetTitle()), a.free(a.nameOr(i.GetInviterName(), i.GetInviter()))
		if i.GetAccepted() {
			a.print(a.tell(txtInvitedWaits, id, title, by))
		} else {
			a.print(a.tell(txtInvitation, id, title, by, a.hint("parsctl group join "+i.GetGroupId()[:shortID])))
		}
	}
	return nil
}

func (a *app) groupMembers(ctx context.Context, given []string) error {
	res, err := a.client.Groups.GetGroup(ctx, connect.NewRequest(&api.GetGroupRequest{Group: given[0]}))
	if err != nil {
		return err
	}
	out := struct {
		Version int               `json:"version"`
		Group   privateGroupJSON  `json:"group"`
		Members []groupMemberJSON `json:"members"`
	}{1, privateGroupOf(res.Msg.GetGroup()), []groupMemberJSON{}}
	for _, m := range res.Msg.GetMembers() {
		out.Members = append(out.Members, groupMemberJSON{m.GetSessionId(), m.GetName(), roleNames[m.GetRole()], m.GetSelf(), m.GetWaiting()})
		line := fmt.Sprintf("%s  %s", a.free(a.nameOr(m.GetName(), m.GetSessionId())), a.role(m.GetRole()))
		if m.GetSelf() {
			line = fmt.Sprintf("%s  %s", a.tell(txtYou), a.role(m.GetRole()))
		}
		if m.GetWaiting() {
			line += "  (" + a.tell(txtWaiting) + ")"
		}
		if !a.json {
			a.print(line)
		}
	}
	if a.json {
		return a.printJSON(out)
	}
	return nil
}

func (a *app) groupSend(ctx context.Context, group, words, reply string) error {
	if words == "-" {
		var err error
		if words, err = a.readAll(maxText); err != nil {
			return err
		}
	}
	res, err := a.client.Groups.SendToGroup(ctx, connect.NewRequest(&api.SendToGroupRequest{Group: group, Text: words, ReplyTo: reply}))
	if err != nil {
		return err
	}
	return a.done(res.Msg.GetId(), a.tell(txtGroupSent, a.free(group), a.ltr(res.Msg.GetId()[:idDigits])))
}

func (a *app) groupRead(ctx context.Context, given []string) error {
	res, err := a.client.Groups.ReadGroup(ctx, connect.NewRequest(&api.ReadGroupRequest{Group: given[0]}))
	if err != nil {
		return err
	}
	return a.printItems(res.Msg.GetItems())
}

func (a *app) groupRemove(ctx context.Context, given []string) error {
	if _, err := a.client.Groups.RemoveFromGroup(ctx, connect.NewRequest(&api.RemoveFromGroupRequest{Group: given[0], Who: given[1]})); err != nil {
		return err
	}
	return a.done("", a.tell(txtGroupRemoved, a.free(given[1]), a.free(given[0])))
}

func (a *app) groupLeave(ctx context.Context, given []string) error {
	if _, err := a.client.Groups.RemoveFromGroup(ctx, connect.NewRequest(&api.RemoveFromGroupRequest{Group: given[0]})); err != nil {
		return err
	}
	return a.done("", a.tell(txtGroupLeft, a.free(given[0])))
}

func (a *app) groupRole(ctx context.Context, given []string) error {
	r, err := roleOf(given[2])
	if err != nil {
		return err
	}
	if _, err := a.client.Groups.SetGroupRole(ctx, connect.NewRequest(&api.SetGroupRoleRequest{Group: given[0], Who: given[1], Role: r})); err != nil {
		return err
	}
	return a.done("", a.tell(txtGroupRole, a.free(given[1]), a.role(r), a.free(given[0])))
}
