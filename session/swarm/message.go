package swarm

import (
	"errors"
	"fmt"
	"time"

	"github.com/pars-network/pars/crypto/sign"
	"github.com/pars-network/pars/session/identity"
	"github.com/pars-network/pars/session/nodes"
	"github.com/pars-network/pars/session/wire"
)

// ErrMessage reports bytes that are no request or no response.
var ErrMessage = errors.New("swarm: not a message of this protocol")

// verb says what a request wants.
type verb uint64

const (
	verbPut    verb = iota // an item
	verbPoll               // pollBody, signed
	verbDelete             // deleteBody, signed
	verbGet                // getBody
	verbCount
)

func (v verb) String() string {
	return [...]string{"put", "poll", "delete", "get", "other"}[min(v, verbCount)]
}

// answer says what came of a request.
type answer uint64

const (
	answerOK      answer = iota
	answerRefused        // never
	answerBusy           // try again later
	answerFull           // a limit is reached: later, or never
	answerWork           // more work: Response.Work says how much
	answerSign           // sign again, over the challenge in the response
	answerOther          // the key belongs to other nodes
	answerCount
)

func (a answer) String() string {
	return [...]string{"ok", "refused", "busy", "full", "work", "sign", "other", "?"}[min(a, answerCount)]
}

const (
	messageVersion = 1
	challengeSize  = 16
	nonceSize      = 16
	maxReason      = 160
	requestContext = "pars swarm request v1"
)

type (
	challenge [challengeSize]byte
	nonce     [nonceSize]byte
)

// request is what a client sends. Owner is empty, or an owner of a mailbox signs.
type request struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Verb    verb
	Body    []byte
	Owner   []byte
}

// owner proves whose mailbox it is.
type owner struct {
	_         struct{} `cbor:",toarray"`
	Key       []byte
	Challenge challenge
	Nonce     nonce
	Signature []byte
}

// signed is what the signature covers, under requestContext: it is worth nothing
// at another node, in another challenge's time, or twice.
type signed struct {
	_         struct{} `cbor:",toarray"`
	Node      [32]byte
	Challenge challenge
	Nonce     nonce
	Verb      verb
	Body      []byte
}

type pollBody struct {
	_ struct{} `cbor:",toarray"`
	// Run is that of the position; another one means from the start.
	Run   [16]byte
	After uint64
	// Wait is how many seconds to wait for news at most.
	Wait uint64
}

type deleteBody struct {
	_   struct{} `cbor:",toarray"`
	IDs []ID
}

type getBody struct {
	_     struct{} `cbor:",toarray"`
	Slot  Key
	After uint64
}

// response is what a node answers. Challenge and Work are always there.
type response struct {
	_         struct{} `cbor:",toarray"`
	Version   uint64
	Answer    answer
	Challenge challenge
	Work      uint64
	Reason    string
	Body      []byte
}

// listBody answers a poll or a get.
type listBody struct {
	_        struct{} `cbor:",toarray"`
	Run      [16]byte
	Next     uint64
	More     bool
	Contents [][]byte
}

func parseRequest(raw []byte) (request, error) {
	var r request
	if err := wire.Unmarshal(raw, MaxRequest, &r); err != nil {
		return r, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if r.Version != messageVersion || r.Verb >= verbCount {
		return r, fmt.Errorf("%w: request %d of version %d, want below %d of %d", ErrMessage, r.Verb, r.Version, verbCount, messageVersion)
	}
	if needs := r.Verb == verbPoll || r.Verb == verbDelete; needs != (len(r.Owner) > 0) {
		return r, fmt.Errorf("%w: %s is signed: %t, want %t", ErrMessage, r.Verb, !needs, needs)
	}
	return r, nil
}

func parseBody(raw []byte, v any) error {
	if err := wire.Unmarshal(raw, MaxRequest, v); err != nil {
		return fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return nil
}

func parseResponse(raw []byte) (response, error) {
	var r response
	if err := wire.Unmarshal(raw, MaxRequest, &r); err != nil {
		return r, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if r.Version != messageVersion || r.Answer >= answerCount || len(r.Reason) > maxReason || r.Work > 256 {
		return r, fmt.Errorf("%w: answer %d of version %d with work %d", ErrMessage, r.Answer, r.Version, r.Work)
	}
	return r, nil
}

// signedBytes is what an owner signs.
func signedBytes(node nodes.ID, c challenge, n nonce, v verb, body []byte) ([]byte, error) {
	return wire.Marshal(signed{Node: node, Challenge: c, Nonce: n, Verb: v, Body: body})
}

// newRequest makes a request, signed if key is given.
func newRequest(v verb, body any, key *sign.PrivateKey, node nodes.ID, c challenge, n nonce) ([]byte, error) {
	raw, ok := body.([]byte)
	if !ok {
		var err error
		if raw, err = wire.Marshal(body); err != nil {
			return nil, err
		}
	}
	r := request{Version: messageVersion, Verb: v, Body: raw}
	if key != nil {
		msg, err := signedBytes(node, c, n, v, raw)
		if err != nil {
			return nil, err
		}
		o := owner{Key: key.Public().Bytes(), Challenge: c, Nonce: n}
		if o.Signature, err = key.Sign(requestContext, msg); err != nil {
			return nil, fmt.Errorf("swarm: signing: %w", err)
		}
		if r.Owner, err = wire.Marshal(o); err != nil {
			return nil, err
		}
	}
	return wire.Marshal(r)
}

// verify returns the mailbox of who signed a request to node, and false if the
// signature is wrong.
func (o *owner) verify(node nodes.ID, v verb, body []byte) (Key, bool) {
	key, err := sign.ParsePublicKey(o.Key)
	if err != nil {
		return Key{}, false
	}
	msg, err := signedBytes(node, o.Challenge, o.Nonce, v, body)
	if err != nil || !key.Verify(requestContext, msg, o.Signature) {
		return Key{}, false
	}
	return Key(identity.MailboxIDOf(key)), true
}

func (p pollBody) wait() time.Duration {
	return min(time.Duration(min(p.Wait, 1<<20))*time.Second, MaxWait)
}
