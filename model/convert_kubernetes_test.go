package model

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rampart/model/selector"
)

// Calico's conversion of the policies of 230 Kubernetes test cases, field by field. Selectors are compared in their
// canonical text.
func TestKubernetesConversionIsCalicos(t *testing.T) {
	var file struct {
		Cases []struct {
			ID          int
			Description string
			Steps       []struct{ K8sPolicies, CalicoPolicies []json.RawMessage }
		}
	}
	conformanceFile(t, "k8s_netpol_matrices.json", &file)
	compared := 0
	for _, c := range file.Cases {
		for s, step := range c.Steps {
			for i := range step.K8sPolicies {
				kube := New(KindKubernetesNetworkPolicy).(*KubernetesNetworkPolicy)
				want := New(KindNetworkPolicy).(*Policy)
				decode(t, step.K8sPolicies[i], kube)
				decode(t, step.CalicoPolicies[i], want)
				want.Kind = KindKubernetesNetworkPolicy
				got := kube.Policy()
				canonicalSelectors(t, got)
				canonicalSelectors(t, want)
				if diff := cmp.Diff(want, got, prefixes); diff != "" {
					t.Errorf("case %d (%s), step %d, policy %d (-want +got):\n%s", c.ID, c.Description, s, i, diff)
				}
				for _, e := range Validate(kube) {
					if !e.Warning {
						t.Errorf("case %d (%s), step %d, policy %d: %v", c.ID, c.Description, s, i, e)
					}
				}
				compared++
			}
		}
	}
	if compared < 230 {
		t.Errorf("compared %d policies only", compared)
	}
}

func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
}

func canonicalSelectors(t *testing.T, p *Policy) {
	canonical := func(s *string) {
		if *s == "" {
			return
		}
		parsed, err := selector.Parse(*s)
		if err != nil {
			t.Fatalf("%q: %v", *s, err)
		}
		*s = parsed.String()
	}
	canonical(&p.Spec.Selector)
	for _, d := range Directions() {
		for i := range p.Rules(d) {
			for _, e := range []*EntityRule{&p.Rules(d)[i].Source, &p.Rules(d)[i].Destination} {
				canonical(&e.Selector)
				canonical(&e.NamespaceSelector)
			}
		}
	}
}

func TestKubernetesConversion(t *testing.T) {
	for _, c := range []struct {
		what, spec, want string
	}{
		{"nothing", `{}`,
			`{"tier":"default","order":1000,"selector":"O","types":["Ingress"]}`},
		{"egress rules without policyTypes", `{"egress":[{}]}`,
			`{"tier":"default","order":1000,"selector":"O","types":["Ingress","Egress"],"egress":[{"action":"Allow"}]}`},
		{"policyTypes in any order", `{"policyTypes":["Egress","Ingress"]}`,
			`{"tier":"default","order":1000,"selector":"O","types":["Ingress","Egress"]}`},
		{"selectors", `{"podSelector":{"matchLabels":{"b":"2","a":"1"},"matchExpressions":[
			{"key":"c","operator":"In","values":["z","y"]},{"key":"d","operator":"NotIn","values":["x"]},
			{"key":"e","operator":"Exists"},{"key":"f","operator":"DoesNotExist"}]}}`,
			`{"tier":"default","order":1000,"types":["Ingress"],
			"selector":"O && a == \"1\" && b == \"2\" && c in {\"y\", \"z\"} && d not in {\"x\"} && has(e) && !has(f)"}`},
		{"peers", `{"ingress":[{"from":[{"podSelector":{}},{"namespaceSelector":{}},
			{"podSelector":{"matchLabels":{"a":"1"}},"namespaceSelector":{"matchLabels":{"n":"2"}}},
			{"ipBlock":{"cidr":"10.1.2.3/8","except":["10.1.0.0/16"]}},{}]}]}`,
			`{"tier":"default","order":1000,"selector":"O","types":["Ingress"],"ingress":[
			{"action":"Allow","source":{"selector":"O"}},
			{"action":"Allow","source":{"selector":"O","namespaceSelector":"all()"}},
			{"action":"Allow","source":{"selector":"O && a == \"1\"","namespaceSelector":"n == \"2\""}},
			{"action":"Allow","source":{"nets":["10.0.0.0/8"],"notNets":["10.1.0.0/16"]}},
			{"action":"Allow","source":{"selector":"O"}}]}`},
		{"ports are grouped by protocol and joined", `{"egress":[{"ports":[
			{"port":443},{"port":80,"protocol":"TCP"},{"port":"web"},{"port":81,"endPort":90},{"port":85},{"port":53,"protocol":"UDP"},
			{"port":1,"protocol":"SCTP"},{"protocol":"SCTP"},{"port":2,"protocol":"SCTP"}]}],"policyTypes":["Egress"]}`,
			`{"tier":"default","order":1000,"selector":"O","types":["Egress"],"egress":[
			{"action":"Allow","protocol":"SCTP"},
			{"action":"Allow","protocol":"TCP","destination":{"ports":["web","80:90",443]}},
			{"action":"Allow","protocol":"UDP","destination":{"ports":[53]}}]}`},
		{"one number beside a name stays in its place", `{"ingress":[{"ports":[{"port":80},{"port":"web"}]}]}`,
			`{"tier":"default","order":1000,"selector":"O","types":["Ingress"],"ingress":[
			{"action":"Allow","protocol":"TCP","destination":{"ports":[80,"web"]}}]}`},
	} {
		kube := New(KindStagedKubernetesNetworkPolicy).(*KubernetesNetworkPolicy)
		kube.Metadata = Metadata{Name: "p", Namespace: "prod"}
		kube.Origin = Origin{File: "p.yaml", Line: 3}
		decode(t, []byte(c.spec), &kube.Spec)
		for i := range kube.Spec.Ingress {
			kube.Spec.Ingress[i].Origin = Origin{File: "p.yaml", Line: 10 + i}
		}
		got := kube.Policy()
		want := &Policy{Object: kube.Object}
		decode(t, []byte(withOrchestrator(c.want)), &want.Spec)
		for i := range want.Spec.Ingress {
			want.Spec.Ingress[i].Origin = Origin{File: "p.yaml", Line: 10}
		}
		if diff := cmp.Diff(want, got, prefixes); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
	}
}

// withOrchestrator writes out the condition that every pod selector begins with.
func withOrchestrator(s string) string {
	const condition = `projectcalico.org/orchestrator == \"k8s\"`
	return strings.ReplaceAll(s, `"O`, `"`+condition)
}

var prefixes = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
