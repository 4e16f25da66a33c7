package blocks

import (
	"cmp"
	"math"
	"slices"

	"rampart/engine/ir/span"
	"rampart/model"
)

// part is an item with how many of its packets come here. Packets are supposed to be drawn from every item of the list
// alike, and from each evenly over its box; so an item of the whole list has 1, and what is cut in two is shared.
type part struct {
	*item
	share float64
}

func whole(items []*item) []part {
	out := make([]part, len(items))
	for i, x := range items {
		out[i] = part{x, 1}
	}
	return out
}

func shares(items []part) float64 {
	n := 0.0
	for _, x := range items {
		n += x.share
	}
	return n
}

// traffic is which part of packets of any protocol has this one. Nobody sends most of them.
func traffic(protocol uint64) float64 {
	switch uint8(protocol) {
	case model.ProtoTCP:
		return 0.6
	case model.ProtoUDP:
		return 0.3
	case model.ProtoICMP, model.ProtoICMPv6:
		return 0.03
	}
	return 0.04 / 252
}

// mass is how much of the traffic of a dimension has a value of the set.
func (p *planner) mass(d dim, s span.Set) float64 {
	if s == nil {
		return 1
	}
	n := 0.0
	if d == proto {
		for _, r := range s {
			for v := r.Lo.Lo; v <= r.Hi.Lo; v++ {
				n += traffic(v)
			}
		}
		return n
	}
	for _, r := range s {
		n += r.Size()
	}
	return n / math.Exp2(float64(p.geo.width[d]))
}

// within is the part of x whose values of d are in r, nil when there is none.
func (p *planner) within(x part, d dim, r span.Set) part {
	s := x.box[d]
	if s == nil {
		return part{x.item, x.share * p.mass(d, r)}
	}
	var c span.Set
	if len(r) == 1 {
		c = s.Clip(r[0])
	} else if c = s.And(r); slices.Equal(c, r) {
		c = nil
	}
	switch {
	case c.None():
		return part{}
	case c == nil:
		return part{x.with(d, nil), x.share * p.mass(d, r) / p.mass(d, s)}
	case len(c) == len(s) && c[0] == s[0] && c[len(c)-1] == s[len(s)-1]:
		return x
	}
	return part{x.with(d, c), x.share * p.mass(d, c) / p.mass(d, s)}
}

// point is one packet.
type point [dims]span.Value

// sampleSize is how many packets stand for the traffic of a list, and localSize for that of a region.
const (
	sampleSize = 96
	localSize  = 16
)

// sample draws one packet from each of at most n items, those with more packets first. Which items and which packets
// depends on the items alone, so a small change of the list changes few of them.
func (p *planner) sample(items []part, n int) []point {
	type ranked struct {
		item *item
		rank float64
	}
	list := make([]ranked, len(items))
	for i, x := range items {
		// The smallest of exponentially distributed numbers are a weighted sample (Efraimidis and Spirakis, 2006).
		u := (float64(mix(x.shape)>>11) + 1) / (1 << 53)
		list[i] = ranked{x.item, -math.Log(u) / max(x.share, 1e-9)}
	}
	if len(list) > n {
		slices.SortFunc(list, func(a, b ranked) int { return cmp.Or(cmp.Compare(a.rank, b.rank), byOrder(a.item, b.item)) })
		list = list[:n]
	}
	out := make([]point, len(list))
	for i, x := range list {
		out[i] = p.inside(x.item)
	}
	return out
}

// inside is a packet in the item's box.
func (p *planner) inside(x *item) point {
	var pt point
	h := mix(x.hash + 0x9e3779b97f4a7c15)
	for d := range dims {
		pt[d] = p.pick(d, x.box[d], h)
		h = mix(h + uint64(d) + 1)
	}
	return pt
}

// pick is a value of the set chosen by h.
func (p *planner) pick(d dim, s span.Set, h uint64) span.Value {
	if d != proto {
		return pick(s, h, p.geo.width[d])
	}
	left := float64(h>>11) / (1 << 53) * p.mass(d, s)
	for v := range uint64(256) {
		if !s.Contains(span.Of(v)) {
			continue
		}
		if left -= traffic(v); left < 0 {
			return span.Of(v)
		}
	}
	return pick(s, h, 8)
}

// local are packets of a region: those of the list's that fall into it, and its own where these are too few.
func (p *planner) local(d dim, r *region, points []point) []point {
	var out []point
	for i := range points {
		if pt := &points[i]; r.ranges.Contains(pt[d]) && r.protos.Contains(pt[proto]) && r.dsts.Contains(pt[dst]) {
			out = append(out, *pt)
		}
	}
	if len(out) >= localSize {
		return out
	}
	for _, pt := range p.sample(r.list(), localSize-len(out)) {
		if !r.ranges.Contains(pt[d]) {
			pt[d] = pick(r.ranges, mix(pt[d].Lo+pt[src].Lo), p.geo.width[d])
		}
		if !r.dsts.Contains(pt[dst]) {
			pt[dst] = pick(r.dsts, mix(pt[dst].Lo+pt[src].Lo), p.geo.width[dst])
		}
		if !r.protos.Contains(pt[proto]) {
			pt[proto] = p.pick(proto, r.protos, mix(pt[src].Lo+pt[dst].Lo))
		}
		out = append(out, pt)
	}
	return out
}
