package compile

import (
	"errors"
	"strings"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/selector"
	"rampart/model/store"
)

// Blame completes an error about a limit, if it is or wraps one, with the network set that most members of a set come from. v
// is what the program was compiled from. Other errors it returns as they are.
func Blame(err error, v *store.View) error {
	var e *ir.LimitError
	if !errors.As(err, &e) || e.Set == nil || e.Set.Kind != ir.SetNets || e.Source != (model.Key{}) {
		return err
	}
	sel, failed := selector.Parse(e.Set.Selector)
	if failed != nil {
		return err
	}
	before, text := e.Error(), err.Error()
	in := v.Inheritance()
	for n := range v.NetworkSets() {
		if len(n.Spec.Nets) > e.Members && sel.Matches(model.EffectiveLabels(n, in)) {
			e.Source, e.SourceOrigin, e.Members = n.Key(), n.Source(), len(n.Spec.Nets)
		}
	}
	if after := e.Error(); after != before && err.Error() == text {
		return &blamed{strings.Replace(text, before, after, 1), err}
	}
	return err
}

// blamed is an error that wraps one about a limit and was made, text and all, before that one was completed.
type blamed struct {
	text string
	error
}

func (b *blamed) Error() string { return b.text }

func (b *blamed) Unwrap() error { return b.error }
