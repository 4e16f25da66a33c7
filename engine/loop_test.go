package engine

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"rampart/engine/api"
	"rampart/engine/ir"
	"rampart/model"
)

func TestNothingIsWrittenBeforeEverySourceIsComplete(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.a.set(world("a", "1"))
		r.b.set(nil, broken("b.yaml", 7))
		r.start()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := r.nft.checks + len(r.nft.history()); got != 0 {
			t.Fatalf("the backend was asked %d times", got)
		}
		s := r.Status(false)
		if s.State != api.Waiting || s.Program != nil || r.source("b").State != api.SourceAbsent || r.source("a").State != api.SourceOK {
			t.Errorf("status %+v", s)
		}
		if s.LastError == nil || !strings.HasPrefix(s.LastError.Message, "b.yaml:7: Invalid selector: unexpected end") {
			t.Errorf("last error %+v", s.LastError)
		}
		r.b.set(world("b", "1"))
		r.settle()
		r.wantHolds("a-1 b-1")
		if s := r.Status(true); s.State != api.InForce || s.Program.Generation != 1 || len(s.Policies) != 2 {
			t.Errorf("status %+v", s)
		}
	})
}

func TestBadInputChangesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good().start()
		r.settle()
		before := r.Status(false).Program

		r.a.set(nil, broken("a.yaml", 4), broken("a.yaml", 8))
		r.settle()
		r.wantHolds("a-1 b-1")
		s := r.Status(false)
		if diff := cmp.Diff(before, s.Program); diff != "" {
			t.Errorf("program changed:\n%s", diff)
		}
		a := r.source("a")
		if a.State != api.SourceFailed || a.Resources != 2 || len(a.Diagnostics) != 2 || a.Diagnostics[1].Line != 8 {
			t.Errorf("source %+v", a)
		}
		if want := "a.yaml:4: Invalid selector: unexpected end (and 1 more)"; s.LastError == nil || s.LastError.Message != want {
			t.Errorf("last error %+v, want %q", s.LastError, want)
		}
		for _, want := range []string{`problem="a.yaml:4: Invalid selector: unexpected end"`, `problem="a.yaml:8:`, "source=a"} {
			if !strings.Contains(r.log.String(), want) {
				t.Errorf("log lacks %s:\n%s", want, r.log.String())
			}
		}
		// A bundle beside errors is not used either, nor one that defines a key twice.
		r.a.set(world("a", "2"), broken("a.yaml", 4))
		r.settle()
		r.wantHolds("a-1 b-1")
		twice := world("a", "3")
		twice.Resources = append(twice.Resources, twice.Resources[1])
		r.a.set(twice)
		r.settle()
		r.wantHolds("a-1 b-1")
		if s := r.Status(false); !strings.Contains(s.LastError.Message, "defined twice") {
			t.Errorf("last error %+v", s.LastError)
		}
		// The other source goes on.
		r.b.set(world("b", "2"))
		r.settle()
		r.wantHolds("a-1 b-2")
		r.a.set(world("a", "4"))
		r.settle()
		r.wantHolds("a-4 b-2")
		if a := r.source("a"); a.State != api.SourceOK || a.Diagnostics != nil || a.Failures != 0 {
			t.Errorf("source %+v", a)
		}
	})
}

func TestProblemsAreLoggedOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good().start()
		r.settle()
		r.a.set(nil, broken("a.yaml", 4))
		time.Sleep(time.Hour) // reading is tried again every minute
		synctest.Wait()
		if n := r.source("a").Failures; n < 60 {
			t.Errorf("%d readings in an hour", n)
		}
		if n := strings.Count(r.log.String(), "a.yaml:4"); n != 1 {
			t.Errorf("the problem is logged %d times", n)
		}
	})
}

func TestFailedReadingIsTriedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good()
		r.a.set(nil, broken("a.yaml", 4))
		r.start()
		r.settle()
		r.a.mu.Lock()
		r.a.bundle, r.a.diags = world("a", "1"), nil // without saying so, as a server that is back does
		r.a.mu.Unlock()
		time.Sleep(rereadLimit)
		synctest.Wait()
		r.wantHolds("a-1 b-1")
	})
}

func TestSameContentIsNotAppliedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good().start()
		r.settle()
		r.a.set(world("a", "1"))
		r.settle()
		annotated := world("a", "1")
		annotated.Revision = "2"
		annotated.Resources[0].Meta().Annotations = map[string]string{"note": "new"}
		r.a.set(annotated)
		r.settle()
		if diff := cmp.Diff([]string{"1: a-1 b-1"}, r.nft.history()); diff != "" {
			t.Errorf("applied (-want +got):\n%s", diff)
		}
		// What the API shows is the newest all the same.
		_, all := r.InForce()
		for res := range all {
			if res.Key().Name == "a-eth0" && res.Meta().Annotations["note"] != "new" {
				t.Error("the API shows the old resource")
			}
		}
	})
}

func TestConflictIsReported(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good()
		both := world("b", "1")
		both.Resources = append(both.Resources, world("a", "1").Resources[1])
		r.b.set(both)
		r.start()
		r.settle()
		r.wantHolds("a-1 b-1")
		if s := r.Status(false); len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "GlobalNetworkPolicy/a-1 of source b") {
			t.Errorf("warnings %q", s.Warnings)
		}
	})
}

func TestBrokenWatchIsRestarted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good()
		r.a.watchErr = errRefused
		r.start()
		r.settle()
		r.a.mu.Lock()
		r.a.bundle = world("a", "2") // nobody says so
		r.a.watchErr = nil
		r.a.mu.Unlock()
		time.Sleep(rereadLimit)
		synctest.Wait()
		r.wantHolds("a-2 b-1")
		if r.a.watches < 2 {
			t.Errorf("%d watches", r.a.watches)
		}
	})
}

func TestStatusBeforeTheFirstProgram(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.a.hang, r.b.hang = true, true
		r.start()
		synctest.Wait()
		if s := r.Status(true); s.State != api.Starting || len(s.Sources) != 2 || s.Sources[0].State != api.SourceReading {
			t.Errorf("status %+v", s)
		}
		if p, all := r.InForce(); p != nil {
			t.Error("a program is in force")
		} else {
			all(func(model.Resource) bool { t.Error("there are resources"); return false })
		}
		if _, err := r.Counters(t.Context()); err == nil {
			t.Error("there are counters")
		}
		if m := scrape(r); !strings.Contains(m, "rampart_program_in_force 0\n") {
			t.Errorf("metrics:\n%s", m)
		}
	})
}

// TestWrongNodeName runs on a host that none of the endpoints is on.
func TestWrongNodeName(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good().start(func(c *Config) {
			c.Node = "n2"
			c.Review = func(*ir.Program) []string { return []string{"reviewed"} }
		})
		r.settle()
		want := []string{"no endpoint is on this node, n2, so nothing is guarded: endpoints are on n1", "reviewed"}
		if diff := cmp.Diff(want, r.Status(false).Warnings); diff != "" {
			t.Errorf("warnings (-want +got):\n%s", diff)
		}
		if !strings.Contains(r.log.String(), want[0]) {
			t.Errorf("log:\n%s", r.log.String())
		}
	})
}
