package compile_test

import (
	"errors"
	"fmt"
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
	for name, wrap := range map[string]func(error) error{
		"as it is": func(err error) error { return err },
		"wrapped":  func(err error) error { return fmt.Errorf("apply: %w", err) },
		"wrapped twice": func(err error) error {
			return fmt.Errorf("backend nft: %w", fmt.Errorf("apply: %w (nothing has changed)", err))
		},
		"joined": func(err error) error { return errors.Join(errors.New("first"), err) },
	} {
		limit := &ir.LimitError{Limit: "limits.elements", What: "elements", Have: 33, Most: 32, Set: set}
		plain := wrap(limit)
		before, bare := plain.Error(), limit.Error()
		got := compile.Blame(plain, v)
		if want := `the set {kind == "bad"} has 33, 30 of them from GlobalNetworkSet/large (nets.yaml:8)`; !strings.Contains(got.Error(), want) {
			t.Errorf("%s: %v\nwant %s", name, got, want)
		}
		if rest := strings.Replace(got.Error(), limit.Error(), bare, 1); rest != before {
			t.Errorf("%s: %v\nwas %s", name, got, before)
		}
		if e := (*ir.LimitError)(nil); !errors.As(got, &e) || e.Source.Name != "large" || !errors.Is(got, ir.ErrTooLarge) {
			t.Errorf("%s: %#v is no error about a limit any more", name, got)
		}
	}
	other := errors.New("another error")
	if got := compile.Blame(other, v); got != other {
		t.Errorf("%v has become %v", other, got)
	}
	ports := &ir.LimitError{Set: &ir.Set{Kind: ir.SetPorts, Selector: `kind == "bad"`}}
	if got := compile.Blame(ports, v); got != error(ports) || ports.Source != (model.Key{}) {
		t.Errorf("named ports come from %s", ports.Source)
	}
}
