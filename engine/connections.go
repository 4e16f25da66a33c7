package engine

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"rampart/engine/api"
	"rampart/engine/ir"
)

// Connections ends open connections that a changed policy no longer allows.
type Connections interface {
	// Revalidate takes programs in the order in which they were in force, the last one being so now. It cuts the
	// connections that the last denies and an earlier one allowed, and restores those cut before that the last allows.
	Revalidate(ctx context.Context, programs []*ir.Program) (ir.Cuts, error)
}

// cutter looks at open connections after each change of the program in force, off the loop's path: there may be a million.
type cutter struct {
	connections Connections
	log         *slog.Logger
	metrics     *metrics
	wake        chan struct{}
	// done is called after each look.
	done func()

	mu sync.Mutex
	// programs are those in force since the last look, and the one at that time.
	programs []*ir.Program
	status   api.Connections
}

// maxPrograms bounds how many programs one look compares. When more have come, the ones in between count no longer: of
// a connection that only they allowed, nothing is known.
const maxPrograms = 16

func newCutter(c Connections, log *slog.Logger, m *metrics, done func()) *cutter {
	return &cutter{connections: c, log: log, metrics: m, wake: make(chan struct{}, 1), done: done}
}

// offer tells of a program that is in force now.
func (c *cutter) offer(p *ir.Program) {
	if c.connections == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.programs) == maxPrograms {
		c.programs = append(c.programs[:1:1], c.programs[2:]...)
	}
	c.programs = append(c.programs, p)
	signal(c.wake)
}

// run looks at connections until ctx is done. A look that fails is repeated with growing pauses.
func (c *cutter) run(ctx context.Context) {
	pause := backoff{first: retryFirst, limit: retryLimit}
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		if c.look(ctx) {
			pause.reset()
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause.next()):
			signal(c.wake)
		}
	}
}

// look compares the programs and cuts connections. ok is false when it has to be repeated.
func (c *cutter) look(ctx context.Context) (ok bool) {
	c.mu.Lock()
	programs := c.programs[:len(c.programs):len(c.programs)]
	c.mu.Unlock()
	if len(programs) == 0 {
		return true
	}
	began := time.Now()
	cuts, err := c.connections.Revalidate(ctx, programs)
	if ctx.Err() != nil {
		return true
	}
	c.metrics.cuts.Add(float64(cuts.Cut))
	c.metrics.restored.Add(float64(cuts.Restored))
	now := programs[len(programs)-1]
	log := c.log.With("generation", now.Generation, "duration", time.Since(began))
	c.note(cuts, now, err)
	switch {
	case err != nil:
		c.metrics.cutErrors.Inc()
		log.Error("open connections could not all be held against the new policy, trying again", "cut", cuts.Cut, "error", err)
	case cuts.Cut+cuts.Restored > 0:
		log.Info("open connections held against the new policy", "tracked", cuts.Tracked, "cut", cuts.Cut, "restored", cuts.Restored,
			"examples", cuts.Examples)
	default:
		log.Debug("open connections held against the new policy", "tracked", cuts.Tracked, "cut", 0)
	}
	c.done()
	return err == nil
}

// note keeps the result, and after a good one forgets all programs but the newest of those compared.
func (c *cutter) note(cuts ir.Cuts, now *ir.Program, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.status
	s.Cut += uint64(cuts.Cut)
	s.Restored += uint64(cuts.Restored)
	s.Checked, s.Generation, s.Tracked, s.LastCut, s.Error = time.Now(), now.Generation, cuts.Tracked, cuts.Cut, ""
	if err != nil {
		s.Error = fmt.Sprint(err)
		return
	}
	for i, p := range c.programs {
		if p == now {
			c.programs = append([]*ir.Program(nil), c.programs[i:]...)
		}
	}
}

// describe is nil when connections are left alone.
func (c *cutter) describe() *api.Connections {
	if c.connections == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.status
	return &s
}
