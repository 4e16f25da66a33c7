package schema

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rampart/conf/tree"
	"rampart/conf/yaml"
	"rampart/model"
)

func TestSnake(t *testing.T) {
	for in, want := range map[string]string{
		"notICMP": "not_icmp", "preDNAT": "pre_dnat", "expectedIPs": "expected_ips", "ipNATs": "ip_nats", "containerID": "container_id",
		"hostIP": "host_ip", "ipv4Gateway": "ipv4_gateway", "allowSpoofedSourcePrefixes": "allow_spoofed_source_prefixes", "name": "name",
		"serviceAccountSelector": "service_account_selector", "internalIP": "internal_ip", "ipBlock": "ip_block", "cidr": "cidr",
		"NetworkPolicy": "network_policy", "WorkloadEndpoint": "workload_endpoint", "KubernetesNetworkPolicy": "kubernetes_network_policy",
		"HTTPMatch": "http_match", "ipVersion": "ip_version", "endPort": "end_port", "already_snake": "already_snake", "mac": "mac", "": "",
	} {
		if got := Snake(in); got != want {
			t.Errorf("Snake(%q) is %q, want %q", in, got, want)
		}
	}
}

// TestSnakeIsUnique makes sure that no two fields of a type have one HCL name.
func TestSnakeIsUnique(t *testing.T) {
	var check func(c codec, path string)
	check = func(c codec, path string) {
		s := structOf(c)
		if s == nil {
			return
		}
		if len(s.bySnake) != len(s.fields) || len(s.byJSON) != len(s.fields) {
			t.Errorf("%s: %d fields have %d HCL names", path, len(s.fields), len(s.bySnake))
		}
		for _, f := range s.fields {
			check(f.codec, path+"."+f.json)
		}
	}
	for _, k := range model.Kinds() {
		check(structOfValue(model.New(k)), string(k))
	}
}

func TestSuggest(t *testing.T) {
	names := []string{"selector", "namespaceSelector", "notICMP", "order", "nets", "TCP"}
	for in, want := range map[string]string{
		"selektor": "selector", "Selector": "selector", "not_icmp": "notICMP", "notIcmp": "notICMP", "odrer": "order", "net": "nets", "foo": "",
		"x": "", "namespaceselector": "namespaceSelector", "": "", "tpc": "TCP", "tp": "", "ctp": "TCP", "selectro": "selector", "eslecotr": "selector",
	} {
		if got := Suggest(in, names); got != want {
			t.Errorf("Suggest(%q) is %q, want %q", in, got, want)
		}
	}
}

// sample has every type of field.
type sample struct {
	Name     string            `json:"name"`
	Order    *float64          `json:"order,omitempty"`
	On       bool              `json:"on,omitempty"`
	Small    uint8             `json:"small,omitempty"`
	Count    int               `json:"count,omitempty"`
	Wait     time.Duration     `json:"wait,omitempty"`
	Net      netip.Prefix      `json:"net,omitzero"`
	Labels   map[string]string `json:"labels,omitempty"`
	Parts    []part            `json:"parts,omitempty"`
	Extra    *part             `json:"extra,omitempty"`
	Local    string            `json:"local,omitempty" kinds:"Tier"`
	Internal int               `json:"-"`
}

type part struct {
	Port   model.Port   `json:"port"`
	Origin model.Origin `json:"-"`
}

func parse(t *testing.T, text string) *tree.Node {
	t.Helper()
	roots, diags := yaml.Parse(tree.NewFile("f.yaml", []byte(text)))
	if diags.HasErrors() || len(roots) != 1 {
		t.Fatal(diags)
	}
	return roots[0]
}

func TestDecode(t *testing.T) {
	var got sample
	got.Count = 7
	problems := Decode(parse(t, `
name: x
order: -1.5
on: yes
small: 255
wait: 1m30s
net: 10.0.0.0/8
labels: {a: b}
parts:
- port: 80
- port: "1:2"
extra: {port: http}
local: null
`), &got, model.KindTier, "sample")
	if len(problems) > 0 {
		t.Fatalf("%v", problems[0].Diagnostic)
	}
	order := -1.5
	want := sample{Name: "x", Order: &order, On: true, Small: 255, Count: 7, Wait: 90 * time.Second, Net: netip.MustParsePrefix("10.0.0.0/8"),
		Labels: map[string]string{"a": "b"},
		Parts: []part{{model.SinglePort(80), model.Origin{File: "f.yaml", Line: 10, Column: 3}},
			{model.Port{Min: 1, Max: 2}, model.Origin{File: "f.yaml", Line: 11, Column: 3}}},
		Extra: &part{model.Port{Name: "http"}, model.Origin{File: "f.yaml", Line: 12, Column: 8}}}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
		t.Error(d)
	}
}

func TestDecodeProblems(t *testing.T) {
	for _, tt := range []struct{ text, path, want string }{
		{"{}", "name", `"name" is required in sample.`},
		{"name: null", "name", `"name" is required in sample.`},
		{"nam: x", "nam", `"nam" is not a field of sample. Did you mean "name"?`},
		{"name: x\nsmall: 256", "small", `"small" must be a whole number from 0 to 255, not the number 256.`},
		{"name: x\nsmall: -1", "small", `"small" must be a whole number from 0 to 255, not the number -1.`},
		{"name: x\ncount: 1.0", "count", `"count" must be a whole number, not the number 1.0.`},
		{"name: x\ncount: '1'", "count", `"count" must be a whole number, not the string "1". Write 1 without quotes.`},
		{"name: x\norder: .nan", "order", `"order" must be a number, not the number .nan. Write numbers in plain decimal.`},
		{"name: x\norder: 1e999", "order", `"order" must be a number, not the string "1e999".`},
		{"name: x\non: 1", "on", `"on" must be true or false, not the number 1.`},
		{"name: x\non: 'true'", "on", `"on" must be true or false, not the string "true". Write true without quotes.`},
		{"name: x\nwait: 5", "wait", `"wait" must be a duration such as "100ms" or "5s", not the number 5.`},
		{"name: x\nnet: 10.0.0.1", "net", `"10.0.0.1" has no prefix length. A single address is written 10.0.0.1/32.`},
		{"name: x\nlabels: [a]", "labels", `"labels" must be a map of strings, not a list.`},
		{"name: x\nlabels: {a: 1}", "labels.a", `"a" must be a string, not the number 1. Write "1" in quotes.`},
		{"name: x\nparts: {port: 1}", "parts", `"parts" must be a list, not a map. Start each element with "- ".`},
		{"name: x\nparts: [80]", "parts[0]", `"parts[0]" must be a map, not the number 80.`},
		{"name: x\nparts: [{port: 1}, null]", "parts[1]", `"parts[1]" must be a map, not null.`},
		{"name: x\nparts: [{}]", "parts[0].port", `"port" is required in parts.`},
		{"name: x\nparts: [{port: 70000}]", "parts[0].port", `Invalid port format (70000): a port number is a whole number from 1 to 65535.`},
		{"name: x\nextra: {prt: 1}", "extra.prt", `"prt" is not a field of extra. Did you mean "port"?`},
		{"name: x\nextra: {name: y, port: 1}", "extra.name", `"name" is not a field of extra. It belongs in "sample".`},
		{"name: x\nport: 1", "port", `"port" is not a field of sample. It belongs in "parts" or "extra".`},
		{"name: x\nlocal: y", "local", `"local" is not allowed in a Profile, only in Tier.`},
		{"name: x\nInternal: 1", "Internal", `"Internal" is not a field of sample. Its fields are name, order, on, small, count, wait, net, labels, parts, extra.`},
	} {
		var s sample
		problems := Decode(parse(t, tt.text), &s, model.KindProfile, "sample")
		if len(problems) != 1 || problems[0].Path != tt.path || problems[0].Diagnostic.Detail != tt.want {
			var got []string
			for _, p := range problems {
				got = append(got, p.Path+": "+p.Diagnostic.Detail)
			}
			t.Errorf("%q gives\n%s\nwant\n%s: %s", tt.text, strings.Join(got, "\n"), tt.path, tt.want)
		}
	}
}

func TestEncode(t *testing.T) {
	order := 1e21
	s := sample{Name: "", Order: &order, Wait: time.Second, Labels: map[string]string{"b": "2", "a": "1"},
		Parts: []part{{Port: model.SinglePort(80)}, {Port: model.Port{Min: 1, Max: 2}}}}
	got := string(yaml.Append(nil, Encode(&s, false)))
	want := "name: \"\"\norder: 1e+21\nwait: 1s\nlabels:\n  a: \"1\"\n  b: \"2\"\nparts:\n- port: 80\n- port: \"1:2\"\n"
	want = strings.Replace(want, "wait: 1s", `wait: "1s"`, 1)
	if got != want {
		t.Errorf("encoded as\n%s\nwant\n%s", got, want)
	}
}

func TestLocate(t *testing.T) {
	root := parse(t, "spec:\n  ingress:\n  - source:\n      nets: [a, b]\n    x: {}\n  labels:\n    a.b/c: d\n    a: e\n")
	for _, tt := range []struct {
		path, field string
		line        int
		exact       bool
	}{
		{"", "", 1, true}, {"spec", "spec", 2, true}, {"spec.ingress[0]", "ingress", 3, true}, {"spec.ingress[0].source.nets[1]", "nets", 4, true},
		{"spec.ingress[1]", "ingress", 3, false}, {"spec.ingress[0].action", "ingress", 3, false}, {"spec.labels.a.b/c", "a.b/c", 7, true},
		{"spec.labels[a.b/c]", "a.b/c", 7, true}, {"spec.labels[a]", "a", 8, true}, {`spec.labels["a"]`, "a", 8, true}, {"nothing", "", 1, false},
		{"spec.ingress[", "ingress", 3, false}, {"spec.ingress[-1]", "ingress", 3, false}, {"spec.ingress]", "spec", 2, false},
	} {
		n, field, exact := Locate(root, tt.path)
		name := ""
		if field != nil {
			name = field.Name
		}
		if line := n.Range().Start.Line; line != tt.line || exact != tt.exact || name != tt.field {
			t.Errorf("%q leads to line %d, field %q, exact %v; want %d, %q, %v", tt.path, line, name, exact, tt.line, tt.field, tt.exact)
		}
	}
}
