// Package gossip spreads the vertices of public spaces between nodes that are
// linked to each other, without any server: the protocol /pars/gossip/1.
//
// A vertex is pushed whole along a tree and announced by its id on all other
// links (Plumtree in shape: Leitao, Pereira, Rodrigues, "Epidemic broadcast
// trees", 2007). A node that hears of an id whose vertex does not come asks the
// announcer for it, and that link becomes part of the tree; a vertex that comes
// twice takes a link out. There is one tree that everything can use, and each
// author bends it to where they write from: who hears an id earlier than the
// vertex moves to the faster neighbour for that author. So a vertex costs about
// one copy a node, and takes about the shortest path.
//
// What gossip misses, for example while a link was down, reconciliation repairs:
// [Config].Repair is called for a neighbour when a link comes up, when ids
// point at something nobody sends, and now and then.
//
// Neighbours are the peers that the node has a link to anyway. A link costs
// 18 KB and two signatures to make (spec/link.md), so a protocol that shuffles
// neighbours to keep a random view would pay more for them than for what it
// sends; with eight links a node, a fifth of all nodes can vanish and one in
// 400,000 is left alone.
//
// Nothing is passed on before the space's [Space.Add] has accepted it. Every
// neighbour has budgets (bytes a second, frames, ids waited for) and a score;
// who sends what breaks the rules is dropped at once, who wastes time, after
// stated amounts. [Service] runs the protocol over streams; [Attach] runs it on
// a libp2p host. The normative text is spec/gossip.md.
package gossip
