package nft

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"rampart/engine/ir"
	"rampart/nft/lower"
)

// A lowering in memory that something is wrong with, here chains that are not called what they were, keeps no policy from
// coming into force.
func TestWrongMemory(t *testing.T) {
	var log bytes.Buffer
	c := Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}.withDefaults()
	two := hostProgram(1, "eth0", "eth1")
	previous, err := c.lower(two, nil)
	must(t, err)
	for _, chain := range previous.Ruleset.Chains {
		if chain.Base == nil {
			chain.Name = "wrong-" + chain.Name
		}
	}
	p := *two
	p.Endpoints = p.Endpoints[:1]
	ir.Seal(&p)
	if err := lower.Lower(&p, withPrevious(c.lowering(), previous)).ValidateAfter(previous.Ruleset); err == nil {
		t.Fatal("nothing of what is in memory is wrong")
	}
	got, err := c.lower(&p, previous)
	must(t, err)
	want, err := c.lower(&p, nil)
	must(t, err)
	if got.Ruleset.Text() != want.Ruleset.Text() {
		t.Errorf("the table is not the one made from nothing:\n%s\nwant:\n%s", got.Ruleset.Text(), want.Ruleset.Text())
	}
	if !strings.Contains(log.String(), "made from nothing") {
		t.Errorf("nothing is said: %s", &log)
	}
}

func withPrevious(o lower.Options, previous *lower.Lowered) lower.Options {
	o.Previous = previous
	return o
}
