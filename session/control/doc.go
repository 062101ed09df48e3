// Package control is the protocol /pars/session/1, the first thing that two
// nodes say to each other over a link: who they are to the network, and that
// they are still there.
//
// It has the six frame types of the mission, numbered as there. Handshake and
// Heartbeat are what makes a connection a peer: [Service] runs them on every
// link of a libp2p host, refuses peers of another network or version and says
// why, measures round trips and drops the silent. The other four are defined
// and read, and answered with a [Receipt] that says that this node does not
// offer service sessions. Nothing here ever carries a Session ID: links belong to nodes,
// not to people.
//
// [Bootstrap] keeps links to the nodes that a person named. The normative text
// is spec/control.md.
package control
