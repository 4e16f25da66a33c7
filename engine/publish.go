package engine

import (
	"os"
	"slices"

	"rampart/engine/api"
)

// publish makes the state of the loop visible to other goroutines.
func (l *loop) publish() {
	s := api.Status{
		Version: l.e.config.Version, Node: l.e.config.Node, PID: os.Getpid(), State: l.stateName(), Started: l.e.started,
		Program: l.current.describe(), Connections: l.cutter.describe(), LastError: l.lastError, Sources: []api.Source{}, Backends: []api.Backend{},
	}
	for _, f := range l.feeds {
		s.Sources = append(s.Sources, f.describe())
	}
	for i, seat := range l.e.seats {
		s.Backends = append(s.Backends, seat.describe(i == 0))
	}
	if a := l.e.seats[0]; l.newest != nil && a.err != nil && a.program != l.newest.program {
		p := l.newest.program
		s.Pending = &api.Pending{
			Generation: p.Generation, Hash: p.Hash, Attempts: a.attempts, NextTry: a.retryAt, Error: a.err.Error(),
		}
	}
	if l.current != nil {
		s.Warnings = slices.Concat(l.current.warnings, l.conflicts)
	}
	l.e.snapshot.Store(&snapshot{s, l.current, l.newest})
}

func (l *loop) stateName() api.State {
	switch {
	case l.stopping:
		return api.Stopping
	case l.current != nil:
		return api.InForce
	case !l.booted:
		return api.Starting
	}
	return api.Waiting
}

// announce tells the service manager, once, that the start is over: a program is in force, or it is known that none can
// be for now. Waiting longer would hold up the boot and mend nothing.
func (l *loop) announce() {
	if l.ready || l.current == nil && !l.booted {
		return
	}
	l.ready = true
	if l.current == nil {
		l.log.Error("no program is in force yet, what the kernel holds from before is unchanged", "reason", l.describeState())
	}
	l.e.config.Notify(notifyReady(l.describeState()))
}

// describeState is one line for people.
func (l *loop) describeState() string {
	switch {
	case l.current != nil && l.problems() != nil:
		return l.current.summary() + "; newer policy is not usable, see rampart status"
	case l.current != nil:
		return l.current.summary()
	case l.lastError != nil:
		return "no program in force: " + l.lastError.Message
	}
	return "no program in force: sources are still being read"
}
