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
//
// Whoever did this before us may have been stopped half-way: if a second table is in force already, the old one may be
// empty, so that one stays until ours is in force.
func (b *Backend) replace(l *lower.Lowered, old *nftables.Table, generation uint32) error {
	table, err := b.claim(old)
	if err != nil {
		return err
	}
	l.Sort()
	last := b.state
	b.state = nil
	stands, commits, err := b.standsIn()
	if err != nil {
		return err
	}
	generation += commits
	again := func() error { return b.replace(l, old, generation) }
	if old == nil && !stands {
		return b.disowned(b.build(l, table, nil, nil, generation), again)
	}
	var counts map[model.RuleID]ir.Counter
	if old != nil {
		rules, err := dumpRules(b.config.NetNS, old.Name)
		if err != nil {
			return err
		}
		counts = totals(rules)
		// Which rule an element belongs to only the new table says: maps of the same name and with the same keys are the same.
		if err := elementCounters(b.config.NetNS, old.Name, l.Sets, dumpPatience, counts); err != nil {
			return err
		}
		last.inherit(counts)
	}
	owned := table.Flags&nftables.TableFlagOwner != 0
	if owned && old != nil {
		generation = 0 // others can change neither table of ours, and what they do to the old one does not matter
	}
	if !stands {
		standIn := *table
		standIn.Name += handoverSuffix
		if err := b.build(l, &standIn, nil, nil, generation); err != nil {
			return b.disowned(err, again)
		}
		b.state = nil // it was the stand-in's
	}
	if old != nil {
		if err := b.empty(old); err != nil {
			return err
		}
		if !owned {
			gen, err := b.conn.GetGen()
			if err != nil {
				return err
			}
			generation = gen.ID
		}
	}
	if err := b.build(l, table, old, counts, generation); err != nil {
		return b.disowned(err, again)
	}
	made := b.state
	b.state = nil
	if commits, err = b.removeHandover(); err != nil {
		return err
	}
	if made != nil {
		made.generation += commits // if others have changed something meanwhile, the kernel has counted more
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
	chains, err := b.baseChains(table)
	if err != nil {
		return err
	}
	accept := nftables.ChainPolicyAccept
	for _, c := range chains {
		b.conn.FlushChain(c)
		if c.Policy != nil && *c.Policy != accept {
			c.Policy = &accept
			b.conn.AddChain(c)
		}
	}
	return b.conn.Flush()
}

// baseChains are the chains of a table that packets enter by.
func (b *Backend) baseChains(table *nftables.Table) ([]*nftables.Chain, error) {
	chains, err := b.conn.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return nil, err
	}
	var bases []*nftables.Chain
	for _, c := range chains {
		if c.Table.Name == table.Name && c.Hooknum != nil {
			c.Table = table
			bases = append(bases, c)
		}
	}
	return bases, nil
}

// handover is the table that stands in, also one that an earlier process has left; nil when there is none.
func (b *Backend) handover() (*nftables.Table, error) {
	return b.tableNamed(b.config.Table + handoverSuffix)
}

// standsIn tells whether a stand-in is in force. One that is not, because it was not finished or was about to go, is
// removed, which takes the given number of commits.
func (b *Backend) standsIn() (stands bool, commits uint32, err error) {
	t, err := b.handover()
	if err != nil || t == nil {
		return false, 0, err
	}
	if _, err := b.claim(t); err != nil {
		return false, 0, err
	}
	bases, err := b.baseChains(t)
	if err != nil {
		return false, 0, err
	}
	for _, c := range bases {
		rules, err := dumpRules(b.config.NetNS, t.Name, c.Name)
		if err != nil {
			return false, 0, err
		}
		if len(rules) > 0 {
			return true, 0, nil
		}
	}
	commits, err = b.removeHandover()
	return false, commits, err
}

// removeHandover removes the table that stands in and tells how many commits that took.
func (b *Backend) removeHandover() (commits uint32, err error) {
	t, err := b.handover()
	if err != nil || t == nil {
		return 0, err
	}
	if err := b.empty(t); err != nil {
		return 0, err
	}
	b.conn.DelTable(t)
	return 2, b.conn.Flush()
}
