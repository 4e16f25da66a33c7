package engine

import (
	"errors"
	"reflect"
	"slices"

	"rampart/model"
)

// netsEdit is what a record of the journal says of a network set in which some nets have been replaced: the set itself may have
// a hundred thousand.
type netsEdit struct {
	Key model.Key `json:"key"`
	// From At on, Gone nets are no longer there, and Come are in their place.
	At   int         `json:"at"`
	Gone int         `json:"gone"`
	Come []model.Net `json:"come,omitempty"`
}

// editOf describes a network set by what it was. ok is false when something else is different, or most of the nets.
func editOf(old, new model.Resource) (e netsEdit, ok bool) {
	a, ok := old.(*model.NetworkSet)
	b, also := new.(*model.NetworkSet)
	if !ok || !also {
		return e, false
	}
	x, y := *a, *b
	x.Spec.Nets, y.Spec.Nets = nil, nil
	if !reflect.DeepEqual(x, y) {
		return e, false
	}
	gone, come := a.Spec.Nets, b.Spec.Nets
	for e.At < min(len(gone), len(come)) && gone[e.At] == come[e.At] {
		e.At++
	}
	gone, come = gone[e.At:], come[e.At:]
	for len(gone) > 0 && len(come) > 0 && gone[len(gone)-1] == come[len(come)-1] {
		gone, come = gone[:len(gone)-1], come[:len(come)-1]
	}
	e.Key, e.Gone, e.Come = b.Key(), len(gone), come
	return e, len(come) <= len(b.Spec.Nets)/2
}

// redo makes the edit in the set that it is about.
func (e *netsEdit) redo(r model.Resource) error {
	s, ok := r.(*model.NetworkSet)
	if !ok || e.At < 0 || e.Gone < 0 || e.Gone > len(s.Spec.Nets) || e.At > len(s.Spec.Nets)-e.Gone {
		return errors.New("nets are replaced that are not there")
	}
	s.Spec.Nets = slices.Replace(s.Spec.Nets, e.At, e.At+e.Gone, e.Come...)
	return nil
}
