// Package vault keeps up to four profiles in one file of random-looking bytes.
//
// The file has four regions of equal size, filled with random bytes when it is
// made. A profile is a region with a volume in it (package volume) and a slot
// that holds the region's keys under a passphrase. What is no profile is random
// bytes. Nothing in the file is in clear: no name, no version, no number of
// profiles; who has no passphrase can't tell one profile from four, nor a vault
// from a file of noise.
//
// # Layout
//
//	block 0       the salt (32 bytes) and random bytes
//	blocks 1-4    the first copy of slots 0 to 3
//	blocks 5-8    the second copy of slots 0 to 3
//	blocks 9-15   random bytes
//	then stripes  each 1 MiB of region 0, of region 1, of region 2, of region 3
//
// Blocks have 4096 bytes. A vault grows by whole stripes at its end, so all four
// regions grow alike and nothing moves.
//
// # Slots
//
// A slot's key is derived from Argon2id of the passphrase, whose cost is fixed
// by this version of the format. The slot holds the region's key and whatever the
// user of the region keeps outside of its log-structured databases: keys that
// must be gone when they are destroyed. It is rewritten in place, one copy and
// then the other, so a key is gone when [Region.SetSecret] returns.
//
// # All regions are touched alike
//
// Whenever a block of one region is written, the blocks in the same place of the
// other three are read and written back as they are ([Config.Touch]), so that a
// file system that writes copies, or a disk that moves what is written, shows the
// same for all four.
//
// # The trap
//
// Writing in a profile touches no other: regions are fixed. Making a profile is
// different, since nobody knows which regions are free but those whose
// passphrases are given. [Vault.AddProfile] therefore takes the passphrases of
// all profiles that must stay, and picks at random among the regions that none of
// them opens; a profile whose passphrase was not given may be lost.
package vault
