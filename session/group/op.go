package group

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pars-network/pars/session/dag"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/wire"
)

// Limits of a group.
const (
	// MaxMembers is how many accounts a group has at most.
	MaxMembers = 1000
	// MaxDevices is how many devices an account has in a group at most.
	MaxDevices = 8
	// MaxTitle bounds a group's title, in bytes of UTF-8.
	MaxTitle = 128
	// MaxOps is how many ops one vertex carries at most.
	MaxOps = 64
)

// Role is what a member may do. Its numbers are part of the format, and a greater
// one may do all that a lesser one may.
type Role uint64

// The roles.
const (
	// None is who is no member.
	None Role = 0
	// Member reads, writes and leaves.
	Member Role = 1
	// Admin also adds and removes members and sets the title.
	Admin Role = 2
	// Owner also gives and takes roles, and removes anyone.
	Owner Role = 3
)

// String names the role.
func (r Role) String() string {
	switch r {
	case None:
		return "none"
	case Member:
		return "member"
	case Admin:
		return "admin"
	case Owner:
		return "owner"
	default:
		return fmt.Sprintf("role-%d", uint64(r))
	}
}

// ErrOp reports bytes that are no ops.
var ErrOp = errors.New("group: not a change of a group")

// OpID names an op: the vertex that carries it and its place there.
type OpID struct {
	Vertex dag.ID
	Index  uint32
}

func (a OpID) compare(b OpID) int {
	return cmp.Or(bytes.Compare(a.Vertex[:], b.Vertex[:]), cmp.Compare(a.Index, b.Index))
}

// Device is one device of an account.
type Device struct {
	Account identity.ID
	Device  identity.DeviceID
}

func (d Device) compare(o Device) int {
	return cmp.Or(d.Account.Compare(o.Account), bytes.Compare(d.Device[:], o.Device[:]))
}

// Binding says which key a device writes with from now on.
type Binding struct {
	Device identity.DeviceID
	Author dag.Author
}

// Op is one change: a type of this package whose name is below.
type Op interface{ check() error }

// Create makes a group; it is the first op of all.
type Create struct {
	Title   string
	Account identity.ID
	Binding Binding
}

// Add makes an account a member.
type Add struct {
	Account identity.ID
	Role    Role
	Devices []Binding
}

// Remove takes an account out. Anybody may remove themselves.
type Remove struct{ Account identity.ID }

// SetRole gives a member another role.
type SetRole struct {
	Account identity.ID
	Role    Role
}

// SetTitle changes the title.
type SetTitle struct{ Title string }

// Next names the key that the writing device goes on with in a new epoch.
type Next struct{ Author dag.Author }

// AddDevice makes another device of the writer's account write with a key.
type AddDevice struct{ Binding Binding }

// OpenEpoch opens an epoch for those who are members after its vertex. It stands
// outside the encryption: it shows that keys change, and nothing else.
type OpenEpoch struct {
	// Epoch commits to the secret, see [EpochOf].
	Epoch EpochID
	// Roster is [Roster.Digest] of who gets the secret.
	Roster [32]byte
}

// EpochID names an epoch.
type EpochID [32]byte

func (c Create) check() error {
	if c.Account.IsZero() {
		return fmt.Errorf("%w: a group of nobody", ErrOp)
	}
	return checkTitle(c.Title)
}

func (a Add) check() error {
	switch {
	case a.Account.IsZero() || a.Role < Member || a.Role > Owner:
		return fmt.Errorf("%w: role %d", ErrOp, a.Role)
	case len(a.Devices) == 0 || len(a.Devices) > MaxDevices:
		return fmt.Errorf("%w: a member with %d devices, want 1 to %d", ErrOp, len(a.Devices), MaxDevices)
	}
	for i := 1; i < len(a.Devices); i++ {
		if bytes.Compare(a.Devices[i-1].Device[:], a.Devices[i].Device[:]) >= 0 {
			return fmt.Errorf("%w: device %d is double or out of order", ErrOp, i)
		}
	}
	return nil
}

func (r Remove) check() error { return nil }

func (s SetRole) check() error {
	if s.Role < Member || s.Role > Owner {
		return fmt.Errorf("%w: role %d, want 1 to 3", ErrOp, s.Role)
	}
	return nil
}

func (s SetTitle) check() error { return checkTitle(s.Title) }

func (Next) check() error { return nil }

func (AddDevice) check() error { return nil }

func (OpenEpoch) check() error { return nil }

func checkTitle(s string) error {
	if s == "" || len(s) > MaxTitle || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("%w: a title of %d bytes, want 1 to %d on one line", ErrOp, len(s), MaxTitle)
	}
	return nil
}

// The shapes of ops: an array of the number of the op and its fields.
const (
	opCreate    = 1
	opAdd       = 2
	opRemove    = 3
	opSetRole   = 4
	opSetTitle  = 5
	opNext      = 6
	opAddDevice = 7
)

type (
	bindingWire struct {
		_      struct{} `cbor:",toarray"`
		Device [16]byte
		Author [32]byte
	}
	opWire struct {
		_       struct{} `cbor:",toarray"`
		Op      uint64
		Account [32]byte
		Role    uint64
		Title   string
		Devices []bindingWire
	}
)

// packOp returns an op in the shape in which it is encoded: fields that an op does
// not have are empty.
func packOp(op Op) (opWire, error) {
	if err := op.check(); err != nil {
		return opWire{}, err
	}
	switch o := op.(type) {
	case Create:
		return opWire{Op: opCreate, Account: o.Account, Role: uint64(Owner), Title: o.Title, Devices: []bindingWire{{Device: o.Binding.Device, Author: o.Binding.Author}}}, nil
	case Add:
		w := opWire{Op: opAdd, Account: o.Account, Role: uint64(o.Role)}
		for _, b := range o.Devices {
			w.Devices = append(w.Devices, bindingWire{Device: b.Device, Author: b.Author})
		}
		return w, nil
	case Remove:
		return opWire{Op: opRemove, Account: o.Account}, nil
	case SetRole:
		return opWire{Op: opSetRole, Account: o.Account, Role: uint64(o.Role)}, nil
	case SetTitle:
		return opWire{Op: opSetTitle, Title: o.Title}, nil
	case Next:
		return opWire{Op: opNext, Devices: []bindingWire{{Author: o.Author}}}, nil
	case AddDevice:
		return opWire{Op: opAddDevice, Devices: []bindingWire{{Device: o.Binding.Device, Author: o.Binding.Author}}}, nil
	default:
		return opWire{}, fmt.Errorf("%w: %T is not written like this", ErrOp, op)
	}
}

func (w opWire) op() (Op, error) {
	op, err := w.bare()
	if err != nil {
		return nil, err
	}
	again, err := packOp(op)
	if err != nil {
		return nil, err
	}
	a, err := wire.Marshal(again)
	if err != nil {
		return nil, err
	}
	if b, err := wire.Marshal(w); err != nil || !bytes.Equal(a, b) {
		return nil, fmt.Errorf("%w: fields that op %d does not have", ErrOp, w.Op)
	}
	return op, nil
}

func (w opWire) bare() (Op, error) {
	if n := len(w.Devices); n > MaxDevices || n != 1 && (w.Op == opCreate || w.Op == opNext || w.Op == opAddDevice) {
		return nil, fmt.Errorf("%w: %d devices in op %d", ErrOp, n, w.Op)
	}
	bindings := make([]Binding, len(w.Devices))
	for i, b := range w.Devices {
		bindings[i] = Binding{b.Device, b.Author}
	}
	switch w.Op {
	case opCreate:
		return Create{Title: w.Title, Account: w.Account, Binding: bindings[0]}, nil
	case opAdd:
		return Add{Account: w.Account, Role: Role(w.Role), Devices: bindings}, nil
	case opRemove:
		return Remove{Account: w.Account}, nil
	case opSetRole:
		return SetRole{Account: w.Account, Role: Role(w.Role)}, nil
	case opSetTitle:
		return SetTitle{Title: w.Title}, nil
	case opNext:
		return Next{Author: bindings[0].Author}, nil
	case opAddDevice:
		return AddDevice{Binding: bindings[0]}, nil
	default:
		return nil, fmt.Errorf("%w: op %d, known are %d to %d", ErrOp, w.Op, opCreate, opAddDevice)
	}
}
