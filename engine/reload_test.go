package engine

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReloadWaitsForTheResult(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good().start()
		r.settle()
		r.a.mu.Lock()
		r.a.bundle = world("a", "2") // nobody says so
		r.a.mu.Unlock()
		if err := r.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.wantHolds("a-2 b-1")

		r.a.mu.Lock()
		r.a.bundle, r.a.diags = nil, append(r.a.diags, broken("a.yaml", 4))
		r.a.mu.Unlock()
		if err := r.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "source a: a.yaml:4: Invalid selector") {
			t.Errorf("bad source: %v", err)
		}
		r.a.mu.Lock()
		r.a.bundle, r.a.diags = world("a", "3"), nil
		r.a.mu.Unlock()
		r.nft.set(func(b *fakeBackend) { b.refuse = errRefused })
		if err := r.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "nft: "+errRefused.Error()) {
			t.Errorf("backend that refuses: %v", err)
		}
		r.wantHolds("a-2 b-1")
	})
}

// TestReloadReadsAfterTheCall asks for a reload while a reading is under way that began before: it does not count.
func TestReloadReadsAfterTheCall(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good()
		r.nft.gate = make(chan struct{})
		r.start()
		time.Sleep(time.Second) // the loop is busy with the first program
		r.a.mu.Lock()
		r.a.bundle = world("a", "2")
		r.a.mu.Unlock()
		var errs [3]error
		done := make(chan struct{})
		for i := range errs {
			go func() { errs[i] = r.Reload(t.Context()); done <- struct{}{} }()
		}
		synctest.Wait()
		r.nft.gate <- struct{}{}
		r.nft.gate <- struct{}{}
		for range errs {
			<-done
		}
		r.wantHolds("a-2 b-1")
		for _, err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
		if h := r.nft.history(); len(h) != 2 {
			t.Errorf("applied %q", h)
		}
	})
}

func TestServiceManagerIsTold(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good().start()
		r.settle()
		if err := r.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.a.set(nil, broken("a.yaml", 4))
		r.settle()
		_ = r.Reload(t.Context())
		r.stop()
		var got []string
		for _, m := range r.messages() {
			if m, ok := strings.CutPrefix(m, "RELOADING=1\nMONOTONIC_USEC="); ok {
				if strings.Trim(m, "0123456789") != "" || m == "" {
					t.Errorf("MONOTONIC_USEC=%q", m)
				}
				got = append(got, "RELOADING=1")
				continue
			}
			got = append(got, m)
		}
		in := "STATUS=generation 1, 2 endpoints, 2 of 2 policies active"
		want := []string{
			"READY=1\n" + in, "RELOADING=1", "READY=1\n" + in,
			"RELOADING=1", "READY=1\n" + in + "; newer policy is not usable, see rampart status", "STOPPING=1",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
	})
}

// TestBootIsNotHeldUp tells the service manager that the start is over though nothing can be put in force.
func TestBootIsNotHeldUp(t *testing.T) {
	for name, spoil := range map[string]func(*rig){
		"bad source":       func(r *rig) { r.a.set(nil, broken("a.yaml", 4)); r.b.set(world("b", "1")) },
		"source hangs":     func(r *rig) { r.a.hang = true; r.b.set(world("b", "1")) },
		"backend refuses":  func(r *rig) { r.good(); r.nft.refuse = errRefused },
		"both are missing": func(*rig) {},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newRig(t)
				spoil(r)
				r.start()
				time.Sleep(defaultBootTimeout)
				synctest.Wait()
				m := r.messages()
				if len(m) != 1 || !strings.HasPrefix(m[0], "READY=1\nSTATUS=no program in force") {
					t.Errorf("messages %q", m)
				}
			})
		})
	}
}

// TestWatchdog hears from a loop that works and from one that waits, and not from one that is stuck.
func TestWatchdog(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good()
		r.nft.gate = make(chan struct{})
		r.start(func(c *Config) { c.Watchdog = 10 * time.Second })
		count := func(d time.Duration) int {
			before := len(r.messages())
			time.Sleep(d)
			synctest.Wait()
			return len(r.messages()) - before
		}
		if n := count(time.Minute); n != 12 {
			t.Errorf("%d messages in a minute of loading", n)
		}
		time.Sleep(longestStep)
		if n := count(time.Minute); n != 0 {
			t.Errorf("%d messages while stuck", n)
		}
		r.nft.gate <- struct{}{}
		r.settle()
		if n := count(time.Minute); n != 12 {
			t.Errorf("%d messages in a minute of waiting", n)
		}
	})
}
