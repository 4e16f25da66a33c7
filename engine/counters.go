package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"rampart/engine/api"
	"rampart/engine/ir"
	"rampart/model"
)

// errNoCounters is what there is to say when no backend counts.
var errNoCounters = errors.New("no backend counts packets")

// tally adds up counters that fall back to zero now and then: a backend may start a rule's counter anew when it rebuilds
// the rule, and the rule's sum must not shrink. It belongs to a seat and is used under its lock, so that readings are
// added in the order they were made.
type tally struct {
	// sum is what was counted before the present counter began, last what that one said when last read.
	sum, last map[model.RuleID]ir.Counter
}

// add takes in a reading and returns the sums. Rules that are gone are forgotten.
func (t *tally) add(now map[model.RuleID]ir.Counter) map[model.RuleID]ir.Counter {
	sum := make(map[model.RuleID]ir.Counter, len(now))
	out := make(map[model.RuleID]ir.Counter, len(now))
	for id, n := range now {
		base := t.sum[id]
		if before := t.last[id]; n.Packets < before.Packets {
			base = plus(base, before)
		}
		sum[id] = base
		out[id] = plus(base, n)
	}
	t.sum, t.last = sum, now
	return out
}

func plus(a, b ir.Counter) ir.Counter {
	return ir.Counter{Packets: a.Packets + b.Packets, Bytes: a.Bytes + b.Bytes}
}

// readCounters asks every backend that counts; a packet is counted by the one that decided it.
func (e *Engine) readCounters(ctx context.Context) (map[model.RuleID]ir.Counter, error) {
	var total map[model.RuleID]ir.Counter
	for _, s := range e.seats {
		r, ok := s.backend.(CounterReader)
		if !ok {
			continue
		}
		counters, err := s.count(ctx, r)
		if err != nil {
			return nil, fmt.Errorf("counters of %s: %w", s.backend.Name(), err)
		}
		if total == nil {
			total = counters
			continue
		}
		for id, n := range counters {
			total[id] = plus(total[id], n)
		}
	}
	if total == nil {
		return nil, errNoCounters
	}
	return total, nil
}

// nameCounters describes counters that are not rules of the program, in the order of their names; those without a name
// are left out.
func (e *Engine) nameCounters(counters map[model.RuleID]ir.Counter) []api.Counter {
	var out []api.Counter
	for id, n := range counters {
		for _, s := range e.seats {
			namer, ok := s.backend.(CounterNamer)
			if !ok {
				continue
			}
			if name := namer.CounterName(id); name != "" {
				out = append(out, api.Counter{ID: id.String(), Rule: name, Packets: n.Packets, Bytes: n.Bytes})
				break
			}
		}
	}
	slices.SortFunc(out, func(a, b api.Counter) int { return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.ID, b.ID)) })
	return out
}

func (s *seat) count(ctx context.Context, r CounterReader) (map[model.RuleID]ir.Counter, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.unlock()
	counters, err := r.Counters(ctx)
	if err != nil {
		return nil, err
	}
	return s.tally.add(counters), nil
}
