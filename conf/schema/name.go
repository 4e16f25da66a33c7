package schema

import (
	"strings"
	"unicode"
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
		if d := distance(fold(given), fold(name), least); d < least {
			best, least = name, d
		}
	}
	return best
}

// distance counts the bytes that are wrong, missing or too many, and neighbours that changed places, in a for b. When there
// are limit or more it is any number from limit on.
func distance(a, b string, limit int) int {
	if max(len(a)-len(b), len(b)-len(a)) >= limit {
		return limit
	}
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)} // for the bytes of a up to here, up to the last, and before
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := range len(a) {
		rows[0], rows[1], rows[2] = rows[2], rows[0], rows[1]
		now, last, before := rows[0], rows[1], rows[2]
		now[0] = i + 1
		for j := range len(b) {
			wrong := 0
			if a[i] != b[j] {
				wrong = 1
			}
			now[j+1] = min(last[j]+wrong, last[j+1]+1, now[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				now[j+1] = min(now[j+1], before[j-1]+1)
			}
		}
	}
	return rows[0][len(b)]
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
