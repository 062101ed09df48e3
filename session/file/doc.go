// Package file is how files travel: encrypted in chunks of 256 KiB under a key that
// the message carries, named by the root of a Merkle tree over the encrypted chunks, fetched
// in any order from several sources at once.
//
// A [Blob] is an encrypted file, whole or in part, in a folder of [Blobs]. Who keeps one
// learns neither content nor name nor exact length. Every chunk is checked against the
// root before it is kept, so a source can hand over nothing wrong, only nothing; one that tries is
// named in the [Report] and not asked again. What has been kept is synced before it is
// noted, so after kill -9 or loss of power a transfer goes on where it was.
//
// [Fetch] brings a blob in and [Push] brings one out, both as often as it takes; [Blob.Decrypt] writes
// the file to its place when all of it is here. The normative text is spec/file.md.
package file
