package engine

import (
	"context"

	"rampart/engine/ir"
)

// hold asks the other backends to get ready for a program and to decide nothing until they are given one: while the
// authority changes, what they know is old, and they may not deny what the authority allows already.
func (l *loop) hold(ctx context.Context, p *ir.Program) (held []*seat) {
	for _, s := range l.e.seats[1:] {
		h, ok := s.backend.(Holder)
		if !ok || s.program == nil || s.program == p {
			continue
		}
		held = append(held, s)
		err := s.do(ctx, func(ctx context.Context) error { return h.Hold(ctx, p) })
		if err == nil {
			continue
		}
		s.log.Warn("cannot wait for the new program", "generation", p.Generation, "error", err)
		if err := s.clear(ctx); err != nil {
			s.log.Error("cannot be taken out of force", "error", err)
		}
	}
	return held
}

// resume lets backends go on with the program in force, when the authority has refused the one they waited for.
func (l *loop) resume(held []*seat) {
	for _, s := range held {
		s.drifted = true
	}
}
