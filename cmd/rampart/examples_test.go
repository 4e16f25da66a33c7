package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// examples are the directories of policies that the README and the documents send people to.
func examples(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob("../../examples/*")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, dir := range dirs {
		if filepath.Base(dir) == "sample" { // the same policy in two formats
			out = append(out, filepath.Join(dir, "hcl"), filepath.Join(dir, "yaml"))
			continue
		}
		out = append(out, dir)
	}
	if len(out) < 6 {
		t.Fatalf("only %d examples: %v", len(out), out)
	}
	return out
}

// Every example is valid, without a warning, and loads.
func TestExamples(t *testing.T) {
	for _, dir := range examples(t) {
		for _, command := range []string{"check", "render"} {
			var stdout, stderr strings.Builder
			args := []string{command, "-f", dir}
			if code := run(context.Background(), &env{args: args, stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr}); code != 0 {
				t.Errorf("rampart %s: exit code %d\n%s%s", strings.Join(args, " "), code, stdout.String(), stderr.String())
			}
			if strings.Contains(stderr.String(), "warning") {
				t.Errorf("rampart %s: %s", strings.Join(args, " "), stderr.String())
			}
		}
	}
}

// The sample is one policy: both formats convert to the same text.
func TestSampleFormatsAreEqual(t *testing.T) {
	var texts []string
	for _, format := range []string{"hcl", "yaml"} {
		var all strings.Builder
		for _, name := range []string{"endpoints", "policy"} {
			var stderr strings.Builder
			args := []string{"convert", "-f", filepath.Join("../../examples/sample", format, name+"."+format), "-o", "yaml"}
			if code := run(context.Background(), &env{args: args, stdin: strings.NewReader(""), stdout: &all, stderr: &stderr}); code != 0 {
				t.Fatalf("rampart %s: exit code %d\n%s", strings.Join(args, " "), code, stderr.String())
			}
		}
		texts = append(texts, all.String())
	}
	if texts[0] != texts[1] || !strings.Contains(texts[0], "allow-tcp-6379") {
		t.Errorf("from HCL:\n%s\nfrom YAML:\n%s", texts[0], texts[1])
	}
}

// The sample policy is the specification's, word for word but for the comment above it.
func TestSampleIsTheSpecifications(t *testing.T) {
	const specification = `apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata:
  name: allow-tcp-6379
  namespace: production
spec:
  selector: role == 'database'
  types:
  - Ingress
  - Egress
  ingress:
  - action: Allow
    protocol: TCP
    source:
      selector: role == 'frontend'
    destination:
      ports:
      - 6379
  egress:
  - action: Allow
`
	b, err := os.ReadFile("../../examples/sample/yaml/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	comment, rest, _ := strings.Cut(string(b), "\n")
	if !strings.HasPrefix(comment, "#") || rest != specification {
		t.Errorf("the sample is\n%s", b)
	}
}
