package compile_test

import (
	"strings"
	"testing"

	"rampart/model"
)

func TestPolicyOrder(t *testing.T) {
	w := workload("w", "10.0.0.1", "", func(w *model.WorkloadEndpoint) { w.Spec.Orchestrator = "k8s" })
	for _, c := range []struct {
		name     string
		policies []model.Resource
		want     string
	}{
		{"by order, none last, negative and fractions allowed", []model.Resource{
			global("none", ""), global("ten", "", order(10)), global("half", "", order(0.5)), global("minus", "", order(-3)),
		}, "minus half ten none"},
		{"a tie by the name with a slash after it", []model.Resource{
			global("a", ""), global("a-b", ""), global("a.b", ""), global("aa", ""), global("a1", ""), global("p10", ""), global("p2", ""),
		}, "a-b a.b a a1 aa p10 p2"},
		{"zero has no sign", []model.Resource{global("b", "", order(0)), global("a", "", order(negativeZero()))}, "a b"},
		{"a policy without namespace before one with", []model.Resource{
			policyOf(model.KindNetworkPolicy, "prod/same", ""), global("same", ""),
		}, "GlobalNetworkPolicy/same NetworkPolicy/prod/same"},
		{"a Kubernetes policy has order 1000", []model.Resource{
			global("none", ""), global("z", "", order(1001)), kubernetesPolicy("prod/k"), global("y", "", order(999)),
		}, "y k z none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := groupOf(t, compiled(append(c.policies, w)...), "w", model.Ingress, model.LayerNormal)
			var got []string
			for _, p := range g.Tiers[0].Policies {
				if strings.Contains(c.want, "/") {
					got = append(got, p.Key.String())
				} else {
					got = append(got, p.Key.Name)
				}
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("got %s, want %s", s, c.want)
			}
		})
	}
}

func negativeZero() float64 {
	zero := 0.0
	return -1 * zero
}

// kubernetesPolicy selects every pod of its namespace.
func kubernetesPolicy(name string) *model.KubernetesNetworkPolicy {
	k := model.New(model.KindKubernetesNetworkPolicy).(*model.KubernetesNetworkPolicy)
	k.Metadata.Namespace, k.Metadata.Name, _ = strings.Cut(name, "/")
	return k
}

func TestTiers(t *testing.T) {
	w := workload("w", "10.0.0.1", "a=1")
	for _, c := range []struct {
		name      string
		resources []model.Resource
		want      string
	}{
		{"by order, then name", []model.Resource{
			tierOf("late", 3, model.Deny), tierOf("b", 1, model.Pass), tierOf("a", 1, model.Deny),
			global("p1", "", inTier("late")), global("p2", "", inTier("b")), global("p3", "", inTier("a")),
		}, "a: p3 then Deny; b: p2 then Pass; late: p1 then Deny"},
		{"a tier without a policy here is left out", []model.Resource{
			tierOf("first", 1, model.Deny), global("p1", "a == '2'", inTier("first")), global("p2", ""),
		}, "default: p2 then Deny"},
		{"a tier without a policy in this direction is left out", []model.Resource{
			tierOf("first", 1, model.Deny), global("p1", "", inTier("first"), egressOnly), global("p2", ""),
		}, "default: p2 then Deny"},
		{"staged policies are listed and marked", []model.Resource{
			tierOf("first", 1, model.Deny), policyOf(model.KindStagedGlobalNetworkPolicy, "s", "", inTier("first")), global("p", ""),
		}, "first: ~s then Deny; default: p then Deny"},
		{"a staged deletion is not", []model.Resource{
			policyOf(model.KindStagedGlobalNetworkPolicy, "s", "", func(s *model.PolicySpec) { s.StagedAction = "Delete" }), global("p", ""),
		}, "default: p then Deny"},
		{"a tier that does not exist comes last and denies", []model.Resource{
			global("g", "", inTier("ghost"), order(-100)), global("p", ""),
		}, "default: p then Deny; ghost?: g then Deny"},
		{"built-in tiers need no resource", []model.Resource{
			global("admin", "", inTier("kube-admin")), global("base", "", inTier("kube-baseline")), global("p", ""),
		}, "kube-admin: admin then Pass; default: p then Deny; kube-baseline: base then Pass"},
		{"the default tier has order 1000000", []model.Resource{
			tierOf("before", 999_999, model.Pass), tierOf("after", 1_000_001, model.Pass),
			global("p1", "", inTier("after")), global("p2", ""), global("p3", "", inTier("before")),
		}, "before: p3 then Pass; default: p2 then Deny; after: p1 then Pass"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := listed(groupOf(t, compiled(append(c.resources, w)...), "w", model.Ingress, model.LayerNormal))
			if got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestTypesDefault(t *testing.T) {
	allow := model.Rule{Action: model.Allow}
	w := workload("w", "10.0.0.1", "")
	for _, c := range []struct {
		name            string
		edits           []func(*model.PolicySpec)
		ingress, egress string
	}{
		{"no rules", nil, "default: p then Deny", ""},
		{"ingress rules", []func(*model.PolicySpec){ingress(allow)}, "default: p then Deny", ""},
		{"egress rules", []func(*model.PolicySpec){egress(allow)}, "", "default: p then Deny"},
		{"rules for both", []func(*model.PolicySpec){ingress(allow), egress(allow)}, "default: p then Deny", "default: p then Deny"},
		{"types win over rules", []func(*model.PolicySpec){ingress(allow), egressOnly}, "", "default: p then Deny"},
		{"both types without rules", []func(*model.PolicySpec){both}, "default: p then Deny", "default: p then Deny"},
	} {
		p := compiled(w, global("p", "", c.edits...))
		if got := listed(groupOf(t, p, "w", model.Ingress, model.LayerNormal)); got != c.ingress {
			t.Errorf("%s: ingress %q, want %q", c.name, got, c.ingress)
		}
		if got := listed(groupOf(t, p, "w", model.Egress, model.LayerNormal)); got != c.egress {
			t.Errorf("%s: egress %q, want %q", c.name, got, c.egress)
		}
	}
}
