package nft

import (
	"context"
	"fmt"
	"slices"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/lower"
	"rampart/nft/ruleset"
)

// Counters reads what each rule, default and built-in rule has counted, by identifier; CounterName says what is what. A
// rule's count survives its replacement, and a restart of the daemon, as long as its RuleID stays.
func (b *Backend) Counters(context.Context) (map[model.RuleID]ir.Counter, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	rules, err := dumpRules(b.config.NetNS, b.config.Table)
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	sums := totals(rules)
	if b.state != nil {
		if err := elementCounters(b.config.NetNS, b.config.Table, b.state.lowered.Sets, dumpPatience, sums); err != nil {
			return nil, fmt.Errorf("nftables: %w", err)
		}
		b.state.inherit(sums)
	}
	return sums, nil
}

// inherit adds what is left of what is gone; s may be nil.
func (s *state) inherit(counts map[model.RuleID]ir.Counter) {
	if s == nil {
		return
	}
	for id, n := range s.left {
		counts[id] = plus(counts[id], n)
	}
}

// leave keeps what nothing new has taken over of rules that are still there: a rule may go on in others of its elements, which
// have counters of their own, or be in no element for a while.
func (s *state) leave(counts map[model.RuleID]ir.Counter) {
	if len(counts) == 0 {
		return
	}
	s.left = map[model.RuleID]ir.Counter{}
	keep := func(rules []*ir.Rule) {
		for _, r := range rules {
			if n, ok := counts[r.ID]; ok && n != (ir.Counter{}) {
				s.left[r.ID] = n
			}
		}
	}
	p := s.lowered.Program()
	for _, d := range model.Directions() {
		for _, q := range p.Policies {
			keep(q.Rules(d))
		}
		for _, q := range p.Profiles {
			keep(q.Rules(d))
		}
	}
}

// CounterName says what a counter of the program in force counts: a rule as model.RuleRef writes it, a default with its
// group, or a built-in rule. "" is unknown.
func (b *Backend) CounterName(id model.RuleID) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == nil {
		return ""
	}
	return b.state.lowered.Names[id]
}

// totals adds up counters by the identifier in the comment.
func totals(rules []dumpedRule) map[model.RuleID]ir.Counter {
	sums := map[model.RuleID]ir.Counter{}
	for _, r := range rules {
		if id, ok := lower.ParseID(r.comment); ok && r.counted {
			sums[id] = plus(sums[id], r.counter)
		}
	}
	return sums
}

func plus(a, b ir.Counter) ir.Counter {
	return ir.Counter{Packets: a.Packets + b.Packets, Bytes: a.Bytes + b.Bytes}
}

// carry starts a rule's counter where those of the rules it replaces ended. The first new rule of an identifier takes
// all; counts holds what is left to hand out.
func carry(r *ruleset.Rule, counts map[model.RuleID]ir.Counter) *ruleset.Rule {
	n, ok := counts[r.ID]
	if !ok || n == (ir.Counter{}) {
		return r
	}
	i := slices.Index(r.Statements, ruleset.Statement(ruleset.Counter{}))
	if i < 0 {
		return r
	}
	delete(counts, r.ID)
	with := *r
	with.Statements = slices.Clone(r.Statements)
	with.Statements[i] = ruleset.Counter{Packets: n.Packets, Bytes: n.Bytes}
	return &with
}
