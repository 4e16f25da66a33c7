package span

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"rampart/engine/ir"
)

// prefixes parses prefixes; an empty list is nil.
func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func TestPrefixesOfDifferences(t *testing.T) {
	for _, tc := range []struct {
		name      string
		width     int
		in, minus []netip.Prefix
		want      []netip.Prefix
	}{
		{"nested and adjacent", 32, prefixes("10.0.0.0/25", "10.0.0.128/25", "10.0.0.7/32"), nil, prefixes("10.0.0.0/24")},
		{"a hole", 32, prefixes("10.0.0.0/29"), prefixes("10.0.0.3/32"), prefixes("10.0.0.0/31", "10.0.0.2/32", "10.0.0.4/30")},
		{"nothing left", 32, prefixes("10.0.0.0/24"), prefixes("10.0.0.0/8"), nil},
		{"everything but the ends", 32, prefixes("0.0.0.0/0"), prefixes("0.0.0.0/1", "128.0.0.0/2"), prefixes("192.0.0.0/2")},
		{"the other family does not count", 32, prefixes("2001:db8::/32"), nil, nil},
		{"not masked", 32, prefixes("10.1.2.3/8"), nil, prefixes("10.0.0.0/8")},
		{"a hole in ipv6", 128, prefixes("2001:db8::/126"), prefixes("2001:db8::2/128"),
			prefixes("2001:db8::/127", "2001:db8::3/128")},
		{"across 64 bits", 128, prefixes("2001:db8::/62"), prefixes("2001:db8:0:1::/64"), prefixes("2001:db8::/64", "2001:db8:0:2::/63")},
		{"the last address", 128, prefixes("::/0"), prefixes("::/1", "8000::/2", "c000::/3", "e000::/4"), prefixes("f000::/4")},
	} {
		var got []netip.Prefix
		for _, s := range Nets(tc.in, tc.width).And(Nets(tc.minus, tc.width).Not(tc.width)) {
			for v, free := range s.Prefixes(tc.width) {
				got = append(got, netip.PrefixFrom(v.Addr(tc.width), tc.width-free))
			}
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestEverythingIsNil(t *testing.T) {
	for name, s := range map[string]Set{
		"ipv4":                     Nets(prefixes("0.0.0.0/0"), 32),
		"ipv6 in halves":           Nets(prefixes("8000::/1", "::/1"), 128),
		"ports":                    Ports([]ir.PortRange{{Min: 1000, Max: 65535}, {Min: 0, Max: 999}}),
		"not nothing":              Set{}.Not(16),
		"all of the span it is in": Set{One(5), {Of(7), Of(9)}}.Clip(Span{Of(8), Of(9)}),
	} {
		if s != nil {
			t.Errorf("%s: %v", name, s)
		}
	}
	for name, s := range map[string]Set{
		"no prefix":      Nets(nil, 32),
		"no port":        Ports(nil),
		"not everything": Set(nil).Not(16),
		"no common part": Set{One(5)}.And(Set{One(6)}),
		"outside":        Set{One(5)}.Clip(One(6)),
	} {
		if !s.None() {
			t.Errorf("%s: %v", name, s)
		}
	}
}

// TestSetsOfSmallFields compares every operation with the same on a list that says of each value whether it is in the set.
func TestSetsOfSmallFields(t *testing.T) {
	const width, size = 5, 1 << 5
	random := rand.New(rand.NewPCG(1, 2))
	draw := func() (Set, [size]bool) {
		var list []Span
		var has [size]bool
		for range random.IntN(4) {
			lo := random.IntN(size)
			hi := min(lo+random.IntN(size/2), size-1)
			list = append(list, Span{Of(uint64(lo)), Of(uint64(hi))})
			for v := lo; v <= hi; v++ {
				has[v] = true
			}
		}
		return Normal(list, width), has
	}
	same := func(name string, s Set, want func(v int) bool) {
		t.Helper()
		for i := range s {
			if s[i].Hi.Less(s[i].Lo) || i > 0 && !s[i-1].Hi.Next().Less(s[i].Lo) {
				t.Fatalf("%s: %v is not ascending and apart", name, s)
			}
		}
		for v := range size {
			if s.Contains(Of(uint64(v))) != want(v) {
				t.Fatalf("%s: %v is wrong about %d", name, s, v)
			}
		}
	}
	for range 20_000 {
		s, inS := draw()
		u, inU := draw()
		same("normal", s, func(v int) bool { return inS[v] })
		same("and", s.And(u), func(v int) bool { return inS[v] && inU[v] })
		same("not", s.Not(width), func(v int) bool { return !inS[v] })
		overlaps, covers, single := false, true, true
		for v := range size {
			overlaps = overlaps || inS[v] && inU[v]
			covers = covers && (inS[v] || !inU[v])
			single = single && !(inS[v] && v > 0 && inS[v-1])
		}
		if s.Overlaps(u) != overlaps || s.Covers(u) != covers || s.Exact() != single {
			t.Fatalf("%v and %v: overlaps %v, covers %v, exact %v", s, u, s.Overlaps(u), s.Covers(u), s.Exact())
		}
		for _, r := range u {
			clipped := s.Clip(r)
			if clipped == nil { // all of r
				clipped = Set{r}
			}
			same("clip", clipped, func(v int) bool { return inS[v] && r.Lo.Lo <= uint64(v) && uint64(v) <= r.Hi.Lo })
		}
	}
}

// TestNumbersCarry steps over the border between the halves of a number and cuts spans there.
func TestNumbersCarry(t *testing.T) {
	below := Value{0x20010db8_00000000, ^uint64(0)}
	above := Value{0x20010db8_00000001, 0}
	if below.Next() != above || above.Prev() != below || !below.Less(above) || below.Compare(above) != -1 || above.Compare(above) != 0 {
		t.Error("the halves do not carry")
	}
	if got := below.Plus(Of(3)); got != (Value{above.Hi, 2}) {
		t.Errorf("plus 3: %v", got)
	}
	if got := Max(128).Prev().Plus(Of(7)); got != Max(128) {
		t.Errorf("a sum that does not fit: %v", got)
	}
	if got := above.Block(66); got != (Span{Value{0x20010db8_00000000, 0}, Value{0x20010db8_00000003, ^uint64(0)}}) {
		t.Errorf("block of 66 bits: %v", got)
	}
	s := Span{below, above.Next()}
	if s.Size() != 3 {
		t.Errorf("size %v", s.Size())
	}
	var got []Span
	for v, free := range s.Prefixes(128) {
		got = append(got, v.Block(free))
	}
	if want := []Span{{below, below}, {above, above.Next()}}; !slices.Equal(got, want) {
		t.Errorf("prefixes %v", got)
	}
	if n := All(128).Head(128); n != 128 {
		t.Errorf("all of IPv6 is a prefix of %d bits", 128-n)
	}
}

func TestAddressesAreNumbers(t *testing.T) {
	for _, s := range []string{"0.0.0.0", "10.1.2.3", "255.255.255.255", "::", "::1", "2001:db8::8000:0:0:1", "ffff:ffff:ffff:ffff::"} {
		a := netip.MustParseAddr(s)
		if got := Addr(a).Addr(a.BitLen()); got != a {
			t.Errorf("%v comes back as %v", a, got)
		}
		if Max(a.BitLen()).Less(Addr(a)) {
			t.Errorf("%v is wider than its field", a)
		}
	}
}
