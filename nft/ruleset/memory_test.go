package ruleset

import (
	"net/netip"
	"testing"
)

// TestMemory compares the estimate with what Linux 6.18 charged to a memory control group for the same objects, on a
// machine with two processors.
func TestMemory(t *testing.T) {
	accept := Verdict{Kind: Accept}
	set := func(n int, s Set, key func(i int) Element) *Ruleset {
		for i := range n {
			e := key(i)
			if s.Verdicts {
				e.Verdict = accept
			}
			s.Elements = append(s.Elements, e)
		}
		return &Ruleset{Sets: []*Set{&s}}
	}
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
	addr6 := func(i int) netip.Addr {
		return netip.AddrFrom16([16]byte{0: 0xfd, 12: byte(i >> 24), 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)})
	}
	single := func(i int) Element { return Element{Key: Key{}.Addr(addr(i)).String()} }
	box := func(fields ...func(k, end Key, i int) (Key, Key)) func(i int) Element {
		return func(i int) Element {
			var k, end Key
			for _, f := range fields {
				k, end = f(k, end, i)
			}
			return Element{Key: k.String(), End: end.String()}
		}
	}
	net24 := func(k, end Key, i int) (Key, Key) { return k.Addr(addr(i << 8)), end.Addr(addr(i<<8 | 255)) }
	net64 := func(k, end Key, i int) (Key, Key) {
		a := addr6(0).As16()
		a[3], a[4] = byte(i>>8), byte(i)
		z := a
		for j := 8; j < 16; j++ {
			z[j] = 0xff
		}
		return k.Addr(netip.AddrFrom16(a)), end.Addr(netip.AddrFrom16(z))
	}
	tcp := func(k, end Key, _ int) (Key, Key) { return k.Protocol(6), end.Protocol(6) }
	ports := func(k, end Key, i int) (Key, Key) { return k.Port(uint16(i)), end.Port(uint16(i + 7)) }
	anyPort := func(k, end Key, _ int) (Key, Key) { return k.Port(0), end.Port(65535) }
	onePort := func(k, end Key, i int) (Key, Key) { return k.Port(uint16(i + 1)), end.Port(uint16(i + 1)) }
	rules := func(n int, comment string, st ...Statement) *Ruleset {
		c := &Chain{Name: "c"}
		for range n {
			c.Rules = append(c.Rules, &Rule{Statements: st, Comment: comment})
		}
		return &Ruleset{Chains: []*Chain{c}}
	}
	net := Nets(SrcV4, false, []netip.Prefix{netip.MustParsePrefix("10.1.2.0/24")})
	match := []Statement{Family(4), net, Protocol(false, 6), Ports(DstPort, false, []PortSpan{{80, 80}})}
	two := []Statement{Family(4), net, Protocol(false, 6), Ports(DstPort, false, []PortSpan{{80, 80}, {443, 443}}), Counter{}, accept}
	many := func(n int, make func() *Ruleset) *Ruleset {
		var all Ruleset
		for range n {
			r := make()
			all.Sets, all.Chains = append(all.Sets, r.Sets...), append(all.Chains, r.Chains...)
		}
		return &all
	}
	v4 := []Field{SrcV4, DstV4, L4Proto, SrcPort, DstPort}
	v6 := []Field{SrcV6, DstV6, L4Proto, SrcPort, DstPort}
	for _, tt := range []struct {
		what     string
		rs       *Ruleset
		measured int64 // KiB
	}{
		{"20 000 addresses", set(20000, Set{Fields: []Field{SrcV4}, Size: 65536}, single), 3464},
		{"with counters and verdicts", set(20000, Set{Fields: []Field{SrcV4}, Size: 65536, Counters: true, Verdicts: true}, single), 5332},
		{"20 000 IPv6 addresses", set(20000, Set{Fields: []Field{SrcV6}, Size: 65536}, func(i int) Element {
			return Element{Key: Key{}.Addr(addr6(i)).String()}
		}), 3460},
		{"20 000 networks", set(20000, Set{Fields: []Field{SrcV4}, Interval: true}, func(i int) Element {
			return Element{Key: Key{}.Addr(addr(4 * i)).String(), End: Key{}.Addr(addr(4*i + 1)).String()}
		}), 3328},
		{"4 000 boxes of three fields", set(4000, Set{Fields: []Field{SrcV4, L4Proto, DstPort}, Interval: true, Verdicts: true, Counters: true}, box(net24, tcp, ports)), 3236},
		{"4 000 boxes of five fields", set(4000, Set{Fields: v4, Interval: true, Verdicts: true, Counters: true}, box(net24, net24, tcp, anyPort, onePort)), 4312},
		{"4 000 IPv6 boxes of five fields", set(4000, Set{Fields: v6, Interval: true, Verdicts: true, Counters: true}, box(net64, net64, tcp, anyPort, onePort)), 10832},
		{"1 000 maps of a box", many(1000, func() *Ruleset {
			return set(1, Set{Fields: []Field{SrcV4, L4Proto}, Interval: true, Verdicts: true}, box(net24, tcp))
		}), 82898000 >> 10},
		{"1 000 maps of an IPv6 box", many(1000, func() *Ruleset {
			return set(1, Set{Fields: []Field{SrcV6, L4Proto}, Interval: true, Verdicts: true}, box(net64, tcp))
		}), 279539000 >> 10},
		{"4 000 empty sets", many(4000, func() *Ruleset { return set(0, Set{Fields: []Field{SrcV4}, Size: 64}, nil) }), 8192},
		{"4 000 empty chains", many(4000, func() *Ruleset { return &Ruleset{Chains: []*Chain{{}}} }), 972},
		{"4 000 rules", rules(4000, "", append(match, accept)...), 2060},
		{"4 000 rules with a comment", rules(4000, "a comment of some length, with a number #0123456789abcdef", append(match, accept)...), 3060},
		{"4 000 rules with a comment and a counter", rules(4000, "a comment of some length, with a number #0123456789abcdef", append(match, Counter{}, accept)...), 3308},
		{"1 000 rules with two ports", rules(1000, "", two...), 33792},
		{"1 000 rules with two protocols", rules(1000, "", Family(4), net, Protocol(false, 6, 17), Counter{}, accept), 1282},
	} {
		got := tt.rs.Memory(2) >> 10
		if got*4 < tt.measured*3 || got*2 > tt.measured*3 {
			t.Errorf("%s: estimated %d KiB, measured %d KiB", tt.what, got, tt.measured)
		}
		if most := tt.rs.MemoryAtMost(tt.rs.Size(), 2) >> 10; most < got {
			t.Errorf("%s: at most %d KiB, estimated %d KiB", tt.what, most, got)
		}
	}
}
