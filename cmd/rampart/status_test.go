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
