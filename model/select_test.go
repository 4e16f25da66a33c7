package model

import (
	"testing"

	"rampart/model/selector"
)

func TestEntitySelector(t *testing.T) {
	const outside = "" // no restriction: also matches peers that are no known endpoint
	for _, c := range []struct {
		what      string
		namespace string
		entity    EntityRule
		pos, neg  string
	}{
		{"nothing in a global policy", "", EntityRule{}, outside, ""},
		{"nothing in a namespaced policy is any peer", "prod", EntityRule{}, outside, ""},
		{"ports alone do not restrict to the namespace", "prod", EntityRule{Ports: []Port{SinglePort(80)}}, outside, ""},
		{"selector, global", "", EntityRule{Selector: "a == 'b'"}, `a == "b"`, ""},
		{"all() is every known endpoint", "", EntityRule{Selector: "all()"}, `all()`, ""},
		{"selector, namespaced", "prod", EntityRule{Selector: "a == 'b'"},
			`(projectcalico.org/namespace == "prod" && a == "b")`, ""},
		{"all() in a namespace", "prod", EntityRule{Selector: "all()"}, `projectcalico.org/namespace == "prod"`, ""},
		{"notSelector, global", "", EntityRule{NotSelector: "a == 'b'"}, outside, `a == "b"`},
		{"notSelector, namespaced, is confined to the namespace", "prod", EntityRule{NotSelector: "a == 'b'"},
			`projectcalico.org/namespace == "prod"`, `a == "b"`},
		{"namespaceSelector", "prod", EntityRule{NamespaceSelector: "env == 'x'"}, `pcns.env == "x"`, ""},
		{"namespaceSelector and selector", "", EntityRule{NamespaceSelector: "env == 'x'", Selector: "a == 'b'"},
			`(pcns.env == "x" && a == "b")`, ""},
		{"every namespace", "prod", EntityRule{NamespaceSelector: "all()"}, `has(projectcalico.org/namespace)`, ""},
		{"no namespace", "prod", EntityRule{NamespaceSelector: " global() "}, `!has(projectcalico.org/namespace)`, ""},
		{"all() inside an expression, not inside a string", "",
			EntityRule{NamespaceSelector: "!all() || a == 'all()'"},
			`(!has(projectcalico.org/namespace) || pcns.a == "all()")`, ""},
		{"service account names", "prod", EntityRule{ServiceAccounts: &ServiceAccountMatch{Names: []string{"b", "a", "b"}}},
			`(projectcalico.org/namespace == "prod" && projectcalico.org/serviceaccount in {"a", "b"})`, ""},
		{"service account names and selector", "",
			EntityRule{ServiceAccounts: &ServiceAccountMatch{Names: []string{"a"}, Selector: "x == 'y'"}, Selector: "r == 's'"},
			`((pcsa.x == "y" && projectcalico.org/serviceaccount in {"a"}) && r == "s")`, ""},
		{"empty service account match", "prod", EntityRule{ServiceAccounts: &ServiceAccountMatch{}}, outside, ""},
		{"service accounts of other namespaces", "prod",
			EntityRule{NamespaceSelector: "all()", ServiceAccounts: &ServiceAccountMatch{Names: []string{"a"}}},
			`(has(projectcalico.org/namespace) && projectcalico.org/serviceaccount in {"a"})`, ""},
		{"an account name cannot break out of its quotes", "",
			EntityRule{ServiceAccounts: &ServiceAccountMatch{Names: []string{"a' || all() || b == 'c"}}},
			`projectcalico.org/serviceaccount in {"a' || all() || b == 'c"}`, ""},
		{"invalid selector matches nothing", "", EntityRule{Selector: "a ="}, `!all()`, ""},
		{"invalid notSelector matches nothing", "", EntityRule{NotSelector: "a ="}, `!all()`, ""},
	} {
		pos, neg := EntitySelector(c.namespace, c.namespace != "", &c.entity)
		if text(pos) != c.pos || text(neg) != c.neg {
			t.Errorf("%s:\n got %q, not %q\nwant %q, not %q", c.what, text(pos), text(neg), c.pos, c.neg)
		}
	}
}

func text(s *selector.Selector) string {
	if s == nil {
		return ""
	}
	return s.String()
}

func TestPolicyEndpointSelector(t *testing.T) {
	for _, c := range []struct {
		what      string
		kind      Kind
		namespace string
		spec      PolicySpec
		want      string
	}{
		{"namespaced, no selector", KindNetworkPolicy, "prod", PolicySpec{}, `projectcalico.org/namespace == "prod"`},
		{"namespaced", KindStagedNetworkPolicy, "prod", PolicySpec{Selector: "a == 'b' || c == 'd'"},
			`((a == "b" || c == "d") && projectcalico.org/namespace == "prod")`},
		{"namespaced, service accounts", KindNetworkPolicy, "prod", PolicySpec{ServiceAccountSelector: "x == 'y'"},
			`(projectcalico.org/namespace == "prod" && pcsa.x == "y")`},
		{"global, no selector", KindGlobalNetworkPolicy, "", PolicySpec{}, `all()`},
		{"global", KindGlobalNetworkPolicy, "", PolicySpec{Selector: "a == 'b'"}, `a == "b"`},
		{"global, namespaces", KindGlobalNetworkPolicy, "", PolicySpec{Selector: "a == 'b'", NamespaceSelector: "env == 'x'"},
			`(a == "b" && pcns.env == "x")`},
		{"global, every namespace", KindGlobalNetworkPolicy, "", PolicySpec{NamespaceSelector: "all()"},
			`has(projectcalico.org/namespace)`},
		{"global, negated namespaces include what has none", KindGlobalNetworkPolicy, "", PolicySpec{NamespaceSelector: "env != 'x'"},
			`pcns.env != "x"`},
		{"global, negated namespaces, but all() written out", KindGlobalNetworkPolicy, "",
			PolicySpec{Selector: "all()", NamespaceSelector: "env != 'x'"}, `(has(projectcalico.org/namespace) && pcns.env != "x")`},
		{"global, service accounts", KindGlobalNetworkPolicy, "",
			PolicySpec{NamespaceSelector: "env == 'x'", ServiceAccountSelector: "all()"},
			`(pcns.env == "x" && has(projectcalico.org/serviceaccount))`},
		{"global, negated service accounts, but all() written out", KindGlobalNetworkPolicy, "",
			PolicySpec{Selector: "all()", ServiceAccountSelector: "x != 'y'"},
			`(has(projectcalico.org/serviceaccount) && pcsa.x != "y")`},
		{"invalid", KindGlobalNetworkPolicy, "", PolicySpec{Selector: "a ="}, `!all()`},
		{"invalid namespaces", KindGlobalNetworkPolicy, "", PolicySpec{NamespaceSelector: "a ="}, `!all()`},
		{"invalid service accounts", KindNetworkPolicy, "prod", PolicySpec{ServiceAccountSelector: "a ="}, `!all()`},
	} {
		p := &Policy{Object: Object{Kind: c.kind, Metadata: Metadata{Name: "p", Namespace: c.namespace}}, Spec: c.spec}
		if got := p.EndpointSelector().String(); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.what, got, c.want)
		}
	}
}
