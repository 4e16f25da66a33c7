package classify

import (
	"fmt"
	"net/netip"
	"slices"
	"unsafe"
)

// Classifier is an immutable first-match list, ready for lookups.
type Classifier struct {
	v6 bool
	// rules by slot: ascending priority, ties in the order given.
	rules []Rule
	// values by slot, and NoMatch for none().
	values []uint32
	trees  []tree
	// src and dst map IPv6 addresses to tuple coordinates; unused for IPv4.
	src, dst ranks
	// dead slots were deleted; added rules are in the overlay.
	dead    slotSet
	deaths  int
	overlay []added
	// sieve finds rules of the overlay; nil when nothing was ever inserted.
	sieve *sieve
}

// Build makes a classifier of one address family. The rules need not be sorted. Time and memory are bounded by their
// number: lists that no tree suits get long leaves and slow lookups. Errors wrap ErrRule or ErrTooMany.
func Build(v6 bool, rules []Rule) (*Classifier, error) {
	if len(rules) > MaxRules {
		return nil, fmt.Errorf("%w: %d, at most %d", ErrTooMany, len(rules), MaxRules)
	}
	for i := range rules {
		if err := rules[i].check(v6); err != nil {
			return nil, fmt.Errorf("rule %d: %w", i, err)
		}
	}
	c := &Classifier{v6: v6, rules: slices.Clone(rules)}
	slices.SortStableFunc(c.rules, func(a, b Rule) int {
		switch {
		case a.Priority < b.Priority:
			return -1
		case a.Priority > b.Priority:
			return 1
		}
		return 0
	})
	if v6 {
		srcs, dsts := make([]netip.Prefix, len(rules)), make([]netip.Prefix, len(rules))
		for i := range rules {
			srcs[i], dsts[i] = rules[i].Src, rules[i].Dst
		}
		c.src, c.dst = newRanks(srcs), newRanks(dsts)
	}
	boxes := make([]box, len(c.rules))
	c.values = append(make([]uint32, len(c.rules), len(c.rules)+1), NoMatch)
	for i := range c.rules {
		boxes[i], c.values[i] = c.boxOf(&c.rules[i]), c.rules[i].Value
	}
	c.trees = c.plant(boxes)
	slices.SortFunc(c.trees, func(a, b tree) int { return int(int64(a.first) - int64(b.first)) })
	return c, nil
}

func (c *Classifier) boxOf(r *Rule) box {
	if !c.v6 {
		return r.box(prefix4(r.Src), prefix4(r.Dst))
	}
	return r.box(c.src.prefix(r.Src), c.dst.prefix(r.Dst))
}

// Len is the number of live rules.
func (c *Classifier) Len() int { return len(c.rules) - c.deaths + len(c.overlay) }

// Pending is the number of changes since the trees were built. Lookups slow down with it; see Rebuild.
func (c *Classifier) Pending() int { return len(c.overlay) + c.deaths }

// Bytes is the memory of the lookup tables.
func (c *Classifier) Bytes() int {
	n := len(c.values)*4 + len(c.dead)*8 + (len(c.src.starts)+len(c.dst.starts))*16
	if c.sieve != nil {
		n += int(unsafe.Sizeof(*c.sieve))
	}
	for i := range c.trees {
		n += len(c.trees[i].refs)*refSize + len(c.trees[i].recs)*recordSize + len(c.trees[i].shapes)*shapeSize
	}
	return n
}
