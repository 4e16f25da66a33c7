package conf

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"rampart/model"
)

// Source delivers resources from one place and tells when they change. Its methods may be called concurrently.
type Source interface {
	// Name says where the resources come from; it does not change.
	Name() string
	// Load reads everything. The Bundle is complete, or nil when anything is wrong; warnings may come with a Bundle.
	// Resources that did not change since the last Load are the same pointers.
	Load(ctx context.Context) (*model.Bundle, hcl.Diagnostics)
	// Watch calls changed, from its own goroutine and one call at a time, whenever a Load would give something else than
	// the last one did. It returns nil when ctx is done, and an error when it cannot watch.
	Watch(ctx context.Context, changed func()) error
}
