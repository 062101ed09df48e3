package dag

// Kind says what a vertex is for. Its numbers are part of the wire format.
type Kind uint64

const (
	// Data carries content: messages, changes of documents.
	Data Kind = 1
	// Control carries changes of membership and of a space's settings.
	Control Kind = 2
	// Witness carries a committee member's round, in spaces that have one.
	Witness Kind = 3
)

// Limits of a vertex (spec/dag.md, section 3).
const (
	// MaxParents is how many parents a vertex of kind [Data] or [Control] has at
	// most, and a [Witness] beside its committee's.
	MaxParents = 16
	// MaxPayload is the greatest payload of any kind in bytes, that of [Data].
	MaxPayload = 48 << 10
	// MaxControlPayload is the greatest payload of kind [Control] and [Witness]
	// in bytes.
	MaxControlPayload = 16 << 10
	// MaxWitnesses is the largest committee that a space's rules can name.
	MaxWitnesses = 1024
)

// Limits bound a vertex of one kind.
type Limits struct {
	// Parents is how many it may have.
	Parents int
	// Payload is its greatest length in bytes.
	Payload int
}

// limits returns the limits of a kind in a space whose committee has at most so
// many members; false for a kind that such a space does not have.
func (k Kind) limits(witnesses int) (Limits, bool) {
	switch k {
	case Data:
		return Limits{Parents: MaxParents, Payload: MaxPayload}, true
	case Control:
		return Limits{Parents: MaxParents, Payload: MaxControlPayload}, true
	case Witness:
		return Limits{Parents: witnesses + MaxParents, Payload: MaxControlPayload}, witnesses > 0
	default:
		return Limits{}, false
	}
}
