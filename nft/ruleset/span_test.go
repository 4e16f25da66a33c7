package ruleset

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// randomNets are prefixes of both families that nest, touch and repeat.
func randomNets(rng *rand.Rand, n int) []netip.Prefix {
	var list []netip.Prefix
	for range n {
		a4 := netip.AddrFrom4([4]byte{byte(rng.IntN(2)) * 255, 255 * byte(rng.IntN(2)), byte(rng.IntN(3)) + 253, byte(rng.IntN(256))})
		list = append(list, netip.PrefixFrom(a4, rng.IntN(33)))
		a6 := [16]byte{byte(rng.IntN(2)) * 255}
		for i := 1; i < 15; i++ {
			a6[i] = byte(rng.IntN(2)) * 255
		}
		a6[15] = byte(rng.IntN(256))
		list = append(list, netip.PrefixFrom(netip.AddrFrom16(a6), rng.IntN(129)))
	}
	return list
}

// TestSpansCoverWhatThePrefixesCover compares membership at the borders of every prefix, and checks that spans are in
// order with room between them.
func TestSpansCoverWhatThePrefixesCover(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 9))
		nets := randomNets(rng, 1+rng.IntN(12))
		if seed%3 == 0 {
			for i := range nets { // no catch-alls, so that more is left outside
				nets[i] = netip.PrefixFrom(nets[i].Addr(), nets[i].Addr().BitLen()-rng.IntN(10))
			}
		}
		for _, f := range []Field{SrcV4, SrcV6} {
			spans := Spans(f, nets)
			s := &Set{Name: "s", Fields: []Field{f}, Interval: true, Elements: spans}
			if err := s.validate(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for i := 1; i < len(spans); i++ {
				end, _ := netip.AddrFromSlice([]byte(spans[i-1].End))
				if start, _ := netip.AddrFromSlice([]byte(spans[i].Key)); end.Next() == start {
					t.Fatalf("seed %d: spans %d and %d touch", seed, i-1, i)
				}
			}
			for _, n := range nets {
				first, last := Prefix(n)
				for _, a := range []netip.Addr{first, last, first.Prev(), last.Next()} {
					if !a.IsValid() || a.BitLen() != f.Len()*8 {
						continue
					}
					want := slices.ContainsFunc(nets, func(n netip.Prefix) bool { return n.Contains(a) })
					key := string(a.AsSlice())
					got := slices.ContainsFunc(spans, func(e Element) bool { return e.Key <= key && key <= e.End })
					if got != want {
						t.Fatalf("seed %d: %v: %s is in the spans: %v, in the prefixes: %v", seed, nets, a, got, want)
					}
				}
			}
		}
	}
}

func TestAddrs(t *testing.T) {
	p := netip.MustParsePrefix
	got, ok := Addrs(SrcV4, []netip.Prefix{p("10.0.0.2/32"), p("fd00::/8"), p("10.0.0.1/32"), p("10.0.0.2/32")})
	if !ok || len(got) != 2 || got[0].Key != "\x0a\x00\x00\x01" || got[1].Key != "\x0a\x00\x00\x02" {
		t.Errorf("%q, %v", got, ok)
	}
	if _, ok := Addrs(SrcV6, []netip.Prefix{p("10.0.0.2/32"), p("fd00::/8")}); ok {
		t.Error("fd00::/8 is not an address")
	}
}
