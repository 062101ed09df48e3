// Package onion drives real service nodes, sessiond --service, through onions:
// latency between two people who are online, nodes killed and replaced. It has
// no code of its own, only tests.
package onion
