// Package volume is a small encrypted file system inside a range of blocks that
// looks like random bytes from its first to its last. It holds pebble databases:
// [Volume] is a vfs.FS whose files are created, appended to, synced, renamed and
// removed, and never written anywhere but at their end.
//
// # Blocks
//
// Everything is in blocks of 4096 bytes: a random nonce of 24 bytes and the
// XChaCha20-Poly1305 box of 4056. A block is encrypted anew, under a new nonce,
// whenever it is written, so no key stream serves twice however often a place is
// rewritten. What a block is for, which file it belongs to and where in it are
// authenticated: blocks can't be exchanged, and what an earlier file left behind
// is not mistaken for a later one's.
//
// # What survives
//
// Blocks 0 and 1 are two copies of the superblock; the one with the higher
// generation names the blocks of the log. The log begins with everything there is
// and goes on with what changed: one or more blocks for every sync that had
// changes of files, none for a sync of appended bytes alone. A full log is written
// anew elsewhere before the superblock turns to it.
//
// Bytes are durable when [File.Sync] returns, names when any sync has returned.
// A block that something durable lies in is never written over: the unfinished
// block at the end of a file goes to two places in turn, and what was freed is
// used again only once the freeing is durable. After a crash the end of a file
// that was being written is found by reading on as long as blocks are whole.
package volume
