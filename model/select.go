package model

import "rampart/model/selector"

var (
	inNamespace    = selector.Has(LabelNamespace)
	notInNamespace = selector.Not(inNamespace)
	matchesNothing = selector.Not(selector.All())
)

// EndpointSelector selects the endpoints the policy applies to, over their EffectiveLabels. It is never nil.
//
// A policy of a namespaced kind selects in its namespace only, so it never selects host endpoints. In a global policy
// all() inside namespaceSelector means "in any namespace". As in Calico, an all() in the selector of a global policy
// that also has a namespaceSelector means the same, and with a serviceAccountSelector (and no namespaceSelector) all()
// in either means "with any service account": `selector: all()` beside `namespaceSelector: name != 'x'` leaves host
// endpoints alone. A selector that does not parse selects nothing; validation has reported it.
func (p *Policy) EndpointSelector() *selector.Selector {
	own, err := selector.Parse(p.Spec.Selector)
	if err != nil {
		return matchesNothing
	}
	account, ok := prefixed(p.Spec.ServiceAccountSelector, PrefixServiceAccountLabel)
	if !ok {
		return matchesNothing
	}
	if p.Kind.Namespaced() {
		own = selector.And(own, selector.Equals(LabelNamespace, p.Metadata.Namespace))
		return selector.And(own, account)
	}
	ns, ok := prefixed(p.Spec.NamespaceSelector, PrefixNamespaceLabel)
	if !ok {
		return matchesNothing
	}
	if ns != nil {
		own = selector.And(explicitAll(p.Spec.Selector, own, inNamespace), ns.Substitute(inNamespace, nil))
	}
	if account != nil {
		withAccount := selector.Has(LabelServiceAccount)
		if ns == nil {
			own = explicitAll(p.Spec.Selector, own, withAccount)
		}
		own = selector.And(own, account.Substitute(withAccount, nil))
	}
	return own
}

// explicitAll narrows all() where the policy wrote it; an empty selector stays all().
func explicitAll(text string, s, all *selector.Selector) *selector.Selector {
	if text == "" {
		return s
	}
	return s.Substitute(all, nil)
}

// EntitySelector is what an EntityRule of a policy says about the peer's labels: pos must match, neg must not. Either
// is nil when it restricts nothing. Peers that are no known endpoint or set, such as hosts on the internet, have no
// labels at all: they never match pos, and always pass neg.
//
// As soon as one of the rule's selector fields is used, pos confines the peer to the namespaces that namespaceSelector
// chooses, or else to the policy's own namespace, when it has one. Inside namespaceSelector all() means "in any
// namespace" and global() "in none". Profiles have no namespace. This is Calico's getEndpointSelector, except that
// all() and global() are replaced in the parsed selector, not in its text.
//
// A selector that does not parse makes pos match nothing; validation has reported it.
func EntitySelector(policyNamespace string, namespaced bool, e *EntityRule) (pos, neg *selector.Selector) {
	ns, ok := prefixed(e.NamespaceSelector, PrefixNamespaceLabel)
	if !ok {
		return matchesNothing, nil
	}
	if ns != nil {
		ns = ns.Substitute(inNamespace, notInNamespace)
	} else if namespaced {
		ns = selector.Equals(LabelNamespace, policyNamespace)
	}
	pos, ok = accountSelector(e.ServiceAccounts)
	if !ok {
		return matchesNothing, nil
	}
	if e.Selector != "" {
		own, err := selector.Parse(e.Selector)
		if err != nil {
			return matchesNothing, nil
		}
		pos = selector.And(pos, own)
	}
	if e.NotSelector != "" {
		var err error
		if neg, err = selector.Parse(e.NotSelector); err != nil {
			return matchesNothing, nil
		}
	}
	if pos != nil || neg != nil || e.NamespaceSelector != "" {
		pos = selector.And(ns, pos)
	}
	return pos, neg
}

// accountSelector is nil when the match restricts nothing, and false when its selector does not parse.
func accountSelector(m *ServiceAccountMatch) (*selector.Selector, bool) {
	if m == nil {
		return nil, true
	}
	s, ok := prefixed(m.Selector, PrefixServiceAccountLabel)
	if len(m.Names) > 0 {
		s = selector.And(s, selector.In(LabelServiceAccount, m.Names...))
	}
	return s, ok
}

// prefixed parses a selector over the labels that have a prefix. It is nil for "", and false when it does not parse.
func prefixed(text, prefix string) (*selector.Selector, bool) {
	if text == "" {
		return nil, true
	}
	s, err := selector.Parse(text)
	if err != nil {
		return nil, false
	}
	return s.WithPrefix(prefix), true
}
