package compile_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"testing"

	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

// world makes random resources from few names, so that they meet: the same labels, addresses, tiers and interfaces.
type world struct{ *rand.Rand }

func pick[T any](w world, from ...T) T { return from[w.IntN(len(from))] }

func (w world) labels() map[string]string {
	out := map[string]string{}
	for range w.IntN(3) {
		out[pick(w, "a", "b", "c")] = pick(w, "1", "2")
	}
	return out
}

func (w world) selector() string {
	return pick(w, "", "all()", "a == '1'", "a == '2'", "b == '1'", "has(c)", "!has(a)", "a != '1'", "a in {'1', '2'} && b == '2'",
		"a == '1' || c == '2'", "projectcalico.org/namespace == 'x'", "pcns.a == '1'", "a in {}", "b contains '1'")
}

func (w world) port() model.Port {
	return pick(w, model.SinglePort(80), model.Port{Min: 1000, Max: 2000}, model.Port{Name: "http"}, model.Port{Name: "dns"}, model.Port{Name: "nobody"})
}

func (w world) entity() model.EntityRule {
	var e model.EntityRule
	if w.IntN(2) == 0 {
		e.Selector = w.selector()
	}
	if w.IntN(4) == 0 {
		e.NotSelector = w.selector()
	}
	if w.IntN(4) == 0 {
		e.NamespaceSelector = pick(w, "all()", "global()", "a == '1'", "projectcalico.org/name == 'x'")
	}
	if w.IntN(4) == 0 {
		e.ServiceAccounts = &model.ServiceAccountMatch{Names: []string{"sa1"}}
	}
	if w.IntN(4) == 0 {
		e.Ports = []model.Port{w.port(), w.port()}
	}
	if w.IntN(8) == 0 {
		e.NotPorts = []model.Port{w.port()}
	}
	if w.IntN(4) == 0 {
		e.Nets = []netip.Prefix{netip.MustParsePrefix(pick(w, "10.0.0.0/8", "fd00::/8"))}
	}
	return e
}

func (w world) rules() []model.Rule {
	var out []model.Rule
	for range w.IntN(3) {
		r := model.Rule{Action: pick(w, model.Allow, model.Deny, model.Log, model.Pass)}
		if w.IntN(4) != 0 {
			r.Source, r.Destination = w.entity(), w.entity()
		}
		if w.IntN(2) == 0 {
			r.Protocol = pick(w, model.Protocol{Name: "TCP", Number: 6}, model.Protocol{Name: "UDP", Number: 17})
		}
		r.Origin = model.Origin{File: "f", Line: 1 + w.IntN(3)}
		out = append(out, r)
	}
	return out
}

func (w world) profiles() []string {
	var out []string
	for range w.IntN(3) {
		out = append(out, pick(w, "p1", "p2", "missing", model.ProfileAllowAll))
	}
	return out
}

func (w world) ports() []model.EndpointPort {
	var out []model.EndpointPort
	for range w.IntN(3) {
		out = append(out, model.EndpointPort{
			Name: pick(w, "http", "dns"), Port: pick(w, 80, 53),
			Protocol: pick(w, model.Protocol{Name: "TCP", Number: 6}, model.Protocol{Name: "UDP", Number: 17}),
		})
	}
	return out
}

func (w world) addr() netip.Addr {
	return netip.MustParseAddr(pick(w, "10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1", "fd00::2"))
}

func (w world) order() *float64 {
	if w.IntN(3) == 0 {
		return nil
	}
	o := pick(w, 1.0, 2.0, -1.5)
	return &o
}

// resource makes some resource with one of few keys.
func (w world) resource() model.Resource {
	kind := pick(w, model.Kinds()...)
	if w.IntN(3) == 0 {
		kind = pick(w, model.KindWorkloadEndpoint, model.KindGlobalNetworkPolicy, model.KindNetworkPolicy, model.KindHostEndpoint)
	}
	r := model.New(kind)
	meta := r.Meta()
	meta.Name = pick(w, "n1", "n2", "n3")
	if kind.Namespaced() {
		meta.Namespace = pick(w, "x", "y")
	}
	meta.Labels = w.labels()
	switch r := r.(type) {
	case *model.Policy:
		r.Origin = model.Origin{File: "f", Line: 1 + w.IntN(3)}
		r.Spec = model.PolicySpec{
			Tier: pick(w, "", "", "t1", "t2", "ghost"), Order: w.order(), Selector: w.selector(),
			Types:   pick(w, nil, nil, []model.Direction{model.Ingress}, []model.Direction{model.Ingress, model.Egress}),
			Ingress: w.rules(), Egress: w.rules(),
		}
		if kind == model.KindGlobalNetworkPolicy {
			switch w.IntN(5) {
			case 0:
				r.Spec.ApplyOnForward, r.Spec.DoNotTrack = true, true
			case 1:
				r.Spec.ApplyOnForward, r.Spec.PreDNAT, r.Spec.Egress, r.Spec.Types = true, true, nil, nil
			case 2:
				r.Spec.ApplyOnForward = true
			case 3:
				r.Spec.NamespaceSelector = "all()"
			}
		}
		if kind.Staged() {
			r.Spec.StagedAction = pick(w, "", "Set", "Delete")
		}
	case *model.KubernetesNetworkPolicy:
		r.Spec.PodSelector.MatchLabels = w.labels()
	case *model.Tier:
		meta.Name = pick(w, "t1", "t2", "default")
		r.Spec = model.TierSpec{Order: w.order(), DefaultAction: pick(w, "", model.Deny, model.Pass)}
	case *model.Profile:
		meta.Name = pick(w, "p1", "p2")
		r.Spec = model.ProfileSpec{Ingress: w.rules(), Egress: w.rules(), LabelsToApply: w.labels()}
	case *model.Namespace:
		meta.Name = pick(w, "x", "y")
	case *model.ServiceAccount:
		meta.Name = pick(w, "sa1", "sa2")
	case *model.NetworkSet:
		for range w.IntN(3) {
			r.Spec.Nets = append(r.Spec.Nets, model.Net{Prefix: netip.PrefixFrom(w.addr(), pick(w, 8, 24, 32))})
		}
	case *model.HostEndpoint:
		r.Spec = model.HostEndpointSpec{
			Node: pick(w, "node", "node", "other"), InterfaceName: pick(w, "", "eth0", "eth1", "*"), Profiles: w.profiles(), Ports: w.ports(),
		}
		for range w.IntN(3) {
			r.Spec.ExpectedIPs = append(r.Spec.ExpectedIPs, w.addr())
		}
	case *model.WorkloadEndpoint:
		r.Spec = model.WorkloadEndpointSpec{
			Node: pick(w, "node", "node", "other"), InterfaceName: pick(w, "cali1", "cali2"), Profiles: w.profiles(), Ports: w.ports(),
			Orchestrator: pick(w, "", "k8s"), ServiceAccountName: pick(w, "", "sa1", "sa2"),
		}
		for range w.IntN(3) {
			a := w.addr()
			r.Spec.IPNetworks = append(r.Spec.IPNetworks, model.Net{Prefix: netip.PrefixFrom(a, a.BitLen())})
		}
	}
	return r
}

func (w world) host() compile.Host {
	h := compile.Host{Node: pick(w, "node", "node", "node", "node", "node", "other")}
	for _, name := range []string{"eth0", "eth1"} {
		i := compile.Interface{Name: name}
		for range w.IntN(3) {
			i.Addrs = append(i.Addrs, w.addr())
		}
		h.Interfaces = append(h.Interfaces, i)
	}
	return h
}

// TestIncrementalEqualsFresh walks at random through states of the model and compares the compiler that followed with
// one that starts afresh, after every step.
func TestIncrementalEqualsFresh(t *testing.T) {
	walks, steps := 60, 60
	if testing.Short() {
		walks = 10
	}
	for seed := range uint64(walks) {
		w := world{rand.New(rand.NewPCG(seed, 1))}
		s := store.New()
		follower := compile.NewCompiler(ir.Options{LogPrefix: "x"})
		now := map[model.Key]model.Resource{}
		host := w.host()
		var last *ir.Program
		var lastText string
		var pending store.Change
		for step := range steps {
			// A step changes some resources; sometimes the follower sees several at once, or only the host changes.
			for range w.IntN(4) {
				r := w.resource()
				if w.IntN(3) == 0 {
					delete(now, r.Key())
				} else {
					now[r.Key()] = r
				}
			}
			if w.IntN(8) == 0 {
				host = w.host()
			}
			change, err := s.Apply(&model.Bundle{Source: "s", Resources: slices.Collect(maps.Values(now))})
			if err != nil {
				t.Fatal(err)
			}
			if pending.Empty() {
				pending = change
			} else {
				pending = pending.Then(change)
			}
			if w.IntN(4) == 0 {
				continue
			}
			v := s.View()
			got := follower.Compile(v, pending, host)
			pending = store.Change{}
			want := compile.Compile(v, host, ir.Options{LogPrefix: "x"})
			if a, b := describe(got), describe(want); a != b {
				t.Fatalf("seed %d step %d: the follower has\n%s\na fresh compiler has\n%s", seed, step, a, b)
			}
			if last != nil {
				if describe(last) != lastText {
					t.Fatalf("seed %d step %d: the program before was changed:\n%s\nis now\n%s", seed, step, lastText, describe(last))
				}
				if (last.Hash == got.Hash) != (lastText == describe(got)) {
					t.Fatalf("seed %d step %d: the hashes are equal: %t, the texts are not:\n%s\n%s", seed, step, last.Hash == got.Hash, lastText, describe(got))
				}
				if d := ir.Diff(last, got); d.Empty() != (enforced(last) == enforced(got)) {
					t.Fatalf("seed %d step %d: the delta is empty: %t, between\n%s\n%s", seed, step, d.Empty(), lastText, describe(got))
				}
			}
			consistent(t, got)
			if n := follower.DeadMatches(); n > 0 {
				t.Fatalf("seed %d step %d: %d references to selectors out of use", seed, step, n)
			}
			last, lastText = got, describe(got)
		}
		change, err := s.Apply(&model.Bundle{Source: "s"})
		if err != nil {
			t.Fatal(err)
		}
		if !pending.Empty() {
			change = pending.Then(change)
		}
		follower.Compile(s.View(), change, host)
		if left := follower.Leftovers(); left != "" {
			t.Fatalf("seed %d: an empty model leaves %s", seed, left)
		}
	}
}

// describe is everything a program says: its text and the IDs and sums the text leaves out.
func describe(p *ir.Program) string {
	s := ir.Text(p)
	for _, q := range p.Policies {
		s += fmt.Sprintf("%s %x %v %v\n", q.ID, q.Sum, ids(q.Ingress), ids(q.Egress))
	}
	for _, q := range p.Profiles {
		s += fmt.Sprintf("%s %x %v %v\n", q.Name, q.Sum, ids(q.Ingress), ids(q.Egress))
	}
	for _, q := range p.Sets {
		s += fmt.Sprintf("%s %x\n", q.ID, q.Sum)
	}
	for _, e := range p.Endpoints {
		s += fmt.Sprintf("%s %x\n", e.Key, e.Sum)
	}
	return s
}

// enforced is what describe says without origins and states.
func enforced(p *ir.Program) string {
	bare := *p
	bare.States, bare.Hash = nil, ""
	return comment.ReplaceAllString(describe(&bare), "")
}

var comment = regexp.MustCompile(`  # .*`)

func ids(rules []*ir.Rule) (out []model.RuleID) {
	for _, r := range rules {
		out = append(out, r.ID)
	}
	return out
}

// consistent checks what a program promises: its lists are complete and hold the very objects that groups point to.
func consistent(t *testing.T, p *ir.Program) {
	t.Helper()
	rules := func(list []*ir.Rule) {
		for _, r := range list {
			for _, peer := range []*ir.Peer{&r.Match.Src, &r.Match.Dst} {
				for _, id := range slices.Concat(peer.Sets, peer.NotSets, peer.PortSets, peer.NotPortSets) {
					if p.Set(id) == nil {
						t.Fatalf("set %s is not in the program:\n%s", id, ir.Text(p))
					}
				}
			}
		}
	}
	used := map[ir.PolicyID]bool{}
	for _, e := range p.Endpoints {
		for _, g := range slices.Concat(e.Ingress[:], e.Egress[:]) {
			if g != nil && p.Group(g.ID) != g {
				t.Fatalf("group %s of %s is not the program's", g.ID, e.Key)
			}
		}
	}
	for i, g := range p.Groups {
		if i > 0 && g.ID == p.Groups[i-1].ID {
			t.Fatalf("group %s is there twice:\n%s", g.ID, ir.Text(p))
		}
		for _, tier := range g.Tiers {
			for _, q := range tier.Policies {
				used[q.ID] = true
				if p.Policy(q.ID) != q {
					t.Fatalf("policy %s of group %s is not the program's", q.ID, g.ID)
				}
				rules(q.Rules(g.Direction))
			}
		}
		for _, q := range g.Profiles {
			if p.Profile(q.Name) != q {
				t.Fatalf("profile %s of group %s is not the program's", q.Name, g.ID)
			}
			rules(q.Rules(g.Direction))
		}
	}
	if len(used) != len(p.Policies) {
		t.Fatalf("%d policies listed, %d in groups", len(p.Policies), len(used))
	}
}
