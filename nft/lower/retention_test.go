package lower_test

import (
	"fmt"
	"runtime"
	"testing"
	"weak"

	"rampart/engine/compile"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft/lower"
)

// TestOldLoweringsAreLetGo: what one lowering leaves for the next must not hold those before it.
func TestOldLoweringsAreLetGo(t *testing.T) {
	s, c := store.New(), compile.NewCompiler(options)
	world := crowd(155) // so many sets that a change of members makes lists anew
	var previous *lower.Lowered
	var old []weak.Pointer[lower.Lowered]
	for step := range 6 {
		w := *world[0].(*model.WorkloadEndpoint)
		w.Metadata.Labels = map[string]string{"role": fmt.Sprintf("r%d", step)}
		world[0] = &w
		change, err := s.Apply(&model.Bundle{Source: "test", Resources: append([]model.Resource(nil), world...)})
		if err != nil {
			t.Fatal(err)
		}
		p := c.Compile(s.View(), change, compile.Host{Node: "n1"})
		previous = lower.Lower(p, lower.Options{Group: lower.Blocks, Previous: previous})
		old = append(old, weak.Make(previous))
	}
	runtime.GC()
	for step, o := range old[:len(old)-1] {
		if o.Value() != nil {
			t.Errorf("the lowering of step %d is still there", step)
		}
	}
	runtime.KeepAlive(previous)
}
