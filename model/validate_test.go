package model

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// say renders findings for comparison: "path: message", warnings with a "? " in front, what follows with a "> ".
func say(found []FieldError) []string {
	var s []string
	for _, e := range found {
		mark := ""
		switch {
		case e.Warning:
			mark = "? "
		case e.Follows:
			mark = "> "
		}
		s = append(s, mark+e.Error())
	}
	return s
}

// validity is a table of resources and everything there is to say about them.
type validity struct {
	what string
	kind Kind
	doc  string
	want []string
}

func checkValidity(t *testing.T, cases []validity) {
	t.Helper()
	for _, c := range cases {
		r := New(c.kind)
		decode(t, []byte(c.doc), r)
		if diff := cmp.Diff(c.want, say(Validate(r))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
	}
}

// rule makes a policy of one rule.
func ingressRule(rule string) string {
	return `{"metadata":{"name":"p","namespace":"prod"},"spec":{"ingress":[` + rule + `]}}`
}

func TestValidateRule(t *testing.T) {
	long := strings.Repeat("x", 1024)
	many := func(n int, item string) string { return strings.TrimSuffix(strings.Repeat(item+",", n), ",") }
	cases := []validity{}
	for _, c := range []struct {
		rule string
		want []string
	}{
		{`{"action":"Allow"}`, nil},
		{`{"action":"allow"}`, []string{`spec.ingress[0].action: supported values: "Allow", "Deny", "Log", "Pass"`}},
		{`{}`, []string{`spec.ingress[0].action: supported values: "Allow", "Deny", "Log", "Pass"`}},
		{`{"action":"Deny","ipVersion":5}`, []string{`spec.ingress[0].ipVersion: supported values: "4", "6"`}},
		{`{"action":"Deny","protocol":0}`, []string{`spec.ingress[0].protocol: protocol number invalid`}},
		{`{"action":"Deny","protocol":"tcp","notProtocol":"icmp"}`, []string{
			`spec.ingress[0].protocol: protocol name invalid: "tcp" is none of TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite, nor a number from 1 to 255`,
			`spec.ingress[0].notProtocol: protocol name invalid: "icmp" is none of TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite, nor a number from 1 to 255`}},
		{`{"action":"Allow","protocol":"tpc","icmp":{"type":8},"destination":{"ports":[80]},"http":{"methods":["GET"]}}`, []string{
			`spec.ingress[0].protocol: protocol name invalid: "tpc" is none of TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite, nor a number from 1 to 255`,
			`> spec.ingress[0].icmp: ICMP fields require protocol to be ICMP or ICMPv6`,
			`> spec.ingress[0].destination.ports: rules that specify ports must set protocol to TCP or UDP or SCTP`,
			`> spec.ingress[0].protocol: rules with HTTP match must have protocol TCP or unset`,
			`? spec.ingress[0].http: the rule needs HTTP enforcement; on connections without it, the rule does not match`}},
		{`{"action":"Deny","protocol":"ICMP","ipVersion":6}`, []string{`spec.ingress[0].protocol: protocol ICMP requires ipVersion 4`}},
		{`{"action":"Deny","notProtocol":"ICMPv6","ipVersion":4}`, []string{`spec.ingress[0].notProtocol: protocol ICMPv6 requires ipVersion 6`}},
		{`{"action":"Deny","protocol":1,"ipVersion":6}`, nil},
		// ICMP
		{`{"action":"Deny","protocol":58,"icmp":{"type":0,"code":255},"notICMP":{"type":254}}`, nil},
		{`{"action":"Deny","icmp":{},"notICMP":{}}`, nil},
		{`{"action":"Deny","protocol":"TCP","notICMP":{"type":8}}`, nil},
		{`{"action":"Deny","protocol":"TCP","icmp":{"type":8}}`, []string{
			`spec.ingress[0].icmp: ICMP fields require protocol to be ICMP or ICMPv6`}},
		{`{"action":"Deny","protocol":"ICMP","icmp":{"type":255,"code":-1},"notICMP":{"code":256}}`, []string{
			`spec.ingress[0].icmp.type: spec.ingress[0].icmp.type in body should be less than or equal to 254`,
			`spec.ingress[0].icmp.code: spec.ingress[0].icmp.code in body should be greater than or equal to 0`,
			`spec.ingress[0].notICMP.code: spec.ingress[0].notICMP.code in body should be less than or equal to 255`,
			`spec.ingress[0].notICMP: ICMP code specified without an ICMP type`}},
		// Ports
		{`{"action":"Deny","protocol":132,"source":{"ports":[1]},"destination":{"notPorts":["1:65535","http"]}}`, nil},
		{`{"action":"Deny","destination":{"ports":["http"]}}`, nil},
		{`{"action":"Deny","source":{"ports":[80]},"destination":{"notPorts":["http","1:2"]}}`, []string{
			`spec.ingress[0].source.ports: rules with numeric port or port range must set protocol to TCP or UDP or SCTP`,
			`spec.ingress[0].destination.notPorts: rules with numeric port or port range must set protocol to TCP or UDP or SCTP`}},
		{`{"action":"Deny","protocol":"UDPLite","source":{"notPorts":["http"]}}`, []string{
			`spec.ingress[0].source.notPorts: rules that specify ports must set protocol to TCP or UDP or SCTP`}},
		{`{"action":"Deny","protocol":"TCP","source":{"ports":[0,"0:10","Bad","a--b","1-2","far-too-long-for-it","80-70","80..90","-1","80.5","1_2"]}}`, []string{
			`spec.ingress[0].source.ports[0]: port range invalid, port number must be between 1 and 65535`,
			`spec.ingress[0].source.ports[1]: port range invalid, port number must be between 1 and 65535`,
			`spec.ingress[0].source.ports[2]: port name must consist of lower case letters, digits and single '-' between them`,
			`spec.ingress[0].source.ports[3]: port name must consist of lower case letters, digits and single '-' between them`,
			`spec.ingress[0].source.ports[4]: a port range is written 1:2`,
			`spec.ingress[0].source.ports[5]: port name must be no more than 15 characters`,
			`spec.ingress[0].source.ports[6]: a port range is written 70:80`,
			`spec.ingress[0].source.ports[7]: a port range is written 80:90`,
			`spec.ingress[0].source.ports[8]: a port number is a whole number from 1 to 65535`,
			`spec.ingress[0].source.ports[9]: a port number is a whole number from 1 to 65535`,
			`spec.ingress[0].source.ports[10]: port name must consist of lower case letters, digits and single '-' between them`}},
		{`{"action":"Deny","protocol":"TCP","source":{"ports":[` + many(51, "80") + `]}}`, []string{
			`spec.ingress[0].source.ports: must have at most 50 items`}},
		// Nets
		{`{"action":"Deny","source":{"nets":["10.0.0.0/8","10.0.0.0/8"]},"destination":{"nets":["0.0.0.0/0"],"notNets":["10.0.0.0/32"]}}`, nil},
		{`{"action":"Deny","source":{"nets":["10.0.0.1/8","::ffff:10.0.0.0/104"]}}`, []string{
			`spec.ingress[0].source.nets[0]: invalid CIDR: 10.0.0.1/8 has host bits set, write 10.0.0.0/8`,
			`spec.ingress[0].source.nets[1]: invalid CIDR`,
			`spec.ingress[0].source.nets[1]: rule contains both IPv4 and IPv6 CIDRs`}},
		{`{"action":"Deny","source":{"notNets":["::/0","0.0.0.0/0"]}}`, []string{
			`spec.ingress[0].source.notNets[0]: catch-all CIDR in negation creates logical contradiction (matches no traffic)`,
			`spec.ingress[0].source.notNets[1]: catch-all CIDR in negation creates logical contradiction (matches no traffic)`,
			`spec.ingress[0].source.notNets[1]: rule contains both IPv4 and IPv6 CIDRs`}},
		{`{"action":"Deny","ipVersion":6,"source":{"nets":["2001:db8::/32"]},"destination":{"notNets":["10.0.0.0/8"]}}`, []string{
			`spec.ingress[0].destination.notNets[0]: rule contains both IPv4 and IPv6 CIDRs`,
			`spec.ingress[0].destination.notNets[0]: rule IP version doesn't match CIDR version`}},
		{`{"action":"Deny","source":{"nets":[` + many(257, `"10.0.0.0/8"`) + `]}}`, []string{
			`spec.ingress[0].source.nets: must have at most 256 items`}},
		// Selectors
		{`{"action":"Deny","source":{"selector":"a == 'b","notSelector":"a = 'b'","namespaceSelector":"&","serviceAccounts":{"selector":"x"}}}`, []string{
			`spec.ingress[0].source.selector: column 6: invalid selector: string is not closed: no second '`,
			`spec.ingress[0].source.notSelector: column 3: invalid selector: "=" is not an operator: write "=="`,
			`spec.ingress[0].source.namespaceSelector: column 1: invalid selector: expected a condition, found '&'`,
			`spec.ingress[0].source.serviceAccounts.selector: column 2: invalid selector: ` +
				`expected an operator after label "x"; to ask for the label alone write has(x)`}},
		{`{"action":"Deny","source":{"selector":"global()","notSelector":"a == 'b' || global()","namespaceSelector":"global( )",
			"serviceAccounts":{"selector":"!global()"}},"destination":{"namespaceSelector":"!global()"}}`, []string{
			`spec.ingress[0].source.selector: global() can only be used in an EntityRule namespaceSelector`,
			`spec.ingress[0].source.notSelector: global() can only be used in an EntityRule namespaceSelector`,
			`spec.ingress[0].source.serviceAccounts.selector: global() can only be used in an EntityRule namespaceSelector`,
			`spec.ingress[0].destination.namespaceSelector: global() cannot be combined with other selectors`}},
		{`{"action":"Deny","source":{"selector":"a == '` + long + `'"}}`, []string{
			`spec.ingress[0].source.selector: may not be more than 1024 bytes`}},
		{`{"action":"Deny","source":{"selector":"a in {} && has(b)"}}`, []string{
			`? spec.ingress[0].source.selector: the selector can never match: a label cannot have a value of an empty set`}},
		{`{"action":"Deny","source":{"serviceAccounts":{"names":["web","We b"]}}}`, []string{
			`? spec.ingress[0].source.serviceAccounts.names[1]: "We b" is not the name of a service account in Kubernetes`}},
		// Services
		{`{"action":"Deny","source":{"services":{"name":"s"},"notPorts":["http"]}}`, []string{
			`? spec.ingress[0].source.services: Kubernetes Services are not known here: the rule does not match`}},
		{`{"action":"Deny","destination":{"services":{"namespace":"n"},"notSelector":"a == 'b'","nets":["10.0.0.0/8"],
			"serviceAccounts":{},"namespaceSelector":"all()","ports":["http"]}}`, []string{
			`spec.ingress[0].destination.services: not allowed in ingress rule destination`,
			`spec.ingress[0].destination.services: ports and notPorts cannot be specified with services`,
			`spec.ingress[0].destination.services.name: services must specify a service name`,
			`spec.ingress[0].destination: cannot specify Selector/NotSelector and Services on the same rule`,
			`spec.ingress[0].destination: cannot specify Nets/NotNets and Services on the same rule`,
			`spec.ingress[0].destination: cannot specify ServiceAccounts and Services on the same rule`,
			`spec.ingress[0].destination: cannot specify NamespaceSelector and Services on the same rule`,
			`? spec.ingress[0].destination.services: Kubernetes Services are not known here: the rule does not match`}},
		// HTTP
		{`{"action":"Allow","protocol":6,"http":{"methods":["GET","PUT"],"paths":[{"exact":"/a"},{"prefix":"/"}]}}`, []string{
			`? spec.ingress[0].http: the rule needs HTTP enforcement; on connections without it, the rule does not match`}},
		{`{"action":"Log","protocol":"UDP","http":{"methods":["GET","GET"],"paths":[{},{"exact":"/a","prefix":"/b"},{"exact":"a"},
			{"prefix":"/a?b"},{"prefix":"/a#b"},{"prefix":"/a b"}]}}`, []string{
			`spec.ingress[0].http: HTTP match is only valid on Allow rules`,
			`spec.ingress[0].protocol: rules with HTTP match must have protocol TCP or unset`,
			`spec.ingress[0].http.methods: Invalid methods (duplicates): [GET GET]`,
			`spec.ingress[0].http.paths[0]: Invalid path match. Either 'exact' or 'prefix' must be set`,
			`spec.ingress[0].http.paths[1]: Invalid path match. Both 'exact' and 'prefix' are set`,
			"spec.ingress[0].http.paths[2]: Invalid path a. (must start with `/` and not contain `?` or `#`",
			"spec.ingress[0].http.paths[3]: Invalid path /a?b. (must start with `/` and not contain `?` or `#`",
			"spec.ingress[0].http.paths[4]: Invalid path /a#b. (must start with `/` and not contain `?` or `#`",
			"spec.ingress[0].http.paths[5]: Invalid path /a b. (must start with `/` and not contain `?` or `#`",
			`? spec.ingress[0].http: the rule needs HTTP enforcement; on connections without it, the rule does not match`}},
		{`{"action":"Allow","http":{"methods":[` + many(21, `"A"`) + `]}}`, []string{
			`spec.ingress[0].http.methods: must have at most 20 items`,
			`spec.ingress[0].http.methods: Invalid methods (duplicates): [` + strings.Repeat("A ", 20) + `A]`,
			`? spec.ingress[0].http: the rule needs HTTP enforcement; on connections without it, the rule does not match`}},
		// Annotations
		{`{"action":"Allow","metadata":{"annotations":{"Example.com/a":"anything at all","b c":""}}}`, []string{
			`spec.ingress[0].metadata.annotations[b c]: annotation name: name part ` + msgQualified}},
		// Contradictions
		{`{"action":"Allow","protocol":"TCP","notProtocol":6}`, []string{
			`? spec.ingress[0].notProtocol: the rule can never match: it excludes its own protocol`}},
		{`{"action":"Allow","protocol":"ICMP","icmp":{"type":8,"code":0},"notICMP":{"type":8}}`, []string{
			`? spec.ingress[0].notICMP: the rule can never match: it excludes its own ICMP type`}},
		{`{"action":"Allow","protocol":"ICMP","icmp":{"type":8},"notICMP":{"type":8,"code":0}}`, nil},
		{`{"action":"Allow","protocol":"ICMPv6","source":{"nets":["10.0.0.0/8"]}}`, []string{
			`? spec.ingress[0].protocol: the rule can never match: protocol ICMPv6 and the CIDR 10.0.0.0/8 are of different IP versions`}},
		{`{"action":"Allow","protocol":"UDP","source":{"nets":["10.1.0.0/16","10.2.0.0/16"],"notNets":["10.0.0.0/8"],
			"ports":[80,"http"],"notPorts":["http","1:100"],"selector":"a=='b'","notSelector":"a == \"b\""}}`, []string{
			`? spec.ingress[0].source.notNets: the rule can never match: notNets excludes all of nets`,
			`? spec.ingress[0].source.notPorts: the rule can never match: notPorts excludes all of ports`,
			`? spec.ingress[0].source.notSelector: the rule can never match: notSelector excludes all that selector selects`}},
		{`{"action":"Allow","protocol":"UDP","source":{"nets":["10.0.0.0/8"],"notNets":["10.1.0.0/16"],"ports":["1:100"],"notPorts":["2:101"]}}`, nil},
		// Order of rules
		{`{"action":"Log"},{"action":"Deny","source":{}},{"action":"Allow"}`, []string{
			`? spec.ingress[2]: the rule is never reached: rule 1 before it matches everything`}},
	} {
		cases = append(cases, validity{c.rule, KindNetworkPolicy, ingressRule(c.rule), c.want})
	}
	checkValidity(t, cases)
}

func TestValidatePolicy(t *testing.T) {
	rules := strings.TrimSuffix(strings.Repeat(`{"action":"Allow","protocol":"TCP"},`, 1025), ",")
	checkValidity(t, []validity{
		{"nothing", KindNetworkPolicy, `{"metadata":{"name":"p"},"spec":{}}`, nil},
		{"fields of other kinds", KindNetworkPolicy,
			`{"metadata":{"name":"p"},"spec":{"stagedAction":"Set","namespaceSelector":"all()","doNotTrack":true,"preDNAT":true,"applyOnForward":true}}`,
			[]string{
				"spec.stagedAction: a NetworkPolicy has no field stagedAction",
				"spec.namespaceSelector: a NetworkPolicy has no field namespaceSelector",
				"spec.doNotTrack: a NetworkPolicy has no field doNotTrack",
				"spec.preDNAT: a NetworkPolicy has no field preDNAT",
				"spec.applyOnForward: a NetworkPolicy has no field applyOnForward",
				"spec.preDNAT: preDNAT and doNotTrack cannot both be true",
			}},
		{"selectors", KindGlobalNetworkPolicy,
			`{"metadata":{"name":"p"},"spec":{"selector":"global()","namespaceSelector":"has(a","serviceAccountSelector":"!global()"}}`,
			[]string{
				"spec.selector: global() can only be used in an EntityRule namespaceSelector",
				`spec.namespaceSelector: column 6: invalid selector: expected ")" after has(a, found the end of the selector`,
				"spec.serviceAccountSelector: global() can only be used in an EntityRule namespaceSelector",
			}},
		{"types", KindNetworkPolicy, `{"metadata":{"name":"p"},"spec":{"types":["ingress","Egress","Egress"],"ingress":[{"action":"Allow"}]}}`, []string{
			"spec.types: must have at most 2 items",
			`spec.types[0]: supported values: "Ingress", "Egress"`,
			"spec.types[2]: 'Egress' type specified more than once",
		}},
		{"rules without effect", KindNetworkPolicy,
			`{"metadata":{"name":"p"},"spec":{"types":["Egress"],"ingress":[{"action":"Allow"}]}}`,
			[]string{`? spec.ingress: the rules have no effect: types does not include "Ingress"`}},
		{"too many rules", KindNetworkPolicy, `{"metadata":{"name":"p"},"spec":{"egress":[` + rules + `]}}`,
			[]string{"spec.egress: must have at most 1024 items"}},
		{"http on egress", KindNetworkPolicy, `{"metadata":{"name":"p"},"spec":{"egress":[{"action":"Allow","http":{"methods":["GET"]}}]}}`,
			[]string{"spec.egress[0].http: not allowed in egress rule",
				"? spec.egress[0].http: the rule needs HTTP enforcement; on connections without it, the rule does not match"}},
		{"services in a global policy", KindGlobalNetworkPolicy,
			`{"metadata":{"name":"p"},"spec":{"egress":[{"action":"Allow","source":{"services":{"name":"s"}}}]}}`,
			[]string{"spec.egress[0].source.services: not allowed in egress rule source",
				"spec.egress[0].source.services.namespace: must specify a namespace",
				"? spec.egress[0].source.services: Kubernetes Services are not known here: the rule does not match"}},
		{"flags", KindGlobalNetworkPolicy,
			`{"metadata":{"name":"p"},"spec":{"preDNAT":true,"types":["Ingress","Egress"],"egress":[{"action":"Allow"}]}}`,
			[]string{
				"spec.egress: preDNAT policy cannot have any egress rules",
				"spec.types: preDNAT policy cannot have 'Egress' type",
				"spec.applyOnForward: applyOnForward must be true if either preDNAT or doNotTrack is true",
			}},
		{"hints", KindGlobalNetworkPolicy,
			`{"metadata":{"name":"p"},"spec":{"performanceHints":["AssumeNeededOnEveryNode","junk","AssumeNeededOnEveryNode"]}}`,
			[]string{
				`spec.performanceHints[1]: supported values: "AssumeNeededOnEveryNode"`,
				"spec.performanceHints[2]: hint specified more than once",
			}},
		{"tier", KindNetworkPolicy, `{"metadata":{"name":"p"},"spec":{"tier":"no tier"}}`, []string{`spec.tier: "no tier" is not the name of a tier`}},
		{"staged action", KindStagedNetworkPolicy, `{"metadata":{"name":"p"},"spec":{"stagedAction":"Warning"}}`,
			[]string{`spec.stagedAction: supported values: "Set", "Delete", "Learn", "Ignore"`}},
		{"staged delete", KindStagedGlobalNetworkPolicy, `{"metadata":{"name":"p"},"spec":{"tier":"default","stagedAction":"Delete"}}`, nil},
		{"staged delete with more", KindStagedGlobalNetworkPolicy, `{"metadata":{"name":"p"},"spec":{"order":0,"stagedAction":"Delete"}}`,
			[]string{"spec: Spec fields, except Tier, should all be zero-value if stagedAction is Delete"}},
	})
}

func TestValidateMetadata(t *testing.T) {
	checkValidity(t, []validity{
		{"no name", KindNetworkSet, `{}`, []string{"metadata.name: name must be specified"}},
		{"specification's names", KindNetworkPolicy, `{"metadata":{"name":"Allow_tcp.6379"}}`, []string{
			"? metadata.name: Calico would refuse this name: " + msgSubdomain}},
		{"tier before the name", KindGlobalNetworkPolicy, `{"metadata":{"name":"eng.p"}}`, nil},
		{"more dots", KindGlobalNetworkPolicy, `{"metadata":{"name":"knp.default.p"}}`, []string{
			"? metadata.name: Calico would refuse this name: " + msgDNSLabel}},
		{"Calico's name of a Kubernetes policy", KindNetworkPolicy, `{"metadata":{"name":"knp.default.p"}}`, nil},
		{"characters", KindHostEndpoint, `{"metadata":{"name":"a b"},"spec":{"node":"n","interfaceName":"*"}}`, []string{
			"metadata.name: name must consist of alphanumeric characters, '-', '_' or '.', and start and end with an alphanumeric character"}},
		{"length", KindNetworkSet, `{"metadata":{"name":"` + strings.Repeat("x", 254) + `"}}`, []string{
			"metadata.name: name is too long by 1 bytes"}},
		{"length of a tier's name", KindTier, `{"metadata":{"name":"` + strings.Repeat("x", 66) + `"}}`, []string{
			"metadata.name: name is too long by 3 bytes"}},
		{"dot in a tier's name", KindTier, `{"metadata":{"name":"a.b"}}`, []string{"metadata.name: " + msgDNSLabel}},
		{"namespace of a global kind", KindGlobalNetworkPolicy, `{"metadata":{"name":"p","namespace":"prod"}}`, []string{
			"metadata.namespace: namespace should not be specified for a non-namespaced resource. GlobalNetworkPolicy is not a namespaced resource"}},
		{"odd namespace", KindNetworkPolicy, `{"metadata":{"name":"p","namespace":"Prod"}}`, []string{
			"? metadata.namespace: Kubernetes would refuse this namespace: it is not a DNS label"}},
		{"labels", KindNamespace, `{"metadata":{"name":"p","labels":{"example.com/a":"","/a":"b","a/b/c":"b","E/a":"b","a/":"b","a":"b c",
			"` + strings.Repeat("x", 64) + `":"` + strings.Repeat("y", 64) + `"}}}`, []string{
			"metadata.labels[/a]: label name: prefix part must be non-empty",
			"metadata.labels[E/a]: label name: " + msgPrefix,
			"metadata.labels[a]: label value: " + msgLabelValue,
			"metadata.labels[a/]: label name: name part must be non-empty",
			"metadata.labels[a/b/c]: label name: a qualified name " + msgQualified + " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
			"metadata.labels[" + strings.Repeat("x", 64) + "]: label name: name part must be no more than 63 bytes",
			"metadata.labels[" + strings.Repeat("x", 64) + "]: label value: must be no more than 63 bytes"}},
		{"reserved label of a set", KindGlobalNetworkSet, `{"metadata":{"name":"p","labels":{"projectcalico.org/namespace":"x"}}}`, []string{
			"metadata.labels[projectcalico.org/namespace]: projectcalico.org/namespace is not a valid label name"}},
		{"labels that a workload may not give itself", KindWorkloadEndpoint,
			`{"metadata":{"name":"w","namespace":"a","labels":{"projectcalico.org/namespace":"b","pcns.x":"y","pcsa.x":"y"}},
			"spec":{"node":"n","interfaceName":"eth0","ipNetworks":["10.0.0.1"]}}`, []string{
				`? metadata.labels[projectcalico.org/namespace]: the label is ignored: the namespace is "a"`,
				"? metadata.labels[pcns.x]: the label is ignored: it would pretend to be a label of the namespace or service account",
				"? metadata.labels[pcsa.x]: the label is ignored: it would pretend to be a label of the namespace or service account"}},
		{"annotations", KindNetworkSet, `{"metadata":{"name":"p","annotations":{"UPPER":"` + strings.Repeat("x", 256<<10) + `","a b":""}}}`, []string{
			"metadata.annotations[a b]: annotation name: name part " + msgQualified,
			"metadata.annotations: annotations must be no more than 262144 bytes altogether"}},
	})
}

func TestValidateTierAndProfile(t *testing.T) {
	checkValidity(t, []validity{
		{"tier", KindTier, `{"metadata":{"name":"t"},"spec":{"order":-0.5,"defaultAction":"Pass"}}`, nil},
		{"default tier without a word", KindTier, `{"metadata":{"name":"default"}}`, nil},
		{"default tier", KindTier, `{"metadata":{"name":"default"},"spec":{"order":1,"defaultAction":"Pass"}}`, []string{
			"spec.order: default tier order must be 1000000", "spec.defaultAction: The 'default' tier must have default action 'Deny'"}},
		{"kube-admin", KindTier, `{"metadata":{"name":"kube-admin"}}`, []string{
			"spec.order: kube-admin tier order must be 1000", "spec.defaultAction: The 'kube-admin' tier must have default action 'Pass'"}},
		{"default action", KindTier, `{"metadata":{"name":"t"},"spec":{"defaultAction":"Allow"}}`, []string{
			`spec.defaultAction: supported values: "Deny", "Pass"`}},
		{"profile", KindProfile, `{"metadata":{"name":"p"},"spec":{"ingress":[{"action":"Pass"}],"egress":[{"action":"x"}],"labelsToApply":{"a b":"c"}}}`,
			[]string{
				"? spec.ingress[0].action: Pass in a profile goes on to the endpoint's next profile",
				`spec.egress[0].action: supported values: "Allow", "Deny", "Log", "Pass"`,
				"spec.labelsToApply[a b]: label name: name part " + msgQualified,
			}},
		{"built-in profile", KindProfile, `{"metadata":{"name":"projectcalico-default-allow"}}`, []string{
			"? metadata.name: this profile is built in: it allows everything, whatever is written here"}},
	})
}

func TestValidateEndpoints(t *testing.T) {
	checkValidity(t, []validity{
		{"host endpoint", KindHostEndpoint,
			`{"metadata":{"name":"h"},"spec":{"node":"n","interfaceName":"eth0.1","expectedIPs":["10.0.0.1","2001:db8::1"],"profiles":["p"],
			"ports":[{"name":"http","protocol":"TCP","port":80},{"name":"http","protocol":17,"port":8080}]}}`, nil},
		{"empty host endpoint", KindHostEndpoint, `{"metadata":{"name":"h"},"spec":{}}`, []string{
			"spec.node: node must be specified",
			"spec.interfaceName: at least one of interfaceName or expectedIPs must be specified"}},
		{"host endpoint, all wrong", KindHostEndpoint,
			`{"metadata":{"name":"h"},"spec":{"node":"n","interfaceName":"sixteen-letters-","expectedIPs":["fe80::1%eth0","::ffff:10.0.0.1"],"profiles":[".p"],
			"ports":[{"name":"","protocol":"ICMP","port":0,"hostPort":1},{"name":"x","protocol":"foo","port":65536}]}}`, []string{
				`spec.interfaceName: "sixteen-letters-" is not an interface name: 1 to 15 letters, digits, '_', '.' or '-'`,
				"spec.expectedIPs[0]: invalid IP address",
				"spec.expectedIPs[1]: invalid IP address",
				"spec.profiles[0]: name must consist of alphanumeric characters, '-', '_' or '.', and start and end with an alphanumeric character",
				"spec.ports[0].name: name must not be empty",
				"spec.ports[0].protocol: EndpointPort protocol does not support ports.",
				"spec.ports[0].port: port number must be between 1 and 65535",
				"spec.ports[0]: hostPort and hostIP belong to workload endpoints",
				`spec.ports[1].protocol: protocol name invalid: "foo" is none of TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite, nor a number from 1 to 255`,
				"> spec.ports[1].protocol: EndpointPort protocol does not support ports.",
				"spec.ports[1].port: port number must be between 1 and 65535"}},
		{"workload endpoint", KindWorkloadEndpoint,
			`{"metadata":{"name":"node--1-k8s-web--1-eth0","namespace":"prod"},"spec":{"orchestrator":"k8s","node":"node-1","pod":"web-1","endpoint":"eth0",
			"containerID":"a-1","interfaceName":"cali1","ipNetworks":["10.0.0.1/32","2001:db8::1"],"ipNATs":[{"internalIP":"10.0.0.1","externalIP":"1.2.3.4"}],
			"ipv4Gateway":"169.254.1.1","ipv6Gateway":"fe80::1","mac":"ee:ee:ee:ee:ee:ee","profiles":["kns.prod"],
			"ports":[{"protocol":"TCP","port":80,"hostPort":8080,"hostIP":"10.0.0.9"}],"allowSpoofedSourcePrefixes":["10.1.0.0/16","10.0.0.2"]}}`, nil},
		{"empty workload endpoint", KindWorkloadEndpoint, `{"metadata":{"name":"w"},"spec":{}}`, []string{
			`spec.interfaceName: "" is not an interface name: 1 to 15 letters, digits, '_', '.' or '-'`,
			"? spec.node: without a node the endpoint is guarded on no host; only its addresses count",
			"? spec.ipNetworks: without addresses the endpoint is no peer of any rule, and its traffic counts as spoofed"}},
		{"workload endpoint, all wrong", KindWorkloadEndpoint,
			`{"metadata":{"name":"w"},"spec":{"orchestrator":"k8s","node":"n","pod":"p","endpoint":"e","containerID":"-","interfaceName":"*",
			"ipNetworks":["10.0.0.0/31"],"ipNATs":[{"internalIP":"10.0.0.9","externalIP":"x"},{"internalIP":"y","externalIP":"::1"}],
			"ipv4Gateway":"fe80::1","ipv6Gateway":"z","mac":"1:2","profiles":[""],
			"ports":[{"protocol":"TCP","port":80},{"name":"Bad","protocol":"UDP","port":1,"hostPort":-1,"hostIP":"999.1.1.1"}]}}`, []string{
				`spec.interfaceName: "*" is not an interface name: 1 to 15 letters, digits, '_', '.' or '-'`,
				"spec.containerID: container ID must consist of letters, digits and '-', and start and end with a letter or digit",
				"spec.ipNetworks[0]: IP network contains multiple addresses",
				"spec.ipNATs[0].internalIP: NAT is not in the endpoint networks",
				"spec.ipNATs[0].externalIP: invalid IP address",
				"spec.ipNATs[1].internalIP: invalid IP address",
				"spec.ipv4Gateway: invalid IPv4 gateway address specified",
				"spec.ipv6Gateway: invalid IPv6 gateway address specified",
				"spec.mac: invalid MAC address",
				"spec.profiles[0]: name must be specified",
				"spec.ports[0].name: WorkloadEndpointPort name must not be empty if no HostPort is specified",
				"spec.ports[1].name: port name must consist of lower case letters, digits and single '-' between them",
				"spec.ports[1].hostPort: spec.ports[1].hostPort in body should be greater than or equal to 0",
				"spec.ports[1].hostIP: invalid IP address",
				`? metadata.name: Calico would refuse this name: node, orchestrator, workload and endpoint make it "n-k8s-p-e"`}},
		{"network set", KindNetworkSet, `{"metadata":{"name":"s"},"spec":{"nets":["10.0.0.1","10.0.0.0/8","2001:db8::/32","10.0.0.1/8"]}}`, []string{
			"? spec.nets[3]: 10.0.0.1/8 has host bits set and is read as 10.0.0.0/8"}},
	})
}

func TestValidateKubernetesPolicy(t *testing.T) {
	checkValidity(t, []validity{
		{"nothing", KindKubernetesNetworkPolicy, `{"metadata":{"name":"p"},"spec":{}}`, nil},
		{"selectors", KindKubernetesNetworkPolicy,
			`{"metadata":{"name":"p"},"spec":{"podSelector":{"matchLabels":{"a b":"c"},"matchExpressions":[{"key":"","operator":"In"},
			{"key":"a","operator":"Exists","values":["b"]},{"key":"a","operator":"in","values":["b c"]}]}}}`, []string{
				"spec.podSelector.matchLabels[a b]: label name: name part " + msgQualified,
				"spec.podSelector.matchExpressions[0].key: label name: name part must be non-empty",
				"spec.podSelector.matchExpressions[0].values: must be specified when `operator` is 'In' or 'NotIn'",
				"spec.podSelector.matchExpressions[1].values: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
				"spec.podSelector.matchExpressions[2].operator: not a valid selector operator: In, NotIn, Exists, DoesNotExist",
				"spec.podSelector.matchExpressions[2].values[0]: label value: " + msgLabelValue}},
		{"ports", KindKubernetesNetworkPolicy,
			`{"metadata":{"name":"p"},"spec":{"ingress":[{"ports":[{"protocol":"ICMP"},{"endPort":9},{"port":"Bad","endPort":9},{"port":0},{"port":"1:2"},
			{"port":10,"endPort":9},{"port":10,"endPort":65536},{"port":10,"endPort":10}]}]}}`, []string{
				`spec.ingress[0].ports[0].protocol: supported values: "SCTP", "TCP", "UDP"`,
				"spec.ingress[0].ports[1].endPort: may not be specified when `port` is not specified",
				"spec.ingress[0].ports[2].port: port name must consist of lower case letters, digits and single '-' between them",
				"spec.ingress[0].ports[2].endPort: may not be specified when `port` is non-numeric",
				"spec.ingress[0].ports[3].port: must be between 1 and 65535, inclusive",
				"spec.ingress[0].ports[4].port: a Kubernetes port is one number or name; write a range with endPort",
				"spec.ingress[0].ports[5].endPort: must be greater than or equal to `port`",
				"spec.ingress[0].ports[6].endPort: must be between 1 and 65535, inclusive"}},
		{"peers", KindKubernetesNetworkPolicy,
			`{"metadata":{"name":"p"},"spec":{"policyTypes":["Ingress"],"egress":[{"to":[{},{"podSelector":{},"ipBlock":{"cidr":"10.1.2.3/8","except":["10.0.0.0/8","11.0.0.0/16"]}},
			{"ipBlock":{"cidr":"::ffff:10.0.0.0/104"}}]}]}}`, []string{
				"? spec.egress[0].to[0]: Kubernetes would refuse an empty peer; here it is all pods of the namespace",
				"spec.egress[0].to[1]: may not specify both ipBlock and another peer",
				"? spec.egress[0].to[1].ipBlock.cidr: 10.1.2.3/8 has host bits set and is read as 10.0.0.0/8",
				"spec.egress[0].to[1].ipBlock.except[0]: must be a strict subset of `cidr`",
				"spec.egress[0].to[1].ipBlock.except[1]: must be a strict subset of `cidr`",
				"spec.egress[0].to[2].ipBlock.cidr: invalid CIDR",
				`? spec.egress: the rules have no effect: policyTypes does not include "Egress"`}},
		{"types", KindKubernetesNetworkPolicy, `{"metadata":{"name":"p"},"spec":{"policyTypes":["x","Egress","Egress"],"stagedAction":"Set","ingress":[{}]}}`, []string{
			"spec.stagedAction: a KubernetesNetworkPolicy has no field stagedAction",
			"spec.policyTypes: must have at most 2 items",
			`spec.policyTypes[0]: supported values: "Ingress", "Egress"`,
			"spec.policyTypes[2]: 'Egress' type specified more than once"}},
		{"staged", KindStagedKubernetesNetworkPolicy, `{"metadata":{"name":"p"},"spec":{"stagedAction":"Delete","policyTypes":["Ingress"]}}`, []string{
			"spec: Spec fields, except Tier, should all be zero-value if stagedAction is Delete"}},
	})
}

func ExampleValidate() {
	p := &Policy{Object: Object{Kind: KindNetworkPolicy, Metadata: Metadata{Name: "allow-web", Namespace: "production"}}}
	p.Spec.Selector = "role = 'web'"
	p.Spec.Ingress = []Rule{{Action: Allow, Destination: EntityRule{Ports: []Port{SinglePort(80)}}}}
	for _, e := range Validate(p) {
		fmt.Println(e)
	}
	// Output:
	// spec.selector: column 6: invalid selector: "=" is not an operator: write "=="
	// spec.ingress[0].destination.ports: rules with numeric port or port range must set protocol to TCP or UDP or SCTP
}
