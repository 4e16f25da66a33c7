package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"rampart/engine/api"
	"rampart/engine/ir"
)

// ErrReceipt means that a backend put something else in force than it was given.
var ErrReceipt = errors.New("receipt does not match the program")

const (
	retryFirst   = 200 * time.Millisecond
	retryLimit   = 30 * time.Second
	repairFirst  = 100 * time.Millisecond
	repairLimit  = 10 * time.Second
	repairQuiet  = time.Minute
	applyTimeout = longestStep - 10*time.Second
)

// seat is what the loop knows of one backend. Its lock makes sure that the backend does one thing at a time; counters
// are read from other goroutines.
type seat struct {
	backend Backend
	log     *slog.Logger
	busy    chan struct{} // capacity 1, full while the backend is in use

	// program is in force here, nil when none of ours is.
	program *ir.Program
	objects int
	// drifted tells that others have changed it since.
	drifted    bool
	drifts     int
	lastDrift  string
	lastRepair time.Time
	repairs    backoff

	failures int // in all
	attempts int // in a row
	err      error
	pause    backoff
	retryAt  time.Time
	off      bool

	tally tally
}

func newSeat(b Backend, log *slog.Logger) *seat {
	return &seat{
		backend: b, log: log.With("backend", b.Name()), busy: make(chan struct{}, 1),
		pause: backoff{first: retryFirst, limit: retryLimit}, repairs: backoff{first: repairFirst, limit: repairLimit},
	}
}

// lock waits for the backend to be free.
func (s *seat) lock(ctx context.Context) error {
	select {
	case s.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *seat) unlock() { <-s.busy }

// wants tells that p is not in force here as it should be.
func (s *seat) wants(p *ir.Program) bool { return s.program != p || s.drifted }

// due tells that nothing speaks against trying now.
func (s *seat) due(now time.Time) bool { return !now.Before(s.retryAt) }

// check asks whether p could be put in force.
func (s *seat) check(ctx context.Context, p *ir.Program) error {
	return s.do(ctx, func(ctx context.Context) error { return s.backend.Check(ctx, p) })
}

// apply puts p in force and makes sure that it is p.
func (s *seat) apply(ctx context.Context, p *ir.Program) (r Receipt, err error) {
	err = s.do(ctx, func(ctx context.Context) error {
		r, err = s.backend.Apply(ctx, p)
		if err == nil && (r.Generation != p.Generation || r.Hash != p.Hash) {
			err = fmt.Errorf("%w: generation %d hash %s, want generation %d hash %s", ErrReceipt, r.Generation, r.Hash, p.Generation, p.Hash)
		}
		return err
	})
	if err != nil {
		return Receipt{}, err
	}
	s.program, s.objects, s.drifted, s.off = p, r.Objects, false, false
	s.err, s.attempts, s.retryAt = nil, 0, time.Time{}
	s.pause.reset()
	return r, nil
}

// clear takes everything out of force, where the backend can.
func (s *seat) clear(ctx context.Context) error {
	c, ok := s.backend.(Clearer)
	if !ok {
		return nil
	}
	err := s.do(ctx, c.Clear)
	if err == nil {
		s.program, s.objects, s.drifted = nil, 0, false
		s.log.Info("taken out of force")
	}
	return err
}

// do runs one call of the backend, alone and not for ever. That the daemon is about to stop does not interrupt it: what
// has been begun is brought to its end.
func (s *seat) do(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyTimeout)
	defer cancel()
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	return f(ctx)
}

// refused takes note of an error and says when to try again.
func (s *seat) refused(err error, now time.Time) {
	s.failures++
	s.attempts++
	s.err = err
	s.retryAt = now.Add(s.pause.next())
}

// drift takes note of a foreign change. The first one is repaired at once; when they keep coming, somebody is fighting
// over the backend, and repairs take longer and longer pauses.
func (s *seat) drift(what string, now time.Time) {
	s.drifts++
	s.lastDrift = what
	if s.program == nil || s.drifted {
		return
	}
	s.drifted = true
	switch {
	case s.lastRepair.IsZero() || now.Sub(s.lastRepair) > repairQuiet:
		s.repairs.reset()
		s.lastRepair = now
		s.retryAt = noTime // whatever else the backend waits for
	default:
		s.lastRepair = now.Add(s.repairs.next())
		s.retryAt = s.lastRepair
	}
}

func (s *seat) describe(authority bool) api.Backend {
	b := api.Backend{
		Name: s.backend.Name(), State: api.BackendIdle, Objects: s.objects, Drifts: s.drifts, LastDrift: s.lastDrift, Failures: s.failures,
		NextTry: s.retryAt,
	}
	if s.program != nil {
		b.State, b.Generation = api.BackendOK, s.program.Generation
	}
	if s.err != nil {
		b.State, b.Error = api.BackendRefused, s.err.Error()
		if !authority && s.off {
			b.State = api.BackendOff
		}
	}
	return b
}
