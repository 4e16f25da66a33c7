package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
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
	notify, rest := frugal(func(s string) { told = append(told, s) })
	if percent() != startGCPercent {
		t.Errorf("at the start: %d", percent())
	}
	notify("STATUS=reading")
	if percent() != startGCPercent {
		t.Errorf("before it is ready: %d", percent())
	}
	rest() // nothing is to be collected yet
	notify("READY=1\nSTATUS=in force")
	if percent() != steadyGCPercent {
		t.Errorf("after the start: %d", percent())
	}
	if len(told) != 2 {
		t.Errorf("told %q", told)
	}

	debug.SetGCPercent(77)
	t.Setenv("GOGC", "77")
	notify, rest = frugal(func(string) {})
	notify("READY=1")
	rest()
	if percent() != 77 {
		t.Errorf("with GOGC set: %d", percent())
	}
}

// TestCollectWhenQuiet makes garbage and waits for its collection, which nothing else asks for.
func TestCollectWhenQuiet(t *testing.T) {
	before := debug.SetGCPercent(-1)
	defer debug.SetGCPercent(before)
	runtime.GC()
	if worthCollecting() {
		t.Error("right after a collection another one is worth it")
	}
	garbage = make([]byte, 64<<20)
	garbage = nil
	if !worthCollecting() {
		t.Error("64 MB of garbage are not worth collecting")
	}
	c := &thrift{}
	c.rest() // before the start is over
	c.timer = time.AfterFunc(time.Hour, c.collect)
	c.rest()
	for deadline := time.Now().Add(20 * time.Second); worthCollecting(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("garbage is not collected")
		}
	}
}

var garbage []byte

// TestSteadyPercent: a small heap may grow by as much as a change takes, a large one by a share.
func TestSteadyPercent(t *testing.T) {
	for live, want := range map[uint64]int{0: 1600, 1 << 20: 1600, 16 << 20: 100, 40 << 20: 40, 1 << 30: 40} {
		if got := steadyPercent(live); got != want {
			t.Errorf("%d MB in use: %d percent, want %d", live>>20, got, want)
		}
	}
}
