// Package group is private spaces of up to a thousand people: who belongs to one
// and may change that, and how what they write is encrypted once for all of them.
//
// # Membership
//
// A group is a signed space of package dag. Its control vertices carry [Op]s, and
// [Membership] folds them: who is a member with which role follows from the set of ops
// and their ancestry alone, so everybody who has the same vertices has the same
// members, in whatever order they came. Taking away wins: what a removed member
// changed without knowing of the removal does not count, except that removals
// themselves always hold, so two people who remove each other are both out.
//
// # Keys
//
// Time is cut into epochs. Who opens one hands its secret to each device of each
// member pairwise, through the ratchet. Every device derives from it where each
// device's hash chain starts, and erases it. A message is encrypted
// once, under the next key of its author's chain; who steals a device finds the keys
// of what is still to come, not of what was. An epoch ends with a change of
// membership, after 7 days or 1,000 messages. What is to be written when no epoch's recipients
// are exactly the members opens a new one first, so a removed member is never
// written to by who knows of the removal.
//
// # Who wrote
//
// Vertices are signed with a key that a device makes for one epoch. The op that
// adds a member names its devices' first keys, each key names the next inside the
// encryption, and no key is derived from an account: within the group one knows
// who wrote, and nobody can show it to anyone else.
//
// # Joining
//
// Who joins gets the members and the new epoch, never an older one's keys. The
// graph that they fetch shows them of the time before only that something was written.
//
// The normative text is spec/group.md.
package group
