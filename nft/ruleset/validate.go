package ruleset

import (
	"errors"
	"fmt"
	"slices"
)

// ErrTooDeep says that jumps nest deeper than the kernel allows.
var ErrTooDeep = errors.New("jumps nest too deep")

// LongRuleError is a rule of more expressions than the kernel allows.
type LongRuleError struct {
	Rule        *Rule
	Expressions int
}

// Error implements error.
func (e *LongRuleError) Error() string {
	return fmt.Sprintf("%d expressions, at most %d are allowed", e.Expressions, MaxExpressions)
}

// Validate reports everything the kernel or nft(8) would refuse: bad names, references to what is not there, elements
// that do not fit their set, comments that are too long, jumps that nest too deep or in a circle. It reports all it
// finds.
func (r *Ruleset) Validate() error { return r.ValidateAfter(nil) }

// ValidateAfter is Validate, except for sets and chains that are the very objects at the same places of a ruleset that has been
// validated; nil is none. With one, the nesting of jumps is left for the kernel to refuse: to find it out takes a walk
// through everything.
func (r *Ruleset) ValidateAfter(valid *Ruleset) error {
	v := validation{rs: r}
	if valid != nil {
		v.run(valid)
		return errors.Join(v.errs...)
	}
	v.name("table", r.Table)
	v.declareSets()
	v.declareChains()
	v.run(&Ruleset{Table: r.Table})
	v.depth = make(map[string]int, len(r.Chains))
	for _, c := range r.Chains {
		if c.Base != nil {
			v.nesting(c, nil)
		}
	}
	return errors.Join(v.errs...)
}

type validation struct {
	rs *Ruleset
	// sets and chains are by name, once somebody asks.
	sets   map[string]*Set
	chains map[string]*Chain
	// depth is how many jumps may be open below a chain, for the chains that have been walked.
	depth map[string]int
	errs  []error
}

func (v *validation) errorf(format string, args ...any) {
	v.errs = append(v.errs, fmt.Errorf(format, args...))
}

// run checks what is not at the same place in a valid ruleset.
func (v *validation) run(valid *Ruleset) {
	if v.rs.Table != valid.Table {
		v.name("table", v.rs.Table)
	}
	sameChains := slices.EqualFunc(v.rs.Chains, valid.Chains, func(a, b *Chain) bool { return a == b || a.Name == b.Name })
	for i, s := range v.rs.Sets {
		var had *Set
		if i < len(valid.Sets) {
			had = valid.Sets[i]
		}
		if s == had {
			continue
		}
		if had == nil || had.Name != s.Name {
			v.name("set", s.Name)
			v.declareSets()
		}
		var elements []Element // whose verdicts are known to be right
		if sameChains && had != nil {
			elements = had.Elements
		}
		v.within(func() string { return "set " + s.Name }, func() { v.set(s, elements) })
	}
	for i, c := range v.rs.Chains {
		if i < len(valid.Chains) && valid.Chains[i] == c {
			continue
		}
		if i >= len(valid.Chains) || valid.Chains[i].Name != c.Name {
			v.name("chain", c.Name)
			v.declareChains()
		}
		for i, rule := range c.Rules {
			v.within(func() string { return fmt.Sprintf("chain %s rule %d", c.Name, i) }, func() { v.rule(rule) })
		}
	}
}

func (v *validation) declareSets() {
	if v.sets != nil {
		return
	}
	v.sets = make(map[string]*Set, len(v.rs.Sets))
	for _, s := range v.rs.Sets {
		if v.sets[s.Name] != nil {
			v.errorf("set %s: declared twice", s.Name)
		}
		v.sets[s.Name] = s
	}
}

func (v *validation) declareChains() {
	if v.chains != nil {
		return
	}
	v.chains = make(map[string]*Chain, len(v.rs.Chains))
	for _, c := range v.rs.Chains {
		if v.chains[c.Name] != nil {
			v.errorf("chain %s: declared twice", c.Name)
		}
		v.chains[c.Name] = c
	}
}

// within puts a place before the errors that check finds.
func (v *validation) within(place func() string, check func()) {
	before := len(v.errs)
	check()
	for i, err := range v.errs[before:] {
		v.errs[before+i] = fmt.Errorf("%s: %w", place(), err)
	}
}

func (v *validation) name(kind, name string) {
	switch {
	case len(name) > MaxNameLen:
		v.errorf("%s %s: name is %d bytes long, at most %d are allowed", kind, name, len(name), MaxNameLen)
	case !readable(name):
		v.errorf("%s %q: not a name nft can read", kind, name)
	}
}

// readable tells that nft reads the name without quotes: [a-zA-Z][a-zA-Z0-9/\\_.-]* in its grammar.
func readable(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case i > 0 && (c >= '0' && c <= '9' || c == '/' || c == '\\' || c == '_' || c == '.' || c == '-'):
		default:
			return false
		}
	}
	return name != ""
}

// set checks a set. What the elements at the same places of valid say is known to be right.
func (v *validation) set(s *Set, valid []Element) {
	if err := s.validate(); err != nil {
		v.errs = append(v.errs, err)
	}
	if !s.Verdicts {
		return
	}
	for i := range s.Elements {
		if d := s.Elements[i].Verdict; i >= len(valid) || valid[i].Verdict != d {
			v.verdict(d)
		}
	}
}

func (v *validation) verdict(d Verdict) {
	if d.Kind.named() == (d.Chain == "") {
		v.errorf("verdict %s has a chain too many or too few", d)
	}
	if d.Chain == "" {
		return
	}
	if v.declareChains(); v.chains[d.Chain] == nil {
		v.errorf("%s: there is no such chain", d)
	}
}

func (v *validation) rule(r *Rule) {
	if len(r.Comment) > MaxCommentLen {
		v.errorf("comment is %d bytes long, at most %d are allowed", len(r.Comment), MaxCommentLen)
	}
	if 4*len(r.Statements) > MaxExpressions { // few have more than four
		if n := len(r.Exprs(unbound{})); n > MaxExpressions {
			v.errs = append(v.errs, &LongRuleError{r, n})
		}
	}
	for i, st := range r.Statements {
		switch st := st.(type) {
		case Match:
			if s := st.anonymous(); s != nil {
				v.set(s, nil)
			}
		case Lookup:
			v.lookup(st.Set, st.Fields, false)
		case VerdictMap:
			v.lookup(st.Map, st.Fields, true)
		case Log:
			if len(st.Prefix) > MaxLogPrefixLen {
				v.errorf("log prefix is %d bytes long, at most %d are allowed", len(st.Prefix), MaxLogPrefixLen)
			}
		case Verdict:
			v.verdict(st)
		}
		if terminal(st) && i != len(r.Statements)-1 {
			v.errorf("statement %d ends the rule but others follow", i)
		}
	}
}

// unbound is a Binder for counting expressions.
type unbound struct{}

// Bind implements Binder.
func (unbound) Bind(*Set) (string, uint32) { return "", 0 }

func (v *validation) lookup(name string, fields []Field, verdicts bool) {
	v.declareSets()
	s := v.sets[name]
	switch {
	case s == nil:
		v.errorf("there is no set %s", name)
	case s.Verdicts != verdicts:
		v.errorf("%s is used as the wrong kind of set", name)
	case !sameTypes(s.Fields, fields):
		v.errorf("%s has keys of another type", name)
	}
}

// nesting returns how many jumps a packet may have open below the chain, and reports circles and too deep a nesting.
func (v *validation) nesting(c *Chain, open []string) int {
	if d, ok := v.depth[c.Name]; ok {
		return d
	}
	for _, name := range open {
		if name == c.Name {
			v.errorf("chain %s: jumps lead back to it", c.Name)
			return 0
		}
	}
	open = append(open, c.Name)
	deepest := 0
	last := ""
	visit := func(d Verdict) {
		if d.Chain == last {
			return
		}
		last = d.Chain
		if next := v.chains[d.Chain]; next != nil {
			// A goto counts as a level too when the kernel checks the table (nft_immediate_validate).
			deepest = max(deepest, 1+v.nesting(next, open))
		}
	}
	for _, rule := range c.Rules {
		for _, st := range rule.Statements {
			switch st := st.(type) {
			case Verdict:
				visit(st)
			case VerdictMap:
				if s := v.sets[st.Map]; s != nil {
					for i := range s.Elements {
						visit(s.Elements[i].Verdict)
					}
				}
			}
		}
	}
	if deepest > MaxJumpDepth {
		v.errorf("chain %s: %w: %d, at most %d are allowed", c.Name, ErrTooDeep, deepest, MaxJumpDepth)
	}
	v.depth[c.Name] = deepest
	return deepest
}
