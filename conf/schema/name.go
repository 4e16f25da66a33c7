package schema

import (
	"strings"
	"unicode"

	"github.com/agext/levenshtein"
)

// Snake is the HCL form of a JSON field name or of a kind: words are separated at a change from lower to upper case and
// before the last letter of an upper-case run that a lower-case one follows, except a plural "s".
func Snake(name string) string {
	r := []rune(name)
	var b strings.Builder
	for i, c := range r {
		if i > 0 && unicode.IsUpper(c) {
			afterWord := !unicode.IsUpper(r[i-1])
			beforeWord := i+1 < len(r) && unicode.IsLower(r[i+1]) && !(r[i+1] == 's' && (i+2 == len(r) || unicode.IsUpper(r[i+2])))
			if afterWord || beforeWord {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// Suggest picks the name that was probably meant, or "". A difference only in case, "_" and "-" is always a match; else
// the longer the name, the more of it may be wrong.
func Suggest(given string, names []string) string {
	best, least := "", 1+tolerance(len(given))
	for _, name := range names {
		if fold(name) == fold(given) {
			return name
		}
		if d := levenshtein.Distance(fold(given), fold(name), nil); d < least {
			best, least = name, d
		}
	}
	return best
}

// tolerance is how many characters of a name may be wrong.
func tolerance(length int) int {
	switch {
	case length < 3:
		return 0
	case length < 5:
		return 1
	case length < 10:
		return 2
	}
	return 3
}

var separators = strings.NewReplacer("_", "", "-", "")

func fold(s string) string { return strings.ToLower(separators.Replace(s)) }
