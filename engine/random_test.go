package engine

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rampart/bench/gen"
	"rampart/engine/api"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

// TestRandomWorldsSurviveTheStateDirectory saves random worlds of resources. What comes back compiles to the same program.
func TestRandomWorldsSurviveTheStateDirectory(t *testing.T) {
	state, err := openState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer state.close()
	for seed := range uint64(60) {
		want := gen.World(seed, gen.DefaultConfig())
		for i, r := range want {
			for j, o := range api.Origins(r) {
				*o = model.Origin{File: "world.yaml", Line: i + 1, Column: j + 1}
			}
		}
		if err := state.saveBundle(&model.Bundle{Source: "random", Resources: want}, seed); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		got, _, err := state.loadBundle("random")
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if diff := cmp.Diff(text(want), text(got.Resources)); diff != "" {
			t.Errorf("seed %d: program (-want +got):\n%s", seed, diff)
		}
	}
	if files, err := os.ReadDir(state.path); err != nil || len(files) != 2 { // the bundle and the lock
		t.Errorf("the directory holds %v, %v", files, err)
	}
}

// text is the program of whichever node has the most to guard.
func text(resources []model.Resource) string {
	nodes := map[string]int{}
	best := ""
	for _, r := range resources {
		name := ""
		switch r := r.(type) {
		case *model.HostEndpoint:
			name = r.Spec.Node
		case *model.WorkloadEndpoint:
			name = r.Spec.Node
		}
		if nodes[name]++; name != "" && (best == "" || nodes[name] > nodes[best]) {
			best = name
		}
	}
	return ir.Text(compile.Compile(store.ViewOf(resources...), compile.Host{Node: best}, ir.Options{}))
}
