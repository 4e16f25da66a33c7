package model

import (
	"fmt"
	"regexp"
	"strings"
)

const (
	portNumbers = "a port number is a whole number from 1 to 65535"
	portForms   = "a port is a number, a range such as 80:90, or a name of letters, digits and '-'"
)

var (
	portSpan     = regexp.MustCompile(`^([0-9]{1,5}) *(?:[-–:]|\.\.) *([0-9]{1,5})$`)
	portSequence = regexp.MustCompile(`^[0-9]+(:[0-9]+)?([ ,;]+[0-9]+(:[0-9]+)?){1,20}$`)
	portNumeric  = regexp.MustCompile(`^[-+]?[0-9]*\.?[0-9]+$`)
	portSlash    = regexp.MustCompile(`^[A-Za-z0-9:]+/[A-Za-z0-9:]+$`)
)

// portHint says how that is written which s, neither a port nor a good name of one, seems to mean, or "".
func portHint(s string) string {
	if m := portSpan.FindStringSubmatch(s); m != nil {
		lo, hi := m[1], m[2]
		if len(lo) > len(hi) || len(lo) == len(hi) && lo > hi {
			lo, hi = hi, lo
		}
		return fmt.Sprintf("a port range is written %s:%s", lo, hi)
	}
	first, isFrom := strings.CutSuffix(s, ":")
	last, isTo := strings.CutPrefix(s, ":")
	switch {
	case isFrom && digits.MatchString(first):
		return fmt.Sprintf("a port range has two ends, as in %s:65535", first)
	case isTo && digits.MatchString(last):
		return fmt.Sprintf("a port range has two ends, as in 1:%s", last)
	case portSequence.MatchString(s):
		return "each port is an item of the list by itself: " + strings.Join(strings.FieldsFunc(s, isListSeparator), ", ")
	case portNumeric.MatchString(s):
		return portNumbers
	case portSlash.MatchString(s):
		return "the protocol is a field of the rule, not of its ports"
	case s == "*":
		return "a rule without ports is about all of them"
	}
	return ""
}

func isListSeparator(r rune) bool { return strings.ContainsRune(" ,;", r) }
