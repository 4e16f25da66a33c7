package sut_test

import (
	"context"
	"fmt"
	"testing"

	"rampart/bench/filter"
	"rampart/bench/lab"
	"rampart/bench/rig"
	"rampart/bench/sut"
	"rampart/model"
)

// Every system does with real packets what the rules say, before and after a change.
func TestSystemsAgree(t *testing.T) {
	l := lab.ForTest(t)
	n := 0
	for _, system := range sut.All() {
		for _, family := range []int{4, 6} {
			if err := system.Missing(&sut.Options{Dir: t.TempDir()}, family); err != nil {
				t.Logf("%s, IPv%d: %v", system.Name, family, err)
				continue
			}
			for _, name := range filter.Generators() {
				if family == 6 && name != "acl" {
					continue // addresses of either family take the same way to a script: one set of each will do
				}
				t.Run(fmt.Sprintf("%s/IPv%d/%s", system.Name, family, name), func(t *testing.T) {
					n++
					r, err := rig.New(l, fmt.Sprintf("r%d", n), 0)
					if err != nil {
						t.Fatal(err)
					}
					defer r.Close()
					set, err := filter.Generate(name, family, 100, 5)
					if err != nil {
						t.Fatal(err)
					}
					in, err := system.Load(context.Background(), &sut.Options{}, r, set)
					if err != nil {
						t.Fatal(err)
					}
					defer in.Close()
					check(t, system, r, set, set.Change(0).Packet)
					if !system.Judges() {
						return
					}
					for i := range 2 {
						c := set.Change(i)
						if err := in.Change(context.Background(), c); err != nil {
							t.Fatal(err)
						}
						set = c.After
						check(t, system, r, set, c.Packet)
					}
				})
			}
		}
	}
}

func check(t *testing.T, system *sut.System, r *rig.Rig, set *filter.Set, changed model.Packet) {
	t.Helper()
	scan := filter.NewScanner(set)
	var flows []filter.Flow
	for _, place := range []filter.Place{filter.PlaceAny, filter.PlaceNone} {
		list, err := scan.Flows(place, filter.TrafficMixed, 300, 9)
		if err != nil {
			t.Fatal(err)
		}
		flows = append(flows, list...)
	}
	want, rule := scan.Decide(&changed)
	flows = append(flows, filter.Flow{Packet: changed, Want: want, Rule: rule})
	for i := range flows {
		flows[i].Want = system.Want(flows[i].Want)
	}
	wrong, err := r.Verdicts(flows, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wrong[:min(5, len(wrong))] {
		t.Error(w)
	}
	if len(wrong) > 5 {
		t.Errorf("and %d more", len(wrong)-5)
	}
}

func TestSelect(t *testing.T) {
	list, err := sut.Select([]string{"rampart", "iptables"})
	if err != nil || len(list) != 3 || list[0].Name != sut.Baseline || list[1].Name != "iptables" || list[2].Name != "rampart" {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := sut.Select([]string{"ramparts"}); err == nil {
		t.Error("an unknown system is accepted")
	}
}
