// Package delivery hands sealed envelopes from one node to another: the
// protocol /pars/envelope/1, one exchange a stream.
//
//	sender                                    receiver
//	Offer{mailbox, size, digest}      ---->
//	                                  <----   Answer: send, stored, refused or busy
//	the envelope, one frame           ---->   (after "send" only)
//	                                  <----   Answer: stored, refused or busy
//
// "Stored" means that the envelope is durable at the receiver: it is said after
// the disk has it, and only a node that owns the mailbox says it. "Refused" is
// the answer to everything that the receiver does not take, without saying why:
// an unknown mailbox looks like a policy. "Busy" asks to try again later.
//
// On the wire stand a mailbox id, a size that is one of four, and a digest of
// ciphertext. Neither a Session ID nor a name ever does. Which mailbox an
// envelope is for is told to every peer that it is offered to; the onion of a
// later step hides who asks.
//
// All messages are deterministic CBOR (package wire). The normative text is
// spec/delivery.md.
package delivery
