package engine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"rampart/engine/api"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

// TestBootFromSavedState restarts with one source unreadable, for every reason there is.
func TestBootFromSavedState(t *testing.T) {
	for name, spoil := range map[string]func(*fakeSource){
		"bad content": func(s *fakeSource) { s.bundle, s.diags = nil, hcl.Diagnostics{broken("b.yaml", 3)} },
		"no answer":   func(s *fakeSource) { s.hang = true },
		"nothing":     func(s *fakeSource) { s.bundle = nil },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			inBubble(t, func(t *testing.T) {
				first := newRig(t).good().start(func(c *Config) { c.StateDir = dir })
				first.settle()
				if err := first.stop(); err != nil {
					t.Fatal(err)
				}
				hash := first.nft.inForce.Hash

				r := newRig(t)
				r.a.set(world("a", "1"))
				spoil(r.b)
				r.start(func(c *Config) { c.StateDir = dir })
				time.Sleep(defaultBootTimeout)
				synctest.Wait()
				r.wantHolds("a-1 b-1")
				s := r.Status(false)
				if s.State != api.InForce || s.Program.Hash != hash || s.Program.Generation != 2 {
					t.Errorf("program %+v, want hash %s and generation 2", s.Program, hash)
				}
				if diff := cmp.Diff([]string{"b"}, s.Program.SavedState); diff != "" {
					t.Errorf("from saved state (-want +got):\n%s", diff)
				}
				if b := r.source("b"); b.State != api.SourceSaved || b.Revision != "1" {
					t.Errorf("source %+v", b)
				}
				// The source comes back.
				r.b.mu.Lock()
				r.b.hang, r.b.diags = false, nil
				r.b.mu.Unlock()
				if name == "no answer" {
					return // a reading that hangs ends with the daemon
				}
				r.b.set(world("b", "2"))
				r.settle()
				r.wantHolds("a-1 b-2")
				if s := r.Status(false); s.Program.SavedState != nil {
					t.Errorf("still from saved state: %v", s.Program.SavedState)
				}
			})
		})
	}
}

func TestSavedStateIsNotUsedWhenTheSourceIsGood(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, func(t *testing.T) {
		first := newRig(t).good().start(func(c *Config) { c.StateDir = dir })
		first.settle()
		if err := first.stop(); err != nil {
			t.Fatal(err)
		}
		r := newRig(t)
		r.a.set(world("a", "7"))
		r.b.set(world("b", "7"))
		r.start(func(c *Config) { c.StateDir = dir })
		r.settle()
		if diff := cmp.Diff([]string{"2: a-7 b-7"}, r.nft.history()); diff != "" {
			t.Errorf("applied (-want +got):\n%s", diff)
		}
	})
}

// TestRefusedProgramIsNotSaved keeps what was last in force, not what was last read.
func TestRefusedProgramIsNotSaved(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, func(t *testing.T) {
		first := newRig(t).good().start(func(c *Config) { c.StateDir = dir })
		first.settle()
		first.nft.set(func(b *fakeBackend) { b.refuse = errRefused })
		first.b.set(world("b", "2"))
		first.settle()
		if err := first.stop(); err != nil {
			t.Fatal(err)
		}
		r := newRig(t)
		r.a.set(world("a", "1"))
		r.b.set(nil, broken("b.yaml", 1))
		r.start(func(c *Config) { c.StateDir = dir })
		r.settle()
		r.wantHolds("a-1 b-1")
	})
}

// TestCrashLosesNothing starts a second engine on the state of one that has not stopped.
func TestCrashLosesNothing(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, func(t *testing.T) {
		first := newRig(t).good().start(func(c *Config) { c.StateDir = dir })
		first.settle()
		for _, revision := range []string{"2", "3"} {
			first.a.set(world("a", revision))
			time.Sleep(2 * saveInterval)
		}
		// What the kernel does when a process is killed.
		if err := first.state.close(); err != nil {
			t.Fatal(err)
		}
		r := newRig(t)
		r.a.set(nil, broken("a.yaml", 1))
		r.b.set(nil, broken("b.yaml", 1))
		r.start(func(c *Config) { c.StateDir = dir })
		r.settle()
		r.wantHolds("a-3 b-1")
		if was, is := first.Status(false).Program.Generation, r.Status(false).Program.Generation; is <= was {
			t.Errorf("generation %d after %d", is, was)
		}
	})
}

// TestTwoDaemonsDoNotShareState has a second daemon, in another network namespace, with the same directory.
func TestTwoDaemonsDoNotShareState(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, func(t *testing.T) {
		first := newRig(t).good().start(func(c *Config) { c.StateDir = dir })
		second := newRig(t).good().start(func(c *Config) { c.StateDir = dir })
		second.settle()
		second.wantHolds("a-1 b-1")
		if e := second.Status(false).LastError; e == nil || !strings.Contains(e.Message, "another daemon uses it") {
			t.Errorf("last error %+v", e)
		}
		if err := first.stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestManyChangesAreNotManyWrites(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good().start(func(c *Config) { c.StateDir = dir })
		r.settle()
		files := map[string]bool{}
		for i := range 100 {
			r.a.set(world("a", string(rune('A'+i%26))))
			time.Sleep(burstLimit)
			synctest.Wait()
			info, err := os.Stat(r.state.bundlePath("a"))
			if err != nil {
				t.Fatal(err)
			}
			files[info.ModTime().String()] = true
		}
		if n := len(files); n > 7 {
			t.Errorf("%d writes in five seconds, want one in %v at most", n, saveInterval)
		}
	})
}

func TestBundleOfAFormerSourceIsForgotten(t *testing.T) {
	state, err := openState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "former"} {
		if err := state.saveBundle(world(name, "1"), 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := state.forgetOthers([]string{"a", "new"}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"a": true, "former": false, "new": false} {
		if b, _, err := state.loadBundle(name); (b != nil) != want || err != nil {
			t.Errorf("%s: %v, %v, want saved %v", name, b, err, want)
		}
	}
}

// TestSavedBundleIsTheSame compiles a bundle and what comes back from disk: both give the same program, origins included.
func TestSavedBundleIsTheSame(t *testing.T) {
	state, err := openState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	want := world("a", "1")
	order := 0.0
	policy := want.Resources[1].(*model.Policy)
	policy.Spec.Order = &order // a pointer to a zero value must not become nil
	policy.Spec.Ingress = append(policy.Spec.Ingress, model.Rule{
		Action: model.Deny, Protocol: model.Protocol{Name: "TCP", Number: 6}, Origin: model.Origin{File: "x.hcl", Line: 4, Column: 2},
		Source: model.EntityRule{Selector: "a == '<b>' || has(c)", Ports: []model.Port{{Name: "http"}, {Min: 1, Max: 9}}},
	})
	if err := state.saveBundle(want, 9); err != nil {
		t.Fatal(err)
	}
	got, generation, err := state.loadBundle("a")
	if err != nil || generation != 9 {
		t.Fatalf("generation %d, %v", generation, err)
	}
	text := func(b *model.Bundle) string {
		return ir.Text(compile.Compile(store.ViewOf(b.Resources...), compile.Host{Node: "n1"}, ir.Options{}))
	}
	if diff := cmp.Diff(text(want), text(got)); diff != "" {
		t.Errorf("program (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.Resources[1], got.Resources[1]); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
}

// TestDamagedStateIsNotUsed damages a saved bundle in many ways. None may pass, none may panic.
func TestDamagedStateIsNotUsed(t *testing.T) {
	state, err := openState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := state.saveBundle(world("a", "1"), 1); err != nil {
		t.Fatal(err)
	}
	path := state.bundlePath("a")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	load := func(what string, content []byte, want string) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		b, _, err := state.loadBundle("a")
		if b != nil || !errors.Is(err, ErrBadState) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v, want %v %q", what, b, err, ErrBadState, want)
		}
	}
	for n := range len(whole) {
		load("cut short", whole[:n], "")
	}
	for i := range whole {
		flipped := append([]byte(nil), whole...)
		flipped[i] ^= 0x20
		load("one bit flipped", flipped, "")
	}
	load("something after", append(append([]byte(nil), whole...), '\n'), "checksum or length")
	load("another version", []byte(strings.Replace(string(whole), "rampart-state 1", "rampart-state 2", 1)), "version 2, want 1")
	load("zeros", make([]byte, len(whole)), "no header")
	load("empty", nil, "too short")

	// A file under the name of another source, as after a collision of hashes or a rename by hand.
	if err := os.WriteFile(state.bundlePath("z"), whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if b, _, err := state.loadBundle("z"); b != nil || !errors.Is(err, ErrBadState) {
		t.Errorf("bundle of another source: %v, %v", b, err)
	}
}

// TestDamagedStateDoesNotStopTheDaemon starts on a state directory full of rubbish.
func TestDamagedStateDoesNotStopTheDaemon(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good()
		state := &stateDir{path: dir}
		for _, path := range []string{state.bundlePath("a"), state.bundlePath("b"), filepath.Join(dir, generationFile)} {
			if err := os.WriteFile(path, []byte("rubbish"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r.start(func(c *Config) { c.StateDir = dir })
		r.settle()
		r.wantHolds("a-1 b-1")
		if b, _, err := state.loadBundle("a"); b == nil || err != nil {
			t.Errorf("the rubbish has not been replaced: %v", err)
		}
	})
}

func TestUnwritableStateDoesNotStopPolicy(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	inBubble(t, func(t *testing.T) {
		r := newRig(t).good().start(func(c *Config) { c.StateDir = dir })
		// A rename is one step; removing would race with what the engine writes meanwhile.
		if err := os.Rename(dir, dir+".gone"); err != nil {
			t.Fatal(err)
		}
		r.settle()
		r.wantHolds("a-1 b-1")
		if s := r.Status(false); s.LastError == nil || s.LastError.Where != "state directory" {
			t.Errorf("last error %+v", s.LastError)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		if !strings.Contains(r.log.String(), "generation cannot be saved") {
			t.Errorf("the generation cannot be saved and nobody says so:\n%s", r.log.String())
		}
	})
}

func TestGenerationsGrow(t *testing.T) {
	state, err := openState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	last := uint64(0)
	for i := range 5 {
		highest, err := state.loadGeneration()
		if err != nil {
			t.Fatal(err)
		}
		g := generations{state: state, last: highest, reserved: highest}
		for range 40 {
			n := g.next(nil)
			if n <= last {
				t.Fatalf("generation %d after %d", n, last)
			}
			last = n
		}
		if i%2 == 0 { // every other run crashes
			if err := g.stop(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func FuzzSavedBundle(f *testing.F) {
	state, err := openState(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	if err := state.saveBundle(world("a", "1"), 1); err != nil {
		f.Fatal(err)
	}
	body, err := readStateFile(state.bundlePath("a"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add([]byte(`{"source":"a","resources":99999999}`))
	f.Add([]byte(`{"source":"a","resources":-1}`))
	f.Add([]byte(`{"source":"a","resources":1}{"manifest":{"apiVersion":"projectcalico.org/v3","kind":"Tier"},"origins":[]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		b, head, err := decodeBundle(body)
		if err == nil && (b.Source != head.Source || len(b.Resources) != head.Resources) {
			t.Errorf("bundle of %q with %d resources, the head says %+v", b.Source, len(b.Resources), head)
		}
	})
}
