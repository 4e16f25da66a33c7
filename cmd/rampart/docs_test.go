package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"rampart/conf"
	"rampart/conf/schema"
)

// documents are the pages that people read, relative to the root of the tree.
func documents(t *testing.T) []string {
	t.Helper()
	pages := []string{"README.md", "ARCHITECTURE.md"}
	err := filepath.WalkDir("../../docs", func(path string, d os.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".md" {
			pages = append(pages, strings.TrimPrefix(filepath.ToSlash(path), "../../"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// Links between documents lead somewhere, and tests that documents name exist.
func TestDocumentsPointAtThings(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`)
	test := regexp.MustCompile("`(Test[A-Z][A-Za-z0-9]+)")
	tests := testNames(t)
	for _, page := range documents(t) {
		src, err := os.ReadFile(filepath.Join("../..", page))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(src), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join("../..", filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s: link to nowhere: %s", page, m[1])
			}
		}
		for _, m := range test.FindAllStringSubmatch(string(src), -1) {
			if !tests[m[1]] {
				t.Errorf("%s: %s is no test", page, m[1])
			}
		}
	}
}

// testNames are the test functions of the whole tree.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	function := regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9]+)\(`)
	names := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		src, err := os.ReadFile(path)
		for _, m := range function.FindAllStringSubmatch(string(src), -1) {
			names[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// What docs/policy-files.md shows is valid.
func TestDocumentedPolicies(t *testing.T) {
	src, err := os.ReadFile("../../docs/policy-files.md")
	if err != nil {
		t.Fatal(err)
	}
	snippets := regexp.MustCompile("(?s)```(hcl|yaml)\n(.*?)```").FindAllStringSubmatch(string(src), -1)
	if len(snippets) < 3 {
		t.Fatalf("only %d examples", len(snippets))
	}
	for _, m := range snippets {
		file := filepath.Join(t.TempDir(), "example."+m[1])
		if err := os.WriteFile(file, []byte(m[2]), 0o644); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr strings.Builder
		if code := run(context.Background(), &env{args: []string{"check", "-f", file}, stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr}); code != 0 || stderr.Len() > 0 {
			t.Errorf("exit code %d\n%s%s", code, m[2], stderr.String())
		}
	}
}

// Field names in HCL are what the page says.
func TestDocumentedNames(t *testing.T) {
	src, err := os.ReadFile("../../docs/policy-files.md")
	if err != nil {
		t.Fatal(err)
	}
	pairs := regexp.MustCompile("`([A-Za-z]+)` is\\s+`([a-z_]+)`").FindAllStringSubmatch(string(src), -1)
	if len(pairs) < 5 {
		t.Fatalf("only %d names", len(pairs))
	}
	for _, m := range pairs {
		if got := schema.Snake(m[1]); got != m[2] {
			t.Errorf("%s is %s in HCL, the page says %s", m[1], got, m[2])
		}
	}
}

// The README lists the failsafe ports that the program has.
func TestDocumentedFailsafePorts(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	want := conf.DefaultDaemon().Failsafe
	number := regexp.MustCompile(`\b\d+\b`)
	for _, half := range []struct {
		text string
		want []conf.FailsafePort
	}{
		{between(string(readme), "inbound TCP", "; outbound"), want.Inbound},
		{between(string(readme), "; outbound", "They are Calico's"), want.Outbound},
	} {
		got := map[string]bool{}
		for _, n := range number.FindAllString(half.text, -1) {
			got[n] = true
		}
		for _, f := range half.want {
			if _, port, _ := strings.Cut(f.String(), ":"); !got[port] {
				t.Errorf("the README does not list %s in %q", f, half.text)
			}
		}
		if len(got) != len(half.want) {
			t.Errorf("the README lists %d ports in %q, the program has %d", len(got), half.text, len(half.want))
		}
	}
}

// between is the text after the first a up to the b after it.
func between(s, a, b string) string {
	_, s, _ = strings.Cut(s, a)
	s, _, _ = strings.Cut(s, b)
	return s
}
