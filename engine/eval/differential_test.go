package eval_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rampart/bench/gen"
	"rampart/engine/compile"
	"rampart/engine/eval"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

var (
	seedFlag     = flag.Uint64("seed", 1, "first seed of the differential test")
	programsFlag = flag.Int("programs", 2500, "how many random programs the differential test compiles")
)

const probesPerProgram = 40

// TestDifferential holds the oracle against the compiled program on random worlds and probes. A difference is shrunk and
// written to testdata/cases, where TestCases replays it ever after.
func TestDifferential(t *testing.T) {
	cfg := gen.DefaultConfig()
	t.Logf("seeds %d to %d", *seedFlag, *seedFlag+uint64(*programsFlag)-1)
	var next, failures atomic.Uint64
	var tally tally
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				n := next.Add(1) - 1
				if n >= uint64(*programsFlag) || failures.Load() > 3 {
					return
				}
				seed := *seedFlag + n
				world := gen.World(seed, cfg)
				probes := gen.Probes(seed, cfg, world, probesPerProgram)
				pair := newPair(world, cfg.Node)
				for _, pr := range probes {
					if diff := pair.compare(pr, &tally); diff != "" {
						failures.Add(1)
						t.Errorf("seed %d: %s\n%s\nkept as %s", seed, probeText(pr), diff, keep(t, seed, cfg.Node, world, pr))
						break
					}
				}
			}
		})
	}
	workers.Wait()
	tally.report(t)
}

// FuzzDifferential is the same with seeds that nobody chose. To keep a failure as a case, run TestDifferential with the
// seed that it names.
func FuzzDifferential(f *testing.F) {
	f.Add(uint64(1) << 40)
	f.Fuzz(func(t *testing.T, seed uint64) {
		cfg := gen.DefaultConfig()
		world := gen.World(seed, cfg)
		pair := newPair(world, cfg.Node)
		for _, pr := range gen.Probes(seed, cfg, world, probesPerProgram) {
			if diff := pair.compare(pr, nil); diff != "" {
				t.Fatalf("go test ./engine/eval -run TestDifferential -args -seed %d -programs 1\n%s\n%s", seed, probeText(pr), diff)
			}
		}
	})
}

// pair is both evaluators of one world, and the compiled one with indexes, one of which has room for few members of sets.
type pair struct {
	oracle   *eval.Oracle
	compiled *eval.Evaluator
	indexed  []*eval.Indexed
}

func newPair(world []model.Resource, node string) pair {
	program := compile.Compile(store.ViewOf(world...), compile.Host{Node: node}, ir.Options{})
	crowded := eval.NewIndexed(program)
	crowded.LimitMembers(3)
	return pair{eval.NewOracle(world, node), eval.NewEvaluator(program), []*eval.Indexed{eval.NewIndexed(program), crowded}}
}

// compare tells how the two verdicts differ, "" when they do not.
func (p pair) compare(pr model.Probe, t *tally) string {
	want, errWant := p.oracle.Evaluate(pr)
	got, errGot := p.compiled.Evaluate(pr)
	if errWant != nil || errGot != nil {
		if errWant == nil || errGot == nil {
			return fmt.Sprintf("oracle error %v, compiled error %v", errWant, errGot)
		}
		return ""
	}
	t.count(want)
	// The rule's ID is the compiler's own.
	if got.Decision != want.Decision || got.DecidedBy != want.DecidedBy || got.Origin != want.Origin || !slices.Equal(got.Logged, want.Logged) {
		return "-oracle +compiled\n" + cmp.Diff(want, got)
	}
	for _, x := range p.indexed {
		if v, err := x.Evaluate(pr); err != nil || cmp.Diff(got, v) != "" {
			return fmt.Sprintf("with an index: %v\n-compiled +indexed\n%s", err, cmp.Diff(got, v))
		}
	}
	// What explain shows is the same verdict.
	if walk, err := p.compiled.Explain(pr); err != nil || walk.Verdict.DecidedBy != want.DecidedBy || walk.Verdict.Decision != want.Decision {
		return fmt.Sprintf("explain says %+v, %v", walk.Verdict, err)
	}
	return ""
}

func probeText(pr model.Probe) string {
	return fmt.Sprintf("%s %s %s %q", pr.Endpoint, pr.Direction, pr.Layer, pr.Packet)
}

// keep shrinks a difference and writes it as a case. The wanted verdict is the oracle's, for a person to confirm.
func keep(t *testing.T, seed uint64, node string, world []model.Resource, pr model.Probe) string {
	differ := func(w []model.Resource, pr model.Probe) bool { return newPair(w, node).compare(pr, nil) != "" }
	small, pr := gen.Shrink(world, pr, differ)
	want, err := eval.NewOracle(small, node).Evaluate(pr)
	if err != nil {
		t.Errorf("seed %d: the shrunk case is no case: %v", seed, err)
	}
	want.Origin = model.Origin{}
	c := &gen.Case{About: "found by the differential test; say here what was wrong", Seed: seed, Node: node, Resources: gen.Manifests(small), Probe: pr, Want: want}
	path := filepath.Join("testdata", "cases", fmt.Sprintf("seed-%d.json", seed))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Error(err)
	}
	if err := c.Write(path); err != nil {
		t.Error(err)
	}
	return path
}

// TestCases replays every case that once went wrong.
func TestCases(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "cases", "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			c, err := gen.ReadCase(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range both(c.World(), c.Node) {
				v, err := e.Evaluate(c.Probe)
				if err != nil {
					t.Fatalf("%s: %v", e.name, err)
				}
				v.Rule, v.Origin = 0, model.Origin{}
				if d := cmp.Diff(c.Want, v, cmpopts.EquateEmpty()); d != "" {
					t.Errorf("%s: %s\n-want +got\n%s", e.name, c.About, d)
				}
			}
		})
	}
}

// tally counts what the verdicts of a run were, so that a generator that only ever meets the default deny is noticed.
type tally struct {
	mu    sync.Mutex
	kinds map[string]int
	total int
}

func (t *tally) count(v model.Verdict) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kinds == nil {
		t.kinds = map[string]int{}
	}
	t.total++
	kind := "rule"
	switch by := v.DecidedBy; {
	case len(by) > 8 && by[:8] == "profile:":
		kind = "profile"
	case len(by) > 13 && by[:13] == "tier-default:":
		kind = "tier default"
	case by == model.WhyNoProfileMatch || by == model.WhyForwardDefault || by == model.WhyNoVerdict:
		kind = by
	}
	t.kinds[kind]++
	t.kinds[string(v.Decision)]++
	if len(v.Logged) > 0 {
		t.kinds["logged"]++
	}
}

// report fails the test when some kind of verdict hardly ever occurs.
func (t *tally) report(test *testing.T) {
	test.Logf("%d verdicts: %v", t.total, t.kinds)
	if t.total < 1000 {
		return
	}
	for _, kind := range []string{"rule", "profile", "tier default", model.WhyNoProfileMatch, model.WhyForwardDefault, model.WhyNoVerdict, "allow", "deny", "continue", "logged"} {
		if t.kinds[kind]*200 < t.total {
			test.Errorf("only %d of %d verdicts are %s", t.kinds[kind], t.total, kind)
		}
	}
}
