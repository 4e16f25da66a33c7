package kernel

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The table of docs/conformance.md has no empty cell, names only files and rows that exist, and leaves out no row file.
func TestConformanceTable(t *testing.T) {
	const root = "../.."
	doc, err := os.ReadFile(filepath.Join(root, "docs", "conformance.md"))
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("`TestRows/([a-z0-9-]+)`")
	for _, m := range row.FindAllStringSubmatch(string(doc), -1) {
		if _, err := os.Stat("testdata/rows/" + m[1] + ".txtar"); err != nil {
			t.Error(err)
		}
	}
	file := regexp.MustCompile("`((?:conf|model|engine|nft|xdp|bench)/[a-z0-9_/]+\\.go)`")
	for _, m := range file.FindAllStringSubmatch(string(doc), -1) {
		if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
			t.Error(err)
		}
	}
	rows, err := filepath.Glob("testdata/rows/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range rows {
		if name := "TestRows/" + strings.TrimSuffix(filepath.Base(path), ".txtar"); !strings.Contains(string(doc), "`"+name+"`") {
			t.Errorf("%s is not in the table", name)
		}
	}
	for line := range strings.Lines(string(doc)) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 4 {
			t.Errorf("%d cells in %q", len(cells), line)
		}
		for _, c := range cells {
			if strings.TrimSpace(c) == "" {
				t.Errorf("an empty cell in %q", line)
			}
		}
	}
}
