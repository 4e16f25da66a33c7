package engine

import (
	"errors"
	"fmt"
)

// ticket is a reload that somebody waits for.
type ticket struct {
	number uint64
	done   chan error
}

// beginReload has every source read again. Readings under way do not count: they may have missed what the caller wrote.
func (l *loop) beginReload(t *ticket) {
	l.issued++
	t.number = l.issued
	if len(l.tickets) == 0 {
		l.e.config.Notify(notifyReloading())
	}
	l.tickets = append(l.tickets, t)
	l.log.Info("reload")
	for _, f := range l.feeds {
		f.in.reload(t.number)
	}
}

// answer ends the reloads whose sources have all been read. The loop has by then tried to put the result in force.
func (l *loop) answer() {
	if len(l.tickets) == 0 {
		return
	}
	oldest := l.feeds[0].answered
	for _, f := range l.feeds {
		oldest = min(oldest, f.answered)
	}
	for len(l.tickets) > 0 && l.tickets[0].number <= oldest {
		l.tickets[0].done <- l.problems()
		l.tickets = l.tickets[1:]
		if len(l.tickets) == 0 {
			l.e.config.Notify(notifyReady(l.describeState()))
			l.ready = true
		}
	}
}

// problems is what keeps the sources' present content from being in force, nil when it is.
func (l *loop) problems() error {
	var errs []error
	for _, f := range l.feeds {
		if f.failures > 0 {
			errs = append(errs, fmt.Errorf("source %s: %s", f.name(), firstError(f.diagnostics)))
		}
	}
	if s := l.e.seats[0]; s.err != nil && l.newest != nil && s.program != l.newest.program {
		errs = append(errs, fmt.Errorf("%s: %w", s.backend.Name(), s.err))
	}
	return errors.Join(errs...)
}
