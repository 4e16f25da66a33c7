package ir

import (
	"errors"
	"fmt"
	"strings"

	"rampart/model"
)

// ErrTooLarge says that a program needs more than a limit allows.
var ErrTooLarge = errors.New("too large")

// LimitError is a program that a backend cannot take because it would exceed a limit, with what is to blame. The backend
// has changed nothing.
type LimitError struct {
	// Limit names what is exceeded, by the setting of the daemon's configuration where there is one: "limits.rules".
	Limit string
	// What is counted, Have how many there are and Most how many are allowed.
	What       string
	Have, Most int64
	// Culprit is the policy or profile that most of them come from, the zero Key when that is not known; Origin is where it,
	// or its rule, was written. Rule is the rule, as model.RuleRef writes it, when one rule is to blame.
	Culprit model.Key
	Origin  model.Origin
	Rule    string
	// Share is how many of them come from the culprit.
	Share int64
	// Set is the set whose members are too many, or the largest, nil when the members of sets are not the matter.
	Set *Set
	// Source is what most of the members of Set come from, as far as somebody has looked it up, and Members how many.
	Source       model.Key
	SourceOrigin model.Origin
	Members      int
}

// Error tells the limit, then who is to blame.
func (e *LimitError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s %s, at most %s are allowed", e.Limit, amount(e.Have), e.What, amount(e.Most))
	sep := "; "
	if s := e.Set; s != nil {
		fmt.Fprintf(&b, "%sthe set %s has %s", sep, s.Describe(), amount(int64(s.Len())))
		sep = ", "
		if e.Source != (model.Key{}) {
			fmt.Fprintf(&b, ", %s of them from %s", amount(int64(e.Members)), placed(e.Source.String(), e.SourceOrigin))
		}
	}
	switch {
	case e.Rule != "" && e.Set != nil:
		fmt.Fprintf(&b, "%sasked for by %s", sep, placed(e.Rule, e.Origin))
	case e.Rule != "":
		fmt.Fprintf(&b, "%s%s", sep, placed(e.Rule, e.Origin))
	case e.Culprit != (model.Key{}) && e.Share > 0:
		fmt.Fprintf(&b, "%s%s of them come from %s", sep, amount(e.Share), placed(e.Culprit.String(), e.Origin))
	case e.Culprit != (model.Key{}):
		fmt.Fprintf(&b, "%smost of it comes from %s", sep, placed(e.Culprit.String(), e.Origin))
	}
	return b.String()
}

// Unwrap makes it an ErrTooLarge.
func (e *LimitError) Unwrap() error { return ErrTooLarge }

func placed(what string, o model.Origin) string {
	if at := o.String(); at != "" {
		return fmt.Sprintf("%s (%s)", what, at)
	}
	return what
}

// amount writes a number in groups of three digits.
func amount(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}
