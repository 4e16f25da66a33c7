package json

import (
	"strings"
	"testing"

	"rampart/conf/tree"
)

func TestParse(t *testing.T) {
	const text = `{"a": [1, -2.5e3, "x\u00e9\/", true, null, {}], "b": {"c": []}} {"d": 1}`
	roots, diags := Parse(tree.NewFile("f", []byte(text)))
	if len(diags) > 0 || len(roots) != 2 {
		t.Fatal(len(roots), diags)
	}
	want := `{
  "a": [
    1,
    -2.5e3,
    "xé/",
    true,
    null,
    {}
  ],
  "b": {
    "c": []
  }
}
`
	if got := string(Append(nil, roots[0])); got != want {
		t.Errorf("read as\n%s\nwant\n%s", got, want)
	}
	a := roots[0].Fields[0]
	for i, want := range []string{"1", "-2.5e3", `"x\u00e9\/"`, "true", "null", "{}"} {
		if n := a.Value.Items[i]; text[n.Start:n.End] != want {
			t.Errorf("the place of element %d is %q, want %q", i, text[n.Start:n.End], want)
		}
	}
	if text[a.Start:a.End] != `"a"` {
		t.Errorf("the place of the name is %q", text[a.Start:a.End])
	}
}

func TestMistakes(t *testing.T) {
	for _, tt := range []struct {
		in, want string
		roots    int
	}{
		{"", "", 0}, {"{} {}", "", 2},
		{"{} {", "f:1,5-5: Invalid JSON; unexpected end of the file.", 1},
		{"{\n  \"a\": 1,\n  \"a\": 2\n}", `f:3,3-6: Duplicate key; "a" is already set on line 2.`, 1},
		{"{\n  \"a\": x\n}", "f:2,8-9: Invalid JSON; unexpected character 'x' looking for beginning of value.", 0},
		{"[1 2]", "f:1,4-5: Invalid JSON; unexpected character '2' after array element.", 0},
		{strings.Repeat("[", 200), "f:1,101-102: Nested too deeply; Lists and maps may be nested 100 deep.", 0},
		{`{1: 2}`, "f:1,2-3: Invalid JSON; unexpected character '1'.", 0},
	} {
		roots, diags := Parse(tree.NewFile("f", []byte(tt.in)))
		got := ""
		if len(diags) > 0 {
			got = diags.Error()
		}
		if got != tt.want || len(roots) != tt.roots {
			t.Errorf("%q gives %d values and\n%s\nwant %d and\n%s", tt.in, len(roots), got, tt.roots, tt.want)
		}
	}
}
