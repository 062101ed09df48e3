package cli

import (
	"fmt"
	"strings"
	"unicode"
)

// language is what people read.
type language int

const (
	english language = iota
	persian
)

// languageOf understands --lang, and LANG as a fallback.
func languageOf(flag, env string) (language, error) {
	switch {
	case flag == "fa", flag == "" && strings.HasPrefix(env, "fa"):
		return persian, nil
	case flag == "en", flag == "":
		return english, nil
	default:
		return english, fmt.Errorf("--lang %q, want en or fa; %w", flag, errUsage)
	}
}

// key names a text in the catalogue.
type key int

// say returns the text of a key in the person's language.
func (a *app) say(k key, args ...any) string {
	return fmt.Sprintf(catalogue[k][a.lang], args...)
}

// Unicode's bidirectional isolates (UAX #9, section 2.4): what stands between
// them does not disturb the order of what is around.
const (
	ltrIsolate   = '\u2066'
	firstIsolate = '\u2068'
	popIsolate   = '\u2069'
)

// ltr isolates what is always left to right, such as an id or a path.
func (a *app) ltr(s string) string {
	s = clean(s)
	if a.lang == english {
		return s
	}
	return string(ltrIsolate) + s + string(popIsolate)
}

// free isolates what people wrote, which may be in any script.
func (a *app) free(s string) string {
	s = clean(s)
	if a.lang == english && !strings.ContainsFunc(s, rightToLeft) {
		return s
	}
	return string(firstIsolate) + s + string(popIsolate)
}

func rightToLeft(r rune) bool {
	return unicode.In(r, unicode.Arabic, unicode.Hebrew, unicode.Syriac, unicode.Thaana, unicode.Nko)
}

// clean makes foreign text harmless on a terminal: no control character can
// move the cursor or colour the screen, and none can turn the reading order of
// the lines after it.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r), r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == unicode.ReplacementChar:
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// digits writes Western digits as Persian ones, where the person reads Persian.
func (a *app) digits(s string) string {
	if a.lang != persian {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return '۰' + r - '0'
		}
		return r
	}, s)
}
