package classify

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// manyRules draws rules as a large host policy has them: prefixes of many lengths, some ports, some protocols.
func manyRules(n int, seed uint64) []Rule {
	rng := rand.New(rand.NewPCG(seed, 21))
	prefix := func() netip.Prefix {
		if rng.IntN(8) == 0 {
			return netip.Prefix{}
		}
		bits := []int{8, 16, 20, 24, 24, 28, 32, 32}[rng.IntN(8)]
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(1 + rng.IntN(220)), byte(rng.IntN(256)), byte(rng.IntN(256)), byte(rng.IntN(256))}), bits).Masked()
	}
	rules := make([]Rule, n)
	for i := range rules {
		r := Rule{Priority: uint64(i), Value: uint32(i), Src: prefix(), Dst: prefix(), SrcPort: AnyPort, DstPort: AnyPort, Protocol: []uint8{6, 17}[rng.IntN(2)]}
		switch rng.IntN(4) {
		case 0:
			r.AnyProtocol = true
		case 1:
			lo := uint16(rng.IntN(60000))
			r.DstPort = Range{lo, lo + uint16(rng.IntN(5000))}
		default:
			p := uint16(1 + rng.IntN(2000))
			r.DstPort = Range{p, p}
		}
		rules[i] = r
	}
	return rules
}

// BenchmarkUpdate inserts a rule into 100 000 rules and deletes another.
func BenchmarkUpdate(b *testing.B) {
	rules := manyRules(100_000, 1)
	c, err := Build(false, rules)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d octets a rule", c.Bytes()/len(rules))
	more := manyRules(1000, 2)
	b.Run("insert", func(b *testing.B) {
		x := c
		for i := 0; b.Loop(); i++ {
			if x.Pending() >= MaxPending {
				x = c
			}
			r := more[i%len(more)]
			r.Priority = uint64(i*7919) % 100_000
			if x, err = x.Insert(r); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("delete", func(b *testing.B) {
		x := c
		for i := 0; b.Loop(); i++ {
			if i%1000 == 0 {
				x = c
			}
			if x, err = x.Delete(rules[(i*7919)%len(rules)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("rebuild", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.Rebuild(); err != nil {
				b.Fatal(err)
			}
		}
	})
	keys := keysInside(rules, 1<<16, 3)
	out := make([]uint32, 256)
	b.Run("lookup", func(b *testing.B) {
		for i := 0; b.Loop(); i += 256 {
			c.Lookup4(keys[i%len(keys):][:256], out)
		}
		b.ReportMetric(256*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mlookups/s")
	})
}
