package nodes

import (
	"context"
	"slices"
)

type avoidKey struct{}

// Avoid returns a context in which requests should not pass through the nodes
// called ids on their way to another: the other replicas of what is asked for,
// which would learn that their neighbour is asked. Callers that go directly take
// no notice.
func Avoid(ctx context.Context, ids ...ID) context.Context {
	return context.WithValue(ctx, avoidKey{}, slices.Clone(ids))
}

// Avoided returns what [Avoid] put into a context. The slice is the caller's to
// read, not to change.
func Avoided(ctx context.Context) []ID {
	ids, _ := ctx.Value(avoidKey{}).([]ID)
	return ids
}
