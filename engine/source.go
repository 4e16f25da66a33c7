package engine

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"rampart/model"
)

// Source delivers resources: a set of files, a datastore.
type Source interface {
	// Name is fixed and unique among the sources of a daemon.
	Name() string
	// Load reads everything the source holds. It returns a complete bundle, or none and diagnostics that say why; a
	// bundle beside diagnostics with errors is not used.
	Load(ctx context.Context) (*model.Bundle, hcl.Diagnostics)
	// Watch calls changed whenever the source may hold something else than it did, until ctx is done. A source that
	// cannot change returns nil at once.
	Watch(ctx context.Context, changed func()) error
}

// Refresher is a Source whose Load, after a change that Watch has told of, may rely on what Watch has seen. Refresh makes
// the next Load look for itself.
type Refresher interface{ Refresh() }
