package eval

import (
	"strings"

	"rampart/model"
	"rampart/model/selector"
)

// Labels the model gives a meaning, spelled out here so that the oracle has its own copy.
const (
	oracleNamespace      = "projectcalico.org/namespace"
	oracleServiceAccount = "projectcalico.org/serviceaccount"
	oracleOrchestrator   = "projectcalico.org/orchestrator"
)

// prefixedLabels shows the labels that begin with a prefix under their name without it, and one more label, marker,
// which stands for what all() means in this place.
type prefixedLabels struct {
	labels map[string]string
	prefix string
	marker bool
}

// Get implements selector.Labels.
func (l prefixedLabels) Get(name string) (string, bool) {
	if name == oracleMarker {
		return "", l.marker
	}
	v, ok := l.labels[l.prefix+name]
	return v, ok
}

const oracleMarker = "oracle-marker"

// match evaluates a selector; one that does not parse matches nothing.
func (o *Oracle) match(text string, l selector.Labels) bool {
	s, ok := o.parsed.Load(text)
	if !ok {
		parsed, err := selector.Parse(text)
		if err != nil {
			return false
		}
		s, _ = o.parsed.LoadOrStore(text, parsed)
	}
	return s.(*selector.Selector).Matches(l)
}

// oracleReplace puts other text in place of all(), except inside quoted strings.
func oracleReplace(text, by string) string {
	parsed, err := selector.Parse(text)
	if err != nil {
		return text
	}
	text = parsed.String()
	var out strings.Builder
	var quote byte
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case strings.HasPrefix(text[i:], "all()"):
			out.WriteString(by)
			i += len("all()") - 1
			continue
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// matchWhere evaluates a selector over the labels with a prefix, all() meaning marker.
func (o *Oracle) matchWhere(text, prefix string, marker bool, labels map[string]string) bool {
	replaced, ok := o.replaced.Load(text)
	if !ok {
		replaced, _ = o.replaced.LoadOrStore(text, oracleReplace(text, "has("+oracleMarker+")"))
	}
	return o.match(replaced.(string), prefixedLabels{labels, prefix, marker})
}

// policySelects tells whether a policy applies to an endpoint.
func (o *Oracle) policySelects(p *model.Policy, labels map[string]string) bool {
	s := &p.Spec
	_, inNamespace := labels[oracleNamespace]
	_, hasAccount := labels[oracleServiceAccount]
	if p.Kind.Namespaced() {
		return labels[oracleNamespace] == p.Metadata.Namespace && inNamespace &&
			o.match(s.Selector, selector.Map(labels)) &&
			(s.ServiceAccountSelector == "" || o.match(s.ServiceAccountSelector, prefixedLabels{labels, "pcsa.", false}))
	}
	// A namespaceSelector or a serviceAccountSelector changes what all() means, also in the selector beside it.
	allMeans := true
	switch {
	case s.NamespaceSelector != "":
		allMeans = inNamespace
	case s.ServiceAccountSelector != "":
		allMeans = hasAccount
	}
	return (s.Selector == "" || o.matchWhere(s.Selector, "", allMeans, labels)) &&
		(s.NamespaceSelector == "" || o.matchWhere(s.NamespaceSelector, "pcns.", inNamespace, labels)) &&
		(s.ServiceAccountSelector == "" || o.matchWhere(s.ServiceAccountSelector, "pcsa.", hasAccount, labels))
}

// entitySelects tells whether a known peer satisfies the positive selector fields of an entity rule. given is
// false when there are none, so that any peer will do, known or not. A policy's namespace, "" for none, confines the
// peer once any selector field is used.
func (o *Oracle) entitySelects(e *model.EntityRule, namespace string, labels map[string]string) (selected, given bool) {
	_, inNamespace := labels[oracleNamespace]
	if e.NamespaceSelector != "" {
		given = true
		switch parsed, err := selector.Parse(e.NamespaceSelector); {
		case err != nil:
			return false, true
		case parsed.String() == "global()":
			if inNamespace {
				return false, true
			}
		case !o.matchWhere(e.NamespaceSelector, "pcns.", inNamespace, labels):
			return false, true
		}
	}
	uses := e.NotSelector != ""
	if e.Selector != "" {
		uses, given = true, true
		if !o.match(e.Selector, selector.Map(labels)) {
			return false, true
		}
	}
	if a := e.ServiceAccounts; a != nil && len(a.Names) > 0 {
		uses, given = true, true
		account, ok := labels[oracleServiceAccount]
		named := false
		for _, name := range a.Names {
			named = named || ok && name == account
		}
		if !named {
			return false, true
		}
	}
	if a := e.ServiceAccounts; a != nil && a.Selector != "" {
		uses, given = true, true
		if !o.match(a.Selector, prefixedLabels{labels, "pcsa.", false}) {
			return false, true
		}
	}
	if uses && namespace != "" && e.NamespaceSelector == "" {
		given = true
		if !inNamespace || labels[oracleNamespace] != namespace {
			return false, true
		}
	}
	return true, given
}
