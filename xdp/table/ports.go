package table

import (
	"cmp"
	"slices"

	"rampart/engine/ir"
	"rampart/xdp/classify"
)

// mergePorts sorts ranges and merges those that overlap or touch.
func mergePorts(list []ir.PortRange) (out []classify.Range) {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b ir.PortRange) int { return cmp.Compare(a.Min, b.Min) })
	for _, r := range list {
		if n := len(out); n > 0 && uint32(r.Min) <= uint32(out[n-1].Max)+1 {
			out[n-1].Max = max(out[n-1].Max, r.Max)
			continue
		}
		out = append(out, classify.Range{Min: r.Min, Max: r.Max})
	}
	return out
}

// subtractPorts is what of the ranges lies in none of the others, which are merged.
func subtractPorts(ranges, others []classify.Range) []classify.Range {
	for _, o := range others {
		var left []classify.Range
		for _, r := range ranges {
			if o.Max < r.Min || r.Max < o.Min {
				left = append(left, r)
				continue
			}
			if r.Min < o.Min {
				left = append(left, classify.Range{Min: r.Min, Max: o.Min - 1})
			}
			if o.Max < r.Max {
				left = append(left, classify.Range{Min: o.Max + 1, Max: r.Max})
			}
		}
		ranges = left
	}
	return ranges
}
