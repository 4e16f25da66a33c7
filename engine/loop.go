package engine

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"rampart/engine/api"
	"rampart/engine/compile"
	"rampart/model"
	"rampart/model/store"
)

// loop owns everything that changes while the engine runs. Its methods run in one goroutine; others reach it by the
// channels.
type loop struct {
	e   *Engine
	log *slog.Logger

	feeds     []*feed
	delivered chan struct{}
	linked    chan struct{}
	drifts    chan drift
	saver     *saver
	saveError chan error
	beat      heartbeat

	store    *store.Store
	compiler *compile.Compiler
	// change is what the store has taken in since the last compilation; stale tells that there is something to compile.
	change store.Change
	stale  bool
	links  []compile.Interface
	serial generations

	// newest is the last program compiled, current the one in force.
	newest  *build
	current *inForce
	tickets []*ticket
	issued  uint64

	// booted tells that the sources have had their time; ready that the service manager knows.
	booted    bool
	ready     bool
	stopping  bool
	lastError *api.Failure
	conflicts []string
}

// drift is a foreign change to a backend.
type drift struct {
	seat *seat
	what string
}

func newLoop(e *Engine) *loop {
	l := &loop{
		e: e, log: e.config.Logger,
		delivered: make(chan struct{}, 1), linked: make(chan struct{}, 1), drifts: make(chan drift, 16), saveError: make(chan error, 1),
		compiler: compile.NewCompiler(e.config.Options),
	}
	var names []string
	for _, s := range e.config.Sources {
		in := newIntake(s, l.log, l.delivered)
		l.feeds = append(l.feeds, &feed{in: in, log: in.log})
		names = append(names, s.Name())
	}
	l.store = store.New(names...)
	l.saver = newSaver(e.state, l.log, func(err error) {
		select {
		case l.saveError <- err:
		default:
		}
	})
	return l
}

func (l *loop) run(ctx context.Context) error {
	defer close(l.e.stopped)
	defer l.e.state.close()
	l.recall()

	// Two groups: what brings news stops first, what serves the last step of the loop after it.
	news, stopNews := context.WithCancel(ctx)
	service, stopService := context.WithCancel(context.WithoutCancel(ctx))
	var newsgroup, servicegroup sync.WaitGroup
	l.startNews(news, &newsgroup)
	servicegroup.Go(func() { l.saver.run(service) })
	servicegroup.Go(func() { watchdog(service, l.e.config.Watchdog, &l.beat, l.e.config.Notify) })

	l.steps(ctx)

	l.stopping = true
	l.publish()
	l.e.config.Notify(notifyStopping)
	stopNews()
	newsgroup.Wait()
	err := l.leave(service)
	stopService()
	servicegroup.Wait()
	return err
}

// startNews starts everything that wakes the loop.
func (l *loop) startNews(ctx context.Context, group *sync.WaitGroup) {
	for _, f := range l.feeds {
		group.Go(func() { f.in.run(ctx) })
	}
	for _, s := range l.e.seats {
		if w, ok := s.backend.(DriftWatcher); ok {
			group.Go(func() { l.watchDrift(ctx, s, w) })
		}
		if w, ok := s.backend.(FlowWatcher); ok {
			group.Go(func() { l.e.watchFlows(ctx, s, w) })
		}
	}
	if l.e.config.Links != nil {
		group.Go(func() {
			keepWatching(ctx, l.log, "interfaces cannot be watched, trying again", func() error {
				return l.e.config.Links.Watch(ctx, func() { signal(l.linked) })
			})
		})
	}
}

// steps waits for news, does what it asks for, and waits again, until ctx is done.
func (l *loop) steps(ctx context.Context) {
	boot := time.NewTimer(l.e.config.BootTimeout)
	defer boot.Stop()
	retry := time.NewTimer(time.Hour)
	defer retry.Stop()
	for {
		if at, ok := l.nextTry(); ok {
			retry.Reset(time.Until(at))
		} else {
			retry.Stop()
		}
		l.publish()
		l.beat.end()
		select {
		case <-ctx.Done():
			return
		case <-l.delivered:
			l.beat.begin()
			l.collect()
		case <-boot.C:
			l.beat.begin()
			l.bootTimeout()
		case <-l.linked:
			l.beat.begin()
			absorb(ctx, l.linked)
			l.stale = l.stale || l.needsLinks()
		case d := <-l.drifts:
			l.beat.begin()
			l.noteDrift(d)
		case t := <-l.e.reloads:
			l.beat.begin()
			l.beginReload(t)
		case err := <-l.saveError:
			l.beat.begin()
			l.fail("state directory", err.Error())
		case <-retry.C:
			l.beat.begin()
		}
		if ctx.Err() != nil {
			return
		}
		l.compile()
		l.settle(ctx)
		l.answer()
		l.announce()
	}
}

// recall reads what an earlier run has saved.
func (l *loop) recall() {
	if l.e.stateErr != nil {
		l.fail("state directory", l.e.stateErr.Error())
	}
	var names []string
	highest, err := l.e.state.loadGeneration()
	if err != nil {
		l.log.Warn("saved generation not usable", "error", err)
	}
	for _, f := range l.feeds {
		names = append(names, f.name())
		b, g, err := l.e.state.loadBundle(f.name())
		if err != nil {
			f.log.Warn("saved bundle not usable", "error", err)
		}
		f.fallback = b
		highest = max(highest, g)
	}
	if err := l.e.state.forgetOthers(names); err != nil {
		l.log.Warn("old saved bundles cannot be removed", "error", err)
	}
	l.serial = generations{state: l.e.state, last: highest, reserved: highest}
}

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
	l.e.metrics.sourceErrors.WithLabelValues(f.name()).Inc()
	l.fallBack(f)
}

// fallBack puts the saved bundle of a source in use when there is nothing else.
func (l *loop) fallBack(f *feed) {
	if f.bundle != nil || f.fallback == nil {
		return
	}
	b := f.fallback
	f.fallback = nil
	if err := l.take(b); err != nil {
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

// fail records a failure for the status.
func (l *loop) fail(where, message string) {
	l.lastError = &api.Failure{Time: time.Now(), Where: where, Message: message}
}
