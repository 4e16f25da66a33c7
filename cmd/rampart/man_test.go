package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The manual pages say what the help says: examples keep their lines, and rampart(8) leads to all commands and files.
func TestManualPages(t *testing.T) {
	dir := t.TempDir()
	if code, _, stderr := runLine("man", dir); code != 0 {
		t.Fatal(stderr)
	}
	page := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name+".8"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	overview := page("rampart")
	for _, want := range []string{".SH COMMANDS", ".SH FILES", `\fBrampart COMMAND\fP`, "/etc/rampart/rampart.hcl", "/run/rampart/rampart.sock"} {
		if !strings.Contains(overview, want) {
			t.Errorf("rampart(8) has no %q", want)
		}
	}
	for _, c := range commands()[1:] {
		if c.Hidden || c.Name() == "help" { // the page would say what every other says
			continue
		}
		if !strings.Contains(overview, c.Short) {
			t.Errorf("rampart(8) does not tell of %s", c.Name())
		}
		text := strings.ReplaceAll(page("rampart-"+c.Name()), `\\`, `\`)
		lines := strings.Split(text, "\n")
		for line := range strings.SplitSeq(c.Long, "\n") {
			if strings.HasPrefix(line, " ") && !slices.Contains(lines, line) {
				t.Errorf("rampart-%s(8) has no line %q", c.Name(), line)
			}
		}
	}
}
