package classify

import (
	"fmt"
	"net/netip"
	"slices"
)

// Classifier is an immutable first-match list, ready for lookups.
type Classifier struct {
	v6 bool
	// rules by slot: ascending priority, ties in the order given.
	rules  []Rule
	values []uint32
	trees  []tree
	// src and dst map IPv6 addresses to tuple coordinates; unused for IPv4.
	src, dst ranks
	// dead slots were deleted; added rules are in the overlay.
	dead    slotSet
	deaths  int
	overlay []added
}

// Build makes a classifier of one address family. The rules need not be sorted. Errors wrap ErrRule.
func Build(v6 bool, rules []Rule) (*Classifier, error) {
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
	c.values = make([]uint32, len(c.rules))
	for i := range c.rules {
		boxes[i], c.values[i] = c.boxOf(&c.rules[i]), c.rules[i].Value
	}
	for _, part := range c.divide(boxes) {
		c.trees = append(c.trees, growTree(boxes, part, maxGrowth))
	}
	slices.SortFunc(c.trees, func(a, b tree) int { return int(int64(a.first) - int64(b.first)) })
	return c, nil
}

// maxGrowth bounds the records of a tree: so many for each rule.
const maxGrowth = 24

func (c *Classifier) boxOf(r *Rule) box {
	if !c.v6 {
		return r.box(prefix4(r.Src), prefix4(r.Dst))
	}
	return r.box(c.src.prefix(r.Src), c.dst.prefix(r.Dst))
}

// divide groups the rules by which of their addresses are wide: such a rule would be copied to most children of a cut
// on that address. A part too small to be worth a walk of its own joins the next wider one.
func (c *Classifier) divide(boxes []box) [][]uint32 {
	srcWide, dstWide := uint32(1)<<(32-wideBits), uint32(1)<<(32-wideBits)
	if c.v6 {
		srcWide, dstWide = uint32(len(c.src.starts)/16+1), uint32(len(c.dst.starts)/16+1)
	}
	var parts [4][]uint32
	for i := range boxes {
		p := 0
		if boxes[i][dimSrc].hi-boxes[i][dimSrc].lo >= srcWide {
			p |= 1
		}
		if boxes[i][dimDst].hi-boxes[i][dimDst].lo >= dstWide {
			p |= 2
		}
		parts[p] = append(parts[p], uint32(i))
	}
	for p := range 3 {
		if n := len(parts[p]); n > 0 && n <= tinyPart {
			q := p | 1
			if q == p {
				q = 3
			}
			parts[q] = append(parts[q], parts[p]...)
			slices.Sort(parts[q])
			parts[p] = nil
		}
	}
	return slices.DeleteFunc(parts[:], func(s []uint32) bool { return len(s) == 0 })
}

const (
	// wideBits: an IPv4 prefix shorter than this is wide.
	wideBits = 6
	// tinyPart: so few rules do not get a tree of their own.
	tinyPart = 16
)

// Len is the number of live rules.
func (c *Classifier) Len() int { return len(c.rules) - c.deaths + len(c.overlay) }

// Pending is the number of changes since the trees were built. Lookups slow down with it; see Rebuild.
func (c *Classifier) Pending() int { return len(c.overlay) + c.deaths }

// Bytes is the memory of the lookup tables.
func (c *Classifier) Bytes() int {
	n := len(c.values)*4 + len(c.dead)*8 + (len(c.src.starts)+len(c.dst.starts))*16
	for i := range c.trees {
		n += len(c.trees[i].refs)*8 + len(c.trees[i].recs)*32
	}
	return n
}
