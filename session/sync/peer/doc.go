// Package peer measures session/sync beside the reconciliation that others use,
// negentropy of go-nostr, in one process and on the same sets. It is a module of
// its own so that nothing of the peer gets into the programs:
//
//	cd session/sync/peer && go test -run '^$' -bench . -benchtime 10x
package peer
