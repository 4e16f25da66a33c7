package classify

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"testing"
)

// Generated lists of every size answer as a scan of them does, fresh and changed, in both families.
func TestGeneratedListsAgainstScan(t *testing.T) {
	for _, n := range []int{100, 1000, 10_000, 100_000} {
		packets := max(50, min(3000, 3_000_000/n))
		t.Run("IPv4/"+strconv.Itoa(n), func(t *testing.T) {
			rules := manyRules(n, 5)
			keys := keysInside(rules, packets, 6)
			againstScan(t, false, rules, manyRules(n, 7), packets, func(c *Classifier, out []uint32) { c.Lookup4(keys, out) }, func(i int, r *Rule) bool {
				k := &keys[i]
				return matches(r, addr4(k.Src), addr4(k.Dst), k.SrcPort, k.DstPort, k.Protocol)
			})
		})
		t.Run("IPv6/"+strconv.Itoa(n), func(t *testing.T) {
			rules, keys := manyRules6(n, 5)
			more, _ := manyRules6(n, 7)
			againstScan(t, true, rules, more, packets, func(c *Classifier, out []uint32) { c.Lookup6(keys[:packets], out) }, func(i int, r *Rule) bool {
				k := &keys[i]
				return matches(r, netip.AddrFrom16(k.Src), netip.AddrFrom16(k.Dst), k.SrcPort, k.DstPort, k.Protocol)
			})
		})
	}
}

func addr4(v uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
}

// againstScan looks packets up in a list and in one that has gained and lost some rules.
func againstScan(t *testing.T, v6 bool, rules, more []Rule, packets int, lookup func(*Classifier, []uint32), match func(packet int, r *Rule) bool) {
	t.Helper()
	dice := rand.New(rand.NewPCG(uint64(len(rules)), 9))
	c, err := Build(v6, rules)
	if err != nil {
		t.Fatal(err)
	}
	for _, changes := range []int{0, 10} {
		for range changes {
			r := more[dice.IntN(len(more))]
			r.Priority, r.Value = uint64(dice.IntN(len(rules))), r.Value|1<<30
			if c, err = c.Insert(r); err != nil {
				t.Fatal(err)
			}
			rules = insert(rules, r)
			i := dice.IntN(len(rules))
			if c, err = c.Delete(rules[i]); err != nil {
				t.Fatal(err)
			}
			rules = slices.Delete(slices.Clone(rules), i, i+1)
		}
		out := make([]uint32, packets)
		lookup(c, out)
		found := 0
		for i, got := range out {
			want := uint32(NoMatch)
			for k := range rules {
				if match(i, &rules[k]) {
					want = rules[k].Value
					found++
					break
				}
			}
			if got != want {
				t.Fatalf("after %d changes packet %d: value %#x, want %#x", changes, i, got, want)
			}
		}
		if found < packets/2 {
			t.Errorf("only %d of %d packets match a rule", found, packets)
		}
	}
}

// Whatever is inserted and deleted, the list answers as a scan does, and so do the lists it was made from.
func FuzzUpdates(f *testing.F) {
	f.Add(uint64(1), uint8(20), []byte{0, 1, 2, 3, 4, 5, 6, 7}, false)
	f.Add(uint64(2), uint8(0), []byte{0, 0, 0, 1, 1, 1, 255, 0}, true)
	f.Fuzz(func(t *testing.T, seed uint64, n uint8, changes []byte, v6 bool) {
		w := world{rand.New(rand.NewPCG(seed, 13)), v6}
		var list, rules []Rule
		for range n {
			r := w.rule(50)
			rules, list = append(rules, r), insert(list, r)
		}
		c, err := Build(v6, rules)
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range changes[:min(len(changes), 64)] {
			before, was := c, list
			switch {
			case change == 255:
				c, err = c.Rebuild()
			case change%2 == 0 || len(list) == 0:
				r := w.rule(50)
				c, err = c.Insert(r)
				list = insert(list, r)
			default:
				i := int(change) % len(list)
				c, err = c.Delete(list[i])
				list = append(slices.Clone(list[:i]), list[i+1:]...)
			}
			if err != nil {
				t.Fatal(err)
			}
			w.check(t, c, list, 10)
			w.check(t, before, was, 3)
		}
	})
}

// What lookups read is numbers and offsets only: the collector has nothing to follow, and the same bytes mean the same elsewhere.
func TestTablesHoldNoPointers(t *testing.T) {
	var flat func(x reflect.Type) bool
	flat = func(x reflect.Type) bool {
		switch x.Kind() {
		case reflect.Array:
			return flat(x.Elem())
		case reflect.Struct:
			for i := range x.NumField() {
				if !flat(x.Field(i).Type) {
					return false
				}
			}
			return true
		}
		return x.Kind() >= reflect.Bool && x.Kind() <= reflect.Uint64
	}
	for _, table := range []reflect.Type{
		reflect.TypeFor[ref](), reflect.TypeFor[shape](), reflect.TypeFor[record](), reflect.TypeFor[u128](), reflect.TypeFor[sieve](),
		reflect.TypeFor[slotSet]().Elem(), reflect.TypeFor[tuple](), reflect.TypeFor[Key4](), reflect.TypeFor[Key6](),
	} {
		if !flat(table) {
			t.Errorf("%v holds a pointer", table)
		}
	}
}
