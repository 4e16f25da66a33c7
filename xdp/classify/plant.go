package classify

import (
	"math/rand/v2"
	"slices"
)

const (
	// wideBits: an IPv4 prefix shorter than this is wide.
	wideBits = 6
	// tinyPart: so few rules do not get a tree of their own.
	tinyPart = 16
)

// The parts of a list, by which addresses are wide.
const (
	wideSrc = 1 << iota
	wideDst
	numParts
)

// plant grows the trees. A rule with a wide address would be copied to most children of a cut on that address, so rules
// are divided by it. But each tree costs every packet a walk: where packets would walk through several, the rules
// with narrow addresses may be better off among those of which one address is wide. What it comes to differs from list
// to list, so it is tried.
func (c *Classifier) plant(boxes []box) []tree {
	parts := c.divide(boxes)
	var trees [numParts]tree
	for p, part := range parts {
		trees[p] = growTree(boxes, part, ample(len(part)))
	}
	sample := samples(boxes)
	best, visits := cost(trees[:], sample)
	if len(parts[0]) > 0 && visits > manyVisits {
		alone := trees
		for _, q := range []int{wideSrc, wideDst} {
			joined := slices.Concat(parts[0], parts[q])
			slices.Sort(joined)
			try := alone
			try[0], try[q] = tree{}, growTree(boxes, joined, scant(len(joined)))
			if cost, _ := cost(try[:], sample); cost < best {
				best, trees = cost, try
			}
		}
	}
	grown := slices.DeleteFunc(trees[:], func(t tree) bool { return len(t.recs) == 0 })
	slices.SortFunc(grown, func(a, b tree) int { return int(int64(a.first) - int64(b.first)) })
	return slices.Clone(grown)
}

// divide groups the rules by which of their addresses are wide. A part too small to be worth a walk of its own joins the
// next wider one.
func (c *Classifier) divide(boxes []box) (parts [numParts][]uint32) {
	srcWide, dstWide := uint32(1)<<(32-wideBits), uint32(1)<<(32-wideBits)
	if c.v6 {
		srcWide, dstWide = uint32(len(c.src.starts)/16+1), uint32(len(c.dst.starts)/16+1)
	}
	for i := range boxes {
		p := 0
		if boxes[i][dimSrc].hi-boxes[i][dimSrc].lo >= srcWide {
			p |= wideSrc
		}
		if boxes[i][dimDst].hi-boxes[i][dimDst].lo >= dstWide {
			p |= wideDst
		}
		parts[p] = append(parts[p], uint32(i))
	}
	for p := range numParts - 1 {
		if n := len(parts[p]); n > 0 && n <= tinyPart {
			q := p | wideSrc
			if q == p {
				q = wideSrc | wideDst
			}
			parts[q] = append(parts[q], parts[p]...)
			slices.Sort(parts[q])
			parts[p] = nil
		}
	}
	return parts
}

// What parts of a lookup cost in proportion, measured (in ns where everything is in the cache).
const (
	treeCost   = 2
	stepCost   = 3
	recordCost = 4
	// manyVisits: packets that walk through fewer trees have nothing to gain from another division.
	manyVisits = 1.3
	// sampled is how many packets are looked up to learn what a division costs.
	sampled = 1024
)

// samples are packets from inside the rules.
func samples(boxes []box) []tuple {
	rng := rand.New(rand.NewPCG(1, uint64(len(boxes))))
	out := make([]tuple, 0, sampled)
	for range min(sampled, 4*len(boxes)) {
		b := &boxes[rng.IntN(len(boxes))]
		var at [numDims]uint32
		for d, s := range b {
			at[d] = s.lo + uint32(rng.Uint64N(uint64(s.hi-s.lo)+1))
		}
		out = append(out, tuple{uint64(at[dimSrc])<<32 | uint64(at[dimDst]), rest(at[dimSrcPort], at[dimDstPort], at[dimProto])})
	}
	return out
}

// cost is the mean cost of looking up a sample, and through how many trees one has to go.
func cost(trees []tree, sample []tuple) (mean, visits float64) {
	trees = slices.DeleteFunc(slices.Clone(trees), func(t tree) bool { return len(t.recs) == 0 })
	slices.SortFunc(trees, func(a, b tree) int { return int(int64(a.first) - int64(b.first)) })
	total, walks := 0, 0
	for i := range sample {
		best := uint32(NoMatch)
		for j := range trees {
			if trees[j].first >= best {
				break
			}
			var w work
			best = trees[j].find(&sample[i], best, nil, &w)
			walks++
			total += treeCost + w.steps*stepCost + w.records*recordCost
		}
	}
	n := float64(max(len(sample), 1))
	return float64(total) / n, float64(walks) / n
}
