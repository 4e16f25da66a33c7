package ruleset

import (
	"errors"
	"fmt"
	"regexp"
)

// Limits of nf_tables (uapi/linux/netfilter/nf_tables.h and libnftnl's udata.h).
const (
	// MaxNameLen is NFT_NAME_MAXLEN without the terminating zero.
	MaxNameLen = 255
	// MaxCommentLen is NFTNL_UDATA_COMMENT_MAXLEN without the terminating zero.
	MaxCommentLen = 127
	// MaxLogPrefixLen is NF_LOG_PREFIXLEN without the terminating zero.
	MaxLogPrefixLen = 127
	// MaxJumpDepth is how many jumps and gotos may lead from a base chain to a rule: nft_chain_validate refuses a chain
	// at level NFT_JUMP_STACK_SIZE (16).
	MaxJumpDepth = 15
)

// Ruleset is one table of family inet.
type Ruleset struct {
	// Table is the table's name.
	Table string
	// Sets are the named sets and maps, each before its first use.
	Sets []*Set
	// Chains in the order in which they are listed.
	Chains []*Chain
}

// Chain is a list of rules. A base chain hangs on a hook; the others are entered by jump or goto.
type Chain struct {
	Name string
	// Base is nil for a chain that is only jumped to.
	Base *Base
	// Note is a line for readers of the text; the kernel does not store it.
	Note  string
	Rules []*Rule
}

// Base hangs a chain on a hook. The policy is always accept: while a batch is being checked a new base chain already
// sees packets but has no rules yet, so a drop policy would lose packets on every full load.
type Base struct {
	Hook     Hook
	Priority int
}

// Set finds a named set, nil when there is none.
func (r *Ruleset) Set(name string) *Set {
	for _, s := range r.Sets {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Chain finds a chain, nil when there is none.
func (r *Ruleset) Chain(name string) *Chain {
	for _, c := range r.Chains {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// Size counts the objects of the ruleset, anonymous sets included.
type Size struct{ Chains, Rules, Sets, Elements int }

// Total is the sum of all.
func (s Size) Total() int { return s.Chains + s.Rules + s.Sets + s.Elements }

// Size counts what loading the ruleset creates.
func (r *Ruleset) Size() Size {
	var n Size
	n.Sets, n.Chains = len(r.Sets), len(r.Chains)
	for _, s := range r.Sets {
		n.Elements += len(s.Elements)
	}
	for _, c := range r.Chains {
		n.Rules += len(c.Rules)
		for _, rule := range c.Rules {
			for _, st := range rule.Statements {
				if s := anonymous(st); s != nil {
					n.Sets++
					n.Elements += len(s.Elements)
				}
			}
		}
	}
	return n
}

// nameForm is the nft(8) grammar's identifier, without the characters that need quoting.
var nameForm = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9/\\_.-]*$`)

// Validate reports everything the kernel or nft(8) would refuse: bad names, references to what is not there, elements
// that do not fit their set, comments that are too long, jumps that nest too deep or in a circle. It reports all it
// finds.
func (r *Ruleset) Validate() error {
	v := validation{rs: r, sets: map[string]*Set{}, chains: map[string]*Chain{}}
	v.run()
	return errors.Join(v.errs...)
}

type validation struct {
	rs     *Ruleset
	sets   map[string]*Set
	chains map[string]*Chain
	depth  map[string]int
	errs   []error
}

func (v *validation) errorf(format string, args ...any) {
	v.errs = append(v.errs, fmt.Errorf(format, args...))
}

func (v *validation) run() {
	v.name("table", v.rs.Table)
	for _, s := range v.rs.Sets {
		v.name("set", s.Name)
		if v.sets[s.Name] != nil {
			v.errorf("set %s: declared twice", s.Name)
		}
		v.sets[s.Name] = s
	}
	for _, c := range v.rs.Chains {
		v.name("chain", c.Name)
		if v.chains[c.Name] != nil {
			v.errorf("chain %s: declared twice", c.Name)
		}
		v.chains[c.Name] = c
	}
	for _, s := range v.rs.Sets {
		v.set("set "+s.Name, s)
	}
	for _, c := range v.rs.Chains {
		for i, rule := range c.Rules {
			v.rule(fmt.Sprintf("chain %s rule %d", c.Name, i), rule)
		}
	}
	v.depth = map[string]int{}
	for _, c := range v.rs.Chains {
		if c.Base != nil {
			v.nesting(c, nil)
		}
	}
}

func (v *validation) name(kind, name string) {
	switch {
	case len(name) > MaxNameLen:
		v.errorf("%s %s: name is %d bytes long, at most %d are allowed", kind, name, len(name), MaxNameLen)
	case !nameForm.MatchString(name):
		v.errorf("%s %q: not a name nft can read", kind, name)
	}
}

func (v *validation) set(where string, s *Set) {
	if err := s.validate(); err != nil {
		v.errorf("%s: %w", where, err)
	}
	for i := range s.Elements {
		v.verdict(where, s.Elements[i].Verdict)
	}
}

func (v *validation) verdict(where string, d Verdict) {
	if d.Kind.named() == (d.Chain == "") {
		v.errorf("%s: verdict %s has a chain too many or too few", where, d)
	}
	if d.Chain != "" && v.chains[d.Chain] == nil {
		v.errorf("%s: %s goes to a chain that is not there", where, d)
	}
}

func (v *validation) rule(where string, r *Rule) {
	if len(r.Comment) > MaxCommentLen {
		v.errorf("%s: comment is %d bytes long, at most %d are allowed", where, len(r.Comment), MaxCommentLen)
	}
	for i, st := range r.Statements {
		if s := anonymous(st); s != nil {
			v.set(where, s)
		}
		switch st := st.(type) {
		case Lookup:
			v.lookup(where, st.Set, st.Fields, false)
		case VerdictMap:
			v.lookup(where, st.Map, st.Fields, true)
		case Log:
			if len(st.Prefix) > MaxLogPrefixLen {
				v.errorf("%s: log prefix is %d bytes long, at most %d are allowed", where, len(st.Prefix), MaxLogPrefixLen)
			}
		case Verdict:
			v.verdict(where, st)
		}
		if terminal(st) && i != len(r.Statements)-1 {
			v.errorf("%s: statement %d ends the rule but others follow", where, i)
		}
	}
}

func (v *validation) lookup(where, name string, fields []Field, verdicts bool) {
	s := v.sets[name]
	switch {
	case s == nil:
		v.errorf("%s: set %s is not there", where, name)
	case s.Verdicts != verdicts:
		v.errorf("%s: %s is used as the wrong kind of set", where, name)
	case !sameTypes(s.Fields, fields):
		v.errorf("%s: %s has keys of another type", where, name)
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
	visit := func(d Verdict) {
		next := v.chains[d.Chain]
		if next == nil {
			return
		}
		// A goto counts as a level too when the kernel checks the table (nft_immediate_validate).
		deepest = max(deepest, 1+v.nesting(next, open))
	}
	for _, rule := range c.Rules {
		for _, st := range rule.Statements {
			switch st := st.(type) {
			case Verdict:
				visit(st)
			case VerdictMap:
				if s := v.sets[st.Map]; s != nil {
					for _, d := range s.targets() {
						visit(d)
					}
				}
			}
		}
	}
	if deepest > MaxJumpDepth {
		v.errorf("chain %s: jumps nest %d deep, at most %d are allowed", c.Name, deepest, MaxJumpDepth)
	}
	v.depth[c.Name] = deepest
	return deepest
}
