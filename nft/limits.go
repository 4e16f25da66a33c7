package nft

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"

	"rampart/engine/ir"
	"rampart/nft/lower"
	"rampart/nft/ruleset"
)

// Limits bound what the backend puts into the kernel, so that a mistake (a selector that matches the world, a generated
// file) is refused and does not eat the kernel's memory. Zero values mean the defaults.
type Limits struct {
	// Elements is how many elements all sets and maps may have together, SetElements how many members a set of the program
	// may have.
	Elements, SetElements int
	// Rules, Chains and Sets are how many of them the table may have. A program of more policy rules than Rules is refused
	// before they are lowered.
	Rules, Chains, Sets int
	// Memory is how many bytes of the kernel's memory the table may take, by estimate (ruleset.Memory).
	Memory int64
}

// The default limits.
const (
	DefaultMaxElements    = 4_000_000
	DefaultMaxSetElements = 1 << 20 // as in Calico
	DefaultMaxRules       = 500_000
	DefaultMaxChains      = 250_000
	DefaultMaxSets        = 250_000
	DefaultMaxMemory      = 2 << 30
)

func (l Limits) withDefaults() Limits {
	return Limits{
		Elements: cmp.Or(l.Elements, DefaultMaxElements), SetElements: cmp.Or(l.SetElements, DefaultMaxSetElements),
		Rules: cmp.Or(l.Rules, DefaultMaxRules), Chains: cmp.Or(l.Chains, DefaultMaxChains), Sets: cmp.Or(l.Sets, DefaultMaxSets),
		Memory: cmp.Or(l.Memory, DefaultMaxMemory),
	}
}

// program refuses what is too large before it is lowered, which takes memory and time.
func (l *Limits) program(p *ir.Program) error {
	rules := 0
	for _, q := range p.Policies {
		rules += len(q.Ingress) + len(q.Egress)
	}
	for _, q := range p.Profiles {
		rules += len(q.Ingress) + len(q.Egress)
	}
	if rules > l.Rules {
		e := &ir.LimitError{Limit: "limits.rules", What: "rules of policies", Have: int64(rules), Most: int64(l.Rules)}
		blameRules(e, p)
		return e
	}
	var largest *ir.Set
	members := 0
	for _, s := range p.Sets {
		n := s.Len()
		members += n
		if largest == nil || n > largest.Len() {
			largest = s
		}
	}
	e := &ir.LimitError{Set: largest}
	switch {
	case largest == nil:
		return nil
	case largest.Len() > l.SetElements:
		e.Limit, e.What, e.Have, e.Most = "limits.set_elements", "members of a set", int64(largest.Len()), int64(l.SetElements)
	case members > l.Elements:
		e.Limit, e.What, e.Have, e.Most = "limits.elements", "members of sets", int64(members), int64(l.Elements)
	default:
		return nil
	}
	blameUser(e, p)
	return e
}

// table holds a lowered program against the limits.
func (l *Limits) table(p *ir.Program, t *lower.Lowered) error {
	n := t.Objects
	for _, c := range []struct {
		limit, what string
		have, most  int
		share       share
	}{
		{"limits.elements", "elements of sets and maps", n.Elements, l.Elements, elementShare},
		{"limits.rules", "nftables rules", n.Rules, l.Rules, ruleShare},
		{"limits.chains", "nftables chains", n.Chains, l.Chains, chainShare},
		{"limits.sets", "nftables sets and maps", n.Sets, l.Sets, setShare},
	} {
		if c.have > c.most {
			e := &ir.LimitError{Limit: c.limit, What: c.what, Have: int64(c.have), Most: int64(c.most)}
			blame(e, p, t, c.share)
			return e
		}
	}
	cpus := runtime.NumCPU()
	if t.MemoryAtMost(n, cpus) <= l.Memory {
		return nil
	}
	if have := t.Memory(cpus); have > l.Memory {
		e := &ir.LimitError{Limit: "limits.memory", What: "bytes of kernel memory by estimate", Have: have, Most: l.Memory}
		blame(e, p, t, memoryShare)
		return e
	}
	return nil
}

// lower lowers a program, with what a previous lowering of the same table has left, and holds it against the limits and
// the kernel's own. An ir.LimitError is returned as it is, for others to complete.
func (c *Config) lower(p *ir.Program, previous *lower.Lowered) (*lower.Lowered, error) {
	if err := c.Limits.program(p); err != nil {
		return nil, err
	}
	o := c.lowering()
	var known *ruleset.Ruleset
	if previous != nil {
		o.Previous, known = previous, previous.Ruleset
	}
	l := lower.Lower(p, o)
	err := l.ValidateAfter(known)
	if err != nil && previous != nil && !errors.Is(err, ruleset.ErrTooDeep) {
		// If memory has gone wrong, that must not keep this policy, and all after it, from coming into force.
		c.Logger.Error("the table made from the one in force is wrong, it is made from nothing", "error", err)
		o.Previous = nil
		l = lower.Lower(p, o)
		err = l.Validate()
	}
	if errors.Is(err, ruleset.ErrTooDeep) {
		// Lists of rules that go on with other lists nest deeper than the plain walk through tiers.
		c.Logger.Warn("policies pass through too many tiers, rules are not gathered into maps", "error", err)
		o.Group, o.Previous = lower.Walk, nil
		l = lower.Lower(p, o)
		err = l.Validate()
	}
	if long := (*ruleset.LongRuleError)(nil); errors.As(err, &long) {
		e := &ir.LimitError{Limit: "the kernel", What: "expressions in a rule", Have: int64(long.Expressions), Most: ruleset.MaxExpressions}
		if o, ok := owners(p)[long.Rule.ID]; ok {
			e.Culprit, e.Origin, e.Rule = o.key, o.rule.Origin, o.ref
		}
		return nil, e
	}
	if err != nil {
		return nil, fmt.Errorf("lowering to nftables: %w", err)
	}
	if err := c.Limits.table(p, l); err != nil {
		return nil, err
	}
	return l, nil
}

// Check tells whether a Backend of this Config could take a program, as far as that can be told without the kernel.
func (c Config) Check(p *ir.Program) error {
	c = c.withDefaults()
	_, err := c.lower(p, nil)
	return err
}
