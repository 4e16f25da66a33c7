package yaml

import (
	"slices"
	"strings"
	"testing"

	"rampart/conf/tree"
)

func TestDocuments(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []string
	}{
		{"", nil}, {"\n# c\n\n", nil}, {"---\n", nil}, {"---\n---\n# c\n---\n", nil},
		{"a: 1", []string{"a: 1"}},
		{"a: 1\n---\nb: 2\n", []string{"a: 1\n", "---\nb: 2\n"}},
		{"# head\n---\na: 1\n", []string{"# head\n---\na: 1\n"}},
		{"%YAML 1.2\n---\na: 1\n...\n%TAG ! x\n---\nb: 2\n", []string{"%YAML 1.2\n---\na: 1\n...\n", "%TAG ! x\n---\nb: 2\n"}},
		{"--- a\n--- # c\n--- # d\nb: 1\n", []string{"--- a\n", "--- # d\nb: 1\n"}},
		{"a: 1\n...\n# nothing\n...\nb: 2", []string{"a: 1\n...\n", "b: 2"}},
		{"a: |\n  ---\n  x\n---x: 1\n ---\n", []string{"a: |\n  ---\n  x\n---x: 1\n ---\n"}},
		{"a: 1\r\n---\r\nb: 2\r\n", []string{"a: 1\r\n", "---\r\nb: 2\r\n"}},
		{"# c\ra: 1\r---\rb: 2", []string{"# c\ra: 1\r", "---\rb: 2"}},
	} {
		var got []string
		for _, d := range Documents(tree.NewFile("f", []byte(tt.in))) {
			got = append(got, tt.in[d.Start:d.End])
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q has the documents %q, want %q", tt.in, got, tt.want)
		}
	}
}

// TestNothingIsLost makes sure that what is in no document is white space, comments, directives and markers.
func TestNothingIsLost(t *testing.T) {
	pieces := []string{"---\n", "...\n", "# c\n", "\n", "a: 1\n", "%YAML 1.2\n", "--- x\n", "---\r", "b\r", "# c\r"}
	var try func(text string, depth int)
	try = func(text string, depth int) {
		at := 0
		docs := Documents(tree.NewFile("f", []byte(text)))
		for _, d := range append(docs, Document{len(text), len(text)}) {
			for _, line := range strings.FieldsFunc(text[at:d.Start], func(r rune) bool { return r == '\n' || r == '\r' }) {
				if !strings.HasPrefix(line, "#") && line != "---" && line != "..." && line[0] != '%' {
					t.Fatalf("%q: the line %q is in no document", text, line)
				}
			}
			at = d.End
		}
		if depth == 0 {
			return
		}
		for _, p := range pieces {
			try(text+p, depth-1)
		}
	}
	try("", 4)
}

func TestParse(t *testing.T) {
	const text = `
anchor: &x {a: 1, b: [true, null, ~, ""]}
alias: *x
merged:
  <<: [*x, {c: d}]
  a: own
quoted: 'it''s'
folded: >-
  one
  two
"key": !!str 5
n: 0x1F
date: 2026-01-01
`
	roots, diags := Parse(tree.NewFile("f", []byte(text)))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	want := `anchor:
  a: 1
  b:
  - true
  - null
  - null
  - ""
alias:
  a: 1
  b:
  - true
  - null
  - null
  - ""
merged:
  a: own
  b:
  - true
  - null
  - null
  - ""
  c: d
quoted: it's
folded: one two
key: "5"
"n": 0x1F
date: "2026-01-01"
`
	if got := string(Append(nil, roots[0])); got != want {
		t.Errorf("read as\n%s\nwant\n%s", got, want)
	}
}

func TestPlaces(t *testing.T) {
	const text = "a: plain text # c\nb: \"quoted \\\" text\"   \nc: [x, 'y z', {d: e}]\nf: |\n  block\ng: &h ü\nöö: ü\ni:\n- j: k\n"
	roots, diags := Parse(tree.NewFile("f", []byte(text)))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	var got []string
	var walk func(n *tree.Node)
	walk = func(n *tree.Node) {
		for _, f := range n.Fields {
			got = append(got, text[f.Start:f.End])
			walk(f.Value)
		}
		for _, item := range n.Items {
			walk(item)
		}
		got = append(got, text[n.Start:n.End])
	}
	walk(roots[0])
	want := []string{"a", "plain text", "b", `"quoted \" text"`, "c", "x", "'y z'", "d", "e", "{d: e}", "[x, 'y z', {d: e}]", "f", "|", "g", "ü", "öö", "ü",
		"i", "j", "k", "j: k", "- j: k", strings.TrimSpace(text)}
	if !slices.Equal(got, want) {
		t.Errorf("the places are\n%q\nwant\n%q", got, want)
	}
}
