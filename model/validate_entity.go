package model

import (
	"cmp"
	"errors"
	"net/netip"

	"rampart/model/selector"
)

const (
	maxPorts = 50
	maxNets  = 256
)

func (f *findings) entity(at string, e *EntityRule, p Protocol) {
	f.nets(at+".nets", e.Nets)
	f.nets(at+".notNets", e.NotNets)
	for i, n := range e.NotNets {
		if n.IsValid() && n.Bits() == 0 {
			f.errorf(index(at+".notNets", i), "catch-all CIDR in negation creates logical contradiction (matches no traffic)")
		}
	}
	f.plainSelector(at+".selector", e.Selector)
	f.plainSelector(at+".notSelector", e.NotSelector)
	f.namespaceSelector(at+".namespaceSelector", e.NamespaceSelector)
	f.ports(at+".ports", e.Ports, p)
	f.ports(at+".notPorts", e.NotPorts, p)
	if m := e.ServiceAccounts; m != nil {
		f.plainSelector(at+".serviceAccounts.selector", m.Selector)
		for i, name := range m.Names {
			if !isSubdomain(name) {
				f.warnf(index(at+".serviceAccounts.names", i), "%q is not the name of a service account in Kubernetes", name)
			}
		}
	}
}

// nets of a rule are strict: every CIDR is masked. That netip read it does not make it one that a rule may have.
func (f *findings) nets(path string, nets []netip.Prefix) {
	f.limit(path, len(nets), maxNets)
	for i, n := range nets {
		switch {
		case !n.IsValid() || n.Addr().Is4In6():
			f.errorf(index(path, i), "invalid CIDR")
		case n != n.Masked():
			f.errorf(index(path, i), "invalid CIDR: %s has host bits set, write %s", n, n.Masked())
		}
	}
}

// families checks that all nets of the rule are of one family, the one ipVersion says. The first net decides.
func (f *findings) families(at string, r *Rule) {
	first := 0
	for _, list := range []struct {
		field string
		nets  []netip.Prefix
	}{
		{".source.nets", r.Source.Nets}, {".source.notNets", r.Source.NotNets},
		{".destination.nets", r.Destination.Nets}, {".destination.notNets", r.Destination.NotNets},
	} {
		for i, n := range list.nets {
			if !n.IsValid() {
				continue
			}
			family := 6
			if n.Addr().Is4() {
				family = 4
			}
			if first == 0 {
				first = family
			}
			if family != first {
				f.errorf(index(at+list.field, i), "rule contains both IPv4 and IPv6 CIDRs")
			}
			if r.IPVersion != 0 && family != int(r.IPVersion) {
				f.errorf(index(at+list.field, i), "rule IP version doesn't match CIDR version")
			}
		}
	}
}

func (f *findings) ports(path string, ports []Port, p Protocol) {
	f.limit(path, len(ports), maxPorts)
	numeric := false
	for i, port := range ports {
		if port.Name == "" {
			numeric = true
			if port.Min == 0 || port.Min > port.Max {
				f.errorf(index(path, i), "port range invalid, port number must be between 1 and 65535")
			}
		} else if msg := endpointPortName(port.Name); msg != "" {
			f.errorf(index(path, i), "%s", cmp.Or(portHint(port.Name), msg))
		}
	}
	switch {
	case len(ports) == 0 || HasPorts(p.Number):
	case !p.IsZero():
		f.mismatch(path, p, "rules that specify ports must set protocol to TCP or UDP or SCTP")
	case numeric:
		f.errorf(path, "rules with numeric port or port range must set protocol to TCP or UDP or SCTP")
	}
}

// selector parses text and reports what keeps it from being a selector; it is nil then, and for "".
func (f *findings) selector(path, text string) *selector.Selector {
	switch {
	case text == "":
		return nil
	case len(text) > selector.MaxLength:
		f.errorf(path, "may not be more than %d bytes", selector.MaxLength)
		return nil
	}
	s, err := selector.Parse(text)
	if err != nil {
		var e *selector.Error
		errors.As(err, &e)
		*f = append(*f, FieldError{Path: path, Msg: "invalid selector: " + e.Msg, Column: e.Column})
		return nil
	}
	if _, values, ok := s.Requires(); ok && values != nil && len(values) == 0 {
		f.warnf(path, "the selector can never match: a label cannot have a value of an empty set")
	}
	return s
}

// plainSelector is one in which global() has no meaning.
func (f *findings) plainSelector(path, text string) {
	if s := f.selector(path, text); s != nil && s.UsesGlobal() {
		f.errorf(path, "global() can only be used in an EntityRule namespaceSelector")
	}
}

func (f *findings) namespaceSelector(path, text string) {
	if s := f.selector(path, text); s != nil && s.UsesGlobal() && !s.IsGlobal() {
		f.errorf(path, "global() cannot be combined with other selectors")
	}
}
