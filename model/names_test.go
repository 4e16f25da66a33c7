package model

import (
	"regexp"
	"testing"
)

// TestNamesAreTheGrammars compares the functions with the grammars they stand for, on all short strings of characters that
// differ in what they may be.
func TestNamesAreTheGrammars(t *testing.T) {
	for _, tt := range []struct {
		grammar string
		is      func(string) bool
	}{
		{dns1123Label, isDNSLabel}, {dns1123Subdomain, isSubdomain}, {qualifiedPart, isQualifiedPart}, {`[a-zA-Z0-9_.-]+`, isInterfaceName},
	} {
		whole := regexp.MustCompile(`^(` + tt.grammar + `)$`)
		var try func(s string, more int)
		try = func(s string, more int) {
			if got, want := tt.is(s), whole.MatchString(s); got != want {
				t.Errorf("%q: %v, want %v by %s", s, got, want, tt.grammar)
			}
			if more > 0 {
				for _, c := range "az09AZ-_./`{@[:\n\u00e9" {
					try(s+string(c), more-1)
				}
			}
		}
		try("", 3)
		for _, s := range []string{"a-.b", "a.-b", "a..b", "a.b.", ".a.b", "ab-c.d-e", "a--b", "A_b.c-D", "a.b.c.d"} {
			if got, want := tt.is(s), whole.MatchString(s); got != want {
				t.Errorf("%q: %v, want %v by %s", s, got, want, tt.grammar)
			}
		}
	}
}
