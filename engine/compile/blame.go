package compile

import (
	"errors"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/selector"
	"rampart/model/store"
)

// Blame completes an error about a limit, if it is one, with the network set that most members of a set come from. v is
// what the program was compiled from. An error that was made of its text before does not change.
func Blame(err error, v *store.View) {
	var e *ir.LimitError
	if !errors.As(err, &e) || e.Set == nil || e.Set.Kind != ir.SetNets || e.Source != (model.Key{}) {
		return
	}
	sel, failed := selector.Parse(e.Set.Selector)
	if failed != nil {
		return
	}
	in := v.Inheritance()
	for n := range v.NetworkSets() {
		if len(n.Spec.Nets) > e.Members && sel.Matches(model.EffectiveLabels(n, in)) {
			e.Source, e.SourceOrigin, e.Members = n.Key(), n.Source(), len(n.Spec.Nets)
		}
	}
}
