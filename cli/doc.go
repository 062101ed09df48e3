// Package cli is parsctl: commands of the form noun verb that talk to the
// session daemon of the same person. Every command prints text for people, in
// English or Persian, or with --json one versioned JSON object; docs/parsctl.md
// lists the shapes and the exit codes.
package cli
