package eval_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/tools/txtar"

	"rampart/conf"
	"rampart/model"
)

// TestSemantics runs one file for each topic of the policy model: resources as people write them, and packets with what
// must become of them, a line each:
//
//	DECISION DECIDED-BY | ENDPOINT DIRECTION [HOOK] | PACKET [| LOGGED…]
func TestSemantics(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "semantics", "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if len(a.Files) != 2 || len(a.Comment) == 0 {
				t.Fatal("a case has a comment, world.yaml and probes")
			}
			world, diags := conf.Decode("world.yaml", a.Files[0].Data)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			evaluators := both(world, "n1")
			for line := range strings.Lines(string(a.Files[1].Data)) {
				pr, want := probeLine(t, line)
				for _, e := range evaluators {
					got, err := e.Evaluate(pr)
					if err != nil {
						t.Fatalf("%s: %v", line, err)
					}
					got.Rule, got.Origin = 0, model.Origin{}
					if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
						t.Errorf("%s%s (-want +got)\n%s", line, e.name, d)
					}
				}
			}
		})
	}
}

func probeLine(t *testing.T, line string) (pr model.Probe, want model.Verdict) {
	t.Helper()
	fields := strings.Split(strings.TrimSpace(line), "|")
	if len(fields) < 3 {
		t.Fatalf("%q has too few fields", line)
	}
	verdict, at := strings.Fields(fields[0]), strings.Fields(fields[1])
	want = model.Verdict{Decision: model.Decision(verdict[0]), DecidedBy: verdict[1]}
	if len(fields) > 3 {
		want.Logged = strings.Fields(fields[3])
	}
	var err error
	if pr.Endpoint, err = model.ParseKey(at[0]); err != nil {
		t.Fatal(err)
	}
	if pr.Direction, err = model.ParseDirection(at[1]); err != nil {
		t.Fatal(err)
	}
	if len(at) > 2 {
		var ok bool
		if pr.Layer, ok = model.ParseLayer(at[2]); !ok {
			t.Fatalf("%q has no hook %s", line, at[2])
		}
	}
	if pr.Packet, err = model.ParsePacket(fields[2]); err != nil {
		t.Fatal(err)
	}
	return pr, want
}
