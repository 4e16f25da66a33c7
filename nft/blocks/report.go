package blocks

// Report says what became of a list.
type Report struct {
	// Entries of the list, and those of them that no packet can reach because earlier ones take all theirs.
	Entries   int
	Redundant []int
	// Cuts are by dimension; Regions is how many regions they have together.
	Cuts, Regions map[string]int
	// Boxes, Hash and Plain count pipapo maps, hash maps and plain rules; Elements those of all maps.
	Boxes, Hash, Plain, Elements int
	// Chains is how many chains there are.
	Chains int
	// Expected is the cost model's estimate for a packet drawn from the rules, in nanoseconds.
	Expected float64
	Work     Work
}

func (r *Report) cut(k *cut) {
	if r.Cuts == nil {
		r.Cuts, r.Regions = map[string]int{}, map[string]int{}
	}
	name := k.d.String()
	switch {
	case k.byProto:
		name += " and protocol"
	case k.dstBits > 0:
		name = "narrow source and destination"
	case k.back:
		name = "narrow " + name
	case k.members:
		name += " by sets"
	case k.parts:
		name += " near or far"
	case k.bits > 0:
		name += " by mask"
	}
	r.Cuts[name]++
	r.Regions[name] += len(k.regions)
}

func (p *planner) report() {
	r := &p.plan.Report
	r.Entries, r.Chains = len(p.in.Entries), len(p.plan.Chains)
	for i, used := range p.used {
		if !used {
			r.Redundant = append(r.Redundant, i)
		}
	}
	for _, s := range p.plan.Sets {
		r.Elements += len(s.Elements)
	}
}
