package classify

import (
	"errors"
	"slices"
	"sort"
)

// MaxPending bounds the inserted rules that wait for a Rebuild. It is a multiple of 64.
const MaxPending = 256

// ErrPending means that the overlay is full: Rebuild first.
var ErrPending = errors.New("classify: too many pending changes, rebuild")

// ErrNoRule means that the rule to delete is not there.
var ErrNoRule = errors.New("classify: no such rule")

// packet is a key with whole addresses, which the overlay compares: an inserted IPv6 prefix need not fall on the
// borders of the ranks. IPv4 addresses are in the low 32 bits.
type packet struct {
	src, dst     u128
	sport, dport uint16
	proto        uint8
}

// added is a rule of the overlay. It comes right before the slot at; several with the same at are in list order.
type added struct {
	srcLo, srcHi, dstLo, dstHi u128
	at                         uint32
	rule                       Rule
}

func (a u128) within(lo, hi u128) bool { return !a.less(lo) && !hi.less(a) }

func (a *added) matches(p *packet) bool {
	return p.dst.within(a.dstLo, a.dstHi) && p.src.within(a.srcLo, a.srcHi) &&
		a.rule.DstPort.Min <= p.dport && p.dport <= a.rule.DstPort.Max &&
		a.rule.SrcPort.Min <= p.sport && p.sport <= a.rule.SrcPort.Max &&
		(a.rule.AnyProtocol || a.rule.Protocol == p.proto)
}

// overlaid is the value of the first of slot best and those of the overlay's rules in row that matches.
func (c *Classifier) overlaid(best uint32, row *sieveRow, p *packet) uint32 {
	for i := row.next(0); i >= 0; i = row.next(i + 1) {
		a := &c.overlay[i]
		if a.at > best {
			break
		}
		if a.matches(p) {
			return a.rule.Value
		}
	}
	return c.value(best)
}

// Insert returns a classifier that also has r, after rules of equal priority. c is unchanged and still usable. It
// copies the overlay and what finds rules in it, and nothing else. Errors: ErrRule, ErrPending.
func (c *Classifier) Insert(r Rule) (*Classifier, error) {
	if err := r.check(c.v6); err != nil {
		return nil, err
	}
	if len(c.overlay) >= MaxPending {
		return nil, ErrPending
	}
	a := added{rule: r}
	a.at = uint32(sort.Search(len(c.rules), func(i int) bool { return c.rules[i].Priority > r.Priority }))
	var b box
	if c.v6 {
		a.srcLo, a.srcHi = bounds6(r.Src)
		a.dstLo, a.dstHi = bounds6(r.Dst)
		b = r.box(c.src.cover(a.srcLo, a.srcHi), c.dst.cover(a.dstLo, a.dstHi))
	} else {
		b = r.box(prefix4(r.Src), prefix4(r.Dst))
		a.srcLo, a.srcHi = u128{lo: uint64(b[dimSrc].lo)}, u128{lo: uint64(b[dimSrc].hi)}
		a.dstLo, a.dstHi = u128{lo: uint64(b[dimDst].lo)}, u128{lo: uint64(b[dimDst].hi)}
	}
	i := sort.Search(len(c.overlay), func(i int) bool { return c.overlay[i].rule.Priority > r.Priority })
	n := *c
	n.overlay = slices.Insert(slices.Clone(c.overlay), i, a)
	n.sieve = c.sieve.with(i, &b)
	return &n, nil
}

// Delete returns a classifier without the first rule equal to r. c is unchanged and still usable. It copies one bit a
// rule at most. Error: ErrNoRule.
func (c *Classifier) Delete(r Rule) (*Classifier, error) {
	n := *c
	from := sort.Search(len(c.rules), func(i int) bool { return c.rules[i].Priority >= r.Priority })
	for i := from; i < len(c.rules) && c.rules[i].Priority == r.Priority; i++ {
		if c.rules[i] == r && !c.dead.has(uint32(i)) {
			n.dead = c.dead.with(uint32(i), len(c.rules))
			n.deaths++
			return &n, nil
		}
	}
	i := slices.IndexFunc(c.overlay, func(a added) bool { return a.rule == r })
	if i < 0 {
		return nil, ErrNoRule
	}
	n.overlay = slices.Delete(slices.Clone(c.overlay), i, i+1)
	n.sieve = c.sieve.without(i)
	return &n, nil
}

// Rules are the live rules in first-match order.
func (c *Classifier) Rules() []Rule {
	out := make([]Rule, 0, c.Len())
	next := 0
	for i := range c.rules {
		for next < len(c.overlay) && int(c.overlay[next].at) <= i {
			out = append(out, c.overlay[next].rule)
			next++
		}
		if !c.dead.has(uint32(i)) {
			out = append(out, c.rules[i])
		}
	}
	for ; next < len(c.overlay); next++ {
		out = append(out, c.overlay[next].rule)
	}
	return out
}

// Rebuild returns a classifier of the same rules with fresh trees and nothing pending.
func (c *Classifier) Rebuild() (*Classifier, error) { return Build(c.v6, c.Rules()) }
