package yaml

import (
	"testing"

	"rampart/conf/tree"
)

func TestFormat(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"only comments", "\n\n# a  \n\n\n# b\n\n", "# a\n\n# b\n"},
		{"indentation", "a:\n    b:\n        c: 1\n    d: 2\n", "a:\n  b:\n    c: 1\n  d: 2\n"},
		{"lists stand under their key", "a:\n  - b\n  -   c: 1\n      d: 2\ne:\n-\n  f: 1\n", "a:\n- b\n- c: 1\n  d: 2\ne:\n-\n  f: 1\n"},
		{"list in list", "- - a\n  -   b\n-   -  - c\n", "- - a\n  - b\n- - - c\n"},
		{"trailing blanks and empty lines", "a: 1  \n\n\n\nb: 2\n\n\n", "a: 1\n\nb: 2\n"},
		{"line ends", "a: 1\r\nb:\r\n    c: 2\r\n", "a: 1\nb:\n  c: 2\n"},
		{"no line end", "a:\n   b: 1", "a:\n  b: 1\n"},
		{"comments", "# top\na:   # line\n    # above b\n    b: 1\n    # below b\n# foot\nc:\n  # above item\n  - x # x\n",
			"# top\na:   # line\n  # above b\n  b: 1\n  # below b\n# foot\nc:\n# above item\n- x # x\n"},
		{"literal block", "a:\n    b: |\n        # not a comment   \n          x\n\n\n        y\n    c: 1\n",
			"a:\n  b: |\n      # not a comment   \n        x\n\n\n      y\n  c: 1\n"},
		{"folded in a list", "a:\n  - >-\n    x\n    y\n  - z\n", "a:\n- >-\n  x\n  y\n- z\n"},
		{"quoted over lines", "a:\n    b: \"x  \n      # y\n\n      z\"\n    c: 1\n", "a:\n  b: \"x\n    # y\n\n    z\"\n  c: 1\n"},
		{"flow over lines", "a:\n    b: [x,\n        y, # why\n        z]\n    c: {d: 1,\n      e: 2}\n", "a:\n  b: [x,\n      y, # why\n      z]\n  c: {d: 1,\n    e: 2}\n"},
		{"plain over lines", "a:\n    b: x\n      y\n    c: 1\n", "a:\n  b: x\n    y\n  c: 1\n"},
		{"documents", "---\na:\n    b: 1\n---\n# c\n\n\nd:\n    e: 1\n...\n# end\n", "---\na:\n  b: 1\n---\n# c\n\nd:\n  e: 1\n...\n# end\n"},
		{"anchors", "a: &x\n    b: 1\nc: *x\nd:\n    <<: *x\n", "a: &x\n  b: 1\nc: *x\nd:\n  <<: *x\n"},
		{"quotes are kept", "a:\n   'b': \"c\"\n", "a:\n  'b': \"c\"\n"},
		{"other alphabets", "ä:\n    ö: \"ü\n      é\"\n    - : x\n", ""},
		{"null items", "a:\n    -\n    - b\n    -\n", "a:\n-\n- b\n-\n"},
	} {
		got, err := Format(tree.NewFile("a.yaml", []byte(tt.in)))
		if tt.want == "" && tt.in != "" {
			if err == nil {
				t.Errorf("%s: no error for %q", tt.name, tt.in)
			}
			continue
		}
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", tt.name, err, got, tt.want)
			continue
		}
		if again, err := Format(tree.NewFile("a.yaml", got)); err != nil || string(again) != string(got) {
			t.Errorf("%s: formatted twice: %v\n%s\nonce:\n%s", tt.name, err, again, got)
		}
	}
}
