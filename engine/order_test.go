package engine

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// step is something that happens to a running engine, and what a plain model of the engine makes of it.
type step struct {
	name  string
	real  func(r *rig)
	model func(m *plain)
}

// plain is what must be in force, in a few lines: the last good content of both sources, as of the last time the
// backend was willing.
type plain struct {
	a, b, held string
	refusing   bool
}

func (m *plain) settle() {
	if m.a != "" && m.b != "" && !m.refusing {
		m.held = m.a + " " + m.b
	}
}

var steps = []step{
	{"a good", func(r *rig) { r.a.set(world("a", "2")) }, func(m *plain) { m.a = "a-2" }},
	{"a bad", func(r *rig) { r.a.set(nil, broken("a.yaml", 1)) }, func(*plain) {}},
	{"b good", func(r *rig) { r.b.set(world("b", "2")) }, func(m *plain) { m.b = "b-2" }},
	{"b bad", func(r *rig) { r.b.set(nil, broken("b.yaml", 1)) }, func(*plain) {}},
	{"refuse", func(r *rig) { r.nft.set(func(b *fakeBackend) { b.fail = errRefused }) }, func(m *plain) { m.refusing = true }},
	{"accept", func(r *rig) { r.nft.set(func(b *fakeBackend) { b.fail = nil }) }, func(m *plain) { m.refusing = false }},
}

// TestEveryOrder plays every order of the steps, from nothing and from a policy in force, waiting after each step and
// not waiting at all. What is in force at the end is what the plain model says; what was in force in between was always
// a whole program.
func TestEveryOrder(t *testing.T) {
	for _, start := range []string{"empty", "in force"} {
		for _, wait := range []time.Duration{0, 2 * time.Minute} {
			t.Run(fmt.Sprintf("%s, wait %v", start, wait), func(t *testing.T) {
				n := 0
				permute(steps, func(order []step) {
					n++
					inBubble(t, func(t *testing.T) { playOrder(t, start, wait, order) })
				})
				if n != 720 {
					t.Errorf("%d orders of %d steps", n, len(steps))
				}
			})
		}
	}
}

func playOrder(t *testing.T, start string, wait time.Duration, order []step) {
	r, m := newRig(t), &plain{}
	if start == "in force" {
		r.good()
		*m = plain{a: "a-1", b: "b-1"}
	} else {
		r.a.set(nil, broken("a.yaml", 1))
		r.b.set(nil, broken("b.yaml", 1))
	}
	r.start()
	synctest.Wait()
	m.settle()
	var names []string
	for _, s := range order {
		names = append(names, s.name)
		s.real(r)
		s.model(m)
		if wait > 0 {
			time.Sleep(wait)
			synctest.Wait()
			m.settle()
			if got := r.nft.holds(); got != m.held {
				t.Fatalf("after %s: in force %q, want %q", strings.Join(names, ", "), got, m.held)
			}
		}
	}
	time.Sleep(2 * time.Minute)
	synctest.Wait()
	m.settle()
	if wait == 0 {
		// Without pauses a good content may have been replaced by a bad one before it was read.
		for i, s := range order {
			for _, later := range order[i:] {
				if s.name == "a good" && later.name == "a bad" || s.name == "b good" && later.name == "b bad" {
					return
				}
			}
		}
	}
	if got := r.nft.holds(); got != m.held && !m.refusing {
		t.Errorf("after %s: in force %q, want %q", strings.Join(names, ", "), got, m.held)
	}
	for _, h := range r.nft.history() {
		if _, whole, _ := strings.Cut(h, ": "); !strings.HasPrefix(whole, "a-") || !strings.Contains(whole, " b-") {
			t.Errorf("after %s: %q was in force, which is half a program", strings.Join(names, ", "), whole)
		}
	}
}

// permute calls f with every order of the steps (Heap's algorithm).
func permute(steps []step, f func([]step)) {
	s := append([]step(nil), steps...)
	var heap func(k int)
	heap = func(k int) {
		if k == 1 {
			f(s)
			return
		}
		for i := range k {
			heap(k - 1)
			if k%2 == 0 {
				s[i], s[k-1] = s[k-1], s[i]
			} else {
				s[0], s[k-1] = s[k-1], s[0]
			}
		}
	}
	heap(len(s))
}
