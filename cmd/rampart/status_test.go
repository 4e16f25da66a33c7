package main

import (
	"strings"
	"testing"
	"time"

	"rampart/engine/api"
)

// A daemon that is older or newer than the command is told apart: what one says the other may not know.
func TestStatusTellsOfAnotherVersion(t *testing.T) {
	for _, c := range []struct {
		daemon string
		told   bool
	}{{versionText(), false}, {"0.1", true}} {
		var out strings.Builder
		if err := writeStatus(&out, &api.Status{Version: c.daemon, PID: 7}, time.Now()); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "version "+c.daemon+", process 7") || strings.Contains(out.String(), "this command has version") != c.told {
			t.Errorf("of a daemon of version %s:\n%s", c.daemon, out.String())
		}
	}
}

// What a policy file holds does not drive the terminal, and errors of several lines do not break the table.
func TestStatusIsPrintable(t *testing.T) {
	s := &api.Status{
		Sources: []api.Source{{Name: "files:a", State: api.SourceFailed, Diagnostics: []api.Diagnostic{{Severity: "error", Summary: "Invalid \x1b[2J"}}}},
		Pending: &api.Pending{Error: "one\ntwo"},
	}
	var out strings.Builder
	if err := writeStatus(&out, s, time.Now()); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.Contains(text, "\x1b") || !strings.Contains(text, "error: Invalid \ufffd[2J") || !strings.Contains(text, "one; two\n") {
		t.Errorf("%q", text)
	}
}

// One of a thing is not said to be several.
func TestStatusCounts(t *testing.T) {
	s := &api.Status{
		Program:  &api.Program{Counts: api.Counts{Endpoints: 1, Policies: 1, Resources: 2}},
		Backends: []api.Backend{{Name: "nft", State: api.BackendOK, Objects: 1, Drifts: 2}},
	}
	var out strings.Builder
	if err := writeStatus(&out, s, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"1 endpoint, 1 policy (0 active, 0 inactive), 0 profiles, 0 rules, 0 sets, 2 resources\n", "1 object, 2 foreign changes repaired",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
