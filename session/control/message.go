package control

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/pars-network/pars/params"
)

// Protocol is the stream protocol of this package.
const Protocol protocol.ID = "/pars/session/1"

// Version is the version of the frames that this code speaks. Two nodes use the
// highest that both list.
const Version = 1

// Type is the number of a frame type, as the mission (PIP-0000, Transport
// Protocol) lists them.
type Type uint8

// The frame types.
const (
	TypeHandshake     Type = iota // first on every link, once in each direction
	TypeSessionCreate             // asks for a service session
	TypeOracleRequest             // asks for outside data
	TypeAttestation               // a validator's word for a result
	TypeReceipt                   // the outcome of a request
	TypeHeartbeat                 // keepalive and round trip time
	typeCount
)

var typeNames = [typeCount]string{"Handshake", "SessionCreate", "OracleRequest", "Attestation", "Receipt", "Heartbeat"}

// String returns the mission's name of the type.
func (t Type) String() string {
	if t < typeCount {
		return typeNames[t]
	}
	return fmt.Sprintf("frame type %d", uint8(t))
}

// maxFrame is the greatest encoded frame of each type, in bytes.
var maxFrame = [typeCount]int{
	TypeHandshake:     4 << 10,
	TypeSessionCreate: 32 << 10,
	TypeOracleRequest: 32 << 10,
	TypeAttestation:   8 << 10,
	TypeReceipt:       8 << 10,
	TypeHeartbeat:     64,
}

// Limits of fields.
const (
	maxVersions   = 8
	maxSoftware   = 64
	maxReason     = 256
	maxCommittee  = 512
	maxPayload    = 24 << 10
	maxKind       = 64
	maxSignature  = 4691 // composite signature of crypto/sign
	minHeartbeat  = time.Second
	maxHeartbeat  = 5 * time.Minute
	maxHeartbeats = 3 // silent intervals after which a peer is gone
)

// Hash is a 32-byte identifier or hash; the mission calls both ID.
type Hash [32]byte

// Roles says what a node does, as a set.
type Roles uint64

// The roles. Bits that are not named here are of later versions and ignored.
const (
	RoleLight     Roles = 1 << iota // talks for its own user only
	RoleService                     // stores and forwards for others
	RoleValidator                   // is in the validator set
	RoleBootstrap                   // introduces newcomers
)

// String lists the names of the roles.
func (r Roles) String() string {
	var names []string
	for i, name := range []string{"light", "service", "validator", "bootstrap"} {
		if r&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ",")
}

// Has reports whether all of want are in r.
func (r Roles) Has(want Roles) bool { return r&want == want }

// Handshake introduces a node. It says nothing about its user.
type Handshake struct {
	// Versions that the node speaks, ascending, 1 to 8 of them.
	Versions []uint64 `cbor:"1,keyasint"`
	// Network is the network id (params.Network.ID).
	Network uint32 `cbor:"2,keyasint"`
	// Roles of the node.
	Roles Roles `cbor:"3,keyasint"`
	// Software is its name and version, such as "pars/0.1.0", at most 64 bytes
	// of printable ASCII. For people to read, never to decide by.
	Software string `cbor:"4,keyasint"`
	// Limits that the node keeps and expects.
	Limits Limits `cbor:"5,keyasint"`
	// Refusal, when present, says why the node that answers hangs up.
	Refusal *Refusal `cbor:"6,keyasint,omitempty"`
}

// Limits are what a node promises and expects on one link.
type Limits struct {
	// HeartbeatMs is how often it sends a heartbeat, in milliseconds: 1,000 to
	// 300,000. Silent for three of them, it is gone.
	HeartbeatMs uint32 `cbor:"1,keyasint"`
	// Requests is how many unanswered requests it accepts; 0 means that it
	// offers no service sessions.
	Requests uint32 `cbor:"2,keyasint,omitempty"`
}

// Refusal codes.
const (
	RefusedNetwork   = 1 // of another network
	RefusedVersion   = 2 // no common version
	RefusedMalformed = 3 // the handshake breaks its own rules
)

// Refusal is the reason for hanging up.
type Refusal struct {
	Code   uint32 `cbor:"1,keyasint"`
	Reason string `cbor:"2,keyasint"` // at most 256 bytes, for people
}

func (h *Handshake) check() error {
	switch {
	case len(h.Versions) == 0 || len(h.Versions) > maxVersions || !ascending(h.Versions):
		return fmt.Errorf("versions %v, want 1 to %d ascending", h.Versions, maxVersions)
	case len(h.Software) > maxSoftware || !printable(h.Software):
		return fmt.Errorf("software name of %d bytes, want at most %d of printable ASCII", len(h.Software), maxSoftware)
	case h.Limits.HeartbeatMs < uint32(minHeartbeat.Milliseconds()) || h.Limits.HeartbeatMs > uint32(maxHeartbeat.Milliseconds()):
		return fmt.Errorf("a heartbeat every %d ms, want %d to %d", h.Limits.HeartbeatMs, minHeartbeat.Milliseconds(), maxHeartbeat.Milliseconds())
	case h.Refusal != nil && (len(h.Refusal.Reason) > maxReason || h.Refusal.Code == 0):
		return fmt.Errorf("refusal with code %d and %d bytes of reason, want a code and at most %d", h.Refusal.Code, len(h.Refusal.Reason), maxReason)
	}
	return nil
}

// compatible returns the version to speak, or why there is none.
func (h *Handshake) compatible(theirs *Handshake) (version uint64, no *Refusal) {
	if h.Network != theirs.Network {
		return 0, &Refusal{Code: RefusedNetwork, Reason: fmt.Sprintf("network %s here, %s there", networkName(h.Network), networkName(theirs.Network))}
	}
	for _, v := range slices.Backward(h.Versions) {
		if slices.Contains(theirs.Versions, v) {
			return v, nil
		}
	}
	return 0, &Refusal{Code: RefusedVersion, Reason: fmt.Sprintf("no common protocol version: %v here, %v there", h.Versions, theirs.Versions)}
}

func networkName(id uint32) string {
	n, err := params.NetworkByID(id)
	if err != nil {
		return fmt.Sprint(id)
	}
	return fmt.Sprintf("%d (%s)", n.ID, n.Name)
}

// SessionCreate asks a committee to open a service session.
type SessionCreate struct {
	Ref       uint64 `cbor:"1,keyasint"` // chosen by the sender; the receipt repeats it
	Session   Hash   `cbor:"2,keyasint"` // the new session's id
	Service   Hash   `cbor:"3,keyasint"`
	Epoch     uint64 `cbor:"4,keyasint"`
	Tx        Hash   `cbor:"5,keyasint"`           // transaction that pays, or zero
	Committee []Hash `cbor:"6,keyasint,omitempty"` // at most 512, as the sender sees it
	Input     []byte `cbor:"7,keyasint,omitempty"` // at most 24 KiB
}

func (m *SessionCreate) check() error {
	if len(m.Committee) > maxCommittee || len(m.Input) > maxPayload {
		return fmt.Errorf("committee of %d and input of %d bytes, want at most %d and %d", len(m.Committee), len(m.Input), maxCommittee, maxPayload)
	}
	return nil
}

// OracleRequest asks the committee of a session that waits for data to fetch it.
type OracleRequest struct {
	Ref     uint64 `cbor:"1,keyasint"`
	Session Hash   `cbor:"2,keyasint"`
	Step    uint32 `cbor:"3,keyasint"`           // index in the session's steps
	Kind    string `cbor:"4,keyasint"`           // of the source, at most 64 bytes of printable ASCII
	Query   []byte `cbor:"5,keyasint,omitempty"` // at most 24 KiB
}

func (m *OracleRequest) check() error {
	if m.Kind == "" || len(m.Kind) > maxKind || !printable(m.Kind) || len(m.Query) > maxPayload {
		return fmt.Errorf("kind %q and query of %d bytes, want 1 to %d bytes of printable ASCII and at most %d", m.Kind, len(m.Query), maxKind, maxPayload)
	}
	return nil
}

// Attestation is one validator's signed word for the result of a step.
type Attestation struct {
	Ref       uint64 `cbor:"1,keyasint"`
	Session   Hash   `cbor:"2,keyasint"`
	Step      uint32 `cbor:"3,keyasint"`
	Output    Hash   `cbor:"4,keyasint"`
	Validator Hash   `cbor:"5,keyasint"`
	Signature []byte `cbor:"6,keyasint"` // 1 to 4,691 bytes
}

func (m *Attestation) check() error {
	if len(m.Signature) == 0 || len(m.Signature) > maxSignature {
		return fmt.Errorf("signature of %d bytes, want 1 to %d", len(m.Signature), maxSignature)
	}
	return nil
}

// Status is the outcome in a receipt.
type Status uint32

// The outcomes.
const (
	StatusOK          Status = 0
	StatusUnsupported Status = 1 // this node does not serve such requests
	StatusRefused     Status = 2 // it does, but not this one
	StatusFailed      Status = 3 // it tried
)

// Receipt answers one request by its Ref. A receipt that is not [StatusOK] is
// never answered.
type Receipt struct {
	Ref     uint64 `cbor:"1,keyasint"`
	Status  Status `cbor:"2,keyasint"`
	Session Hash   `cbor:"3,keyasint"`
	Output  Hash   `cbor:"4,keyasint"`
	Reason  string `cbor:"5,keyasint,omitempty"` // at most 256 bytes, for people
}

func (m *Receipt) check() error {
	if len(m.Reason) > maxReason {
		return fmt.Errorf("reason of %d bytes, want at most %d", len(m.Reason), maxReason)
	}
	return nil
}

// Heartbeat shows that the sender lives. Each is answered by one with the same
// Seq and Answer set.
type Heartbeat struct {
	Seq    uint64 `cbor:"1,keyasint"` // 1, 2, 3, ... of the side that asked
	Answer bool   `cbor:"2,keyasint,omitempty"`
}

func (m *Heartbeat) check() error {
	if m.Seq == 0 {
		return fmt.Errorf("heartbeat number 0, want 1 or more")
	}
	return nil
}

func ascending(v []uint64) bool {
	for i := 1; i < len(v); i++ {
		if v[i-1] >= v[i] {
			return false
		}
	}
	return true
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e })
}
