// Package messaging drives the real sessiond and parsctl: two people, two data
// folders, crashes and mistakes. It has no code of its own, only tests.
package messaging
