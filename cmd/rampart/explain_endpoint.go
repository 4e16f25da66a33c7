package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"rampart/conf/schema"
	"rampart/model"
)

// endpointNames finds endpoints by what people call them.
type endpointNames struct {
	// nodes are the endpoints with the node each is on.
	nodes map[model.Key]string
	// short are names, pods and interfaces, with the endpoints that have them.
	short map[string][]model.Key
}

func newEndpointNames(resources []model.Resource) endpointNames {
	n := endpointNames{nodes: map[model.Key]string{}, short: map[string][]model.Key{}}
	for _, r := range resources {
		k := r.Key()
		switch r := r.(type) {
		case *model.WorkloadEndpoint:
			n.add(k, r.Spec.Node, r.Spec.Pod, r.Spec.Workload, r.Spec.InterfaceName)
		case *model.HostEndpoint:
			n.add(k, r.Spec.Node, r.Spec.InterfaceName)
		}
	}
	return n
}

func (n *endpointNames) add(k model.Key, node string, more ...string) {
	n.nodes[k] = node
	names := append(more, k.Name)
	if k.Namespace != "" {
		for _, name := range slices.Clone(names) {
			if name != "" {
				names = append(names, k.Namespace+"/"+name)
			}
		}
	}
	for _, name := range names {
		if name != "" && !slices.Contains(n.short[name], k) {
			n.short[name] = append(n.short[name], k)
		}
	}
}

// find resolves Kind/namespace/name, Kind/name or a short name that only one endpoint has.
func (n *endpointNames) find(name string) (model.Key, error) {
	if k, err := model.ParseKey(name); err == nil {
		if _, ok := n.nodes[k]; ok {
			return k, nil
		}
	}
	// "wep/db" may leave out a namespace that is not "default".
	kind, short := model.Kind(""), name
	if word, rest, ok := strings.Cut(name, "/"); ok {
		if k, ok := model.ParseKind(word); ok {
			kind, short = k, rest
		}
	}
	var found []model.Key
	for _, k := range n.short[short] {
		if kind == "" || k.Kind == kind {
			found = append(found, k)
		}
	}
	switch len(found) {
	case 0:
		if meant := n.suggest(kind, short); meant != "" {
			return model.Key{}, fmt.Errorf("no endpoint %q; did you mean %q?", name, meant)
		}
		return model.Key{}, fmt.Errorf("no endpoint %q; there are %s", name, keyList(slices.Collect(maps.Keys(n.nodes)), 5))
	case 1:
		return found[0], nil
	}
	return model.Key{}, fmt.Errorf("%q may be any of %s; write it in full", name, keyList(found, 5))
}

// suggest is the full name of the endpoint that was probably meant, or "".
func (n *endpointNames) suggest(kind model.Kind, short string) string {
	names := slices.Sorted(maps.Keys(n.short))
	best := schema.Suggest(short, names)
	for _, k := range n.short[best] {
		if kind == "" || k.Kind == kind {
			return k.String()
		}
	}
	return ""
}

func keyList(keys []model.Key, most int) string {
	slices.SortFunc(keys, model.Key.Compare)
	var words []string
	for i, k := range keys {
		if i == most {
			words = append(words, fmt.Sprintf("%d more", len(keys)-most))
			break
		}
		words = append(words, k.String())
	}
	return strings.Join(words, ", ")
}
