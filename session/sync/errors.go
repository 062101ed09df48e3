package sync

import (
	"errors"
	"fmt"
)

var (
	// ErrPeer is matched by every error that is the peer's fault: it should be
	// dropped, and asked no more for a while.
	ErrPeer = errors.New("sync: the peer is at fault")
	// ErrProtocol reports a peer that doesn't follow the protocol.
	ErrProtocol = fmt.Errorf("%w: protocol violation", ErrPeer)
	// ErrUnasked reports vertices that this side has or didn't want.
	ErrUnasked = fmt.Errorf("%w: it sent vertices that nobody asked for", ErrPeer)
	// ErrWithheld reports a peer that named vertices and then didn't send them.
	ErrWithheld = fmt.Errorf("%w: it didn't send the vertices that it said it has", ErrPeer)
	// ErrRefused reports vertices that no honest peer stores, or that came before
	// their parents.
	ErrRefused = fmt.Errorf("%w: it sent vertices that break the rules of the space", ErrPeer)
	// ErrMismatch reports two passes after which the digests still differ.
	ErrMismatch = fmt.Errorf("%w: the sets still differ after two passes", ErrPeer)

	// ErrTimeout reports a peer from which nothing complete came, or which took
	// nothing, for too long, or a session above its total time.
	ErrTimeout = errors.New("sync: the peer is too slow")
	// ErrUnknownSpace reports a peer that does not have the space, or does not
	// share it with this side.
	ErrUnknownSpace = errors.New("sync: the peer does not share this space")
	// ErrBusy reports a peer that takes no session now.
	ErrBusy = errors.New("sync: the peer is busy")
	// ErrIncomplete reports that one side could not keep all that it was sent:
	// over a rate or quota, or descending from what the other side has pruned. What
	// was kept stays.
	ErrIncomplete = errors.New("sync: not everything could be stored")
)

func violation(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrProtocol, fmt.Errorf(format, args...))
}
