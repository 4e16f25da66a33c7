package engine

import (
	"time"

	"rampart/model"
)

// collect takes in what the sources have delivered.
func (l *loop) collect() {
	for _, f := range l.feeds {
		d := f.in.take()
		if d == nil {
			continue
		}
		f.tried, f.answered = d.time, d.answers
		if d.bundle == nil {
			l.refuse(f, d)
			continue
		}
		b := f.owned(d.bundle)
		if f.bundle != nil && !f.saved && b.Revision != "" && b.Revision == f.bundle.Revision {
			f.use(f.bundle, false, d.time, d.diagnostics)
			continue
		}
		l.admit(f, b, d)
	}
	l.booted = l.booted || l.allTried()
}

// admit puts a delivered bundle into the store, or refuses it.
func (l *loop) admit(f *feed, b *model.Bundle, d *delivery) {
	if err := l.take(b); err != nil {
		d.diagnostics = append(d.diagnostics, errorDiagnostic(err))
		l.refuse(f, d)
		return
	}
	f.use(b, false, d.time, d.diagnostics)
	f.log.Info("source read", "revision", b.Revision, "resources", len(b.Resources))
}

// refuse keeps what is in use; at boot, what was saved is put in use.
func (l *loop) refuse(f *feed, d *delivery) {
	l.fail(f.name(), f.failed(d.diagnostics))
	l.e.metrics.sourceErrors.WithLabelValues(label(f.name())).Inc()
	l.fallBack(f)
}

// fallBack puts the saved bundle of a source in use when there is nothing else.
func (l *loop) fallBack(f *feed) {
	if f.bundle != nil || f.recall == nil {
		return
	}
	b, _, err := f.recall(f.name())
	f.recall = nil
	if err == nil && b == nil {
		return // nothing has been saved
	}
	if err == nil {
		err = l.take(b)
	}
	if err != nil {
		f.log.Error("saved bundle not usable", "error", err)
		return
	}
	f.use(b, true, time.Now(), nil)
	f.log.Warn("source cannot be read, its saved bundle is in use", "revision", b.Revision, "resources", len(b.Resources))
}

// take hands a bundle to the store.
func (l *loop) take(b *model.Bundle) error {
	c, err := l.store.Apply(b)
	if err != nil {
		return err
	}
	if l.change.Empty() {
		l.change = c
	} else {
		l.change = l.change.Then(c)
	}
	l.stale = true
	return nil
}

// bootTimeout gives up waiting for sources that do not answer.
func (l *loop) bootTimeout() {
	for _, f := range l.feeds {
		l.fallBack(f)
	}
	l.booted = true
}

func (l *loop) allTried() bool {
	for _, f := range l.feeds {
		if f.tried.IsZero() {
			return false
		}
	}
	return true
}
