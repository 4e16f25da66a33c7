package api

import (
	"reflect"

	"rampart/model"
)

var originType = reflect.TypeFor[model.Origin]()

// Origins returns pointers to every Origin inside a resource: that of the resource itself, then those of its rules, in
// a fixed order. Manifests do not carry origins; with Origins they can be stored beside one and put back.
func Origins(r model.Resource) []*model.Origin {
	return collectOrigins(reflect.ValueOf(r), nil)
}

func collectOrigins(v reflect.Value, found []*model.Origin) []*model.Origin {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			found = collectOrigins(v.Elem(), found)
		}
	case reflect.Slice:
		if mayHoldOrigin(v.Type().Elem()) {
			for i := range v.Len() {
				found = collectOrigins(v.Index(i), found)
			}
		}
	case reflect.Struct:
		if v.Type() == originType {
			return append(found, v.Addr().Interface().(*model.Origin))
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				found = collectOrigins(v.Field(i), found)
			}
		}
	}
	return found
}

// mayHoldOrigin spares the walk through long lists of prefixes and strings.
func mayHoldOrigin(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return mayHoldOrigin(t.Elem())
	case reflect.Struct:
		if t == originType {
			return true
		}
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && mayHoldOrigin(f.Type) {
				return true
			}
		}
	}
	return false
}
