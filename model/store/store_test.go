package store_test

import (
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"testing"

	"rampart/model"
	"rampart/model/store"
)

func TestFirstSourceWins(t *testing.T) {
	origin := func(t *model.Tier, file string) *model.Tier {
		t.Origin = model.Origin{File: file, Line: 3}
		return t
	}
	for _, c := range []struct {
		name     string
		priority []string
		winner   string
	}{
		{"by name", nil, "a"},
		{"by priority", []string{"c", "b"}, "c"},
		{"named before unnamed", []string{"b"}, "b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := store.New(c.priority...)
			for _, source := range []string{"b", "c", "a"} {
				apply(t, s, source, origin(tier("shared", source), source+".yaml"), tier("only-"+source, source))
			}
			if got := s.View().Tier("shared").Metadata.Annotations["version"]; got != c.winner {
				t.Errorf("source %s wins, want %s", got, c.winner)
			}
			conflicts := s.Conflicts()
			if len(conflicts) != 2 {
				t.Fatalf("%d conflicts, want 2: %v", len(conflicts), conflicts)
			}
			for _, x := range conflicts {
				if x.Winner != c.winner || x.Key.Name != "shared" || !strings.Contains(x.String(), c.winner+".yaml:3") {
					t.Errorf("conflict %s", x)
				}
			}
			// The winner gives up: the next claim takes over, as an update, and its own resource goes.
			change := apply(t, s, c.winner)
			if fmt.Sprint(change.Updated, change.Removed) != fmt.Sprintf("[Tier/shared] [Tier/only-%s]", c.winner) {
				t.Errorf("change %+v", change)
			}
			if n := len(s.Conflicts()); n != 1 {
				t.Errorf("%d conflicts remain, want 1", n)
			}
			if n := len(s.Sources()); n != 2 {
				t.Errorf("%d sources remain, want 2", n)
			}
		})
	}
}

func TestChangesAddUp(t *testing.T) {
	s := store.New()
	start := apply(t, s, "a", tier("kept", "1"), tier("edited", "1"), tier("removed", "1"), tier("replaced", "1"))
	one := apply(t, s, "a", tier("kept", "1"), tier("edited", "2"), tier("new", "1"), tier("brief", "1"), tier("removed", "2"))
	two := apply(t, s, "a", tier("kept", "1"), tier("edited", "3"), tier("new", "2"), tier("replaced", "9"))
	sum := one.Then(two)
	if got := fmt.Sprint(sum.Added, sum.Updated, sum.Removed); got != "[Tier/new] [Tier/edited Tier/replaced] [Tier/removed]" {
		t.Errorf("sum %s", got)
	}
	if sum.Since != start.Revision || sum.Revision != two.Revision || sum.Len() != 4 {
		t.Errorf("sum from %d to %d with %d keys", sum.Since, sum.Revision, sum.Len())
	}
}

func names(seq iter.Seq[model.Resource]) string {
	var out []string
	for r := range seq {
		out = append(out, r.Key().String())
	}
	return strings.Join(out, " ")
}

func TestIndexes(t *testing.T) {
	workload := func(namespace, name, addr string, labels map[string]string) *model.WorkloadEndpoint {
		w := model.New(model.KindWorkloadEndpoint).(*model.WorkloadEndpoint)
		w.Metadata = model.Metadata{Namespace: namespace, Name: name, Labels: labels}
		w.Spec.IPNetworks = []model.Net{{Prefix: netip.PrefixFrom(netip.MustParseAddr(addr), 32)}}
		return w
	}
	host := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
	host.Metadata = model.Metadata{Name: "db", Labels: map[string]string{"role": "database"}}
	host.Spec.ExpectedIPs = []netip.Addr{netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("fd00::9")}
	set := model.New(model.KindNetworkSet).(*model.NetworkSet)
	set.Metadata = model.Metadata{Namespace: "prod", Name: "lan"}
	set.Spec.Nets = []model.Net{{Prefix: netip.MustParsePrefix("10.0.0.7/8")}, {Prefix: netip.MustParsePrefix("10.0.0.0/24")}}
	v := store.ViewOf(host, set,
		workload("prod", "db", "10.0.0.1", map[string]string{"role": "database"}),
		workload("prod", "web", "10.0.0.2", map[string]string{"role": "frontend", "role2": "x"}),
		workload("test", "web", "10.0.0.2", map[string]string{"rol": "e"}),
	)
	for _, c := range []struct{ name, got, want string }{
		{"kind", names(v.Kind(model.KindWorkloadEndpoint)), "WorkloadEndpoint/prod/db WorkloadEndpoint/prod/web WorkloadEndpoint/test/web"},
		{"kind in namespace", names(v.KindIn(model.KindWorkloadEndpoint, "prod")), "WorkloadEndpoint/prod/db WorkloadEndpoint/prod/web"},
		{"no kind is a prefix of another", names(v.Kind("Host")), ""},
		{"name", names(v.Named("db")), "HostEndpoint/db WorkloadEndpoint/prod/db"},
		{"namespace", names(v.Namespaced("prod")), "NetworkSet/prod/lan WorkloadEndpoint/prod/db WorkloadEndpoint/prod/web"},
		{"label key", names(v.Labelled("role")), "HostEndpoint/db WorkloadEndpoint/prod/db WorkloadEndpoint/prod/web"},
		{"label key and value", names(v.LabelledAs("role", "frontend")), "WorkloadEndpoint/prod/web"},
		{"label of nobody", names(v.Labelled("ro")), ""},
		{"address", names(v.Holding(netip.MustParseAddr("10.0.0.2"))), "WorkloadEndpoint/prod/web WorkloadEndpoint/test/web NetworkSet/prod/lan NetworkSet/prod/lan"},
		{"address in the wide net only", names(v.Holding(netip.MustParseAddr("10.9.0.2"))), "NetworkSet/prod/lan"},
		{"IPv6 address", names(v.Holding(netip.MustParseAddr("fd00::9"))), "HostEndpoint/db"},
		{"no address", names(v.Holding(netip.MustParseAddr("11.0.0.1"))), ""},
		{"all", names(v.All()), "HostEndpoint/db NetworkSet/prod/lan WorkloadEndpoint/prod/db WorkloadEndpoint/prod/web WorkloadEndpoint/test/web"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
	if v.Get(model.Key{Kind: model.KindHostEndpoint, Name: "nobody"}) != nil || v.Tier("nobody") != nil || v.Profile("x") != nil {
		t.Error("a missing resource is found")
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestWatch(t *testing.T) {
	s := store.New()
	apply(t, s, "a", tier("t1", "1"), tier("other", "1"))
	v := s.View()
	key := v.Watch(model.Key{Kind: model.KindTier, Name: "t1"})
	kind := v.WatchKind(model.KindTier)
	absent := v.Watch(model.Key{Kind: model.KindProfile, Name: "p"})
	any := s.Changed()
	apply(t, s, "a", tier("t1", "1"), tier("other", "1"))
	if closed(key) || closed(kind) || closed(absent) || closed(any) {
		t.Fatal("a bundle that changes nothing wakes a watcher")
	}
	apply(t, s, "a", tier("t1", "2"), tier("other", "1"))
	if !closed(key) || !closed(kind) || !closed(any) {
		t.Errorf("after a change: key %t, kind %t, store %t", closed(key), closed(kind), closed(any))
	}
	profile := model.New(model.KindProfile)
	profile.Meta().Name = "p"
	apply(t, s, "b", profile)
	if !closed(absent) {
		t.Error("the watcher of a key that did not exist sleeps on")
	}
}
