package compile

import "fmt"

// Leftovers describes what a compiler still holds; "" for one that holds nothing. It is for tests.
func (c *Compiler) Leftovers() string {
	counts := []int{
		len(c.items), len(c.policies), len(c.locals), len(c.byKey), len(c.selections.byText), c.selections.index.Len(), len(c.selections.fresh),
		len(c.sets.byID), len(c.sets.fresh), len(c.sets.dirty), len(c.sets.sorted), len(c.groups.byKey), len(c.groups.shapes),
		len(c.groups.used), len(c.profileVersions), len(c.retired), c.DeadMatches(),
	}
	for _, n := range counts {
		if n > 0 {
			return fmt.Sprint(counts)
		}
	}
	return ""
}

// DeadMatches counts references from endpoints to selections out of use.
func (c *Compiler) DeadMatches() (dead int) {
	for _, it := range c.items {
		for _, n := range it.matches {
			if n.refs == 0 {
				dead++
			}
		}
	}
	return dead
}
