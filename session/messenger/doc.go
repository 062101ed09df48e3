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
// Opening one is a single commit: the message, the memory of the set-up against
// replays, the erased one-time prekey and the answer are there together or not
// at all. A message id counts once for each sender, whatever number of envelopes
// carry it. Envelopes to one person go out one after another, in the order in
// which they were queued, and are opened in the order in which they came.
//
// # Set-up for each message
//
// Every text is a two-stage set-up of its own (package setup), and every answer
// carries its receipt; the ratchet that will follow a set-up begins from what
// the answer leaves. A conversation is confirmed when the other side has answered one
// of our set-ups: only who holds the device key that the Session ID's owner
// signed could.
//
// # Strangers
//
// A message from a Session ID that is not in the contacts is kept as a request,
// within limits, and not answered, so that a stranger does not learn that
// anybody is there. The answer goes out when the person accepts.
package messenger
