package compile

import (
	"slices"

	"rampart/model/store"
)

// attach records a new match and lets it take effect.
func (c *Compiler) attach(it *item, n *selection) {
	c.record(it, n)
	for _, s := range n.sets {
		if !s.fresh {
			c.contribute(it, s, false)
		}
	}
}

// record notes the match without giving members to sets.
func (c *Compiler) record(it *item, n *selection) {
	it.matches = append(it.matches, n)
	if it.endpoint {
		n.endpoints++
	}
	if it.local != nil {
		n.locals++
		if n.selects() {
			c.look(it.local)
		}
	}
}

// detach undoes attach; the caller takes the selection off the item's list.
func (c *Compiler) detach(it *item, n *selection) {
	if n.refs == 0 {
		return
	}
	if it.endpoint {
		n.endpoints--
	}
	if it.local != nil {
		n.locals--
		if n.selects() {
			c.look(it.local)
		}
	}
	for _, s := range n.sets {
		if !s.fresh {
			c.contribute(it, s, true)
		}
	}
}

func (c *Compiler) detachAll(it *item) {
	for _, n := range it.matches {
		c.detach(it, n)
	}
	it.matches = nil
}

// populate matches fresh selections against every item and fills fresh sets.
func (c *Compiler) populate() {
	if fresh := c.selections.fresh; len(fresh) > 0 {
		c.selections.fresh = nil
		var only store.SelectorIndex[*selection]
		for _, n := range fresh {
			only.Insert(n.entry)
		}
		for _, it := range c.items {
			only.Candidates(&it.labels, func(e *store.SelectorEntry[*selection]) {
				if e.Value.matches(&it.labels) {
					c.record(it, e.Value)
				}
			})
		}
		for _, n := range fresh {
			c.selections.index.Insert(n.entry)
		}
	}
	if fresh := c.sets.fresh; len(fresh) > 0 {
		for _, it := range c.items {
			for _, n := range it.matches {
				for _, s := range n.sets {
					if s.fresh {
						c.contribute(it, s, false)
					}
				}
			}
		}
		for _, s := range fresh {
			s.fresh = false
		}
		c.sets.fresh = nil
	}
}

// sweep makes items forget dead selections.
func (c *Compiler) sweep() {
	if !c.selections.died {
		return
	}
	c.selections.died = false
	dead := func(n *selection) bool { return n.refs == 0 }
	for _, it := range c.items {
		if slices.ContainsFunc(it.matches, dead) {
			it.matches = slices.DeleteFunc(it.matches, dead)
		}
	}
}
