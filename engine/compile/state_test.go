package compile_test

import (
	"strings"
	"testing"

	"rampart/model"
)

func TestPolicyStates(t *testing.T) {
	allow := model.Rule{Action: model.Allow}
	someone := from(model.EntityRule{Nets: nets("10.0.0.0/8")})
	w := workload("w", "10.0.0.1", "role=db")
	far := workload("far", "10.0.0.2", "role=far", onNode("n2"))
	eth0 := hostEndpoint("eth0", "eth0", "", "role=host")
	for _, c := range []struct {
		name      string
		resources []model.Resource // the first is the policy in question
		want      string
	}{
		{"active", []model.Resource{global("p", "role == 'db'", ingress(someone))}, "active 1"},
		{"active without rules", []model.Resource{global("p", "role == 'db'")}, "active 1"},
		{"selects nothing", []model.Resource{global("p", "role == 'ghost'")}, "inactive 0: selects no endpoint"},
		{"selects a network set only", []model.Resource{global("p", "role == 'net'"), globalSet("s", "role=net", "10.0.0.0/8")},
			"inactive 0: selects no endpoint"},
		{"a namespaced policy does not select host endpoints", []model.Resource{policyOf(model.KindNetworkPolicy, "prod/p", "role == 'host'")},
			"inactive 0: selects no endpoint"},
		{"selects endpoints elsewhere", []model.Resource{global("p", "role == 'far'")}, `inactive 1: selects no endpoint of node "n1"`},
		{"staged", []model.Resource{policyOf(model.KindStagedGlobalNetworkPolicy, "p", "role == 'db'")},
			"inactive 1: staged: evaluated for reports and never enforced"},
		{"a staged deletion", []model.Resource{policyOf(model.KindStagedGlobalNetworkPolicy, "p", "role == 'db'",
			func(s *model.PolicySpec) { s.StagedAction = "Delete" })}, "inactive 1: stagedAction is Delete: it has no rules to evaluate"},
		{"untracked on a workload", []model.Resource{global("p", "role == 'db'", doNotTrack)},
			"inactive 1: a doNotTrack policy acts on host endpoints with an interface only"},
		{"untracked on all interfaces", []model.Resource{global("p", "role == 'any'", doNotTrack), hostEndpoint("any", "*", "", "role=any")},
			"inactive 1: a doNotTrack policy acts on host endpoints with an interface only"},
		{"before NAT on a workload", []model.Resource{global("p", "role == 'db'", preDNAT)},
			"inactive 1: a preDNAT policy acts on the ingress of host endpoints only"},
		{"untracked on a host", []model.Resource{global("p", "role == 'host'", doNotTrack)}, "active 1"},
		{"a missing tier", []model.Resource{global("p", "role == 'db'", inTier("ghost"))},
			"active 1: tier ghost does not exist: its policies come after all tiers and end in Deny"},
		{"http", []model.Resource{global("p", "", ingress(model.Rule{Action: model.Allow, HTTP: &model.HTTPMatch{Methods: []string{"GET"}}}))},
			"active 3: ingress[0]: http needs layer 7 enforcement; without it the rule matches nothing"},
		{"services", []model.Resource{global("p", "", egress(to(model.EntityRule{Services: &model.ServiceMatch{Name: "s", Namespace: "n"}})))},
			"active 3: egress[0].destination: services needs Kubernetes Services, which are not known here, so the rule matches nothing"},
		{"a named port of nobody", []model.Resource{global("p", "role == 'db'", ingress(someone, to(model.EntityRule{Ports: []model.Port{{Name: "http"}}})))},
			`active 1: ingress[1].destination.ports: no endpoint that the rule selects defines port "http"`},
		{"a named port of somebody", []model.Resource{global("p", "role == 'db'", ingress(to(model.EntityRule{Ports: []model.Port{{Name: "http"}}}))),
			workload("x", "10.0.0.7", "", withPort("http", tcp, 80), onNode("n2"))}, "active 1"},
		{"no IP version left", []model.Resource{global("p", "role == 'db'", ingress(model.Rule{Action: model.Deny, IPVersion: 6, Protocol: model.Protocol{Name: "ICMP", Number: 1}}))},
			"active 1: ingress[0]: its nets, ipVersion and protocol belong to different IP versions, so it matches nothing"},
		{"after a policy that allows everything", []model.Resource{global("p", "role == 'db'", order(2)), global("first", "", order(1), ingress(someone, allow))},
			"inactive 1: overridden by default/GlobalNetworkPolicy:first[1]"},
		{"after a staged policy that would allow everything", []model.Resource{global("p", "role == 'db'", order(2)),
			policyOf(model.KindStagedGlobalNetworkPolicy, "first", "", order(1), ingress(allow))}, "active 1"},
		{"after a policy that logs everything", []model.Resource{global("p", "role == 'db'", order(2)),
			global("first", "", order(1), ingress(model.Rule{Action: model.Log}))}, "active 1"},
		{"after a policy that passes everything", []model.Resource{global("p", "role == 'db'", order(2)),
			global("first", "", order(1), ingress(model.Rule{Action: model.Pass}))}, "inactive 1: overridden by default/GlobalNetworkPolicy:first[0]"},
		{"in the tier after one that passes everything", []model.Resource{global("p", "role == 'db'"), tierOf("t", 1, model.Deny),
			global("first", "", inTier("t"), ingress(model.Rule{Action: model.Pass}))}, "active 1"},
		{"in the tier after one that denies", []model.Resource{global("p", "role == 'db'"), tierOf("t", 1, model.Deny),
			global("first", "", inTier("t"), ingress(someone))}, "inactive 1: overridden by the default action of tier t"},
		{"in the tier after one that only proposes to deny", []model.Resource{global("p", "role == 'db'"), tierOf("t", 1, model.Deny),
			policyOf(model.KindStagedGlobalNetworkPolicy, "first", "", inTier("t"))}, "active 1"},
		{"overridden at one endpoint only", []model.Resource{global("p", "has(role)", order(2)), global("first", "role == 'db'", order(1), ingress(allow))}, "active 3"},
		{"overridden in one direction only", []model.Resource{global("p", "role == 'db'", order(2), both), global("first", "", order(1), ingress(allow))}, "active 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := compiled(append(c.resources, w, far, eth0)...)
			s, ok := p.State(c.resources[0].Key())
			if !ok {
				t.Fatal("the policy has no state")
			}
			got := "inactive "
			if s.Active {
				got = "active "
			}
			got += string(rune('0' + s.Endpoints))
			if len(s.Reasons) > 0 {
				got += ": " + strings.Join(s.Reasons, "; ")
			}
			if got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}
