package messenger

import (
	"slices"

	"github.com/pars-network/pars/session/identity"
)

// Mailboxes returns the keys of the mailboxes to empty, newest first; none while
// there is no identity.
func (m *Messenger) Mailboxes() []identity.MailboxKey {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ring == nil {
		return nil
	}
	return slices.Clone(m.ring.Mailboxes())
}
