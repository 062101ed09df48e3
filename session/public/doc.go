// Package public keeps the public spaces of a node together: their vertices in a
// [dag.Store], spread by gossip, repaired by sync. It adapts the three packages
// to each other and decides nothing itself.
//
//	node's own    --Append-->  store  --Spread-->    gossip  -->  neighbours
//	neighbours    --gossip-->  store                 gossip  -->  other neighbours
//	a neighbour   --sync--->   store  --Announce-->  gossip  -->  neighbours
package public
