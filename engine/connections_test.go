package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"rampart/engine/api"
	"rampart/engine/ir"
)

// fakeConnections records what it is asked to compare.
type fakeConnections struct {
	mu    sync.Mutex
	looks []string
	err   error
	cuts  ir.Cuts
	// takes is how long a look lasts.
	takes time.Duration
}

func (f *fakeConnections) Revalidate(ctx context.Context, programs []*ir.Program) (ir.Cuts, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for _, p := range programs {
		names = append(names, strings.Fields(content(p))[0])
	}
	f.looks = append(f.looks, strings.Join(names, " "))
	if f.takes > 0 {
		select {
		case <-time.After(f.takes):
		case <-ctx.Done():
			return ir.Cuts{}, ctx.Err()
		}
	}
	return f.cuts, f.err
}

func (f *fakeConnections) take() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := strings.Join(f.looks, ", ")
	f.looks = nil
	return s
}

// start runs an engine with the two first bundles in force.
func (f *fakeConnections) start(t *testing.T) *rig {
	r := newRig(t).good().start(func(c *Config) { c.Connections = f })
	r.settle()
	return r
}

func (r *rig) wantConnections(want api.Connections) {
	r.t.Helper()
	s := r.Status(false).Connections
	if s == nil {
		r.t.Fatal("the status does not tell of connections")
	}
	got := *s
	got.Checked = time.Time{}
	if got != want || s.Checked.IsZero() {
		r.t.Errorf("status %+v, want %+v", *s, want)
	}
}

func TestConnectionsAreLookedAtAfterEachProgram(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := &fakeConnections{}
		r := f.start(t)
		if got := f.take(); got != "a-1" {
			t.Errorf("at the start: %q", got)
		}
		f.cuts = ir.Cuts{Tracked: 9, Cut: 2, Restored: 1, Examples: []string{"tcp 10.0.0.1:1 > 10.0.0.2:2, denied by x"}}
		r.a.set(world("a", "2"))
		r.settle()
		if got := f.take(); got != "a-1 a-2" {
			t.Errorf("after a change: %q", got)
		}
		r.wantConnections(api.Connections{Cut: 2, Restored: 1, Generation: 2, Tracked: 9, LastCut: 2})
		if log := r.log.String(); !strings.Contains(log, "cut=2 restored=1") || !strings.Contains(log, "denied by x") {
			t.Errorf("log:\n%s", log)
		}
		// What changes nothing in force is no reason to look.
		r.nft.drift("flushed")
		r.settle()
		if got := f.take(); got != "" {
			t.Errorf("after a repair: %q", got)
		}
	})
}

// Programs that come while a look lasts are all compared by the next one: a connection that only one in between allowed
// is found.
func TestProgramsDuringALookAreNotForgotten(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := &fakeConnections{takes: 10 * time.Second}
		r := f.start(t)
		for n := range 3 {
			r.a.set(world("a", fmt.Sprint(n+2)))
			r.settle()
		}
		time.Sleep(time.Minute)
		if got := f.take(); got != "a-1, a-1 a-2 a-3 a-4" {
			t.Errorf("looks: %q", got)
		}
		for n := range maxPrograms + 5 {
			r.a.set(world("a", fmt.Sprint(n+100)))
			r.settle()
		}
		time.Sleep(time.Minute)
		for _, look := range strings.Split(f.take(), ", ") {
			if n := len(strings.Fields(look)); n > maxPrograms {
				t.Errorf("%d programs were compared at once", n)
			}
		}
		r.wantConnections(api.Connections{Generation: r.Status(false).Program.Generation})
	})
}

func TestFailedLookIsRepeated(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := &fakeConnections{}
		r := f.start(t)
		f.take()
		f.err = errors.New("no buffer space")
		f.cuts = ir.Cuts{Cut: 1}
		r.a.set(world("a", "2"))
		r.settle()
		if s := r.Status(false).Connections; s.Error != "no buffer space" || s.Cut == 0 {
			t.Errorf("status %+v", s)
		}
		f.mu.Lock()
		f.err, f.cuts = nil, ir.Cuts{}
		f.mu.Unlock()
		time.Sleep(retryLimit)
		looks := strings.Split(f.take(), ", ")
		for _, l := range looks {
			if l != "a-1 a-2" {
				t.Errorf("a repeated look compares %q", l)
			}
		}
		if len(looks) < 2 || r.Status(false).Connections.Error != "" {
			t.Errorf("looks %q, status %+v", looks, r.Status(false).Connections)
		}
		r.a.set(world("a", "3"))
		r.settle()
		if got := f.take(); got != "a-2 a-3" {
			t.Errorf("after that: %q", got)
		}
	})
}

// Stopping does not wait for a look.
func TestStopDuringALook(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := &fakeConnections{takes: time.Hour}
		r := f.start(t)
		began := time.Now()
		if err := r.stop(); err != nil || time.Since(began) > time.Minute {
			t.Errorf("stopped after %s: %v", time.Since(began), err)
		}
	})
}
