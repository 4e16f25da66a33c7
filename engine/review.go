package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

// review looks for what is valid and yet hardly meant. What was said of the build before is not logged again.
func (l *loop) review(b *build) []string {
	var warnings []string
	if len(b.program.Endpoints) == 0 {
		if w := unknownNode(b.view, l.e.config.Node); w != "" {
			warnings = append(warnings, w)
		}
	}
	// When there was nothing to say of the endpoints before, those that are others now are enough to look at.
	endpoints := b.program.Endpoints
	if l.newest != nil && !l.newest.misplaced {
		endpoints = others(l.newest.program, b.program)
	}
	found := append(nowhere(b.program, endpoints, b.view), missingProfiles(endpoints)...)
	b.misplaced = len(found) > 0
	warnings = append(warnings, found...)
	if l.e.config.Review != nil {
		warnings = append(warnings, l.e.config.Review(b.program)...)
	}
	for _, w := range warnings {
		if l.newest == nil || !slices.Contains(l.newest.warnings, w) {
			l.log.Warn(w, "generation", b.program.Generation)
		}
	}
	return warnings
}

// others are the endpoints of a program that are not at the same place in an earlier one.
func others(old, new *ir.Program) []*ir.Endpoint {
	if old.SameEndpoints(new) {
		return nil
	}
	if len(old.Endpoints) != len(new.Endpoints) {
		return new.Endpoints
	}
	var list []*ir.Endpoint
	for i, e := range new.Endpoints {
		if e != old.Endpoints[i] {
			list = append(list, e)
		}
	}
	return list
}

// maxWarnings bounds how many warnings of one sort are given.
const maxWarnings = 5

// few shortens a list of warnings.
func few(warnings []string, rest string) []string {
	if n := len(warnings) - maxWarnings; n > 0 {
		return append(warnings[:maxWarnings:maxWarnings], fmt.Sprintf(rest, n))
	}
	return warnings
}

// unknownNode says that the model's endpoints are on other nodes only: with a wrong node name nothing is guarded. A
// model without any endpoint says nothing about nodes.
func unknownNode(v *store.View, node string) string {
	nodes := map[string]bool{}
	for h := range v.HostEndpoints() {
		nodes[h.Spec.Node] = true
	}
	for w := range v.WorkloadEndpoints() {
		nodes[w.Spec.Node] = true
	}
	if len(nodes) == 0 || nodes[node] {
		return ""
	}
	names := slices.Sorted(maps.Keys(nodes))
	const shown = 3
	list := strings.Join(names[:min(len(names), shown)], ", ")
	if len(names) > shown {
		list += fmt.Sprintf(" and %d more", len(names)-shown)
	}
	return fmt.Sprintf("no endpoint is on this node, %s, so nothing is guarded: endpoints are on %s", node, list)
}

// nowhere tells which of some endpoints of a program are in force on no interface, and why.
func nowhere(p *ir.Program, endpoints []*ir.Endpoint, v *store.View) []string {
	var warnings []string
	for _, e := range endpoints {
		if e.Interface != "" {
			continue
		}
		why := "it names neither an interface nor addresses"
		switch r := v.Get(e.Key).(type) {
		case *model.HostEndpoint:
			switch {
			case r.Spec.InterfaceName != "":
				why = taken(p, r.Spec.InterfaceName)
			case len(r.Spec.ExpectedIPs) > 0:
				why = fmt.Sprintf("no free interface of this host has one of its addresses, %s", join(r.Spec.ExpectedIPs))
			}
		case *model.WorkloadEndpoint:
			if r.Spec.InterfaceName != "" {
				why = taken(p, r.Spec.InterfaceName)
			}
		}
		warnings = append(warnings, fmt.Sprintf("%s is in force on no interface: %s", withOrigin(e.Key.String(), e.Origin), why))
	}
	return few(warnings, "%d more endpoints are in force on no interface")
}

// taken says which endpoint an interface belongs to.
func taken(p *ir.Program, iface string) string {
	for _, e := range p.Endpoints {
		if e.Interface == iface {
			return fmt.Sprintf("interface %s belongs to %s", iface, withOrigin(e.Key.String(), e.Origin))
		}
	}
	return fmt.Sprintf("interface %s belongs to another endpoint", iface)
}

// missingProfiles tells of profiles that some endpoints of this node name and that do not exist. They deny what no policy
// decides, so that a profile that has not arrived yet opens nothing.
func missingProfiles(endpoints []*ir.Endpoint) []string {
	users := map[string][]*ir.Endpoint{}
	for _, e := range endpoints {
		for _, d := range model.Directions() {
			g := e.Group(d, model.LayerNormal)
			if g == nil {
				continue
			}
			for _, f := range g.Profiles {
				// Endpoints come by key: one that has the profile in both directions, or several interfaces, counts once.
				if list := users[f.Name]; f.Missing && (len(list) == 0 || list[len(list)-1].Key != e.Key) {
					users[f.Name] = append(list, e)
				}
			}
		}
	}
	var warnings []string
	for _, name := range slices.Sorted(maps.Keys(users)) {
		list := users[name]
		who := withOrigin(list[0].Key.String(), list[0].Origin)
		if n := len(list) - 1; n > 0 {
			who += fmt.Sprintf(" and %d more", n)
		}
		warnings = append(warnings, fmt.Sprintf("profile %q does not exist, so what no policy decides is denied at %s", name, who))
	}
	return few(warnings, "%d more profiles do not exist")
}

func withOrigin(name string, o model.Origin) string {
	if s := o.String(); s != "" {
		return fmt.Sprintf("%s (%s)", name, s)
	}
	return name
}

func join[T fmt.Stringer](list []T) string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = v.String()
	}
	return strings.Join(words, ", ")
}
