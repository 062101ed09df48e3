package crdt

// Limits of deltas and states. The sizes bound what a decoder reads, and every
// count in it is bounded by the bytes that carry it.
const (
	// MaxDelta is the greatest length of a vertex's payload in bytes, as the
	// DAG has it for vertices that carry data.
	MaxDelta = 48 << 10
	// MaxState is the greatest length of an encoded document in bytes.
	MaxState = 16 << 20
	// MaxFields is how many fields a document or a delta may have.
	MaxFields = 1 << 12
	// MaxName is the greatest length of a field's name in bytes.
	MaxName = 64
	// MaxValue is the greatest length of a register's value, a list's element or
	// a set's element in bytes.
	MaxValue = 32 << 10
	// MaxElements is how many elements one vertex may insert into one text or
	// list, those that it deletes again included.
	MaxElements = 1 << 16
	// MaxAmount is the most that one vertex may add to or take from a counter.
	// Sums stop at [MaxSum].
	MaxAmount = 1 << 40
	// MaxLamport is the greatest lamport number, 2^53 - 1: what every language
	// can count to.
	MaxLamport = 1<<53 - 1
	// MaxDocuments is how many documents one vertex may change.
	MaxDocuments = 256
	// MaxSum is where a counter's sums of increments and of decrements stop.
	MaxSum = 1<<62 - 1
)

// Overhead bounds what a decoder allocates in all: at most Overhead times the
// length of its input and 64 KiB, kept or thrown away again. A test holds it
// to the worst inputs known.
const Overhead = 256
