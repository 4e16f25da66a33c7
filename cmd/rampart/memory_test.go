package main

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestFrugal follows the collector's setting through the start.
func TestFrugal(t *testing.T) {
	percent := func() int {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p
	}
	before := percent()
	defer debug.SetGCPercent(before)
	t.Setenv("GOGC", "")
	os.Unsetenv("GOGC")
	var told []string
	notify := frugal(func(s string) { told = append(told, s) })
	if percent() != startGCPercent {
		t.Errorf("at the start: %d", percent())
	}
	notify("STATUS=reading")
	if percent() != startGCPercent {
		t.Errorf("before it is ready: %d", percent())
	}
	notify("READY=1\nSTATUS=in force")
	if percent() != steadyGCPercent {
		t.Errorf("after the start: %d", percent())
	}
	if len(told) != 2 {
		t.Errorf("told %q", told)
	}

	debug.SetGCPercent(77)
	t.Setenv("GOGC", "77")
	frugal(func(string) {})("READY=1")
	if percent() != 77 {
		t.Errorf("with GOGC set: %d", percent())
	}
}
