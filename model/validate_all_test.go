package model

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// resource reads a resource and places it at a line of a file, unless the line is 0.
func resource(t *testing.T, k Kind, line int, doc string) Resource {
	t.Helper()
	r := New(k)
	if err := json.Unmarshal([]byte(doc), r); err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	if line > 0 {
		switch r := r.(type) {
		case *Policy:
			r.Origin = Origin{File: "f.yaml", Line: line}
		case *HostEndpoint:
			r.Origin = Origin{File: "f.yaml", Line: line}
		}
	}
	return r
}

func TestValidateAll(t *testing.T) {
	workload := resource(t, KindWorkloadEndpoint, 0, `{"metadata":{"name":"w","namespace":"prod","labels":{"role":"db"}},"spec":{"orchestrator":"k8s","node":"n",
		"interfaceName":"cali1","ipNetworks":["10.0.0.1"],"profiles":["p","projectcalico-default-allow"],"ports":[{"name":"sql","protocol":"TCP","port":5432}]}}`)
	host := resource(t, KindHostEndpoint, 0, `{"metadata":{"name":"h","labels":{"role":"host"}},"spec":{"node":"n","interfaceName":"eth0"}}`)
	profile := resource(t, KindProfile, 0, `{"metadata":{"name":"p"},"spec":{"labelsToApply":{"from":"profile"}}}`)
	gnp := func(line int, spec string) Resource {
		return resource(t, KindGlobalNetworkPolicy, line, `{"metadata":{"name":"g"},"spec":`+spec+`}`)
	}
	np := func(namespace, spec string) Resource {
		return resource(t, KindNetworkPolicy, 0, `{"metadata":{"name":"p","namespace":"`+namespace+`"},"spec":`+spec+`}`)
	}
	for _, c := range []struct {
		what string
		rs   []Resource
		want []string
	}{
		{"nothing", nil, nil},
		{"all in order", []Resource{workload, host, profile, np("prod", `{"selector":"role == 'db' && from == 'profile'",
			"ingress":[{"action":"Allow","destination":{"ports":["sql"]}}]}`), gnp(1, `{"selector":"role in {'x','host'}"}`)}, nil},
		{"duplicates", []Resource{gnp(3, `{}`), profile, gnp(9, `{}`), profile},
			[]string{"GlobalNetworkPolicy/g f.yaml:9 metadata.name: GlobalNetworkPolicy/g is already defined at f.yaml:3",
				"Profile/p  metadata.name: Profile/p is already defined"}},
		{"a duplicate claims no interface a second time", []Resource{profile, workload, workload, host, host}, []string{
			"WorkloadEndpoint/prod/w  metadata.name: WorkloadEndpoint/prod/w is already defined",
			"HostEndpoint/h  metadata.name: HostEndpoint/h is already defined"}},
		{"duplicate without a file", []Resource{np("prod", `{}`), np("dev", `{}`), np("prod", `{}`)},
			[]string{"NetworkPolicy/prod/p  metadata.name: NetworkPolicy/prod/p is already defined"}},
		{"tiers", []Resource{gnp(3, `{"tier":"ghost"}`), np("prod", `{"tier":"real"}`), resource(t, KindTier, 0, `{"metadata":{"name":"real"}}`)},
			[]string{`GlobalNetworkPolicy/g f.yaml:3 spec.tier: tier "ghost" does not exist`}},
		{"built-in tiers", []Resource{gnp(3, `{"tier":"kube-admin"}`), np("prod", `{"tier":"kube-baseline"}`), np("dev", `{"tier":"default"}`)}, nil},
		{"profiles", []Resource{workload}, []string{
			`WorkloadEndpoint/prod/w  ? spec.profiles[0]: profile "p" does not exist: what no policy decides is denied`}},
		{"named ports", []Resource{host, gnp(3, `{"ingress":[{"action":"Deny","protocol":"TCP","source":{"notPorts":["a",1]},"destination":{"ports":[1,"b"]}}],
			"egress":[{"action":"Deny","protocol":"TCP","source":{"ports":["c"]}}]}`)}, []string{
			`GlobalNetworkPolicy/g f.yaml:3 ? spec.ingress[0].source.notPorts[0]: no endpoint defines a port named "a": it excludes nothing`,
			`GlobalNetworkPolicy/g f.yaml:3 ? spec.ingress[0].destination.ports[1]: no endpoint defines a port named "b": it matches nothing`,
			`GlobalNetworkPolicy/g f.yaml:3 ? spec.egress[0].source.ports[0]: no endpoint defines a port named "c": it matches nothing`}},
		{"named ports of profiles", []Resource{host, resource(t, KindProfile, 0, `{"metadata":{"name":"p"},"spec":{
			"egress":[{"action":"Deny","destination":{"ports":["a"]}}]}}`)}, []string{
			`Profile/p  ? spec.egress[0].destination.ports[0]: no endpoint defines a port named "a": it matches nothing`}},
		{"what cannot be the name of a port has been reported", []Resource{host, gnp(3, `{"ingress":[{"action":"Deny","protocol":"TCP",
			"source":{"notPorts":["80-70"]},"destination":{"ports":["HTTP"]}}]}`)}, []string{
			`GlobalNetworkPolicy/g f.yaml:3 spec.ingress[0].source.notPorts[0]: a port range is written 70:80`,
			`GlobalNetworkPolicy/g f.yaml:3 spec.ingress[0].destination.ports[0]: port name must consist of lower case letters, digits and single '-' between them`}},
		{"no endpoints at all: nobody knows what is selected", []Resource{gnp(3, `{"selector":"role == 'db'"}`)}, nil},
		{"selecting nothing", []Resource{workload, profile, host,
			gnp(3, `{"selector":"role == 'web'"}`),
			np("dev", `{}`),
			resource(t, KindStagedNetworkPolicy, 0, `{"metadata":{"name":"s","namespace":"dev"},"spec":{"stagedAction":"Delete"}}`),
			resource(t, KindKubernetesNetworkPolicy, 0, `{"metadata":{"name":"k","namespace":"prod"},"spec":{"podSelector":{"matchLabels":{"role":"web"}}}}`),
			resource(t, KindKubernetesNetworkPolicy, 0, `{"metadata":{"name":"k2","namespace":"prod"},"spec":{"podSelector":{"matchExpressions":[{"key":"role","operator":"Exists"}]}}}`),
		}, []string{
			"GlobalNetworkPolicy/g f.yaml:3 ? spec.selector: the policy selects no endpoint",
			"NetworkPolicy/dev/p  ? spec.selector: the policy selects no endpoint",
			"KubernetesNetworkPolicy/prod/k  ? spec.podSelector: the policy selects no endpoint"}},
		{"a namespaced policy never selects hosts", []Resource{host, np("prod", `{"selector":"role == 'host'"}`)}, []string{
			"NetworkPolicy/prod/p  ? spec.selector: the policy selects no endpoint"}},
		{"host flags on workloads", []Resource{workload, host, profile,
			gnp(3, `{"selector":"role == 'db'","doNotTrack":true,"applyOnForward":true}`),
			resource(t, KindGlobalNetworkPolicy, 4, `{"metadata":{"name":"g2"},"spec":{"selector":"has(role)","preDNAT":true,"applyOnForward":true}}`),
			resource(t, KindGlobalNetworkPolicy, 5, `{"metadata":{"name":"g3"},"spec":{"namespaceSelector":"all()","preDNAT":true,"applyOnForward":true}}`),
		}, []string{
			"GlobalNetworkPolicy/g f.yaml:3 ? spec.doNotTrack: the policy selects workload endpoints only, on which it does nothing",
			"GlobalNetworkPolicy/g3 f.yaml:5 ? spec.preDNAT: the policy selects workload endpoints only, on which it does nothing"}},
		{"labels of namespaces and service accounts count", []Resource{
			resource(t, KindNamespace, 0, `{"metadata":{"name":"prod","labels":{"env":"production"}}}`),
			resource(t, KindServiceAccount, 0, `{"metadata":{"name":"sa","namespace":"prod","labels":{"team":"blue"}}}`),
			resource(t, KindWorkloadEndpoint, 0, `{"metadata":{"name":"w","namespace":"prod"},
				"spec":{"node":"n","interfaceName":"cali1","ipNetworks":["10.0.0.1"],"serviceAccountName":"sa"}}`),
			gnp(3, `{"namespaceSelector":"env == 'production'","serviceAccountSelector":"team == 'blue'"}`),
		}, nil},
		{"one interface, two endpoints", []Resource{host,
			resource(t, KindHostEndpoint, 7, `{"metadata":{"name":"z"},"spec":{"node":"n","interfaceName":"eth0"}}`),
			resource(t, KindHostEndpoint, 8, `{"metadata":{"name":"z2"},"spec":{"node":"other","interfaceName":"eth0"}}`),
			profile, workload,
			resource(t, KindWorkloadEndpoint, 0, `{"metadata":{"name":"w2","namespace":"prod"},"spec":{"node":"n","interfaceName":"cali1","ipNetworks":["10.0.0.2"]}}`),
		}, []string{
			`HostEndpoint/z f.yaml:7 ? spec.interfaceName: the host endpoint is ignored: "h" on the same interface comes first in the alphabet`,
			"WorkloadEndpoint/prod/w  ? spec.interfaceName: 2 workload endpoints name the same interface of the node",
			"WorkloadEndpoint/prod/w2  ? spec.interfaceName: 2 workload endpoints name the same interface of the node"}},
		{"a host endpoint on a workload's interface", []Resource{profile, workload,
			resource(t, KindHostEndpoint, 9, `{"metadata":{"name":"a"},"spec":{"node":"n","interfaceName":"cali1"}}`),
			resource(t, KindHostEndpoint, 10, `{"metadata":{"name":"b"},"spec":{"node":"other","interfaceName":"cali1"}}`),
		}, []string{
			`HostEndpoint/a f.yaml:9 ? spec.interfaceName: the host endpoint is ignored: the interface is that of the workload endpoint "w"`}},
		{"what is wrong by itself comes along", []Resource{gnp(3, `{"selector":"a ="}`)}, []string{
			`GlobalNetworkPolicy/g f.yaml:3 spec.selector: column 3: invalid selector: "=" is not an operator: write "=="`}},
	} {
		var got []string
		for _, f := range ValidateAll(c.rs) {
			got = append(got, fmt.Sprintf("%s %s %s", f.Key, f.Origin, say([]FieldError{f.FieldError})[0]))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
	}
}

// The check must not try every policy on every endpoint.
func TestEndpointIndexTriesFewCandidates(t *testing.T) {
	var rs []Resource
	for i := range 1000 {
		rs = append(rs, resource(t, KindHostEndpoint, 0, fmt.Sprintf(`{"metadata":{"name":"h%d","labels":{"id":"%d","all":"x"}},"spec":{"node":"n"}}`, i, i)))
	}
	x := indexEndpoints(rs, Inheritance{})
	for selector, want := range map[string]int{
		`id == '7' && all == 'x'`: 1, `id in {'1', '2'}`: 2, `has(id) && all == 'y'`: 0, `has(nothing)`: 0, `has(id)`: 1000, `all()`: 1000,
	} {
		p := &Policy{Object: Object{Kind: KindGlobalNetworkPolicy}, Spec: PolicySpec{Selector: selector}}
		n := 0
		for range x.candidates(p.EndpointSelector()) {
			n++
		}
		if n != want {
			t.Errorf("%s: %d candidates, want %d", selector, n, want)
		}
	}
}
