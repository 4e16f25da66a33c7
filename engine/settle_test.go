package engine

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"rampart/engine/api"
)

func TestRefusedProgramIsTriedAgainWithGrowingPauses(t *testing.T) {
	for _, where := range []string{"check", "apply"} {
		t.Run(where, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newRig(t).good().start()
				r.settle()
				r.nft.set(func(b *fakeBackend) {
					if b.at = nil; where == "check" {
						b.refuse = errRefused
					} else {
						b.fail = errRefused
					}
				})
				r.a.set(world("a", "2"))
				time.Sleep(burstLimit)
				synctest.Wait()
				r.wantHolds("a-1 b-1")
				s := r.Status(false)
				if s.State != api.InForce || s.Program.Generation != 1 {
					t.Errorf("status %+v", s)
				}
				if p := s.Pending; p == nil || p.Generation != 2 || p.Attempts != 1 || p.Error != errRefused.Error() {
					t.Errorf("pending %+v", p)
				}
				if b := s.Backends[0]; b.State != api.BackendRefused || b.Generation != 1 || b.Error != errRefused.Error() {
					t.Errorf("backend %+v", b)
				}
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				var pauses []time.Duration
				r.nft.set(func(b *fakeBackend) {
					for i := range min(len(b.at)-1, 10) {
						pauses = append(pauses, b.at[i+1].Sub(b.at[i]))
					}
				})
				ms := time.Millisecond
				want := []time.Duration{200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 12800 * ms, 25600 * ms, 30000 * ms, 30000 * ms}
				if diff := cmp.Diff(want[:len(pauses)], pauses); diff != "" || len(pauses) < 9 {
					t.Errorf("pauses (-want +got):\n%s", diff)
				}
				// Then the backend accepts.
				r.nft.set(func(b *fakeBackend) { b.refuse, b.fail = nil, nil })
				time.Sleep(retryLimit)
				synctest.Wait()
				r.wantHolds("a-2 b-1")
				if s := r.Status(false); s.Pending != nil || s.Program.Generation != 2 || s.Backends[0].State != api.BackendOK {
					t.Errorf("status %+v", s)
				}
			})
		})
	}
}

func TestNewerProgramDoesNotWaitForThePause(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good().start()
		r.settle()
		r.nft.set(func(b *fakeBackend) { b.fail = errRefused })
		r.a.set(world("a", "2"))
		time.Sleep(time.Minute)
		r.nft.set(func(b *fakeBackend) { b.fail = nil })
		r.a.set(world("a", "3"))
		time.Sleep(burstLimit)
		synctest.Wait()
		r.wantHolds("a-3 b-1")
		if s := r.Status(false); s.Program.Generation != 3 {
			t.Errorf("generation %d, want 3: the refused program had one too", s.Program.Generation)
		}
	})
}

func TestGoingBackEndsTheRefusal(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good().start()
		r.settle()
		r.nft.set(func(b *fakeBackend) { b.fail = errRefused })
		r.a.set(world("a", "2"))
		r.settle()
		r.nft.set(func(b *fakeBackend) { b.fail = nil })
		r.a.set(world("a", "1"))
		r.settle()
		r.wantHolds("a-1 b-1")
		if s := r.Status(false); s.Pending != nil || s.Backends[0].State != api.BackendOK {
			t.Errorf("status %+v", s)
		}
	})
}

func TestReceiptIsChecked(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good()
		r.nft.lie = true
		r.start()
		r.settle()
		if s := r.Status(false); s.Program != nil || s.Pending == nil || !strings.Contains(s.Pending.Error, ErrReceipt.Error()) {
			t.Errorf("status %+v", s)
		}
	})
}

func TestForeignChangeIsRepaired(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good().start()
		r.settle()
		r.nft.drift("table deleted")
		synctest.Wait()
		r.wantHolds("a-1 b-1")
		if b := r.Status(false).Backends[0]; b.Drifts != 1 || b.LastDrift != "table deleted" || b.State != api.BackendOK {
			t.Errorf("backend %+v", b)
		}
		if want := `msg="foreign change repaired" backend=nft generation=1`; !strings.Contains(r.log.String(), want) {
			t.Errorf("log lacks %s:\n%s", want, r.log.String())
		}
	})
}

// TestFightOverTheTable has somebody undo each repair at once. The engine repairs ever more slowly and does not give up.
func TestFightOverTheTable(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good().start()
		r.settle()
		start := time.Now()
		for time.Since(start) < 10*time.Minute {
			if r.nft.holds() != "" {
				r.nft.drift("flushed")
			}
			time.Sleep(10 * time.Millisecond)
		}
		n := len(r.nft.history())
		if n < 60 || n > 80 {
			t.Errorf("%d repairs in ten minutes of fighting, want one in %v", n, repairLimit)
		}
		time.Sleep(repairLimit)
		synctest.Wait()
		r.wantHolds("a-1 b-1")
	})
}

func TestForeignChangeIsRepairedWhileANewerProgramIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good().start()
		r.settle()
		r.nft.set(func(b *fakeBackend) { b.refuse = errRefused })
		r.a.set(world("a", "2"))
		time.Sleep(5 * time.Minute) // by now it is asked twice a minute
		synctest.Wait()
		r.nft.drift("flushed")
		synctest.Wait()
		r.wantHolds("a-1 b-1")
		if s := r.Status(false); s.Pending == nil || s.Pending.Generation != 2 {
			t.Errorf("the newer program is forgotten: %+v", s.Pending)
		}
	})
}

func TestDriftBeforeTheFirstProgramIsNotOurs(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.a.set(world("a", "1"))
		r.b.hang = true
		r.start()
		synctest.Wait()
		r.nft.drift("flushed")
		r.settle()
		if h := r.nft.history(); h != nil {
			t.Errorf("applied %q", h)
		}
	})
}

// TestOthersFollowTheAuthority has a second backend that refuses: the program is in force without it, and it holds
// nothing older.
func TestOthersFollowTheAuthority(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good()
		xdp := &fakeBackend{name: "xdp"}
		r.start(func(c *Config) { c.Backends = append(c.Backends, xdp) })
		r.settle()
		if xdp.holds() != "a-1 b-1" {
			t.Fatalf("xdp holds %q", xdp.holds())
		}
		xdp.set(func(b *fakeBackend) { b.fail = errors.New("ring is gone") })
		r.a.set(world("a", "2"))
		r.settle()
		r.wantHolds("a-2 b-1")
		if xdp.holds() != "" || xdp.cleared != 1 {
			t.Errorf("xdp holds %q, cleared %d times", xdp.holds(), xdp.cleared)
		}
		if s := r.Status(false); s.Pending != nil || s.Program.Generation != 2 || s.Backends[1].State != api.BackendOff {
			t.Errorf("status %+v", s)
		}
		xdp.set(func(b *fakeBackend) { b.fail = nil })
		time.Sleep(retryLimit)
		synctest.Wait()
		if xdp.holds() != "a-2 b-1" || xdp.cleared != 1 {
			t.Errorf("xdp holds %q, cleared %d times", xdp.holds(), xdp.cleared)
		}
		// What the authority refuses, no other gets.
		r.nft.set(func(b *fakeBackend) { b.fail = errRefused })
		r.a.set(world("a", "3"))
		r.settle()
		if xdp.holds() != "a-2 b-1" {
			t.Errorf("xdp holds %q, the authority %q", xdp.holds(), r.nft.holds())
		}
	})
}

func TestShutdown(t *testing.T) {
	for _, clear := range []bool{false, true} {
		inBubble(t, func(t *testing.T) {
			r := newRig(t).good().start(func(c *Config) { c.ClearOnExit = clear })
			r.settle()
			if err := r.stop(); err != nil {
				t.Fatal(err)
			}
			want := "a-1 b-1"
			if clear {
				want = ""
			}
			r.wantHolds(want)
			if r.nft.closed != 1 {
				t.Errorf("closed %d times", r.nft.closed)
			}
			if s := r.Status(false); s.State != api.Stopping {
				t.Errorf("state %s", s.State)
			}
			if err := r.Reload(t.Context()); !errors.Is(err, ErrStopped) {
				t.Errorf("Reload: %v, want %v", err, ErrStopped)
			}
		})
	}
}

// TestShutdownWaitsForTheBackend stops while an Apply is under way: it is brought to its end first.
func TestShutdownWaitsForTheBackend(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good()
		r.nft.gate = make(chan struct{})
		r.start()
		time.Sleep(time.Second)
		go func() {
			time.Sleep(time.Second)
			r.nft.gate <- struct{}{}
		}()
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		r.wantHolds("a-1 b-1")
	})
}
