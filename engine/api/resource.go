package api

import (
	"bytes"
	"encoding/json"
	"fmt"

	"rampart/model"
)

// Place is a model.Origin in JSON.
type Place struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column,omitempty"`
}

// envelope is what a manifest has besides the fields of the resource types.
type envelope struct {
	APIVersion string     `json:"apiVersion"`
	Kind       model.Kind `json:"kind"`
	Origin     *Place     `json:"origin,omitempty"`
}

// EncodeResource writes a resource as a manifest in JSON, with one field more: "origin", where it was written.
func EncodeResource(r model.Resource) ([]byte, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Key(), err)
	}
	kind := r.Key().Kind
	head := envelope{APIVersion: kind.APIVersion(), Kind: model.Kind(kind.ManifestKind())}
	if o := r.Source(); o != (model.Origin{}) {
		head.Origin = &Place{o.File, o.Line, o.Column}
	}
	b, err := json.Marshal(head)
	if err != nil {
		return nil, err
	}
	// Both are objects with at least one field, so they join with a comma: {head, body}.
	return bytes.Join([][]byte{b[:len(b)-1], body[1:]}, []byte{','}), nil
}

// DecodeResource reads what EncodeResource wrote. Of the origins it restores that of the resource.
func DecodeResource(b []byte) (model.Resource, error) {
	var head envelope
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, err
	}
	kind, ok := model.KindOf(head.APIVersion, string(head.Kind))
	if !ok {
		return nil, fmt.Errorf("unknown kind %s %s", head.APIVersion, head.Kind)
	}
	r := model.New(kind)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	if head.Origin != nil {
		*Origins(r)[0] = model.Origin(*head.Origin)
	}
	return r, nil
}
