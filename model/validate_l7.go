package model

import (
	"slices"
	"strings"
)

const (
	maxHTTPMethods = 20
	maxHTTPPaths   = 20
)

func (f *findings) http(at string, r *Rule, ctx ruleContext) {
	if r.HTTP == nil {
		return
	}
	path := at + ".http"
	if r.Action != Allow {
		f.errorf(path, "HTTP match is only valid on Allow rules")
	}
	if ctx.direction == Egress {
		f.errorf(path, "not allowed in egress rule")
	}
	if !r.Protocol.IsZero() && r.Protocol.Number != ProtoTCP {
		f.mismatch(at+".protocol", r.Protocol, "rules with HTTP match must have protocol TCP or unset")
	}
	methods := r.HTTP.Methods
	f.limit(path+".methods", len(methods), maxHTTPMethods)
	if len(slices.Compact(slices.Sorted(slices.Values(methods)))) != len(methods) {
		f.errorf(path+".methods", "Invalid methods (duplicates): %v", methods)
	}
	f.limit(path+".paths", len(r.HTTP.Paths), maxHTTPPaths)
	for i, p := range r.HTTP.Paths {
		f.httpPath(index(path+".paths", i), p)
	}
	f.warnf(path, "the rule needs HTTP enforcement; on connections without it, the rule does not match")
}

func (f *findings) httpPath(path string, p HTTPPaths) {
	switch {
	case p.Exact != "" && p.Prefix != "":
		f.errorf(path, "Invalid path match. Both 'exact' and 'prefix' are set")
		return
	case p.Exact == "" && p.Prefix == "":
		f.errorf(path, "Invalid path match. Either 'exact' or 'prefix' must be set")
		return
	}
	if s := p.Exact + p.Prefix; s[0] != '/' || strings.ContainsAny(s, "?# ") {
		f.errorf(path, "Invalid path %s. (must start with `/` and not contain `?` or `#`", s)
	}
}

// services may stand where the peer is, and nothing else may restrict that peer.
func (f *findings) services(at string, r *Rule, ctx ruleContext) {
	if r.Destination.Services != nil && ctx.direction == Ingress {
		f.errorf(at+".destination.services", "not allowed in ingress rule destination")
	}
	if r.Source.Services != nil && ctx.direction == Egress {
		f.errorf(at+".source.services", "not allowed in egress rule source")
	}
	if d := &r.Destination; d.Services != nil && len(d.Ports)+len(d.NotPorts) > 0 {
		f.errorf(at+".destination.services", "ports and notPorts cannot be specified with services")
	}
	f.entityServices(at+".source", &r.Source, ctx)
	f.entityServices(at+".destination", &r.Destination, ctx)
}

func (f *findings) entityServices(at string, e *EntityRule, ctx ruleContext) {
	if e.Services == nil {
		return
	}
	path := at + ".services"
	if e.Services.Name == "" {
		f.errorf(path+".name", "services must specify a service name")
	}
	if ctx.global && e.Services.Namespace == "" {
		f.errorf(path+".namespace", "must specify a namespace")
	}
	for _, other := range []struct {
		name string
		set  bool
	}{
		{"Selector/NotSelector", e.Selector != "" || e.NotSelector != ""},
		{"Nets/NotNets", len(e.Nets)+len(e.NotNets) > 0},
		{"ServiceAccounts", e.ServiceAccounts != nil},
		{"NamespaceSelector", e.NamespaceSelector != ""},
	} {
		if other.set {
			f.errorf(at, "cannot specify %s and Services on the same rule", other.name)
		}
	}
	f.warnf(path, "Kubernetes Services are not known here: the rule does not match")
}
