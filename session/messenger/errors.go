package messenger

import "github.com/pars-network/pars/session/mistake"

// What callers can be told. Compare with errors.Is.
var (
	ErrNoIdentity     = mistake.New(mistake.NotFound, "no-identity", "there is no identity yet; parsctl identity create makes one, parsctl identity restore brings one back")
	ErrIdentityExists = mistake.New(mistake.Refused, "identity-exists", "this data folder has an identity already; use another --datadir for another person")
	ErrPhrase         = mistake.New(mistake.Invalid, "phrase", "these are not the 24 words of an identity")
	ErrCard           = mistake.New(mistake.Invalid, "card", "this is not a contact card")
	ErrCardAltered    = mistake.New(mistake.Refused, "card-altered", "the card was altered after it was signed; ask for it again, on another way")
	ErrCardExpired    = mistake.New(mistake.Refused, "card-expired", "the card has expired; ask for a new one")
	ErrCardFuture     = mistake.New(mistake.Refused, "card-future", "the card is from the future; one of the two clocks is wrong")
	ErrOwnCard        = mistake.New(mistake.Refused, "own-card", "this is your own card")
	ErrNoContact      = mistake.New(mistake.NotFound, "no-contact", "there is no such contact; add the person's card first: parsctl contact add FILE")
	ErrNameTaken      = mistake.New(mistake.Refused, "name-taken", "another contact has that name; choose another with --name or parsctl contact rename")
	ErrName           = mistake.New(mistake.Invalid, "name", "a name has 1 to 64 characters on one line and does not look like a Session ID")
	ErrText           = mistake.New(mistake.Invalid, "text", "the text is empty, not UTF-8 or too long")
	ErrBlocked        = mistake.New(mistake.Refused, "blocked", "you have blocked this person; parsctl contact unblock takes it back")
	ErrFull           = mistake.New(mistake.Full, "full", "there is no room")
)
