package main

import (
	"cmp"
	"errors"

	"github.com/hashicorp/hcl/v2"

	"rampart/conf"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

// checkLimits tells whether the daemon would refuse the policies of a node because they exceed a limit. Without a node it
// is that of the most endpoints. Small policies surely do not; to find it out for others takes as long as rendering them.
func checkLimits(resources []model.Resource, daemon *conf.Daemon) hcl.Diagnostics {
	if surelyFits(resources, &daemon.Limits) {
		return nil
	}
	node := cmp.Or(daemon.Node, busiestNode(resources))
	if node == "" {
		return nil
	}
	view := store.ViewOf(resources...)
	err := nftConfig(daemon).Check(compile.Compile(view, compile.Host{Node: node}, programOptions(daemon)))
	if err == nil {
		return nil
	}
	err = compile.Blame(err, view)
	d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Refused on node " + node, Detail: err.Error() + "."}
	if e := (*ir.LimitError)(nil); errors.As(err, &e) {
		at := e.Origin
		if e.SourceOrigin.File != "" {
			at = e.SourceOrigin
		}
		if at.File != "" {
			p := hcl.Pos{Line: at.Line, Column: max(1, at.Column)}
			d.Subject = &hcl.Range{Filename: at.File, Start: p, End: p}
		}
	}
	return hcl.Diagnostics{d}
}

// surelyFits compares the limits with more than the worst that resources can become: each rule asks for all members of all
// sets, and becomes some hundred rules or elements and a map with tables of its own.
func surelyFits(resources []model.Resource, l *conf.DaemonLimits) bool {
	const (
		copies   = 200
		mapBytes = 300 << 10
		setBytes = 300
	)
	rules, members := 1, 0
	for _, r := range resources {
		switch r := r.(type) {
		case *model.Policy:
			rules += len(r.Spec.Ingress) + len(r.Spec.Egress)
		case *model.KubernetesNetworkPolicy:
			for _, in := range r.Spec.Ingress {
				rules += 1 + max(1, len(in.Ports))*max(1, len(in.From))
			}
			for _, out := range r.Spec.Egress {
				rules += 1 + max(1, len(out.Ports))*max(1, len(out.To))
			}
		case *model.Profile:
			rules += len(r.Spec.Ingress) + len(r.Spec.Egress)
		case *model.NetworkSet:
			members += len(r.Spec.Nets)
		case *model.WorkloadEndpoint, *model.HostEndpoint:
			for range store.Prefixes(r) {
				members++
			}
		}
	}
	elements := members * rules
	return rules*copies <= min(l.Rules, l.Chains, l.Sets, l.Elements/2) && members <= l.SetElements && elements <= l.Elements/2 &&
		int64(rules*mapBytes)+int64(elements*setBytes) <= int64(l.Memory)
}

// busiestNode is the node of the most endpoints.
func busiestNode(resources []model.Resource) string {
	count := map[string]int{}
	most := ""
	for _, r := range resources {
		node := ""
		switch r := r.(type) {
		case *model.HostEndpoint:
			node = r.Spec.Node
		case *model.WorkloadEndpoint:
			node = r.Spec.Node
		}
		if node == "" {
			continue
		}
		if count[node]++; count[node] > count[most] || count[node] == count[most] && node < most {
			most = node
		}
	}
	return most
}
