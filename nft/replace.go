package nft

import (
	"github.com/google/nftables"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/lower"
)

// handoverSuffix makes the name of the table that stands in while ours is made anew.
const handoverSuffix = "-handover"

// replace makes the table anew. Counters start where the old table's ended.
//
// An old table cannot simply be deleted and made again in one transaction: for a moment its base chains would still run
// with their old rules, whose verdict maps are gone (docs/design/transactions.md). So a second table comes into force
// first; then the old one is emptied, deleted and made again, and the second one goes. While two are in force a packet
// passes if both let it, which is what one of the two policies says.
func (b *Backend) replace(l *lower.Lowered, old *nftables.Table, generation uint32) error {
	table, err := b.claim(old)
	if err != nil {
		return err
	}
	l.Sort()
	commits, err := b.removeHandover()
	if err != nil {
		return err
	}
	generation += commits
	again := func() error { return b.replace(l, old, generation) }
	if old == nil {
		return b.disowned(b.build(l, table, nil, nil, generation), again)
	}
	rules, err := dumpRules(b.config.NetNS, old.Name)
	if err != nil {
		return err
	}
	counts := totals(rules)
	standIn := *table
	standIn.Name += handoverSuffix
	if err := b.build(l, &standIn, nil, nil, generation); err != nil {
		return b.disowned(err, again)
	}
	if err := b.empty(old); err != nil {
		return err
	}
	if err := b.build(l, table, old, counts, 0); err != nil {
		return err
	}
	made := b.state
	b.state = nil
	gen, err := b.conn.GetGen()
	if err != nil {
		return err
	}
	if commits, err = b.removeHandover(); err != nil {
		return err
	}
	if made != nil {
		made.generation = gen.ID + commits
	}
	b.state = made
	return nil
}

// disowned tries again without ownership when that is what the kernel refused.
func (b *Backend) disowned(err error, again func() error) error {
	if err != nil && b.disown(err) {
		return again()
	}
	return err
}

// build deletes the old table, if there is one, and makes the new one; packets enter it with the second transaction.
func (b *Backend) build(l *lower.Lowered, table, old *nftables.Table, counts map[model.RuleID]ir.Counter, generation uint32) error {
	if old != nil {
		b.conn.DelTable(old)
	}
	batch := newBatch(b.conn, table, counts)
	batch.prepareWhole(l.Ruleset)
	if err := batch.flush(generation); err != nil {
		return err
	}
	if generation = next(generation); table.Flags&nftables.TableFlagOwner != 0 {
		generation = 0 // from here on nobody else can change the table
	}
	batch.finishWhole(l.Ruleset)
	if err := batch.flush(generation); err != nil {
		return err
	}
	owner := uint32(0)
	if table.Flags&nftables.TableFlagOwner != 0 {
		var err error
		if owner, err = b.conn.GetPortID(); err != nil {
			return err
		}
	}
	b.state = nil
	b.committed(l, batch, generation, owner)
	return nil
}

// empty takes the rules out of a table's base chains, so that packets pass it.
func (b *Backend) empty(table *nftables.Table) error {
	chains, err := b.conn.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return err
	}
	accept := nftables.ChainPolicyAccept
	for _, c := range chains {
		if c.Table.Name != table.Name || c.Hooknum == nil {
			continue
		}
		c.Table = table
		b.conn.FlushChain(c)
		if c.Policy != nil && *c.Policy != accept {
			c.Policy = &accept
			b.conn.AddChain(c)
		}
	}
	return b.conn.Flush()
}

// removeHandover removes the table that stood in, also one that an earlier process has left, and tells how many commits
// that took.
func (b *Backend) removeHandover() (commits uint32, err error) {
	tables, err := b.conn.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return 0, err
	}
	for _, t := range tables {
		if t.Name != b.config.Table+handoverSuffix {
			continue
		}
		if err := b.empty(t); err != nil {
			return 0, err
		}
		b.conn.DelTable(t)
		return 2, b.conn.Flush()
	}
	return 0, nil
}
