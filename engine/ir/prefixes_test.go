package ir_test

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"rampart/engine/ir"
)

// drawPrefix draws from few enough that they repeat, nest and touch; of both families.
func drawPrefix(rng *rand.Rand) netip.Prefix {
	if rng.IntN(5) == 0 {
		a := netip.AddrFrom16([16]byte{0: 0x20, 1: 1, 2: byte(rng.IntN(3)), 15: byte(rng.IntN(256))})
		return netip.PrefixFrom(a, []int{0, 16, 48, 127, 128, 128, 128}[rng.IntN(7)]).Masked()
	}
	a := netip.AddrFrom4([4]byte{10, 0, byte(rng.IntN(64)), byte(rng.IntN(256))})
	return netip.PrefixFrom(a, []int{0, 8, 23, 24, 30, 31, 32, 32, 32, 32}[rng.IntN(10)]).Masked()
}

// TestPrefixes edits a list at random, from empty to long and back, and compares it at each step with a set, with the list
// made afresh, and with what the differences between any two versions say.
func TestPrefixes(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	have := map[netip.Prefix]bool{}
	var list ir.Prefixes
	versions := []ir.Prefixes{list}
	for step := range 250 {
		var add, del []netip.Prefix
		batch := []int{1, 1, 2, 300, 1}[rng.IntN(5)]
		for range batch {
			switch x := drawPrefix(rng); {
			case step > 170 || rng.IntN(3) == 0:
				for had := range have { // any
					del = append(del, had)
					break
				}
			default:
				add = append(add, x)
			}
		}
		if step == 230 {
			del = list.Slice()
		}
		add, del = distinct(add), distinct(del)
		for _, x := range del {
			delete(have, x)
		}
		for _, x := range add {
			have[x] = true
		}
		before := list.Slice()
		next := list.Edit(add, del)
		if !slices.Equal(list.Slice(), before) {
			t.Fatalf("step %d: the old list has changed", step)
		}
		list = next
		want := make([]netip.Prefix, 0, len(have))
		for x := range have {
			want = append(want, x)
		}
		rng.Shuffle(len(want), func(i, j int) { want[i], want[j] = want[j], want[i] })
		fresh := ir.PrefixesOf(append(want, want[:len(want)/3]...)...)
		want = distinct(want)
		if got := slices.Collect(list.All()); !slices.Equal(got, want) || list.Len() != len(want) {
			t.Fatalf("step %d: %d members, Len %d, want %d", step, len(got), list.Len(), len(want))
		}
		if !reflect.DeepEqual(fresh, list) && len(want) > 0 {
			t.Fatalf("step %d: an edited list is divided otherwise than a new one", step)
		}
		if !list.Equal(fresh) || len(want) > 0 && list.Equal(fresh.Edit(nil, want[:1])) {
			t.Fatalf("step %d: Equal", step)
		}
		for range 20 {
			if x := drawPrefix(rng); list.Contains(x) != have[x] {
				t.Fatalf("step %d: Contains(%s) = %v", step, x, !have[x])
			}
		}
		old := versions[rng.IntN(len(versions))]
		come, gone := list.Since(old)
		if !slices.IsSortedFunc(come, ir.ComparePrefixes) || !slices.IsSortedFunc(gone, ir.ComparePrefixes) {
			t.Fatalf("step %d: differences are not sorted", step)
		}
		members := map[netip.Prefix]bool{}
		for x := range old.All() {
			members[x] = true
		}
		for _, x := range gone {
			if !members[x] {
				t.Fatalf("step %d: %s goes and was not there", step, x)
			}
			delete(members, x)
		}
		for _, x := range come {
			if members[x] {
				t.Fatalf("step %d: %s comes and was there", step, x)
			}
			members[x] = true
		}
		if !reflect.DeepEqual(members, have) {
			t.Fatalf("step %d: the differences lead elsewhere", step)
		}
		versions = append(versions, list)
	}
}

func distinct(list []netip.Prefix) []netip.Prefix {
	list = slices.Clone(list)
	slices.SortFunc(list, ir.ComparePrefixes)
	return slices.Compact(list)
}

// TestSumsOfSets: sets with equal members have equal sums, and any other member gives another.
func TestSumsOfSets(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	sum := func(p ir.Prefixes) uint64 {
		s := &ir.Set{Selector: "a", Nets: p}
		ir.SealSet(s)
		return s.Sum
	}
	var list ir.Prefixes
	seen := map[uint64][]netip.Prefix{}
	for range 300 {
		var add []netip.Prefix
		for range 1 + rng.IntN(60) {
			add = append(add, drawPrefix(rng))
		}
		all := slices.Concat(list.Slice(), add)
		list = list.Edit(distinct(add), nil)
		if sum(list) != sum(ir.PrefixesOf(all...)) {
			t.Fatal("equal sets, other sums")
		}
		if had, ok := seen[sum(list)]; ok && !slices.Equal(had, list.Slice()) {
			t.Fatalf("%v and %v have one sum", had, list.Slice())
		}
		seen[sum(list)] = list.Slice()
	}
}

// BenchmarkPrefixes is what a list of a hundred thousand costs, and one prefix more and one less.
func BenchmarkPrefixes(b *testing.B) {
	nets := make([]netip.Prefix, 100_000)
	for i := range nets {
		a := uint32(i) * 40503
		nets[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}), 32)
	}
	one := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	list := ir.PrefixesOf(nets...)
	b.Run("make", func(b *testing.B) {
		for b.Loop() {
			ir.PrefixesOf(nets...)
		}
	})
	b.Run("edit", func(b *testing.B) {
		for b.Loop() {
			list.Edit(one, nil)
		}
	})
	with := list.Edit(one, nil)
	b.Run("since", func(b *testing.B) {
		for b.Loop() {
			with.Since(list)
		}
	})
}
