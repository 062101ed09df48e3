// Package threshold lets n people make a FROST key and sign with it, each on a
// machine of their own, over nothing but files: a shared folder, a USB stick,
// attachments of messages.
//
// Everybody has a [Home], a folder with a signing key under a passphrase, and
// gives the others a [Member] card before. A key generation ([Home.StartDKG])
// takes three messages of each person, a signature ([Home.StartSign]) two. Every
// message is signed by its sender for this one ceremony; the shares inside are
// sealed to keys that live for one key generation. [DKG.Step] and [Sign.Step] go
// as far as the messages allow, and can be repeated after any crash.
//
// What they guarantee: whoever sends different people different messages is
// found before anybody uses the result; whoever sends a wrong share is named;
// the secret behind a commitment makes at most one signature share, also when
// the process is killed at any moment. The normative text is spec/threshold.md.
package threshold
