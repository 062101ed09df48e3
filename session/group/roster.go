package group

import (
	"fmt"
	"slices"

	"github.com/pars-network/pars/session/digest"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/wire"
)

// Roster is who is a member at some point, by account, with the key that each
// device writes with.
type Roster struct {
	Title   string
	Members []RosterMember
}

// RosterMember is one account.
type RosterMember struct {
	Account identity.ID
	Role    Role
	Devices []Binding
}

func (r Roster) find(account identity.ID) (int, bool) {
	return slices.BinarySearchFunc(r.Members, account, func(m RosterMember, a identity.ID) int { return m.Account.Compare(a) })
}

// Role is that of an account, [None] if it is no member.
func (r Roster) Role(account identity.ID) Role {
	if i, ok := r.find(account); ok {
		return r.Members[i].Role
	}
	return None
}

// Devices are all devices of all members, ascending.
func (r Roster) Devices() []Device {
	var out []Device
	for _, m := range r.Members {
		for _, b := range m.Devices {
			out = append(out, Device{m.Account, b.Device})
		}
	}
	return out
}

// recipients commits to who gets a secret: accounts and devices, not keys and roles.
func (r Roster) recipients() [32]byte {
	devices := r.Devices()
	list := make([][]byte, 0, len(devices)+len(r.Members))
	for _, m := range r.Members {
		list = append(list, m.Account[:])
	}
	for _, d := range devices {
		list = append(list, append(d.Account[:], d.Device[:]...))
	}
	return digest.Sum("pars group recipients v1", list)
}

// Digest commits to all of a roster but the title.
func (r Roster) Digest() [32]byte { return digest.Sum("pars group roster v1", r.wire().Members) }

type (
	memberWire struct {
		_       struct{} `cbor:",toarray"`
		Account [32]byte
		Role    uint64
		Devices []bindingWire
	}
	rosterWire struct {
		_       struct{} `cbor:",toarray"`
		Title   string
		Members []memberWire
	}
)

func (r Roster) wire() rosterWire {
	w := rosterWire{Title: r.Title, Members: make([]memberWire, len(r.Members))}
	for i, m := range r.Members {
		w.Members[i] = memberWire{Account: m.Account, Role: uint64(m.Role), Devices: make([]bindingWire, len(m.Devices))}
		for j, b := range m.Devices {
			w.Members[i].Devices[j] = bindingWire{Device: b.Device, Author: b.Author}
		}
	}
	return w
}

// maxRoster bounds an encoded roster, in bytes: the greatest group with the
// greatest number of devices.
const maxRoster = MaxMembers*(48+MaxDevices*54) + 256

func (r Roster) encode() ([]byte, error) { return wire.Marshal(r.wire()) }

func decodeRoster(raw []byte) (Roster, error) {
	var w rosterWire
	if err := wire.Unmarshal(raw, maxRoster, &w); err != nil {
		return Roster{}, fmt.Errorf("%w: roster: %w", ErrOp, err)
	}
	if len(w.Members) == 0 || len(w.Members) > MaxMembers {
		return Roster{}, fmt.Errorf("%w: a roster of %d, want 1 to %d", ErrOp, len(w.Members), MaxMembers)
	}
	if err := checkTitle(w.Title); err != nil {
		return Roster{}, err
	}
	r := Roster{Title: w.Title}
	for i, m := range w.Members {
		x := RosterMember{Account: m.Account, Role: Role(m.Role)}
		for _, b := range m.Devices {
			x.Devices = append(x.Devices, Binding{b.Device, b.Author})
		}
		if err := Add(x).check(); err != nil {
			return Roster{}, err
		}
		if i > 0 && r.Members[i-1].Account.Compare(x.Account) >= 0 {
			return Roster{}, fmt.Errorf("%w: member %d of a roster is double or out of order", ErrOp, i)
		}
		r.Members = append(r.Members, x)
	}
	return r, nil
}
