package ruleset

import (
	"math/bits"
	"slices"
)

// What objects take of the kernel's memory, in bytes, on a 64-bit machine: measured on Linux 6.18 by what is charged to a
// memory control group, padding and the kernel's bookkeeping included. A counter takes some more on each processor.
const (
	ruleBytes         = 130
	statementBytes    = 80
	commentBytes      = 256
	chainBytes        = 250
	setBytes          = 700
	elementBytes      = 128
	intervalBytes     = 176
	anonymousBytes    = 800
	bitmapBytes       = 32 << 10 // 64 Ki values of two bits each, with its head in one allocation
	counterBytes      = 48
	counterBytesOfCPU = 16
)

// Memory estimates what the ruleset takes of the kernel's memory once it is loaded, in bytes, on a machine with so many
// processors. While a ruleset takes another's place both are there.
func (r *Ruleset) Memory(cpus int) int64 {
	n := int64(0)
	for _, s := range r.Sets {
		n += s.memory(cpus)
	}
	for _, c := range r.Chains {
		n += c.memory(cpus)
	}
	return n
}

// MemoryAtMost is a bound of Memory that does not look at every rule. n is the ruleset's Size.
func (r *Ruleset) MemoryAtMost(n Size, cpus int) int64 {
	const rule = ruleBytes + statementBytes*MaxExpressions + commentBytes + counterBytes
	sum := int64(n.Chains)*chainBytes + int64(n.Rules)*int64(rule+counterBytesOfCPU*cpus) +
		int64(n.Sets-len(r.Sets))*(anonymousBytes+bitmapBytes) + int64(n.Elements)*intervalBytes
	for _, s := range r.Sets {
		sum += s.memory(cpus)
	}
	return sum
}

func (c *Chain) memory(cpus int) int64 {
	n := int64(chainBytes)
	for _, r := range c.Rules {
		n += r.memory(cpus)
	}
	return n
}

// memory is what the rule takes.
func (r *Rule) memory(cpus int) int64 {
	n := int64(ruleBytes + statementBytes*len(r.Statements))
	if r.Comment != "" {
		n += commentBytes
	}
	for _, st := range r.Statements {
		switch st := st.(type) {
		case Counter:
			n += int64(counterBytes + counterBytesOfCPU*cpus)
		case Match:
			if len(st.Values) > 1 {
				n += anonymousBytes + intervalBytes*int64(len(st.Values))
				if st.Field.Len() == 2 && !slices.ContainsFunc(st.Values, func(v Span) bool { return !v.single() }) {
					n += bitmapBytes
				}
			}
		}
	}
	return n
}

// memory is what the set takes with its elements.
func (s *Set) memory(cpus int) int64 {
	count := int64(s.Len())
	each := int64(elementBytes)
	if s.Counters {
		each += int64(counterBytes + counterBytesOfCPU*cpus)
	}
	n := int64(setBytes)
	switch {
	case !s.Interval:
		n += 8 << bits.Len64(uint64(max(count, int64(s.Size)))*4/3) // a bucket is a pointer
	case !s.Concatenated():
		each += intervalBytes - elementBytes
	default:
		each += int64(2 * keyLen(s.Fields))
		for _, f := range s.Fields {
			n += pipapoField(f.Len(), count)
		}
	}
	return n + each*count
}

// pipapoField is the look-up table of a field of so many bytes (net/netfilter/nft_set_pipapo.c): a row of a bit for each
// element, in steps of 256 for AVX2, for each value of each group of bits. Groups have eight bits while the table is small,
// else four. The kernel rounds a table up to a power of two, and keeps a mapping of eight bytes an element besides.
func pipapoField(length int, elements int64) int64 {
	const small = 2 << 20
	if length == 2 {
		elements *= 3 // a range of ports is some rows of prefixes
	}
	row := (elements + 255) / 256 * 32
	table := int64(length) * 256 * row
	if table > small {
		table = int64(2*length) * 16 * row
	}
	return roundUp(table+32) + roundUp(elements*8)
}

func roundUp(n int64) int64 {
	if n <= 1 {
		return n
	}
	return 1 << bits.Len64(uint64(n-1))
}
