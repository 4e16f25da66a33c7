package yaml

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rampart/conf/tree"
)

const plainManifest = `---
# an endpoint
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata:
  name: node1-k8s-pod--1-eth0

  labels:
    role: frontend
    app.kubernetes.io/name: web-1
    number: "0"
    quoted: 'x # y'
spec:
  orchestrator: k8s # not in the small part
`

const smallManifest = `apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata:
    name: p
spec:
  order: 10
  selector: role == 'web' && has(app) || !has(x)
  # rules
  ingress:
  - action: Allow
    protocol: TCP
    source:
      nets:
        - 10.0.0.0/8
        - 2001:db8::/32
        - 10.0.0.1
      selector: a in {"b"}
    destination: {ports: [80]}
  - action: Deny
    source:
      nets: 
      - "192.0.2.0/24"
  types:
  - Ingress
  - 'Egress'
`

// compared parses a document both ways. What the small parser reads, the whole one reads alike, positions included.
func compared(t *testing.T, text string) (plain bool) {
	t.Helper()
	f := tree.NewFile("f", []byte(text))
	var nodes arena
	for _, doc := range Documents(f) {
		nodes.reset()
		got, ok := parsePlain(f, doc, &nodes)
		if !ok {
			continue
		}
		plain = true
		want, diags := parseWhole(f, doc)
		if diags.HasErrors() {
			t.Fatalf("%q is read and is wrong: %v", text[doc.Start:doc.End], diags)
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(tree.Node{}, "File"), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%q (-whole +plain):\n%s", text[doc.Start:doc.End], diff)
		}
	}
	return plain
}

func TestPlain(t *testing.T) {
	head, _, _ := strings.Cut(plainManifest, "  orchestrator")
	head += "  node: n\n"
	small := strings.NewReplacer("    destination: {ports: [80]}\n", "", "nets: \n", "nets:\n", "      selector: a in {\"b\"}\n", "").Replace(smallManifest)
	for _, text := range []string{
		head, small, small + "---\n" + head, "a: 1\n", "a: b c\nd:\n- e: f\n  g: h\n- i: j\n", "a:\n  - b\n  - c\nd: e", "a: 1\n\n\n# c\n", "a:\n- b\n- c\nd: 10.0.0.1/32",
		"a: b:c", "a: 00:11:22", "a: x-y_z.w", "a: ''", "a: \"\"", "a: 0", "a: 123456789", "a: 2001:db8::1", "a:\n    b: c\n    # d\n    e: f\n",
	} {
		if !compared(t, text) {
			t.Errorf("not in the small part: %q", text)
		}
	}
}

// TestNotPlain leaves to the whole parser what is more than it seems.
func TestNotPlain(t *testing.T) {
	for _, text := range []string{
		plainManifest, smallManifest, "a: b\n  c\n", "a: true", "a: NULL", "a: ~", "a: 0x1f", "a: 010", "a: 1.5", "a: 1e3", "a: -1", "a: .inf", "a: 2001-01-01",
		"a: 1_000", "a:", "a:\n", "a:\nb: 1", "a: b # c", "a: \"b\" # c", "a: 'it''s'", "a: \"\\n\"", "a: |\n  b", "a: &x b", "a: *x", "a: !!str b", "a: [b]", "a: {b: c}",
		"a: b: c", "a: b:", "a: 1\na: 2", "<<: x", "? a\n: b", "- a", " a: 1", "a:\n  b: 1\n c: 2", "a:\n- b\n - c", "a:\n-\n  b: 1", "a:\n- - b", "a: 1\n...\n", "--- a\n",
		"a: b\r\n", "a:\tb", "a: é", "\ufeffa: 1", "a: 'b\n  c'", "a: `b`", "a: @b", "a: %b", "\"a\": b", "a b: c", "1: a", "a:b", "a", "a: b \n",
	} {
		f := tree.NewFile("f", []byte(text))
		for _, doc := range Documents(f) {
			if _, ok := parsePlain(f, doc, new(arena)); ok {
				t.Errorf("read as plain: %q", text)
			}
		}
	}
}

// TestPlainMutations changes a document in every place, in ways that change what it means.
func TestPlainMutations(t *testing.T) {
	base := "a:\n  b: 10.0.0.1/32\n  c:\n  - d: e f\n    g: 7\n  - h: 'i'\nj: k\n"
	n := 0
	for i := range base {
		for _, piece := range []string{"", " ", "  ", "\n", "-", "- ", ":", ": ", "#", " #", "'", "\"", "a", "1", ".", "x: y\n", "\n  ", "---\n", "&", "|"} {
			for _, cut := range []int{0, 1, 2} {
				if i+cut <= len(base) && compared(t, base[:i]+piece+base[i+cut:]) {
					n++
				}
			}
		}
	}
	if n < 500 {
		t.Errorf("only %d were read", n)
	}
}

func FuzzPlain(f *testing.F) {
	f.Add(plainManifest)
	f.Add(smallManifest)
	files, _ := filepath.Glob("../testdata/*/*")
	for _, name := range files {
		if b, err := os.ReadFile(name); err == nil {
			f.Add(string(b))
		}
	}
	f.Fuzz(func(t *testing.T, text string) { compared(t, text) })
}
