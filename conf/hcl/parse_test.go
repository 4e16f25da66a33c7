package hcl

import (
	"strings"
	"testing"

	"rampart/conf/tree"
	"rampart/conf/yaml"
)

func parse(text string) (*tree.Node, string) {
	root, diags := Parse(tree.NewFile("f.hcl", []byte(text)))
	var messages []string
	for _, d := range diags {
		messages = append(messages, d.Error())
	}
	return root, strings.Join(messages, "\n")
}

// TestValues reads values and writes them as YAML.
func TestValues(t *testing.T) {
	const locals = "locals {\n s = \"x\"\n l = [\"b\", \"a\"]\n m = { k = \"v\", (local.s) = 1 }\n nested = [local.l, [local.s]]\n}\n"
	for _, tt := range []struct{ in, want string }{
		{`v = "text"`, "v: text"},
		{`v = 5`, "v: 5"}, {`v = -5`, "v: -5"}, {`v = 1.50`, "v: 1.5"}, {`v = 1e3`, "v: 1000"}, {`v = 0.1`, "v: 0.1"}, {`v = 1e30`, "v: 1e+30"},
		{`v = true`, "v: true"}, {`v = null`, "v: null"}, {`v = ("x")`, "v: x"},
		{`v = []`, "v: []"}, {`v = [1, "a", [true]]`, "v:\n- 1\n- a\n- - true"}, {`v = {}`, "v: {}"},
		{"v = { a = 1, \"b/c\" = 2\n d: 3 }", "v:\n  a: 1\n  b/c: 2\n  d: 3"},
		{`v = "a\n\"b\" $${x} %%{y} \u00e9"`, `v: "a\n\"b\" ${x} %{y} é"`},
		{"v = <<EOT\na ${local.s}\n  b\nEOT\n", `v: "a x\n  b\n"`}, {"v = <<-EOT\n    a\n    b\n  EOT\n", `v: "a\nb\n"`},
		{`v = local.s`, "v: x"}, {`v = "${local.s}"`, "v: x"}, {`v = "-${local.s}-${local.l[0]}"`, "v: -x-b"}, {`v = local.m.k`, "v: v"},
		{`v = local.m["x"]`, "v: 1"}, {`v = [local.s, local.l]`, "v:\n- x\n- - b\n  - a"},
		{`v = concat(local.l, ["c"], [])`, "v:\n- b\n- a\n- c"}, {`v = flatten(local.nested)`, "v:\n- b\n- a\n- x"},
		{`v = join(", ", local.l, ["c", 1])`, `v: b, a, c, 1`}, {`v = join("", [])`, `v: ""`}, {`v = sort(local.l)`, "v:\n- a\n- b"}, {`v = sort([])`, "v: []"},
		{`v = merge(local.m, { k = "w" })`, "v:\n  k: w\n  x: 1"}, {`v = keys(local.m)`, "v:\n- k\n- x"}, {`v = values({ a = 1 })`, "v:\n- 1"},
		{`v = upper(lower(trimspace(" Ab ")))`, "v: AB"},
		{"b {\n}\nb {\n c = 1\n}\nd \"l\" {}\n", "b:\n- {}\n- c: 1\nd:\n- {}"},
	} {
		root, messages := parse(locals + tt.in + "\n")
		if messages != "" {
			t.Errorf("%s: %s", tt.in, messages)
			continue
		}
		want := strings.Replace(tt.want, "v: -x-b", `v: "-x-b"`, 1)
		if got := strings.TrimSpace(string(yaml.Append(nil, root))); got != want {
			t.Errorf("%s is\n%s\nwant\n%s", tt.in, got, want)
		}
	}
}

func TestMistakes(t *testing.T) {
	const locals = "locals { l = [\"a\"] }\n"
	for _, tt := range []struct{ in, want string }{
		{`v = Allow`, `f.hcl:2,5-10: Missing quotes; A string stands in quotes: write "Allow".`},
		{`v = a.b`, `f.hcl:2,5-8: Missing quotes; A string stands in quotes: write "a.b".`},
		{`v = [x]`, `f.hcl:2,6-7: Missing quotes; A string stands in quotes: write "x".`},
		{`v = local.none`, `f.hcl:2,5-15: Unknown local value; No locals block of this file sets "none". There are l.`},
		{`v = local["l"]`, `f.hcl:2,5-15: Invalid reference; A local value is written local.NAME.`},
		{`v = nope(1)`, `f.hcl:2,5-9: Unknown function; There is no function "nope". The functions are concat, flatten, join, keys, lower, merge, sort, trimspace, upper, values.`},
		{`v = all()`, `f.hcl:2,5-8: Unknown function; There is no function "all". A selector stands in quotes. The functions are concat, flatten, join, keys, lower, merge, sort, trimspace, upper, values.`},
		{`v = join(1)`, ``}, // a separator and nothing to join
		{`v = join("", 5)`, `f.hcl:2,14-15: Invalid function argument; Invalid value for "list" parameter: a list is required.`},
		{`v = sort([[1]])`, `f.hcl:2,10-11: Invalid function argument; Invalid value for "list" parameter: every element must be a string.`},
		{`v = { a = 1, a = 2 }`, `f.hcl:2,14-15: Duplicate key; "a" is already set on line 2.`},
		{`v = { (local.l) = 2 }`, `f.hcl:2,7-16: Invalid key; A key must be a string.`},
		{`v = [for x in local.l : x]`, `f.hcl:2,5-6: Unsupported expression; There are no loops here.`},
		{"v = 1\nv {}", `f.hcl:3,1-2: Duplicate field; "v" is already set on line 2.`},
		{"v {}\nv = 1", `f.hcl:3,1-2: Duplicate field; "v" is already set on line 2.`},
		{"b {\n v {}\n v {}\n v = []\n}", `f.hcl:5,2-3: Duplicate field; "v" is already set on line 3.`},
		{"v = 1\nv = 2", `f.hcl:3,1-2: Attribute redefined; The argument "v" was already set at f.hcl:2,1-2. Each argument may be set only once.`},
		{`v = 1 + 2`, `f.hcl:2,7-8: Unsupported operator; There are no operators here.`},
		{`v = a/b`, `f.hcl:2,6-7: Unsupported operator; There are no operators here. A key or value with "/" stands in quotes.`},
		{`v = "%{ if true }x%{ endif }"`, "f.hcl:2,6-8: Unsupported template; Templates have ${…} and no directives. For the text \"%{\" write \"%%{\".\n" +
			"f.hcl:2,19-21: Unsupported template; Templates have ${…} and no directives. For the text \"%{\" write \"%%{\"."},
		{`v = 1e99999`, `f.hcl:2,5-12: Invalid number; The number is too large or too precise.`},
		{"é = \"ä\" x", `f.hcl:2,9-10: Missing newline after argument; An argument definition must end with a newline.`},
	} {
		if _, got := parse(locals + tt.in + "\n"); got != tt.want && !(tt.want != "" && strings.HasPrefix(got, tt.want)) {
			t.Errorf("%s gives\n%s\nwant\n%s", tt.in, got, tt.want)
		}
	}
}

// TestElementPlaces makes sure that every element of a list and a map has a place of its own.
func TestElementPlaces(t *testing.T) {
	const text = "v = [\n  \"a\",\n  5,\n]\nm = { \"k/l\" = \"w\" }\nb \"label\" {\n  c {}\n}\n"
	root, messages := parse(text)
	if messages != "" {
		t.Fatal(messages)
	}
	v, m, b := root.Field("v"), root.Field("m"), root.Field("b")
	for _, tt := range []struct {
		what, got, want string
	}{
		{"name", text[v.Start:v.End], "v"}, {"first", text[v.Value.Items[0].Start:v.Value.Items[0].End], `"a"`},
		{"second", text[v.Value.Items[1].Start:v.Value.Items[1].End], "5"},
		{"key", text[m.Value.Fields[0].Start:m.Value.Fields[0].End], `"k/l"`},
		{"label", text[b.Value.Items[0].Labels[0].Start:b.Value.Items[0].Labels[0].End], `"label"`},
		{"block", text[b.Value.Items[0].Start:b.Value.Items[0].End], "b \"label\" {\n  c {}\n}"},
	} {
		if tt.got != tt.want {
			t.Errorf("the place of the %s is %q, want %q", tt.what, tt.got, tt.want)
		}
	}
}
