package engine

import (
	"context"
	"log/slog"

	"rampart/engine/ir"
	"rampart/model"
)

// watchFlows writes the packets that Log rules report to the log, with the names of policy and rule.
func (e *Engine) watchFlows(ctx context.Context, s *seat, w FlowWatcher) {
	names := &ruleNames{}
	keepWatching(ctx, s.log, "packets cannot be reported, trying again", func() error {
		return w.WatchFlows(ctx, func(f ir.Flow) {
			e.metrics.flows.Inc()
			attrs := []slog.Attr{slog.String("rule", names.of(e.snapshot.Load().inForce, f.Rule))}
			if f.Prefix != "" {
				attrs = append(attrs, slog.String("prefix", f.Prefix))
			}
			attrs = append(attrs, slog.String("in", f.In), slog.String("out", f.Out), slog.String("packet", f.Packet.String()),
				slog.Int("length", f.Length))
			s.log.LogAttrs(ctx, slog.LevelInfo, "packet", attrs...)
		})
	})
}

// ruleNames finds the names of rules. It keeps those of the last program it was asked about. It belongs to the one
// goroutine that a backend reports from.
type ruleNames struct {
	from *ir.Program
	refs map[model.RuleID]string
}

func (n *ruleNames) of(f *inForce, id model.RuleID) string {
	if f == nil {
		return id.String()
	}
	if n.from != f.program {
		n.from, n.refs = f.program, map[model.RuleID]string{}
		for _, r := range f.rules() {
			n.refs[r.rule.ID] = r.ref
		}
	}
	if ref, ok := n.refs[id]; ok {
		return ref
	}
	return id.String()
}
