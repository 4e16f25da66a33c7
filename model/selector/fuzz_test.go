package selector

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse: whatever parses has a canonical text that parses, means the same and is its own canonical text; whatever
// does not parse has its error inside the text; and Requires never promises what a match does not fulfil.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		``, `all()`, `global()`, `a == 'b'`, `a != "b"`, `has(a)`, `!has(a)`, `a in {'x', "y"}`, `a not in {'x',}`,
		`a contains 'b' && b starts with 'x' || !c ends with ''`, `!(!has(a))`, `((a == 'b'))`, `a == 'b' &`, `a in {`,
		`in == '"'`, `has (a)`, "a == '\x00é'", `a startswith 'x' && a notin {}`, `!(a != 'x' && !(b not in {'y'} || all()))`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(text) || e.Msg == "" ||
				e.Column != utf8.RuneCountInString(text[:e.Offset])+1 {
				t.Fatalf("bad error for %q: %#v", text, err)
			}
			return
		}
		again, err := Parse(s.String())
		if err != nil {
			t.Fatalf("canonical text %q of %q: %v", s, text, err)
		}
		if again.String() != s.String() && !strings.Contains(s.String(), "!!") {
			t.Fatalf("canonical text of %q is %q, then %q", text, s, again)
		}
		if third := MustParse(again.String()); third.String() != again.String() {
			t.Fatalf("no fixpoint for %q: %q, %q", text, again, third)
		}
		for _, l := range someLabels(s) {
			if s.Matches(l) != again.Matches(l) {
				t.Fatalf("%q and its canonical text %q differ on %v", text, s, l)
			}
			for _, r := range s.Requirements() {
				if s.Matches(l) && (!Has(r.Key).Matches(l) || r.Values != nil && !In(r.Key, r.Values...).Matches(l)) {
					t.Fatalf("%q matches %v but requires %q in %q", text, l, r.Key, r.Values)
				}
			}
			if !s.Matches(l) && s.IsAll() {
				t.Fatalf("all() does not match %v", l)
			}
		}
	})
}

// someLabels are label sets at the borders of the selector: each label absent, or with a value the selector mentions,
// or with one that only just differs.
func someLabels(s *Selector) []Map {
	sets := []Map{{}}
	s.root.walk(func(n *node) {
		if n.label == "" || len(sets) > 64 {
			return
		}
		candidates := append([]string{n.value, n.value + "x", "x" + n.value, ""}, n.values...)
		if len(candidates) > 6 {
			candidates = candidates[:6]
		}
		for _, l := range sets[:len(sets):len(sets)] {
			for _, v := range candidates {
				more := Map{n.label: v}
				for k, w := range l {
					if k != n.label {
						more[k] = w
					}
				}
				sets = append(sets, more)
			}
		}
	})
	return sets
}
