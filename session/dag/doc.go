// Package dag keeps the vertices of spaces: what was said in a conversation, a
// group or a public space, each vertex naming the ones its author had seen.
//
// # Validity
//
// Whether a vertex is valid is decided by the vertex, the rules of its space and
// its parents, never by when or from whom it came. So two stores that were given
// the same vertices in any two orders hold the same ones. What depends on the
// moment (budgets of peers and authors, room in the buffer of vertices whose
// parents are missing) only puts a vertex off: see [Deferred].
// The normative text is spec/dag.md, its vectors are spec/vectors/dag.json.
//
// # Life of a vertex
//
//	bytes --Decode--> checked alone --auth--> checked against its parents --> accepted: indexed, synced
//	                      |              |              |
//	                   Refused        Refused     Waiting (orphan buffer) until the parents come
//
// [Store.Add] answers [Accepted] only after the write-ahead log is synced.
// Vertices of many callers share one sync. [Store.Append] makes a vertex of our own.
//
// # When the disk refuses
//
// A log that can't be written fails the store: every call says [ErrFailed] until it is
// opened anew. Tables that can't be written are tried again, for the log has
// what they are to hold; only when writers wait for them does the process end
// ([Config.Fatal]). Nothing that was acknowledged is lost either way.
//
// # On disk
//
// One pebble database for all spaces. A vertex gets a local position, its number
// in the order of arrival, which is a causal order too; nothing outside this
// package depends on it but [Store.Feed], whose cursor it is. Beside the bytes stand the
// index by id, by author and by chain, and a node record: what checks and
// searches need without reading the bytes.
//
// # Reachability
//
// The store lays every vertex on a chain: a sequence in which each one descends
// from the one before. Authors' own vertices make natural chains; a chain that
// went idle is taken over by a new author whose first vertex descends from its end.
// The clock of a vertex is, for each chain, how far its past reaches. With it,
// "is a in b's past" is one comparison and "what is not in the past of this
// frontier" is read off the chains directly. Clocks are stored at some vertices,
// so that any clock is put together from at most 128 node records.
//
// A space has at most [MaxChains] chains. Only somebody who makes more vertices
// than that side by side, none seeing another, exhausts them; the vertices beyond
// lie on no chain, and questions about those alone are answered by a search that
// gives up after [MaxSearch] vertices, as [Store.Ancestor] and [Store.Since] say.
package dag
