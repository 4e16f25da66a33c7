package nft

import (
	"github.com/google/nftables"

	"rampart/nft/ruleset"
)

// batch queues the messages of one transaction on a connection.
type batch struct {
	conn  *nftables.Conn
	table *nftables.Table
	bind  binder
	err   error
}

func newBatch(conn *nftables.Conn, table *nftables.Table) *batch {
	return &batch{conn: conn, table: table, bind: binder{conn: conn, table: table}}
}

// whole queues a complete table. Chains come first, because map elements refer to them, then sets, because rules do.
// It returns the rules as queued, chain by chain; their handles are filled in by the flush.
func (b *batch) whole(rs *ruleset.Ruleset) map[string][]*nftables.Rule {
	b.conn.AddTable(b.table)
	for _, c := range rs.Chains {
		b.conn.AddChain(chainOf(b.table, c))
	}
	for _, s := range rs.Sets {
		b.addSet(s)
	}
	queued := make(map[string][]*nftables.Rule, len(rs.Chains))
	for _, c := range rs.Chains {
		list := make([]*nftables.Rule, len(c.Rules))
		for i, r := range c.Rules {
			list[i] = b.conn.AddRule(b.rule(c.Name, r))
		}
		queued[c.Name] = list
	}
	return queued
}

func (b *batch) addSet(s *ruleset.Set) {
	if err := b.conn.AddSet(setOf(b.table, s), elementsOf(s, s.Elements)); err != nil && b.err == nil {
		b.err = err
	}
}

// rule makes a rule for the batch; its anonymous sets are queued before it.
func (b *batch) rule(chain string, r *ruleset.Rule) *nftables.Rule {
	exprs := r.Exprs(&b.bind)
	if b.bind.err != nil && b.err == nil {
		b.err = b.bind.err
	}
	return &nftables.Rule{Table: b.table, Chain: &nftables.Chain{Name: chain, Table: b.table}, Exprs: exprs, UserData: comment(r.Comment)}
}
