package main

import (
	"strings"
	"testing"
)

// What shells are told, for the word at the end of a line.
func TestCompletion(t *testing.T) {
	const files, words = ":0", ":4" // cobra's directives: files are words too, or are not
	for _, c := range []struct {
		line []string
		want string // one of the words, "" for none
		rest string
	}{
		{[]string{"st"}, "status", words},
		{[]string{"get", ""}, "globalnetworkpolicy", words},
		{[]string{"get", ""}, "all", words},
		{[]string{"get", "gnp", ""}, "", words},
		{[]string{"get", "-o", ""}, "yaml", words},
		{[]string{"explain", "-f", "p", "host", ""}, "egress", words},
		{[]string{"explain", "-f", "p", ""}, "", words},
		{[]string{"help", ""}, "render", words},
		{[]string{"completion", ""}, "zsh", words},
		{[]string{"status", ""}, "", words},
		{[]string{"check", "-f", ""}, "", files},
		{[]string{"fmt", ""}, "", files},
	} {
		_, out, _ := runLine(append([]string{"__complete"}, c.line...)...)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if lines[len(lines)-1] != c.rest {
			t.Errorf("%q: directive %s, want %s", c.line, lines[len(lines)-1], c.rest)
		}
		found := c.want == "" && len(lines) == 1
		for _, l := range lines[:len(lines)-1] {
			word, _, _ := strings.Cut(l, "\t")
			found = found || word == c.want
		}
		if !found {
			t.Errorf("%q: no %q in %q", c.line, c.want, out)
		}
	}
}
