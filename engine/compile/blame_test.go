package compile_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

// TestBlame finds the network set that most members of a set come from, by labels of its own and of its namespace.
func TestBlame(t *testing.T) {
	networks := func(name, label string, n, line int) *model.NetworkSet {
		s := model.New(model.KindGlobalNetworkSet).(*model.NetworkSet)
		s.Metadata = model.Metadata{Name: name, Labels: map[string]string{"kind": label}}
		s.Origin = model.Origin{File: "nets.yaml", Line: line}
		for i := range n {
			s.Spec.Nets = append(s.Spec.Nets, model.Net{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 32)})
		}
		return s
	}
	v := store.ViewOf(networks("small", "bad", 3, 1), networks("large", "bad", 30, 8), networks("larger", "good", 300, 15))
	set := &ir.Set{Selector: `kind == "bad"`}
	for i := range 33 {
		set.Nets = set.Nets.Edit([]netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 32)}, nil)
	}
	err := &ir.LimitError{Limit: "limits.elements", What: "elements", Have: 33, Most: 32, Set: set}
	compile.Blame(err, v)
	if want := `the set {kind == "bad"} has 33, 30 of them from GlobalNetworkSet/large (nets.yaml:8)`; !strings.Contains(err.Error(), want) {
		t.Errorf("%v\nwant %s", err, want)
	}
	compile.Blame(errors.New("another error"), v) // is none of its business
	ports := &ir.LimitError{Set: &ir.Set{Kind: ir.SetPorts, Selector: `kind == "bad"`}}
	if compile.Blame(ports, v); ports.Source != (model.Key{}) {
		t.Errorf("named ports come from %s", ports.Source)
	}
}
