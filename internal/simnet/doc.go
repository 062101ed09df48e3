// Package simnet is a network of hundreds of nodes in one test process, under
// the fake clock of [testing/synctest]: hours of network pass in seconds.
//
// [Test] makes a [Net]. Nodes ([Net.Add]) talk over links ([Link]) that delay,
// lose, duplicate, reorder and limit, in two ways: single messages
// ([Node.Send], [Node.Handle]) and reliable byte streams ([Node.Dial],
// [Node.Serve]), which are net.Conns with deadlines. Groups of nodes are cut
// off and healed ([Net.Partition], [Net.Heal]), nodes lose power and come back
// with what their disk had synced ([Node.Crash], [Node.Restart]), and hostile
// ones do things to what they send ([Behaviour]). Nothing happens by itself: the
// test says how long the network runs ([Net.Run], [Net.RunUntil]).
//
// # What repeats
//
// Everything random comes from one seed, which a failing test prints;
// PARS_SEED=n repeats it. The network is one queue of events ordered by time,
// receiver, sender and a count per sender, and every directed link and every
// node has a source of randomness of its own. One event is worked off at a time:
// after each, the network waits until every goroutine of the test sleeps again.
// So no order in which the Go scheduler runs two nodes changes what the network
// does, and a run repeats event for event ([Net.Digest] proves it) as long as
// every node by itself is deterministic: one that works in handlers and timers,
// or in goroutines of which an event wakes one. A node that races with itself
// (two of its goroutines write to one stream), ranges over maps or reads
// crypto/rand (see testing/cryptotest) repeats up to that race.
package simnet
