package cli

import (
	"context"

	"connectrpc.com/connect"
	"github.com/pars-network/pars/session/api"
	"github.com/spf13/cobra"
)

// contactAccept is the command that makes a contact of who wrote first.
func (a *app) contactAccept() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: "accept NAME|07...", Short: "accept a request: who wrote becomes a contact", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			c, err := a.client.Contacts.GetContact(cmd.Context(), connect.NewRequest(&api.GetContactRequest{Who: given[0]}))
			if err != nil {
				return err
			}
			return a.addContact(cmd.Context(), c.Msg.GetContact().GetSessionId(), name)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "name on this device only")
	return cmd
}

func (a *app) contactBlock(ctx context.Context, who string) error {
	res, err := a.client.Contacts.BlockContact(ctx, connect.NewRequest(&api.BlockContactRequest{Who: who}))
	if err != nil {
		return err
	}
	return a.printContact(msgContactBlocked, res.Msg.GetContact())
}

func (a *app) contactUnblock(ctx context.Context, who string) error {
	res, err := a.client.Contacts.UnblockContact(ctx, connect.NewRequest(&api.UnblockContactRequest{Who: who}))
	if err != nil {
		return err
	}
	return a.printContact(msgContactUnblocked, res.Msg.GetContact())
}
