package gen

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// vocabulary is what labels and the selectors over them are made of, so that they often meet.
type vocabulary struct {
	keys   []string
	values []string
}

var (
	endpointWords = vocabulary{[]string{"role", "color", "env", "a.b/c"}, []string{"web", "db", "red", "blue", "", "x-y"}}
	spaceWords    = vocabulary{[]string{"env", "team"}, []string{"live", "test", "a"}}
	accountWords  = vocabulary{[]string{"trust", "team"}, []string{"high", "low", "a"}}
)

// labels are up to three labels, perhaps none.
func (d *dice) labels(v vocabulary) map[string]string {
	labels := map[string]string{}
	for range d.IntN(4) {
		labels[one(d, v.keys...)] = one(d, v.values...)
	}
	if len(labels) == 0 {
		return nil
	}
	return labels
}

// pretended are labels that say where an endpoint is. Only the model may say that: of itself nobody is believed.
var pretended = map[string]string{
	"pcns.env": "live", "pcsa.trust": "high", "projectcalico.org/namespace": "prod", "projectcalico.org/serviceaccount": "web",
	"pcns.projectcalico.org/name": "prod",
}

// itemLabels are the labels of an endpoint or set, now and then with a pretended one.
func (d *dice) itemLabels() map[string]string {
	labels := d.labels(endpointWords)
	if !d.chance(20) {
		return labels
	}
	if labels == nil {
		labels = map[string]string{}
	}
	k := one(d, slices.Sorted(maps.Keys(pretended))...)
	labels[k] = pretended[k]
	return labels
}

// term is one comparison.
func (d *dice) term(v vocabulary) string {
	k, x := one(d, v.keys...), one(d, v.values...)
	switch d.IntN(12) {
	case 0:
		return "all()"
	case 1:
		return fmt.Sprintf("has(%s)", k)
	case 2:
		return fmt.Sprintf("!has(%s)", k)
	case 3:
		return fmt.Sprintf("%s != '%s'", k, x)
	case 4:
		return fmt.Sprintf("%s in { '%s', %q }", k, x, one(d, v.values...))
	case 5:
		return fmt.Sprintf("%s not in { '%s' }", k, x)
	case 6:
		return fmt.Sprintf("%s %s '%s'", k, one(d, "contains", "starts with", "ends with"), one(d, "e", "b", "w", "t"))
	case 7:
		return fmt.Sprintf("%s not in {}", k)
	}
	return fmt.Sprintf("%s == '%s'", k, x)
}

// selector is an expression of one to three terms.
func (d *dice) selector(v vocabulary) string {
	s := d.term(v)
	for range d.IntN(3) {
		if d.chance(60) {
			continue
		}
		t := d.term(v)
		switch d.IntN(4) {
		case 0:
			s = fmt.Sprintf("%s || %s", s, t)
		case 1:
			s = fmt.Sprintf("!(%s && %s)", s, t)
		case 2:
			s = fmt.Sprintf("(%s) && %s", s, t)
		default:
			s = fmt.Sprintf("%s && !(%s)", s, t)
		}
	}
	return s
}

// endpointSelector now and then looks at the labels that the model itself gives.
func (d *dice) endpointSelector() string {
	if d.chance(25) {
		return one(d,
			"all()", "projectcalico.org/namespace == 'prod'", "has(projectcalico.org/namespace)", "!has(projectcalico.org/namespace)",
			"projectcalico.org/orchestrator == 'k8s'", "projectcalico.org/serviceaccount == 'web'", "has(projectcalico.org/serviceaccount)",
			"pcns.env == 'live'", "!has(pcsa.trust)", "pcns.projectcalico.org/name != 'prod'")
	}
	return d.selector(endpointWords)
}

// spaceSelector is a namespaceSelector. all() means "in a namespace" there, also inside an expression.
func (d *dice) spaceSelector() string {
	if d.chance(40) {
		return one(d, "all()", "!all()", "projectcalico.org/name == 'prod'", "projectcalico.org/name in { 'prod', 'dev' }", "!has(env)",
			"env != 'live'", "all() && team == 'a'", "team == 'all()'", "!has(projectcalico.org/name)")
	}
	return d.selector(spaceWords)
}

func (d *dice) accountSelector() string {
	if d.chance(25) {
		return one(d, "projectcalico.org/name == 'web'", "all()", "!has(trust)", "has(projectcalico.org/name)")
	}
	return d.selector(accountWords)
}

// portNames are defined by endpoints with different numbers; the last one by nobody.
var portNames = strings.Fields("http dns ssh ghost-port")
