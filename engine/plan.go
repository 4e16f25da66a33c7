package engine

import (
	"slices"

	"github.com/hashicorp/hcl/v2"

	"rampart/engine/compile"
	"rampart/model"
	"rampart/model/store"
)

// compile makes a program of what the store holds, once every source has delivered something complete.
func (l *loop) compile() {
	if !l.stale {
		return
	}
	bundles, saved := map[string]*model.Bundle{}, []string(nil)
	for _, f := range l.feeds {
		if f.bundle == nil {
			return
		}
		bundles[f.name()] = f.bundle
		if f.saved {
			saved = append(saved, f.name())
		}
	}
	l.readLinks()
	view := l.store.View()
	p := l.compiler.Compile(view, l.change, compile.Host{Node: l.e.config.Node, Interfaces: l.links})
	l.change, l.stale = store.Change{}, false
	l.noteConflicts()

	if l.newest != nil && l.newest.program.Hash == p.Hash {
		// The same program made of other bundles: what backends have stays as it is.
		p = l.newest.program
	} else {
		numbered := *p
		numbered.Generation = l.serial.next(l.log)
		p = &numbered
		for _, s := range l.e.seats {
			s.retryAt = noTime
			s.pause.reset()
		}
	}
	b := newBuild(p, view, bundles, saved)
	if l.newest != nil && l.newest.program == p {
		b.warnings, b.misplaced = l.newest.warnings, l.newest.misplaced
	} else {
		b.warnings = l.review(b)
	}
	l.newest = b
	if l.current != nil && l.current.program == p {
		l.current = &inForce{b, l.current.applied, l.current.receipt}
		l.save()
	}
}

// needsLinks tells whether a host endpoint of this node is given by its addresses.
func (l *loop) needsLinks() bool {
	if l.e.config.Links == nil {
		return false
	}
	for h := range l.store.View().HostEndpoints() {
		if h.Spec.Node == l.e.config.Node && h.Spec.InterfaceName == "" && len(h.Spec.ExpectedIPs) > 0 {
			return true
		}
	}
	return false
}

// readLinks asks for the interfaces when a host endpoint needs them. When that fails, those known before are used.
func (l *loop) readLinks() {
	if !l.needsLinks() {
		l.links = nil
		return
	}
	links, err := l.e.config.Links.Interfaces()
	if err != nil {
		l.log.Error("interfaces cannot be read, those known before are used", "error", err)
		l.fail("interfaces", err.Error())
		return
	}
	l.links = links
}

// noteConflicts keeps the store's conflicts for the status and logs new ones.
func (l *loop) noteConflicts() {
	var now []string
	for _, c := range l.store.Conflicts() {
		s := c.String()
		if !slices.Contains(l.conflicts, s) {
			l.log.Warn("resource is defined by two sources", "problem", s)
		}
		now = append(now, s)
	}
	l.conflicts = now
}

func errorDiagnostic(err error) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: err.Error()}
}
