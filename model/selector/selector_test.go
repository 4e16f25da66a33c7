package selector

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		selector string
		yes, no  []Map
	}{
		{``, []Map{{}, {"a": "b"}}, nil},
		{" \t", []Map{{}, {"a": "b"}}, nil},
		{`all()`, []Map{{}, {"a": "b"}}, nil},
		{`!all()`, nil, []Map{{}, {"a": "b"}}},
		{`global()`, []Map{{}, {"a": "b"}}, nil},
		{`role == 'db'`, []Map{{"role": "db"}, {"role": "db", "x": "y"}}, []Map{{}, {"role": "web"}, {"x": "db"}}},
		{`role == ''`, []Map{{"role": ""}}, []Map{{}, {"role": "web"}}},
		{`role != 'db'`, []Map{{}, {"role": "web"}, {"role": ""}}, []Map{{"role": "db"}}},
		{`role != ''`, []Map{{}, {"role": "web"}}, []Map{{"role": ""}}},
		{`has(role)`, []Map{{"role": "db"}, {"role": ""}}, []Map{{}, {"x": "role"}}},
		{`!has(role)`, []Map{{}, {"x": "role"}}, []Map{{"role": "db"}}},
		{`role in {'db', 'web'}`, []Map{{"role": "db"}, {"role": "web"}}, []Map{{}, {"role": "d"}}},
		{`role in {}`, nil, []Map{{}, {"role": ""}, {"role": "db"}}},
		{`role not in {'db', 'web'}`, []Map{{}, {"role": "d"}}, []Map{{"role": "db"}}},
		{`role not in {}`, []Map{{}, {"role": "db"}}, nil},
		{`role contains 'b'`, []Map{{"role": "abc"}, {"role": "b"}}, []Map{{}, {"role": "ac"}}},
		{`role contains ''`, []Map{{"role": "abc"}, {"role": ""}}, []Map{{}}},
		{`role starts with 'ab'`, []Map{{"role": "abc"}, {"role": "ab"}}, []Map{{}, {"role": "cab"}}},
		{`role ends with 'ab'`, []Map{{"role": "cab"}, {"role": "ab"}}, []Map{{}, {"role": "abc"}}},
		{`a == '1' && b == '2'`, []Map{{"a": "1", "b": "2"}}, []Map{{}, {"a": "1"}, {"b": "2"}, {"a": "2", "b": "2"}}},
		{`a == '1' || b == '2'`, []Map{{"a": "1"}, {"b": "2"}}, []Map{{}, {"a": "2", "b": "1"}}},
		// ! binds tighter than &&, && tighter than ||.
		{`!has(a) && has(b)`, []Map{{"b": ""}}, []Map{{}, {"a": "", "b": ""}}},
		{`has(a) || has(b) && has(c)`, []Map{{"a": ""}, {"b": "", "c": ""}}, []Map{{"b": ""}, {"c": ""}}},
		{`(has(a) || has(b)) && has(c)`, []Map{{"a": "", "c": ""}}, []Map{{"a": ""}, {"c": ""}}},
		{`! a == '1'`, []Map{{}, {"a": "2"}}, []Map{{"a": "1"}}},
		{`!!has(a)`, []Map{{"a": ""}}, []Map{{}}},
		{`!!!has(a)`, []Map{{}}, []Map{{"a": ""}}},
		{`! (has(a) || has(b))`, []Map{{}}, []Map{{"a": ""}, {"b": ""}}},
	} {
		s, err := Parse(c.selector)
		if err != nil {
			t.Errorf("Parse(%q): %v", c.selector, err)
			continue
		}
		for _, l := range c.yes {
			if !s.Matches(l) {
				t.Errorf("%q should match %v", c.selector, l)
			}
		}
		for _, l := range c.no {
			if s.Matches(l) {
				t.Errorf("%q should not match %v", c.selector, l)
			}
		}
	}
}

func TestCanonicalText(t *testing.T) {
	for _, c := range []struct{ selector, want string }{
		{``, `all()`},
		{` (all() )`, `all()`},
		{`global( )`, `global()`},
		{`a=='b'`, `a == "b"`},
		{`a == '"'`, `a == '"'`},
		{`a == "'"`, `a == "'"`},
		{`a!="b"`, `a != "b"`},
		{`has( a )`, `has(a)`},
		{`a contains'b'`, `a contains "b"`},
		{`a startswith "b"`, `a starts with "b"`},
		{"a starts \t with 'b'", `a starts with "b"`},
		{`a endswith 'b'`, `a ends with "b"`},
		{`a in{'c','b' , "c", }`, `a in {"b", "c"}`},
		{`a in {}`, `a in {}`},
		{`a in {''}`, `a in {""}`},
		{`a notin {'"', 'x'}`, `a not in {'"', "x"}`},
		{`a  not   in {'b'}`, `a not in {"b"}`},
		{`has(a) && has(b)&&has(c)`, `(has(a) && has(b) && has(c))`},
		{`(has(a) && has(b)) && has(c)`, `((has(a) && has(b)) && has(c))`},
		{`has(a) && has(b) || has(c)`, `((has(a) && has(b)) || has(c))`},
		{`! (has( b)||! has(a ))`, `!(has(b) || !has(a))`},
		{`!! has(a)`, `has(a)`},
		{`!(!has(a))`, `!!has(a)`},
		{`!(k == 'v')`, `!k == "v"`},
		// Keywords are ordinary labels wherever a label stands, and labels have no further syntax.
		{`in == 'x' && has(has) && not != 'y' && all in {'z'}`, `(in == "x" && has(has) && not != "y" && all in {"z"})`},
		{`-a-/. == 'x' || a//b == 'y' || 1 == '2'`, `(-a-/. == "x" || a//b == "y" || 1 == "2")`},
		{`contains contains 'contains'`, `contains contains "contains"`},
		{`a == 'b'&&c == 'd'`, `(a == "b" && c == "d")`},
	} {
		s, err := Parse(c.selector)
		if err != nil {
			t.Errorf("Parse(%q): %v", c.selector, err)
			continue
		}
		if got := s.String(); got != c.want {
			t.Errorf("Parse(%q) = %s, want %s", c.selector, got, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		selector string
		column   int
		msg      string
	}{
		{`b == b`, 6, `expected a quoted string after "==": write 'b'`},
		{`b contains b`, 12, `expected a quoted string after "contains": write 'b'`},
		{`b starts b`, 10, `expected "with" after "starts"`},
		{`b not on {}`, 7, `expected "in" after "not"`},
		{`b ==`, 5, `expected a quoted string after "==", but the selector ends`},
		{`b == {`, 6, `expected a quoted string after "==", found '{'`},
		{`'b1' == b`, 1, `a condition starts with a label name, which is not quoted`},
		{`b`, 2, `expected an operator after label "b"; to ask for the label alone write has(b)`},
		{`a b`, 3, `expected ==, !=, in, not in, contains, starts with or ends with after label "a", found 'b'`},
		{`a = 'b'`, 3, `"=" is not an operator: write "=="`},
		{`thing=hello &`, 6, `"=" is not an operator: write "=="`},
		{`!`, 2, `the selector ends where a condition was expected`},
		{`a == 'b' &&`, 12, `the selector ends where a condition was expected`},
		{`a == 'b' && || c == 'd'`, 13, `found "||" where a condition was expected`},
		{`a == 'b' &`, 10, `"&" is not an operator: write "&&"`},
		{`a == 'b' | c == 'd'`, 10, `"|" is not an operator: write "||"`},
		{`a == 'b', c == 'd'`, 9, `expected "&&" or "||" between conditions, found ","`},
		{`a == 'b' c == 'd'`, 10, `expected "&&", "||" or the end of the selector, found 'c'`},
		{`a == 'b`, 6, `string is not closed: no second '`},
		{`a == ‘b’`, 6, `expected a quoted string after "==", found '‘' (strings are quoted with ' or ")`},
		{`a == 'é' && %`, 13, `expected a condition, found '%'`},
		{"a == 'b' &&\nc == 'd'", 12, `expected a condition, found a line break`},
		{"a == 'b' && \xff", 13, `expected a condition, found byte 0xff`},
		{`a in 'b'`, 6, `expected a set after "in", as in { 'a', 'b' }, found '\''`},
		{`a in {'b'`, 6, `"{" is not closed`},
		{`a in {'b' 'c'}`, 11, `expected "," or "}" in the set, found '\''`},
		{`a in {,}`, 7, `expected a quoted string after "{" or ",", found ','`},
		{`a in {b}`, 7, `expected a quoted string after "{" or ",": write 'b'`},
		{`(a == 'b'`, 1, `"(" is not closed`},
		{`(a == 'b' c`, 11, `expected "&&", "||" or the end of the selector, found 'c'`},
		{`a == 'b')`, 9, `")" without "("`},
		{`)`, 1, `found ")" where a condition was expected`},
		{`()`, 2, `found ")" where a condition was expected`},
		{`has (a)`, 5, `no blank is allowed between "has" and "("`},
		{`all ()`, 5, `no blank is allowed between "all" and "("`},
		{`have(a)`, 5, `there is no function have(): only has(), all() and global()`},
		{`has()`, 5, `expected a label name in has(), found ')'`},
		{`has(a`, 6, `expected ")" after has(a, found the end of the selector`},
		{`all(a)`, 5, `expected ")" after all(, found 'a'`},
		{`a !in {'b'}`, 3, `expected ==, !=, in, not in, contains, starts with or ends with after label "a", found '!'`},
		{"has(" + strings.Repeat("x", 513) + ")", 5, `label name is longer than 512 bytes`},
		{strings.Repeat("(", 600) + "all()" + strings.Repeat(")", 600), 513, `parentheses are nested deeper than 512`},
	} {
		_, err := Parse(c.selector)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("Parse(%q) gave %v, want an *Error", c.selector, err)
			continue
		}
		if e.Column != c.column || e.Msg != c.msg {
			t.Errorf("Parse(%q):\n got %d: %s\nwant %d: %s", c.selector, e.Column, e.Msg, c.column, c.msg)
		}
	}
}

// A selector as long as a policy may hold is never refused for its depth, and needs no more stack than others.
func TestDeepestSelectorOfAPolicy(t *testing.T) {
	n := (MaxLength - len("all()")) / 2
	if _, err := Parse(strings.Repeat("(", n) + "all()" + strings.Repeat(")", n)); err != nil {
		t.Errorf("%d parentheses: %v", n, err)
	}
	if s, err := Parse(strings.Repeat("!", MaxLength) + "all()"); err != nil || !s.Matches(Map{}) {
		t.Errorf("%d negations: %v, %v", MaxLength, s, err)
	}
	if _, err := Parse(strings.Repeat("!(", 1<<20)); err == nil {
		t.Error("a million open parentheses parsed")
	}
}

func TestKeysAndRequires(t *testing.T) {
	for _, c := range []struct {
		selector string
		keys     []string
		key      string
		values   []string
		ok       bool
	}{
		{`all()`, nil, "", nil, false},
		{`b == 'x' && a != 'y' && has(b)`, []string{"a", "b"}, "b", []string{"x"}, true},
		{`a in {'x', 'y'} && b == 'z'`, []string{"a", "b"}, "b", []string{"z"}, true},
		{`has(a) && b in {'x', 'y'}`, []string{"a", "b"}, "b", []string{"x", "y"}, true},
		{`has(a) && b != 'x'`, []string{"a", "b"}, "a", nil, true},
		{`a contains 'x'`, []string{"a"}, "a", nil, true},
		{`a == 'x' || a == 'y'`, []string{"a"}, "a", []string{"x", "y"}, true},
		{`a == 'x' || has(a)`, []string{"a"}, "a", nil, true},
		{`a == 'x' || b == 'y'`, []string{"a", "b"}, "", nil, false},
		{`a == 'x' && b == 'y' || b in {'z', 'y'}`, []string{"a", "b"}, "b", []string{"y", "z"}, true},
		{`a == 'x' && a in {'y', 'z'}`, []string{"a"}, "a", []string{}, true},
		{`a in {}`, []string{"a"}, "a", []string{}, true},
		{`!(a != 'x')`, []string{"a"}, "a", []string{"x"}, true},
		{`!(a not in {'x'} || !has(b))`, []string{"a", "b"}, "a", []string{"x"}, true},
		{`!has(a)`, []string{"a"}, "", nil, false},
		{`!(a == 'x')`, []string{"a"}, "", nil, false},
	} {
		s := MustParse(c.selector)
		if diff := cmp.Diff(c.keys, s.Keys()); diff != "" {
			t.Errorf("Keys of %s (-want +got):\n%s", c.selector, diff)
		}
		key, values, ok := s.Requires()
		if key != c.key || ok != c.ok || (values == nil) != (c.values == nil) || strings.Join(values, ",") != strings.Join(c.values, ",") {
			t.Errorf("Requires of %s = %q %q %v, want %q %q %v", c.selector, key, values, ok, c.key, c.values, c.ok)
		}
	}
}

// What is required of labels is found in one pass: a selector as long as a file is answered in a blink.
func TestRequirementsOfLongSelectors(t *testing.T) {
	const n = 100_000
	chain := func(operator, condition string) *Selector {
		conditions := make([]string, n)
		for i := range conditions {
			conditions[i] = strings.ReplaceAll(condition, "#", strconv.Itoa(i))
		}
		return MustParse(strings.Join(conditions, operator))
	}
	values := func(first, last int) string {
		quoted := make([]string, 0, last-first)
		for i := first; i < last; i++ {
			quoted = append(quoted, "'"+strconv.Itoa(i)+"'")
		}
		return "{" + strings.Join(quoted, ",") + "}"
	}
	for _, c := range []struct {
		what           string
		selector       *Selector
		labels, values int
	}{
		{"many labels", chain(" && ", "has(k#)"), n, 0},
		{"one label", chain(" && ", "has(k)"), 1, 0},
		{"one label or another", chain(" || ", "has(k#)"), 0, 0},
		{"many values", chain(" || ", "k == '#'"), 1, n},
		{"no value is another", chain(" && ", "k == '#'"), 1, 0},
		{"two long sets", MustParse("k in " + values(0, n) + " && k in " + values(n/2, n+n/2)), 1, n / 2},
		{"many labels, of which none is in the others", MustParse(chain(" && ", "has(k#)").String() + " || " + chain(" || ", "has(l)").String()), 0, 0},
	} {
		got := c.selector.Requirements()
		if len(got) != c.labels || len(got) == 1 && len(got[0].Values) != c.values {
			t.Errorf("%s: %d labels are required, want %d with %d values", c.what, len(got), c.labels, c.values)
		}
	}
}

func TestCompose(t *testing.T) {
	a, b := MustParse(`a == 'x' || has(c)`), MustParse(`b not in {'y'}`)
	for _, c := range []struct {
		what string
		got  *Selector
		want string
	}{
		{"And", And(a, b), `((a == "x" || has(c)) && b not in {"y"})`},
		{"And with nil", And(nil, b), `b not in {"y"}`},
		{"And with all()", And(a, All()), `(a == "x" || has(c))`},
		{"And of all()", And(All(), All()), `all()`},
		{"WithPrefix", MustParse(`!a == 'a' && (has(b) || all())`).WithPrefix("pcns."), `(!pcns.a == "a" && (has(pcns.b) || all()))`},
		{"Substitute", MustParse(`a == 'all()' && !all() || global()`).Substitute(Has("n"), Not(Has("n"))),
			`((a == "all()" && !has(n)) || !has(n))`},
		{"In", In("a", "z", "x", "z"), `a in {"x", "z"}`},
		{"Equals", Equals("a", `"`), `a == '"'`},
	} {
		if c.got.String() != c.want {
			t.Errorf("%s = %s, want %s", c.what, c.got, c.want)
		}
	}
	if And(nil, nil) != nil {
		t.Error("And(nil, nil) is not nil")
	}
	if a.String() != `(a == "x" || has(c))` {
		t.Errorf("composing changed its operand: %s", a)
	}
}

func TestMatchesDoesNotAllocate(t *testing.T) {
	s := MustParse(`a in {'x', 'y'} && (b contains 'z' || !c ends with 'w') && d != 'v'`)
	l := Map{"a": "y", "b": "azb", "d": "u"}
	if n := testing.AllocsPerRun(100, func() { s.Matches(l) }); n != 0 {
		t.Errorf("Matches allocates %v times", n)
	}
}

// TestListIsLikeMap finds in a list what is in the map it was made of, whatever its length.
func TestListIsLikeMap(t *testing.T) {
	m := Map{}
	for i := range 20 {
		l := ListOf(m)
		if l.Len() != m.Len() {
			t.Fatalf("%d labels give %d", m.Len(), l.Len())
		}
		seen := Map{}
		for k, v := range l.All() {
			seen[k] = v
			if got, ok := l.Get(k); got != v || !ok {
				t.Errorf("%d labels: %s is %q, %v, want %q", i, k, got, ok, v)
			}
		}
		for k, v := range m.All() {
			if seen[k] != v {
				t.Errorf("%d labels: %s is missing", i, k)
			}
		}
		if v, ok := l.Get("none"); ok {
			t.Errorf("a label that is not there is %q", v)
		}
		m[string(rune('a'+i*7%20))] = string(rune('z' - i))
	}
}
