package eval_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"rampart/engine/compile"
	"rampart/engine/eval"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

// evaluator is what both evaluators are.
type evaluator interface {
	Evaluate(model.Probe) (model.Verdict, error)
}

// named is an evaluator with the name that failures show.
type named struct {
	name string
	evaluator
}

// both returns the oracle and the compiled evaluator of the same resources.
func both(resources []model.Resource, node string) []named {
	return []named{
		{"oracle", eval.NewOracle(resources, node)},
		{"compiled", eval.NewEvaluator(compile.Compile(store.ViewOf(resources...), compile.Host{Node: node}, ir.Options{}))},
	}
}

// readConformance decodes a file of the optional conformance data: $RAMPART_DATA, or shared/data beside the repository.
func readConformance(t *testing.T, name string, into any) {
	t.Helper()
	root := os.Getenv("RAMPART_DATA")
	if root == "" {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for ; ; dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			if dir == filepath.Dir(dir) {
				t.Fatal("no go.mod above the test")
			}
		}
		root = filepath.Join(dir, "..", "shared", "data")
	}
	path := filepath.Join(root, "conformance", name)
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		t.Skipf("conformance data %s is not here; set RAMPART_DATA to where it is", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// allows asks one evaluator and fails the test on an error.
func allows(t *testing.T, e named, pr model.Probe) bool {
	t.Helper()
	v, err := e.Evaluate(pr)
	if err != nil {
		t.Fatalf("%s: %v", e.name, err)
	}
	return v.Decision == model.DecisionAllow
}
