package classify

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// hostile are lists that no cut separates without copying: what they cost must be bounded by their length alone.
var hostile = []struct {
	name  string
	rules int
	rule  func(rng *rand.Rand, i int, r *Rule)
}{
	{"sources cross destinations", 20_000, func(rng *rand.Rand, i int, r *Rule) {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(i >> 8), byte(i), byte(rng.IntN(256)), 0}), 8+rng.IntN(17)).Masked()
		if i%2 == 0 {
			r.Src = p
		} else {
			r.Dst = p
		}
	}},
	{"every field crosses every other", 20_000, func(rng *rand.Rand, i int, r *Rule) {
		p := uint16(rng.IntN(65536))
		switch i % 5 {
		case 0:
			r.Src = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(i >> 8), byte(i)}), 16)
		case 1:
			r.Dst = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(i >> 8), byte(i)}), 16)
		case 2:
			r.SrcPort = Range{p, p}
		case 3:
			r.DstPort = Range{p, p}
		case 4:
			r.Protocol, r.AnyProtocol = uint8(p), false
		}
	}},
	{"nested ranges", 60_000, func(_ *rand.Rand, i int, r *Rule) {
		// The innermost come first, or the others would hide them.
		n := uint16(30_000 - i/2)
		if i%2 == 0 {
			r.SrcPort = Range{n, 65535 - n}
		} else {
			r.DstPort = Range{n, 65535 - n}
		}
	}},
	{"one chain of overlaps", 100_000, func(_ *rand.Rand, i int, r *Rule) {
		r.SrcPort = Range{uint16(i % 60_000), uint16(i%60_000 + 3000)}
		r.DstPort = Range{uint16(i * 7 % 60_000), uint16(i*7%60_000 + 3000)}
	}},
	{"random boxes", 20_000, func(rng *rand.Rand, _ int, r *Rule) {
		ports := func() Range {
			a, b := uint16(rng.IntN(65536)), uint16(rng.IntN(65536))
			return Range{min(a, b), max(a, b)}
		}
		prefix := func() netip.Prefix {
			return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(rng.IntN(256)), byte(rng.IntN(256))}), rng.IntN(5)).Masked()
		}
		r.Src, r.Dst, r.SrcPort, r.DstPort = prefix(), prefix(), ports(), ports()
	}},
	{"the same again and again", 100_000, func(*rand.Rand, int, *Rule) {}},
	{"the same but for one field", 100_000, func(_ *rand.Rand, i int, r *Rule) {
		r.Src = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1}), 32)
		r.DstPort = Range{uint16(i), 65535}
	}},
}

// hostileRules makes one of the lists.
func hostileRules(i int) []Rule {
	rng := rand.New(rand.NewPCG(uint64(i), 41))
	rules := make([]Rule, hostile[i].rules)
	for k := range rules {
		rules[k] = Rule{Priority: uint64(k), Value: uint32(k), SrcPort: AnyPort, DstPort: AnyPort, AnyProtocol: true}
		hostile[i].rule(rng, k, &rules[k])
	}
	return rules
}

func TestHostileListsAreBounded(t *testing.T) {
	for i, h := range hostile {
		t.Run(h.name, func(t *testing.T) {
			rules := hostileRules(i)
			start := time.Now()
			c, err := Build(false, rules)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d rules: %v, %d octets a rule, %d trees", len(rules), time.Since(start), c.Bytes()/len(rules), len(c.trees))
			// Each rule is in one tree; the values come on top.
			limit := numParts*ample(0).octets + ample(len(rules)).octets - ample(0).octets + 4*(len(rules)+1)
			if c.Bytes() > limit {
				t.Errorf("%d octets, limit %d", c.Bytes(), limit)
			}
			agrees(t, c, rules, 256)
		})
	}
}
