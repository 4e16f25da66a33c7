package nft

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/lower"
	"rampart/nft/ruleset"
)

// maxAttempts bounds how often a batch is sent again because others keep changing the ruleset between our look and our
// commit. The kernel compares generations of the whole ruleset, so a busy neighbour can get in the way.
const maxAttempts = 20

// Apply puts the program in force at one instant. It sends what differs from the last program; the first time, and
// whenever others may have changed our table, it replaces the whole table.
func (b *Backend) Apply(ctx context.Context, p *ir.Program) (ir.Receipt, error) {
	start := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	l, err := b.lower(p)
	if err != nil {
		return ir.Receipt{}, err
	}
	b.next = prepared{}
	for attempt := 1; ; attempt++ {
		known := b.state != nil
		err = b.commit(l)
		if err == nil || attempt == maxAttempts {
			break
		}
		if err := ctx.Err(); err != nil {
			return ir.Receipt{}, err
		}
		switch {
		case errors.Is(err, unix.ERESTART):
			continue
		case known:
			// The delta did not fit what is there. The table as a whole always does.
			b.config.Logger.Warn("nftables refused a delta, the table is replaced", "error", err)
			b.state = nil
			if l, err = b.lower(p); err != nil {
				return ir.Receipt{}, err
			}
			b.next = prepared{}
			continue
		}
		break
	}
	if err != nil {
		return ir.Receipt{}, fmt.Errorf("nftables: %w", err)
	}
	b.expose()
	if l.Logs {
		b.setLogGroup(int(p.Options.LogGroup))
	} else {
		b.setLogGroup(-1)
	}
	return ir.Receipt{Generation: p.Generation, Hash: p.Hash, Duration: time.Since(start), Objects: l.Objects.Total()}, nil
}

func (b *Backend) commit(l *lower.Lowered) error {
	gen, err := b.conn.GetGen()
	if err != nil {
		return err
	}
	table, err := b.find()
	if err != nil {
		return err
	}
	if b.state != nil && b.trusted(table, gen.ID) {
		fit(b.state.lowered.Ruleset, l.Ruleset)
		if d, ok := ruleset.Diff(b.state.lowered.Ruleset, l.Ruleset); ok {
			return b.change(l, d, table, gen.ID)
		}
	}
	return b.replace(l, table, gen.ID)
}

// trusted tells whether the table can only be what we left there.
func (b *Backend) trusted(t *nftables.Table, generation uint32) bool {
	switch {
	case t == nil || t.Owner != b.state.owner:
		return false
	case generation == b.state.generation, t.Owner != 0:
		return true
	}
	return b.watching && !b.drifted
}

// change sends a delta.
func (b *Backend) change(l *lower.Lowered, d *ruleset.Delta, table *nftables.Table, generation uint32) error {
	if d.Empty() {
		b.state.lowered, b.state.generation = l, generation
		return nil
	}
	counts, err := b.doomed(d)
	if err != nil {
		return err
	}
	b.state.inherit(counts)
	if b.state.owner != 0 {
		generation = 0 // nobody else can have changed our table; what happens to other tables does not matter
	}
	batch := newBatch(b.conn, table, counts)
	prepared := batch.prepareDelta(d)
	if prepared {
		if err := batch.flush(generation); err != nil {
			return err
		}
		generation = next(generation)
	}
	batch.delta(d, b.state.handles, prepared)
	if err := batch.flush(generation); err != nil {
		if prepared {
			// The table holds more now than we know of; the next attempt replaces it.
			b.state = nil
		}
		return err
	}
	b.committed(l, batch, generation, table.Owner)
	return nil
}

// next is the generation after a commit that was allowed for the given one; 0 stands for any.
func next(generation uint32) uint32 {
	if generation == 0 {
		return 0
	}
	return generation + 1
}

// maxChainDumps is up to how many chains are read one by one rather than with the whole table.
const maxChainDumps = 50

// doomed reads the counters of the rules and elements that a delta removes or replaces.
func (b *Backend) doomed(d *ruleset.Delta) (map[model.RuleID]ir.Counter, error) {
	counts, err := b.doomedRules(d)
	if err != nil {
		return nil, err
	}
	maps := slices.Clone(d.DelSets)
	for _, e := range d.Elements {
		gone := *e.Set
		if gone.Elements = e.Del; e.Flush {
			i := slices.IndexFunc(b.state.lowered.Sets, func(s *ruleset.Set) bool { return s.Name == gone.Name })
			gone.Elements = b.state.lowered.Sets[i].Elements
		}
		maps = append(maps, &gone)
	}
	return counts, elementCounters(b.config.NetNS, b.config.Table, maps, dumpPatience, counts)
}

// doomedRules reads the counters of the rules among them.
func (b *Backend) doomedRules(d *ruleset.Delta) (map[model.RuleID]ir.Counter, error) {
	gone := map[uint64]bool{}
	var chains []string
	for _, r := range d.Rules {
		if len(r.Del) > 0 {
			chains = append(chains, r.Chain.Name)
		}
		for _, i := range r.Del {
			gone[b.state.handles[r.Chain.Name][i]] = true
		}
	}
	for _, c := range d.DelChains {
		chains = append(chains, c.Name)
		for _, h := range b.state.handles[c.Name] {
			gone[h] = true
		}
	}
	if len(chains) == 0 {
		return map[model.RuleID]ir.Counter{}, nil
	}
	if len(chains) > maxChainDumps {
		chains = nil
	}
	rules, err := dumpRules(b.config.NetNS, b.config.Table, chains...)
	if err != nil {
		return nil, err
	}
	return totals(slices.DeleteFunc(rules, func(r dumpedRule) bool { return !gone[r.handle] })), nil
}

// committed records what is in the kernel now. A commit adds one to the generation it was allowed for.
func (b *Backend) committed(l *lower.Lowered, batch *batch, generation, owner uint32) {
	next := &state{lowered: l, generation: generation + 1, owner: owner, handles: map[string][]uint64{}}
	if b.state != nil {
		next.handles = b.state.handles
	}
	next.leave(batch.counts)
	b.state, b.drifted = nil, false
	if !batch.collect(next.handles) {
		// The kernel's answers were lost. The next Apply starts afresh.
		b.config.Logger.Warn("nftables did not name all new rules", "table", b.config.Table)
		return
	}
	b.state = next
}

// fit lets sets keep the size they have as long as the elements fit, because a set of another size is another set.
func fit(old, new *ruleset.Ruleset) {
	var sizes map[string]uint32
	size := func(i int, name string) uint32 {
		if i < len(old.Sets) && old.Sets[i].Name == name {
			return old.Sets[i].Size
		}
		if sizes == nil {
			sizes = make(map[string]uint32, len(old.Sets))
			for _, s := range old.Sets {
				sizes[s.Name] = s.Size
			}
		}
		return sizes[name]
	}
	for i, s := range new.Sets {
		if i < len(old.Sets) && old.Sets[i] == s {
			continue
		}
		had := size(i, s.Name)
		if had != 0 && s.Size != 0 && had != s.Size && s.Len() <= int(had) && had/16 <= s.Size {
			kept := *s
			kept.Size = had
			new.Sets[i] = &kept
		}
	}
}
