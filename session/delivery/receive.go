package delivery

import (
	"errors"
	"fmt"
	"io"

	"github.com/pars-network/pars/session/wire"
)

// Depot takes envelopes in. Its methods are called from many goroutines.
type Depot interface {
	// Want decides on an offer. have means that the envelope is durable here
	// already; [ErrRefused] and [ErrBusy] are answered as such, any other error
	// as busy.
	Want(mailbox Mailbox, digest Digest) (have bool, err error)
	// Keep makes the envelope durable before it returns nil. Errors are
	// answered as those of Want.
	Keep(mailbox Mailbox, digest Digest, envelope []byte) error
}

// Receiver answers offers for a depot, within a rate for each peer.
type Receiver struct {
	depot  Depot
	limits *limiter
}

// NewReceiver returns a receiver with the given limits.
func NewReceiver(depot Depot, cfg Limits) *Receiver {
	return &Receiver{depot: depot, limits: newLimiter(cfg)}
}

// Serve answers one exchange on a stream that peer opened. The error is for the
// log: the peer has had its answer, if it was owed one. The caller bounds the
// time and closes the stream.
func (r *Receiver) Serve(peer string, stream io.ReadWriter) error {
	var o offer
	if err := wire.ReadMessage(stream, maxControl, &o); err != nil {
		return fmt.Errorf("%w: reading an offer: %w", ErrProtocol, err)
	}
	if err := o.check(); err != nil {
		return err
	}
	if !r.limits.allow(peer) {
		return say(stream, answerBusy)
	}
	have, err := r.depot.Want(o.Mailbox, o.Digest)
	switch {
	case err != nil:
		return refuse(stream, err)
	case have:
		return say(stream, answerStored)
	}
	if err := say(stream, answerSend); err != nil {
		return err
	}
	envelope, err := wire.ReadFrame(stream, int(o.Size))
	if err != nil {
		return fmt.Errorf("delivery: reading an envelope: %w", err)
	}
	if len(envelope) != int(o.Size) || DigestOf(envelope) != o.Digest {
		return errors.Join(say(stream, answerRefused), fmt.Errorf("%w: an envelope that is not the one offered", ErrProtocol))
	}
	if err := r.depot.Keep(o.Mailbox, o.Digest, envelope); err != nil {
		return refuse(stream, err)
	}
	return say(stream, answerStored)
}

// refuse answers with what err means and returns it if it is not an ordinary refusal.
func refuse(w io.Writer, err error) error {
	if errors.Is(err, ErrRefused) {
		return say(w, answerRefused)
	}
	sent := say(w, answerBusy)
	if errors.Is(err, ErrBusy) {
		return sent
	}
	return errors.Join(err, sent)
}

func say(w io.Writer, a answer) error {
	if err := wire.WriteMessage(w, maxControl, reply{Answer: a}); err != nil {
		return fmt.Errorf("delivery: answering: %w", err)
	}
	return nil
}
