// Package content is what the messages of a conversation say, and what a person
// sees of them.
//
// A body ([Post], [Reaction], [Edit], [Delete], [Read], [Typing], [Timer],
// [Group]) is the inside of an [envelope.Message] in deterministic CBOR. An
// [Event] is a body with who said it, which the ratchet or the group has
// authenticated. A [Conversation] folds events into a [View].
//
// # The fold
//
// The view depends on the set of events alone: not on their order, not on how
// often each came, and not on the clock but through the moment that the caller
// asks about. Each part of a conversation is a join of its own (the earliest
// receipt of a device, the latest edit, the existence of a deletion), so
// devices that have the same events show the same, whatever the network did.
//
// A message's part of the view depends only on the events that name it
// ([Event.Targets]), so a caller that indexes its log by them can show a page without
// reading all of it.
//
// # Who may do what
//
// An edit and a deletion name a message of their own author; they can't express
// another's. A deletion wins over every edit, reaction and post, before or after.
// Read receipts and typing signs go out only if the person has switched them on
// ([Settings]).
//
// The normative text is spec/content.md, its vectors are
// spec/vectors/content.json.
package content
