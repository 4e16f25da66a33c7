package measure

import (
	"context"

	"rampart/bench/report"
)

func (b *bench) latencies(context.Context) error            { return nil }
func (b *bench) connections(context.Context) error          { return nil }
func (b *bench) updates(context.Context) error              { return nil }
func (r *runner) memory(context.Context, report.Case) error { return nil }
func (r *runner) onlyMemory() bool                          { return false }
