package classify

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// matches is the definition of a match, on whole addresses.
func matches(r *Rule, src, dst netip.Addr, sport, dport uint16, proto uint8) bool {
	return (!r.Src.IsValid() || r.Src.Contains(src)) && (!r.Dst.IsValid() || r.Dst.Contains(dst)) &&
		r.SrcPort.Min <= sport && sport <= r.SrcPort.Max && r.DstPort.Min <= dport && dport <= r.DstPort.Max &&
		(r.AnyProtocol || r.Protocol == proto)
}

// world draws rules and packets from few values, so that they nest, repeat and touch.
type world struct {
	rng *rand.Rand
	v6  bool
}

func (w world) addr() netip.Addr {
	if w.v6 {
		var b [16]byte
		b[0], b[1] = 0x20, 0x01
		for _, i := range []int{2, 7, 8, 15} {
			b[i] = byte(w.rng.IntN(3)) * 0x7f
		}
		return netip.AddrFrom16(b)
	}
	return netip.AddrFrom4([4]byte{10, byte(w.rng.IntN(3)) * 127, byte(w.rng.IntN(4)), byte(w.rng.IntN(3)) * 127})
}

func (w world) prefix() netip.Prefix {
	a := w.addr()
	switch w.rng.IntN(5) {
	case 0:
		return netip.Prefix{}
	case 1:
		return netip.PrefixFrom(a, w.rng.IntN(a.BitLen()+1)).Masked()
	}
	return netip.PrefixFrom(a, a.BitLen()-w.rng.IntN(a.BitLen()/2)).Masked()
}

func (w world) ports() Range {
	switch w.rng.IntN(3) {
	case 0:
		p := uint16(w.rng.IntN(4))
		return Range{p, p}
	case 1:
		lo := uint16(w.rng.IntN(65536))
		return Range{lo, lo + uint16(w.rng.IntN(65536-int(lo)))}
	}
	return AnyPort
}

func (w world) rule(n int) Rule {
	return Rule{
		Priority: uint64(w.rng.IntN(n)), Src: w.prefix(), Dst: w.prefix(), SrcPort: w.ports(), DstPort: w.ports(),
		Protocol: uint8(w.rng.IntN(3)), AnyProtocol: w.rng.IntN(3) == 0, Value: w.rng.Uint32() >> 1,
	}
}

// check compares c with a scan of want on packets around the rules, looked up together and one by one.
func (w world) check(t *testing.T, c *Classifier, want []Rule, packets int) {
	t.Helper()
	keys4, keys6, expect := make([]Key4, packets), make([]Key6, packets), make([]uint32, packets)
	for n := range packets {
		src, dst := w.addr(), w.addr()
		if len(want) > 0 && w.rng.IntN(2) == 0 {
			if r := want[w.rng.IntN(len(want))]; r.Src.IsValid() && r.Dst.IsValid() {
				src, dst = r.Src.Addr(), r.Dst.Addr()
			}
		}
		sport, dport, proto := w.ports().Min, w.ports().Max, uint8(w.rng.IntN(4))
		expect[n] = NoMatch
		for i := range want {
			if matches(&want[i], src, dst, sport, dport, proto) {
				expect[n] = want[i].Value
				break
			}
		}
		if w.v6 {
			keys6[n] = Key6{src.As16(), dst.As16(), sport, dport, proto}
		} else {
			keys4[n] = Key4{v4(src), v4(dst), sport, dport, proto}
		}
	}
	look := func(i, j int, out []uint32) {
		if w.v6 {
			c.Lookup6(keys6[i:j], out)
		} else {
			c.Lookup4(keys4[i:j], out)
		}
	}
	together, single := make([]uint32, packets), make([]uint32, 1)
	look(0, packets, together)
	for n := range packets {
		if look(n, n+1, single); single[0] != expect[n] || together[n] != expect[n] {
			t.Fatalf("%+v %+v among %d rules: value %#x alone, %#x together, want %#x", keys4[n], keys6[n], len(want), single[0], together[n], expect[n])
		}
	}
}

// insert keeps the reference list in first-match order.
func insert(list []Rule, r Rule) []Rule {
	i := 0
	for i < len(list) && list[i].Priority <= r.Priority {
		i++
	}
	out := append([]Rule{}, list[:i]...)
	return append(append(out, r), list[i:]...)
}

func TestRandomListsAndUpdates(t *testing.T) {
	for seed := range uint64(60) {
		for _, v6 := range []bool{false, true} {
			w := world{rand.New(rand.NewPCG(seed, 11)), v6}
			var list, rules []Rule
			for range w.rng.IntN(300) {
				r := w.rule(100)
				rules, list = append(rules, r), insert(list, r)
			}
			c, err := Build(v6, rules)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("seed %d v6 %v: %d rules", seed, v6, len(rules))
			w.check(t, c, list, 200)
			for step := range 40 {
				before, beforeList := c, list
				if w.rng.IntN(2) == 0 || len(list) == 0 {
					r := w.rule(100)
					if c, err = c.Insert(r); err != nil {
						t.Fatal(err)
					}
					list = insert(list, r)
				} else {
					i := w.rng.IntN(len(list))
					if c, err = c.Delete(list[i]); err != nil {
						t.Fatal(err)
					}
					list = append(append([]Rule{}, list[:i]...), list[i+1:]...)
				}
				w.check(t, c, list, 20)
				w.check(t, before, beforeList, 5) // the old one still answers as before
				if step == 20 {
					if c, err = c.Rebuild(); err != nil || c.Pending() != 0 {
						t.Fatal(err, c.Pending())
					}
				}
			}
			if c.Len() != len(list) {
				t.Fatalf("Len %d, want %d", c.Len(), len(list))
			}
		}
	}
}

func FuzzBuildAndLookup(f *testing.F) {
	f.Add(uint64(1), uint16(50), false)
	f.Add(uint64(2), uint16(500), true)
	f.Fuzz(func(t *testing.T, seed uint64, n uint16, v6 bool) {
		w := world{rand.New(rand.NewPCG(seed, 5)), v6}
		var list, rules []Rule
		for range n % 1024 {
			r := w.rule(1 + int(n))
			rules, list = append(rules, r), insert(list, r)
		}
		c, err := Build(v6, rules)
		if err != nil {
			t.Fatal(err)
		}
		w.check(t, c, list, 50)
	})
}

func TestRefusedRules(t *testing.T) {
	ok := Rule{SrcPort: AnyPort, DstPort: AnyPort, AnyProtocol: true}
	for name, change := range map[string]func(*Rule){
		"other family":   func(r *Rule) { r.Src = netip.MustParsePrefix("2001:db8::/32") },
		"reversed ports": func(r *Rule) { r.DstPort = Range{2, 1} },
		"reserved value": func(r *Rule) { r.Value = NoMatch },
	} {
		r := ok
		change(&r)
		if _, err := Build(false, []Rule{ok, r}); err == nil {
			t.Errorf("%s: built", name)
		}
	}
	if _, err := Build(false, make([]Rule, MaxRules+1)); !errors.Is(err, ErrTooMany) {
		t.Errorf("%d rules: %v", MaxRules+1, err)
	}
	c, err := Build(false, []Rule{ok})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Delete(Rule{}); err != ErrNoRule {
		t.Errorf("delete of an absent rule: %v", err)
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		w := world{rand.New(rand.NewPCG(1, 2)), v6}
		var rules []Rule
		for range 500 {
			rules = append(rules, w.rule(100))
		}
		c, err := Build(v6, rules)
		if err != nil {
			t.Fatal(err)
		}
		if c, err = c.Insert(w.rule(100)); err != nil {
			t.Fatal(err)
		}
		if c, err = c.Delete(rules[7]); err != nil {
			t.Fatal(err)
		}
		keys4, keys6, out := make([]Key4, 64), make([]Key6, 64), make([]uint32, 64)
		n := testing.AllocsPerRun(100, func() {
			if v6 {
				c.Lookup6(keys6, out)
			} else {
				c.Lookup4(keys4, out)
			}
		})
		if n != 0 {
			t.Errorf("IPv6 %v: %v allocations a batch", v6, n)
		}
	}
}
