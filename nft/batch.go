package nft

import (
	"slices"

	"github.com/google/nftables"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/ruleset"
)

// batch queues the messages of one transaction on a connection.
type batch struct {
	conn  *recorder
	table *nftables.Table
	bind  binder
	// counts are the counter values that new rules and elements inherit.
	counts map[model.RuleID]ir.Counter
	// chains holds, for every chain whose rules change, where the handles of its rules come from.
	chains map[string][]source
	gone   []string
	err    error
}

// source is a rule's handle, or the queued rule that will have one after the flush.
type source struct {
	handle uint64
	queued *nftables.Rule
}

func newBatch(conn *nftables.Conn, table *nftables.Table, counts map[model.RuleID]ir.Counter) *batch {
	rec := &recorder{Conn: conn}
	return &batch{conn: rec, table: table, bind: binder{conn: rec, table: table}, counts: counts, chains: map[string][]source{}}
}

// A change goes to the kernel in up to two transactions. The first prepares what no packet reaches yet, the second lets
// packets reach it and removes what they no longer reach. One would not do: the kernel changes rules over at one instant
// and fills new sets of intervals only afterwards, so for some packets the new rules would look up in empty sets
// (docs/design/transactions.md).

// prepareWhole queues a complete table except its base chains. Chains come first, because map elements refer to them,
// then sets, because rules do.
func (b *batch) prepareWhole(rs *ruleset.Ruleset) {
	b.conn.AddTable(b.table)
	b.addObjects(rs.Chains, rs.Sets, func(c *ruleset.Chain) bool { return c.Base == nil })
}

// finishWhole queues the base chains, by which packets enter.
func (b *batch) finishWhole(rs *ruleset.Ruleset) {
	b.addObjects(rs.Chains, nil, func(c *ruleset.Chain) bool { return c.Base != nil })
}

// addObjects queues the chains that are wanted, the sets, and then the chains' rules.
func (b *batch) addObjects(chains []*ruleset.Chain, sets []*ruleset.Set, wanted func(*ruleset.Chain) bool) {
	for _, c := range chains {
		if wanted(c) {
			b.conn.AddChain(chainOf(b.table, c))
		}
	}
	b.addSets(sets)
	for _, c := range chains {
		if wanted(c) {
			b.addRules(c)
		}
	}
}

// prepareDelta queues the new sets of a difference and the new chains, which nothing refers to yet. It does nothing when
// one transaction is enough, or when a new object takes the name of an old one of another type, which must go first.
func (b *batch) prepareDelta(d *ruleset.Delta) (prepared bool) {
	if !slices.ContainsFunc(d.AddSets, func(s *ruleset.Set) bool { return s.Interval }) {
		return false
	}
	gone := map[string]bool{}
	for _, s := range d.DelSets {
		gone[s.Name] = true
	}
	if slices.ContainsFunc(d.AddSets, func(s *ruleset.Set) bool { return gone[s.Name] }) {
		return false
	}
	b.addObjects(d.AddChains, d.AddSets, func(c *ruleset.Chain) bool { return c.Base == nil })
	return true
}

// delta queues the difference between two rulesets, or what prepareDelta has left of it; handles are those of the old
// one's rules.
func (b *batch) delta(d *ruleset.Delta, handles map[string][]uint64, prepared bool) {
	for _, r := range d.Rules {
		for _, i := range r.Del {
			b.fail(b.conn.DelRule(&nftables.Rule{Table: b.table, Chain: b.chain(r.Chain.Name), Handle: handles[r.Chain.Name][i]}))
		}
	}
	for _, c := range d.DelChains {
		b.conn.FlushChain(b.chain(c.Name))
	}
	for _, e := range d.Elements {
		set := setOf(b.table, e.Set)
		if e.Flush {
			b.conn.FlushSet(set)
		}
		b.fail(b.conn.SetDeleteElements(set, keysOf(e.Set, e.Del)))
	}
	for _, s := range d.DelSets {
		b.conn.DelSet(setOf(b.table, s))
	}
	for _, c := range d.DelChains {
		b.conn.DelChain(b.chain(c.Name))
		b.gone = append(b.gone, c.Name)
	}
	sets := d.AddSets
	if prepared {
		sets = nil
	}
	wanted := func(c *ruleset.Chain) bool { return !prepared || c.Base != nil }
	for _, c := range d.AddChains {
		if wanted(c) {
			b.conn.AddChain(chainOf(b.table, c))
		}
	}
	b.addSets(sets)
	for _, e := range d.Elements {
		b.fail(b.conn.SetAddElements(setOf(b.table, e.Set), elementsOf(e.Set, len(e.Add), slices.Values(e.Add), b.counts)))
	}
	for _, c := range d.AddChains {
		if wanted(c) {
			b.addRules(c)
		}
	}
	for _, r := range d.Rules {
		b.changeRules(r, handles[r.Chain.Name])
	}
}

// changeRules puts new rules of a chain in their places, each in front of the next rule that stays.
func (b *batch) changeRules(d ruleset.RuleDelta, old []uint64) {
	list := make([]source, len(d.Chain.Rules))
	for _, k := range d.Keep {
		list[k[1]].handle = old[k[0]]
	}
	for _, in := range d.Add {
		r := b.rule(d.Chain.Name, d.Chain.Rules[in.At])
		if in.Before < 0 {
			list[in.At].queued = b.conn.AddRule(r)
			continue
		}
		r.Position = old[in.Before]
		list[in.At].queued = b.conn.InsertRule(r)
	}
	b.chains[d.Chain.Name] = list
}

// addSets queues sets and then the elements of all: the kernel keeps the sets of a table in a list and finds one by name, which
// takes longest for the last.
func (b *batch) addSets(sets []*ruleset.Set) {
	queued := make([]*nftables.Set, len(sets))
	for i, s := range sets {
		queued[i] = setOf(b.table, s)
		b.fail(b.conn.AddSet(queued[i], nil))
	}
	for i, s := range sets {
		b.fail(b.conn.SetAddElements(queued[i], elementsOf(s, s.Len(), s.All(), b.counts)))
	}
}

func (b *batch) addRules(c *ruleset.Chain) {
	list := make([]source, len(c.Rules))
	for i, r := range c.Rules {
		list[i].queued = b.conn.AddRule(b.rule(c.Name, r))
	}
	b.chains[c.Name] = list
}

// rule makes a rule for the batch; its anonymous sets are queued before it.
func (b *batch) rule(chain string, r *ruleset.Rule) *nftables.Rule {
	r = carry(r, b.counts)
	exprs := r.Exprs(&b.bind)
	b.fail(b.bind.err)
	return &nftables.Rule{Table: b.table, Chain: b.chain(chain), Exprs: exprs, UserData: comment(r.Comment)}
}

func (b *batch) chain(name string) *nftables.Chain {
	return &nftables.Chain{Name: name, Table: b.table}
}

func (b *batch) fail(err error) {
	if err != nil && b.err == nil {
		b.err = err
	}
}

// flush sends the batch, unless queueing failed: the connection then drops it by itself. The kernel refuses it with ERESTART when the ruleset is no longer of the given generation.
func (b *batch) flush(generation uint32) error {
	err := b.conn.flush(generation)
	if b.err != nil {
		return b.err
	}
	return err
}

// collect brings the handles up to date after the flush. It tells whether the kernel has named every new rule.
func (b *batch) collect(handles map[string][]uint64) (complete bool) {
	complete = true
	for _, name := range b.gone {
		delete(handles, name)
	}
	for name, list := range b.chains {
		h := make([]uint64, len(list))
		for i, s := range list {
			h[i] = s.handle
			if s.queued != nil {
				h[i] = s.queued.Handle
			}
			complete = complete && h[i] != 0
		}
		handles[name] = h
	}
	return complete
}
