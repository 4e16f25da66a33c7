package filter_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rampart/bench/classbench"
	"rampart/bench/filter"
	"rampart/engine/compile"
	"rampart/engine/eval"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

func Example() {
	s, err := filter.Generate("blocklist", 4, 3, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	scan := filter.NewScanner(s)
	flows, err := scan.Flows(filter.PlaceNone, filter.TrafficUDP, 1, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(s.Rules), s.Rules[0].Action, s.Default, flows[0].Want)
	// Output: 3 Deny Allow Allow
}

func each(t *testing.T, sizes []int, fn func(t *testing.T, s *filter.Set)) {
	for _, name := range filter.Generators() {
		for _, family := range []int{4, 6} {
			for _, n := range sizes {
				t.Run(fmt.Sprintf("%s/IPv%d/%d", name, family, n), func(t *testing.T) {
					s, err := filter.Generate(name, family, n, 7)
					if err != nil {
						t.Fatal(err)
					}
					fn(t, s)
				})
			}
		}
	}
}

func TestGeneratorsKeepTheirSize(t *testing.T) {
	each(t, []int{1, 2, 10, 100, 5000}, func(t *testing.T, s *filter.Set) {
		var want int
		if _, err := fmt.Sscanf(t.Name()[len("TestGeneratorsKeepTheirSize/"+s.Name+"/IPv4/"):], "%d", &want); err != nil {
			t.Fatal(err)
		}
		if len(s.Rules) != want {
			t.Errorf("%d rules", len(s.Rules))
		}
		again, err := filter.Generate(s.Name, s.Family, want, 7)
		if err != nil || !cmp.Equal(again.Rules, s.Rules, cmp.Comparer(func(a, b filter.Rule) bool { return a == b })) {
			t.Error("the same seed gives another set")
		}
		other, _ := filter.Generate(s.Name, s.Family, want, 8)
		if slices.Equal(other.Rules, s.Rules) {
			t.Error("another seed gives the same set")
		}
	})
}

// The resources must be valid and mean what the plain list means, before and after the change.
func TestResourcesMeanTheList(t *testing.T) {
	each(t, []int{1, 20, 1500}, func(t *testing.T, s *filter.Set) {
		change := s.Change(0)
		equivalent(t, s)
		equivalent(t, change.After)
		before, _ := filter.NewScanner(s).Decide(&change.Packet)
		after, _ := filter.NewScanner(change.After).Decide(&change.Packet)
		if before == after {
			t.Errorf("the change leaves its packet at %s", before)
		}
		// In front of the plain list the change's rules do the same.
		front := &filter.Set{Family: s.Family, Rules: append(slices.Clone(change.Rules), s.Rules...), Default: s.Default}
		a, b := filter.NewScanner(front), filter.NewScanner(change.After)
		for _, f := range flows(t, b) {
			x, _ := a.Decide(&f.Packet)
			if y, _ := b.Decide(&f.Packet); x != y {
				t.Errorf("%v: rules in front say %s, the changed set %s", f.Packet, x, y)
			}
		}
	})
}

func flows(t *testing.T, scan *filter.Scanner) []filter.Flow {
	t.Helper()
	var out []filter.Flow
	for _, place := range []filter.Place{filter.PlaceAny, filter.PlaceNone} {
		list, err := scan.Flows(place, filter.TrafficMixed, 200, 3)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, list...)
	}
	return out
}

func equivalent(t *testing.T, s *filter.Set) {
	t.Helper()
	resources := s.Resources()
	for _, r := range resources {
		for _, e := range model.Validate(r) {
			if !e.Warning {
				t.Fatalf("%s: %v", r.Key(), e)
			}
		}
	}
	p := compile.Compile(store.ViewOf(resources...), compile.Host{Node: filter.Node}, ir.Options{})
	if len(p.Endpoints) != 1 || p.Endpoints[0].Interface != filter.Interface {
		t.Fatalf("endpoints %v", p.Endpoints)
	}
	e := eval.NewEvaluator(p)
	scan := filter.NewScanner(s)
	denied := 0
	list := flows(t, scan)
	for _, f := range list {
		v, err := e.Evaluate(model.Probe{Endpoint: p.Endpoints[0].Key, Direction: model.Ingress, Layer: model.LayerForward, Packet: f.Packet})
		if err != nil {
			t.Fatal(err)
		}
		want := model.DecisionAllow
		if f.Want == model.Deny {
			want = model.DecisionDeny
			denied++
		}
		if v.Decision != want {
			t.Errorf("%v: policies say %s by %s, the list %s by rule %d", f.Packet, v.Decision, v.DecidedBy, want, f.Rule)
		}
	}
	if denied == 0 || denied == len(list) {
		t.Errorf("%d of %d packets are denied", denied, len(list))
	}
}

func TestPlaces(t *testing.T) {
	each(t, []int{1, 300}, func(t *testing.T, s *filter.Set) {
		scan := filter.NewScanner(s)
		for _, place := range []filter.Place{filter.PlaceFirst, filter.PlaceMiddle, filter.PlaceLast, filter.PlaceNone} {
			list, err := scan.Flows(place, filter.TrafficMixed, 50, 5)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range list {
				if f.Rule != list[0].Rule || (f.Rule == filter.NoRule) != (place == filter.PlaceNone) {
					t.Fatalf("%s: rule %d and rule %d", place, list[0].Rule, f.Rule)
				}
			}
			n := len(s.Rules)
			low, high := map[filter.Place]int{filter.PlaceMiddle: n / 3, filter.PlaceLast: n * 2 / 3}[place], n-1
			if place == filter.PlaceFirst {
				high = n / 3
			}
			if at := list[0].Rule; place != filter.PlaceNone && (at < low || at > high) {
				t.Errorf("%s of %d rules is rule %d", place, n, at)
			}
		}
	})
}

func TestTraffic(t *testing.T) {
	s := filter.ACL(4, 500, 1)
	for traffic, protocol := range map[filter.Traffic]uint8{filter.TrafficUDP: model.ProtoUDP, filter.TrafficSYN: model.ProtoTCP, filter.TrafficFlood: model.ProtoTCP} {
		for _, place := range []filter.Place{filter.PlaceAny, filter.PlaceNone, filter.PlaceLast} {
			list, err := filter.NewScanner(s).Flows(place, traffic, 100, 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range list {
				if f.Packet.Protocol != protocol {
					t.Fatalf("%s, %s: packet %v", traffic, place, f.Packet)
				}
			}
		}
	}
	// A list about one protocol has no packets of another.
	one := &filter.Set{Name: "one", Family: 4, Rules: s.Rules[:1], Default: model.Deny}
	one.Rules[0].AnyProtocol, one.Rules[0].Protocol = false, model.ProtoICMP
	if _, err := filter.NewScanner(one).Flows(filter.PlaceFirst, filter.TrafficUDP, 1, 1); !errors.Is(err, filter.ErrNoSuchPacket) {
		t.Errorf("error is %v", err)
	}
}

func TestFromFilters(t *testing.T) {
	var filters []classbench.Filter
	for _, line := range []string{
		"@192.0.2.0/24 198.51.100.7/32 0 : 65535 1024 : 65535 0x06/0xFF 0x0000/0x0000",
		"@192.0.2.0/24 198.51.100.0/24 0 : 65535 53 : 53 0x00/0x00 0x0000/0x0000", // ports of any protocol
		"@0.0.0.0/0 198.51.100.0/24 0 : 65535 0 : 65535 0x01/0xFF 0x0000/0x0000",
	} {
		f, err := classbench.Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		filters = append(filters, f)
	}
	s, err := filter.FromFilters("three", filters, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Rules {
		s.Rules[i].Action = model.Allow
	}
	equivalent(t, s)
	if _, err := filter.FromFilters("empty", nil, 1); err == nil {
		t.Error("an empty file is a set")
	}
}

func TestGenerateRefuses(t *testing.T) {
	for _, bad := range []struct {
		name      string
		family, n int
	}{{"acl", 5, 1}, {"acl", 4, 0}, {"alc", 4, 1}} {
		if _, err := filter.Generate(bad.name, bad.family, bad.n, 1); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
}

func TestZipf(t *testing.T) {
	counts := make([]int, 1000)
	for _, i := range filter.Zipf(len(counts), 20000, 1) {
		counts[i]++
	}
	slices.Sort(counts)
	top := 0
	for _, c := range counts[len(counts)-10:] {
		top += c
	}
	if top < 6000 || counts[len(counts)-1] < 1500 {
		t.Errorf("the ten largest flows have %d of 20000 packets, the largest %d", top, counts[len(counts)-1])
	}
	if got := filter.Zipf(1, 3, 1); !slices.Equal(got, []int{0, 0, 0}) {
		t.Errorf("one flow: %v", got)
	}
}
