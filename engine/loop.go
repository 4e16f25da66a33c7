package engine

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"rampart/engine/api"
	"rampart/engine/compile"
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
	cutter    *cutter
	looked    chan struct{}
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
		looked: make(chan struct{}, 1), compiler: compile.NewCompiler(e.config.Options),
	}
	var names []string
	for _, s := range e.config.Sources {
		in := newIntake(s, l.log, l.delivered)
		l.feeds = append(l.feeds, &feed{in: in, log: in.log})
		names = append(names, s.Name())
	}
	l.store = store.New(names...)
	l.cutter = newCutter(e.config.Connections, l.log, e.metrics, func() { signal(l.looked) })
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
	servicegroup.Go(func() { l.cutter.run(service) })
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
		l.e.config.Rest()
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
		case <-l.looked: // the status tells
			l.beat.begin()
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
		g, err := l.e.state.savedGeneration(f.name())
		if err != nil {
			f.log.Warn("saved bundle not usable", "error", err)
		}
		f.recall = l.e.state.loadBundle
		highest = max(highest, g)
	}
	if err := l.e.state.forgetOthers(names); err != nil {
		l.log.Warn("old saved bundles cannot be removed", "error", err)
	}
	l.serial = generations{state: l.e.state, last: highest, reserved: highest}
}

// fail records a failure for the status.
func (l *loop) fail(where, message string) {
	l.lastError = &api.Failure{Time: time.Now(), Where: where, Message: message}
}
