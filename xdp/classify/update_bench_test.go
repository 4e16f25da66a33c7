package classify

import (
	"math/rand/v2"
	"net/netip"
	"strconv"
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

// manyRules6 are manyRules with IPv6 prefixes, and packets for them.
func manyRules6(n int, seed uint64) ([]Rule, []Key6) {
	rng := rand.New(rand.NewPCG(seed, 22))
	addr := func() (a [16]byte) {
		for i := range 8 {
			a[i] = byte(rng.IntN(256))
		}
		a[0], a[1], a[2], a[15] = 0x20, 0x01, byte(rng.IntN(4)), byte(rng.IntN(256))
		return a
	}
	prefix := func(p netip.Prefix) netip.Prefix {
		if p.IsValid() {
			p = netip.PrefixFrom(netip.AddrFrom16(addr()), []int{32, 48, 56, 64, 128}[rng.IntN(5)]).Masked()
		}
		return p
	}
	rules, keys := manyRules(n, seed), make([]Key6, 1<<14)
	for i := range rules {
		rules[i].Src, rules[i].Dst = prefix(rules[i].Src), prefix(rules[i].Dst)
	}
	for i := range keys {
		r := &rules[rng.IntN(n)]
		keys[i] = Key6{addr(), addr(), uint16(rng.IntN(65536)), r.DstPort.Min, r.Protocol}
		if r.Src.IsValid() {
			keys[i].Src = r.Src.Addr().As16()
		}
		if r.Dst.IsValid() {
			keys[i].Dst = r.Dst.Addr().As16()
		}
	}
	return rules, keys
}

func BenchmarkLookup6(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			rules, keys := manyRules6(n, 1)
			c, err := Build(true, rules)
			if err != nil {
				b.Fatal(err)
			}
			out := make([]uint32, 256)
			for i := 0; b.Loop(); i += 256 {
				c.Lookup6(keys[i%len(keys):][:256], out)
			}
			b.ReportMetric(256*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mlookups/s")
			b.ReportMetric(float64(c.Bytes())/float64(n), "B/rule")
		})
	}
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
