package engine

import (
	"context"
	"fmt"
	"maps"
	"time"

	"rampart/engine/compile"
)

var noTime time.Time

// settle brings the backends to the newest program, as far as they let it. First the authority: when that refuses,
// nothing changes anywhere. Then the others, which may hold only what the authority holds: one that refuses is taken out
// of force.
func (l *loop) settle(ctx context.Context) {
	if l.newest == nil {
		return
	}
	authority := l.e.seats[0]
	if p := l.newest.program; authority.wants(p) && authority.due(time.Now()) {
		l.applyAuthority(ctx, authority)
	}
	if l.current == nil {
		return
	}
	for _, s := range l.e.seats[1:] {
		if s.wants(l.current.program) && s.due(time.Now()) {
			l.applyOther(ctx, s)
		}
	}
}

func (l *loop) applyAuthority(ctx context.Context, s *seat) {
	p := l.newest.program
	repair := s.program == p
	err := s.check(ctx, p)
	if err == nil {
		held := l.hold(ctx, p)
		var r Receipt
		began := time.Now()
		if r, err = s.apply(ctx, p); err == nil {
			l.e.metrics.applySeconds.WithLabelValues(s.backend.Name()).Observe(time.Since(began).Seconds())
			l.putInForce(s, r, repair)
			return
		}
		l.resume(held)
	}
	err = compile.Blame(err, l.newest.view)
	s.refused(err, time.Now())
	l.e.metrics.applyFailures.WithLabelValues(s.backend.Name()).Inc()
	l.fail(s.backend.Name(), err.Error())
	if s.drifted && l.current != nil && l.current.program != p {
		l.restore(ctx, s)
	}
	s.log.Error("backend refused the program, the one before stays in force", "generation", p.Generation, "attempt", s.attempts,
		"retry_at", s.retryAt.Format(time.RFC3339Nano), "error", err)
}

// restore puts the program in force once more where others have changed it, when the newest is not accepted.
func (l *loop) restore(ctx context.Context, s *seat) {
	err, attempts, at, pause := s.err, s.attempts, s.retryAt, s.pause
	if _, again := s.apply(ctx, l.current.program); again != nil {
		s.log.Error("foreign change cannot be repaired", "generation", l.current.program.Generation, "error", again)
		return
	}
	s.err, s.attempts, s.retryAt, s.pause = err, attempts, at, pause // the newest program is still refused
	s.log.Info("foreign change repaired", "generation", l.current.program.Generation, "change", s.lastDrift)
	l.e.metrics.repairs.WithLabelValues(s.backend.Name()).Inc()
}

func (l *loop) putInForce(s *seat, r Receipt, repair bool) {
	if repair {
		s.log.Info("foreign change repaired", "generation", r.Generation, "duration", r.Duration, "change", s.lastDrift)
		l.e.metrics.repairs.WithLabelValues(s.backend.Name()).Inc()
	}
	if l.current == nil || l.current.program != l.newest.program {
		l.current = &inForce{l.newest, time.Now(), r}
		s.log.Info("program in force", "generation", r.Generation, "hash", r.Hash, "duration", r.Duration, "objects", r.Objects,
			"endpoints", l.current.counts.Endpoints, "policies", l.current.counts.Policies, "inactive", l.current.counts.InactivePolicies,
			"rules", l.current.counts.Rules)
		l.cutter.offer(l.current.program)
	}
	l.save()
}

// applyOther brings one of the other backends to the program in force.
func (l *loop) applyOther(ctx context.Context, s *seat) {
	p := l.current.program
	repair := s.program == p
	err := s.check(ctx, p)
	if err == nil {
		began := time.Now()
		if _, err = s.apply(ctx, p); err == nil {
			l.e.metrics.applySeconds.WithLabelValues(s.backend.Name()).Observe(time.Since(began).Seconds())
			if repair {
				l.e.metrics.repairs.WithLabelValues(s.backend.Name()).Inc()
			}
			s.log.Info("program in force", "generation", p.Generation, "hash", p.Hash)
			return
		}
	}
	if !s.off {
		if clearErr := s.clear(ctx); clearErr != nil {
			err = fmt.Errorf("%w; and it cannot be taken out of force: %w", err, clearErr)
		} else {
			s.off = true
		}
	}
	s.refused(err, time.Now())
	l.e.metrics.applyFailures.WithLabelValues(s.backend.Name()).Inc()
	l.fail(s.backend.Name(), err.Error())
	s.log.Error("backend refused the program, policy is enforced without it", "generation", p.Generation, "attempt", s.attempts,
		"retry_at", s.retryAt.Format(time.RFC3339Nano), "error", err)
}

// save has the bundles of the program in force written to the state directory. What came from there need not go back.
func (l *loop) save() {
	if l.e.state == nil {
		return
	}
	fresh := maps.Clone(l.current.bundles)
	for _, source := range l.current.saved {
		delete(fresh, source)
	}
	l.saver.offer(goodBundles{l.current.program.Generation, fresh})
}

// nextTry is when a backend is to be tried again.
func (l *loop) nextTry() (at time.Time, ok bool) {
	if l.newest == nil {
		return noTime, false
	}
	for i, s := range l.e.seats {
		p := l.newest.program
		if i > 0 {
			if l.current == nil {
				break
			}
			p = l.current.program
		}
		if s.wants(p) && (!ok || s.retryAt.Before(at)) {
			at, ok = s.retryAt, true
		}
	}
	return at, ok
}
