package engine

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestBurstIsReadTogether announces a change every millisecond for a while that is shorter than burstLimit: the first is
// read at once, the others are read together.
func TestBurstIsReadTogether(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good().start()
		r.settle()
		before := r.a.loadCount()
		for range 30 {
			r.a.set(world("a", "2"))
			time.Sleep(time.Millisecond)
		}
		r.settle()
		if n := r.a.loadCount() - before; n != 2 {
			t.Errorf("%d readings, want 2", n)
		}
		r.wantHolds("a-2 b-1")
	})
}

// TestStreamOfChangesDoesNotStarve announces changes without end: each is in force after burstLimit at the latest.
func TestStreamOfChangesDoesNotStarve(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good().start()
		r.settle()
		r.a.set(world("a", "2"))
		for began := time.Now(); r.nft.holds() != "a-2 b-1"; {
			if time.Since(began) > 100*time.Millisecond {
				t.Fatal("nothing in force after 100 ms")
			}
			time.Sleep(time.Millisecond)
			r.a.changed()
		}
	})
}

// TestChangesDuringApplyAreOneMore has the backend busy while the sources change again and again.
func TestChangesDuringApplyAreOneMore(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good()
		r.nft.gate = make(chan struct{})
		r.start()
		r.settle()
		for _, revision := range []string{"2", "3", "4"} {
			r.a.set(world("a", revision))
			r.b.set(world("b", revision))
			r.settle()
		}
		r.nft.gate <- struct{}{}
		r.settle()
		r.nft.gate <- struct{}{}
		r.settle()
		if h := r.nft.history(); len(h) != 2 || h[1] != "2: a-4 b-4" {
			t.Errorf("applied %q, want the first and the last", h)
		}
	})
}

func TestBackoff(t *testing.T) {
	b := backoff{first: time.Second, limit: 5 * time.Second}
	for _, want := range []time.Duration{1, 2, 4, 5, 5} {
		if got := b.next(); got != want*time.Second {
			t.Errorf("next is %v, want %vs", got, want)
		}
	}
	b.reset()
	if got := b.next(); got != time.Second {
		t.Errorf("after reset %v, want 1s", got)
	}
}

func TestBurstEndsWhenItIsQuiet(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := make(chan struct{}, 1)
		done := make(chan struct{})
		go func() { absorb(t.Context(), c); close(done) }()
		synctest.Wait()
		time.Sleep(burstQuiet)
		synctest.Wait()
		select {
		case <-done:
		default:
			t.Error("a burst of nothing does not end")
		}
	})
}
