// Package messenger is what one person's session node does with messages: it
// keeps the identity and its keys, contacts, conversations and the log of
// messages in a store, seals what is sent, opens what arrives, and retries until
// another node has it.
//
// # What a state means
//
//	queued       the text and its envelope are durable here
//	stored k/n   k of the recipient's n devices have the envelope on disk
//	delivered    the recipient's device opened it and said so, encrypted to us
//	failed       it will not arrive, with the reason
//
// No state is written before what it says is true, and every state survives
// kill -9. A message leaves the outbox when it is stored, or after 14 days.
//
// # Once, and in order
//
// An incoming envelope is durable before it is acknowledged and opened after.
// Opening one is a single commit: the messages, the next state of the ratchet, the
// memory of the set-up against replays, the erased one-time prekey, the receipt or
// answer, and what is sent again are there together or not at all. A message id
// counts once for each sender, whatever number of envelopes carry it. Envelopes
// to one person go out one after another, in the order in which they were queued,
// and are opened in the order in which they came.
//
// # Conversations
//
// There is a set of conversations (package ratchet) for each device of a contact,
// and for each other device of one's own. A first message is a two-stage set-up
// (package setup); until it is answered, each further message is another one. The
// answer finishes it, and everything after goes through the ratchet. What a
// device has not confirmed is a copy: it is sent again when messages begin to go
// out in another conversation, and when a day has passed. So nothing is lost when
// both sides set up at once, or when one of them goes back to an older state.
//
// A contact is confirmed when it has proved to hold the device key that the
// Session ID's owner signed: by the answer to our set-up, or by its first message
// after our answer.
//
// # What is said
//
// A text is an entry of the log. Messages of the kinds 16 to 31 are events, for
// package content, in a log of their own, or go to a [Handler].
//
// # Strangers
//
// A message from a Session ID that is not in the contacts is kept as a request,
// within limits, and not answered, so that a stranger does not learn that
// anybody is there. The answer goes out when the person accepts. Of who is blocked
// nothing is kept at all.
package messenger
