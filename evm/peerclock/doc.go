// Package peerclock compares a node's clock with those of the validators, so that
// a wrong clock gets a name and a number before anybody wonders about blocks that
// are too early. It observes only: no clock is set by it and no block judged.
//
// A node asks every validator from time to time for its clock and computes, as
// NTP does (RFC 5905, section 8), from when it asked, when the validator was
// asked and answered, and when the answer came, how far that clock is ahead and how
// wrong that can be: by half of the time that the messages travelled. The measure of
// right is the median of the validators' clocks by stake, so validators with less
// than half of the stake can't accuse an honest node, whatever they answer.
//
// [Comparer] has the samples and draws the conclusions, [Handler] answers and
// [Asker] asks. spec/chain.md has the messages.
package peerclock
