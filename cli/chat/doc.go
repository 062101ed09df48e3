// Package chat is the terminal screen of parsctl chat: conversations and groups on one side,
// what was written on the other, and a line to write in.
//
// Text is laid out in logical order and turned into visual order line by line (UAX #9, for the
// text that people type: explicit directional characters are taken out before). Terminals that
// do this themselves are told not to, where they listen; see [Order].
package chat
