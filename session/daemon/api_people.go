package daemon

import (
	"context"
	"sync"

	"connectrpc.com/connect"
	"github.com/pars-network/pars/session/api"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/messenger"
)

// identityService implements [apiconnect.IdentityServiceHandler].
type identityService struct{ d *Daemon }

func identityOf(i messenger.Identity) *api.Identity {
	return &api.Identity{SessionId: i.ID.String(), Link: i.ID.Link(), CreatedAtMs: i.Created.UnixMilli()}
}

// CreateIdentity implements [apiconnect.IdentityServiceHandler].
func (s identityService) CreateIdentity(context.Context, *connect.Request[api.CreateIdentityRequest]) (*connect.Response[api.CreateIdentityResponse], error) {
	i, phrase, err := s.d.messenger.CreateIdentity()
	if err != nil {
		return nil, s.d.apiError(err)
	}
	return connect.NewResponse(&api.CreateIdentityResponse{Identity: identityOf(i), Phrase: phrase}), nil
}

// RestoreIdentity implements [apiconnect.IdentityServiceHandler].
func (s identityService) RestoreIdentity(_ context.Context, r *connect.Request[api.RestoreIdentityRequest]) (*connect.Response[api.RestoreIdentityResponse], error) {
	i, err := s.d.messenger.RestoreIdentity(r.Msg.GetPhrase())
	if err != nil {
		return nil, s.d.apiError(err)
	}
	return connect.NewResponse(&api.RestoreIdentityResponse{Identity: identityOf(i)}), nil
}

// GetIdentity implements [apiconnect.IdentityServiceHandler].
func (s identityService) GetIdentity(context.Context, *connect.Request[api.GetIdentityRequest]) (*connect.Response[api.GetIdentityResponse], error) {
	i, err := s.d.messenger.Identity()
	if err != nil {
		return nil, s.d.apiError(err)
	}
	return connect.NewResponse(&api.GetIdentityResponse{Identity: identityOf(i)}), nil
}

// RevealPhrase implements [apiconnect.IdentityServiceHandler].
func (s identityService) RevealPhrase(context.Context, *connect.Request[api.RevealPhraseRequest]) (*connect.Response[api.RevealPhraseResponse], error) {
	phrase, err := s.d.messenger.Phrase()
	if err != nil {
		return nil, s.d.apiError(err)
	}
	return connect.NewResponse(&api.RevealPhraseResponse{Phrase: phrase}), nil
}

// contactService implements [apiconnect.ContactServiceHandler].
type contactService struct {
	d *Daemon
	// safety lets one call at a time compute safety words, which takes 64 MiB.
	safety *sync.Mutex
}

func contactOf(c messenger.Contact) *api.Contact {
	out := &api.Contact{
		SessionId: c.ID.String(), Name: c.Name, AddedAtMs: c.Added.UnixMilli(), Request: c.Request, Confirmed: c.Confirmed,
		Blocked: c.Blocked,
	}
	if !c.CardExpires.IsZero() {
		out.CardExpiresAtMs = c.CardExpires.UnixMilli()
	}
	return out
}

// withSafety adds the words to compare.
func (s contactService) withSafety(c messenger.Contact) (*api.Contact, error) {
	me, err := s.d.messenger.Identity()
	if err != nil {
		return nil, err
	}
	out := contactOf(c)
	s.safety.Lock()
	safety := identity.SafetyOf(me.ID, c.ID)
	s.safety.Unlock()
	out.SafetyWords, out.SafetyDigits = safety.String(), safety.Digits()
	return out, nil
}

// ExportCard implements [apiconnect.ContactServiceHandler].
func (s contactService) ExportCard(context.Context, *connect.Request[api.ExportCardRequest]) (*connect.Response[api.ExportCardResponse], error) {
	card, err := s.d.messenger.Card()
	if err != nil {
		return nil, s.d.apiError(err)
	}
	return connect.NewResponse(&api.ExportCardResponse{Card: card.Card(), SessionId: card.ID().String(), ExpiresAtMs: card.Expires().UnixMilli()}), nil
}

// AddContact implements [apiconnect.ContactServiceHandler].
func (s contactService) AddContact(_ context.Context, r *connect.Request[api.AddContactRequest]) (*connect.Response[api.AddContactResponse], error) {
	c, updated, err := s.d.messenger.AddContact(r.Msg.GetCard(), r.Msg.GetName())
	if err != nil {
		return nil, s.d.apiError(err)
	}
	out, err := s.withSafety(c)
	if err != nil {
		return nil, s.d.apiError(err)
	}
	return connect.NewResponse(&api.AddContactResponse{Contact: out, Updated: updated}), nil
}

// ListContacts implements [apiconnect.ContactServiceHandler].
func (s contactService) ListContacts(context.Context, *connect.Request[api.ListContactsRequest]) (*connect.Response[api.ListContactsResponse], error) {
	all, err := s.d.messenger.Contacts()
	if err != nil {
		return nil, s.d.apiError(err)
	}
	res := &api.ListContactsResponse{}
	for _, c := range all {
		res.Contacts = append(res.Contacts, contactOf(c))
	}
	return connect.NewResponse(res), nil
}

// GetContact implements [apiconnect.ContactServiceHandler].
func (s contactService) GetContact(_ context.Context, r *connect.Request[api.GetContactRequest]) (*connect.Response[api.GetContactResponse], error) {
	c, err := s.d.messenger.Contact(r.Msg.GetWho())
	if err != nil {
		return nil, s.d.apiError(err)
	}
	out, err := s.withSafety(c)
	if err != nil {
		return nil, s.d.apiError(err)
	}
	return connect.NewResponse(&api.GetContactResponse{Contact: out}), nil
}

// RenameContact implements [apiconnect.ContactServiceHandler].
func (s contactService) RenameContact(_ context.Context, r *connect.Request[api.RenameContactRequest]) (*connect.Response[api.RenameContactResponse], error) {
	c, err := s.d.messenger.RenameContact(r.Msg.GetWho(), r.Msg.GetName())
	if err != nil {
		return nil, s.d.apiError(err)
	}
	return connect.NewResponse(&api.RenameContactResponse{Contact: contactOf(c)}), nil
}

// RemoveContact implements [apiconnect.ContactServiceHandler].
func (s contactService) RemoveContact(_ context.Context, r *connect.Request[api.RemoveContactRequest]) (*connect.Response[api.RemoveContactResponse], error) {
	c, err := s.d.messenger.RemoveContact(r.Msg.GetWho())
	if err != nil {
		return nil, s.d.apiError(err)
	}
	return connect.NewResponse(&api.RemoveContactResponse{Contact: contactOf(c)}), nil
}

// BlockContact implements [apiconnect.ContactServiceHandler].
func (s contactService) BlockContact(_ context.Context, r *connect.Request[api.BlockContactRequest]) (*connect.Response[api.BlockContactResponse], error) {
	c, err := s.d.messenger.Block(r.Msg.GetWho())
	if err != nil {
		return nil, s.d.apiError(err)
	}
	return connect.NewResponse(&api.BlockContactResponse{Contact: contactOf(c)}), nil
}

// UnblockContact implements [apiconnect.ContactServiceHandler].
func (s contactService) UnblockContact(_ context.Context, r *connect.Request[api.UnblockContactRequest]) (*connect.Response[api.UnblockContactResponse], error) {
	c, err := s.d.messenger.Unblock(r.Msg.GetWho())
	if err != nil {
		return nil, s.d.apiError(err)
	}
	return connect.NewResponse(&api.UnblockContactResponse{Contact: contactOf(c)}), nil
}
