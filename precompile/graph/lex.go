package graph

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// syntaxError is a refusal of text at an offset in bytes.
type syntaxError struct {
	offset int
	reason string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("at byte %d: %s", e.offset, e.reason) }

func refuse(offset int, format string, args ...any) error {
	return &syntaxError{offset, fmt.Sprintf(format, args...)}
}

type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenName             // text is the name
	tokenInt              // text is the number as written
	tokenString           // text is the value
	tokenPunct            // text is one of ! $ ( ) : = @ [ ] { }, in JSON also a comma
)

type token struct {
	kind   tokenKind
	text   string
	offset int
}

func (t token) String() string {
	switch t.kind {
	case tokenEnd:
		return "the end"
	case tokenString:
		return "a string"
	}
	return t.text
}

// lexer reads GraphQL's tokens (October 2021, section 2.1), less floats, block
// strings, the spread and escapes of more than four digits; or JSON's.
type lexer struct {
	text string
	json bool
	at   int
	// next is the token at hand.
	next token
}

func newLexer(text string, json bool) (*lexer, error) {
	if !utf8.ValidString(text) {
		return nil, refuse(0, "not UTF-8")
	}
	l := &lexer{text: text, json: json}
	return l, l.advance()
}

func letter(c byte) bool { return c == '_' || (c|0x20 >= 'a' && c|0x20 <= 'z') }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

// blank passes what separates tokens.
func (l *lexer) blank() error {
	for ; l.at < len(l.text); l.at++ {
		switch c := l.text[l.at]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		case c == ',' && !l.json:
		case c == '#' && !l.json:
			for l.at+1 < len(l.text) && l.text[l.at+1] != '\n' && l.text[l.at+1] != '\r' {
				l.at++
				if c := l.text[l.at]; c < 0x20 && c != '\t' {
					return refuse(l.at, "a control character")
				}
			}
		default:
			return nil
		}
	}
	return nil
}

// advance reads the next token into next.
func (l *lexer) advance() error {
	if err := l.blank(); err != nil {
		return err
	}
	start := l.at
	if start == len(l.text) {
		l.next = token{tokenEnd, "", start}
		return nil
	}
	switch c := l.text[start]; {
	case letter(c):
		for l.at < len(l.text) && (letter(l.text[l.at]) || digit(l.text[l.at])) {
			l.at++
		}
		l.next = token{tokenName, l.text[start:l.at], start}
	case digit(c) || c == '-':
		return l.number()
	case c == '"':
		return l.str()
	case c == '!' || c == '$' || c == '(' || c == ')' || c == ':' || c == '=' || c == '@' || c == '[' || c == ']' || c == '{' || c == '}' || c == ',':
		l.at++
		l.next = token{tokenPunct, l.text[start:l.at], start}
	default:
		return refuse(start, "an unexpected character")
	}
	return nil
}

func (l *lexer) number() error {
	start := l.at
	if l.text[l.at] == '-' {
		l.at++
	}
	digits := l.at
	for l.at < len(l.text) && digit(l.text[l.at]) {
		l.at++
	}
	if l.at == digits || (l.text[digits] == '0' && l.at > digits+1) ||
		(l.at < len(l.text) && (letter(l.text[l.at]) || l.text[l.at] == '.')) {
		return refuse(start, "not an integer")
	}
	l.next = token{tokenInt, l.text[start:l.at], start}
	return nil
}

// str reads a string in quotes, which GraphQL and JSON write alike.
func (l *lexer) str() error {
	start := l.at
	l.at++
	var out []byte
	for l.at < len(l.text) {
		c := l.text[l.at]
		switch {
		case c == '"':
			l.at++
			if len(out) == 0 && l.at < len(l.text) && l.text[l.at] == '"' {
				return refuse(start, "a block string")
			}
			l.next = token{tokenString, string(out), start}
			return nil
		case c < 0x20:
			return refuse(l.at, "a control character in a string")
		case c != '\\':
			out = append(out, c)
			l.at++
		default:
			r, err := l.escape()
			if err != nil {
				return err
			}
			out = utf8.AppendRune(out, r)
		}
	}
	return refuse(start, "a string without an end")
}

// escape reads one escape sequence.
func (l *lexer) escape() (rune, error) {
	start := l.at
	if start+1 < len(l.text) {
		if r, ok := escapes[l.text[start+1]]; ok {
			l.at += 2
			return r, nil
		}
	}
	r, ok := l.unit(start)
	if !ok {
		return 0, refuse(start, "an unknown escape in a string")
	}
	l.at += 6
	if r < 0xd800 || r > 0xdfff {
		return r, nil
	}
	low, ok := l.unit(l.at)
	if r >= 0xdc00 || !ok || low < 0xdc00 || low > 0xdfff {
		return 0, refuse(start, "half of a surrogate pair")
	}
	l.at += 6
	return 0x10000 + (r-0xd800)<<10 + (low - 0xdc00), nil
}

var escapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unit reads \uXXXX at an offset.
func (l *lexer) unit(at int) (r rune, ok bool) {
	if at+6 > len(l.text) || l.text[at] != '\\' || l.text[at+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(l.text[at+2:at+6], 16, 16)
	return rune(n), err == nil
}

// is reports whether the token at hand is this punctuator.
func (l *lexer) is(punct string) bool { return l.next.kind == tokenPunct && l.next.text == punct }

// word reports whether the token at hand is this name.
func (l *lexer) word(name string) bool { return l.next.kind == tokenName && l.next.text == name }

// skip passes the punctuator if it is at hand.
func (l *lexer) skip(punct string) (passed bool, err error) {
	if !l.is(punct) {
		return false, nil
	}
	return true, l.advance()
}

// want passes the punctuator, which has to be at hand.
func (l *lexer) want(punct string) error {
	if !l.is(punct) {
		return refuse(l.next.offset, "got %s, want %s", l.next, punct)
	}
	return l.advance()
}

// wantWord passes the name, which has to be at hand.
func (l *lexer) wantWord(name string) error {
	if !l.word(name) {
		return refuse(l.next.offset, "got %s, want %s", l.next, name)
	}
	return l.advance()
}

// name passes a name and returns it.
func (l *lexer) name() (token, error) {
	t := l.next
	if t.kind != tokenName {
		return t, refuse(t.offset, "got %s, want a name", t)
	}
	return t, l.advance()
}
