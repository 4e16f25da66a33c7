package engine

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/hcl/v2"

	"rampart/model"
)

// intake reads one source: at the start, when the source says that it changed, when asked to, and again after a while
// when reading failed. The loop takes what was read from it; a newer delivery replaces one not yet taken.
type intake struct {
	source Source
	log    *slog.Logger
	// changed wakes the intake, delivered wakes the loop.
	changed, delivered chan struct{}
	outbox             atomic.Pointer[delivery]
	// asked is the newest reload that wants this source to be read; answered is the newest that the last reading knew of.
	asked    atomic.Uint64
	answered uint64
}

// delivery is what one reading of a source gave. Without a bundle the diagnostics hold an error.
type delivery struct {
	bundle      *model.Bundle
	diagnostics hcl.Diagnostics
	time        time.Time
	// answers is the newest reload that was asked for before reading began.
	answers uint64
}

const (
	rereadFirst = time.Second
	rereadLimit = time.Minute
	rewatchMin  = time.Second
	// readTimeout turns a source that does not answer into one that failed, so that it is tried again.
	readTimeout = 2 * time.Minute
)

func newIntake(s Source, log *slog.Logger, delivered chan struct{}) *intake {
	return &intake{source: s, log: log.With("source", s.Name()), changed: make(chan struct{}, 1), delivered: delivered}
}

// reload asks for a reading that begins after this call.
func (in *intake) reload(ticket uint64) {
	in.asked.Store(ticket)
	signal(in.changed)
}

// take returns what was read since the last take, or nil.
func (in *intake) take() *delivery { return in.outbox.Swap(nil) }

// run reads until ctx is done. The watch starts after the first reading, so that a source need not be read twice to start
// with: what changes in between, it tells.
func (in *intake) run(ctx context.Context) {
	var watching sync.WaitGroup
	defer watching.Wait()
	watched := false
	pause := backoff{first: rereadFirst, limit: rereadLimit}
	var last time.Time
	for ctx.Err() == nil {
		d := in.read(ctx)
		if ctx.Err() != nil {
			return
		}
		in.outbox.Store(d)
		signal(in.delivered)
		last = time.Now()
		if !watched {
			watched = true
			watching.Go(func() { in.watch(ctx) })
		}
		var retry <-chan time.Time
		if d.bundle == nil {
			retry = time.After(pause.next())
		} else {
			pause.reset()
		}
		select {
		case <-in.changed:
			// A change after a while of quiet is read at once; those that come close behind it are read together.
			if time.Since(last) < burstLimit {
				absorb(ctx, in.changed)
			}
		case <-retry:
		case <-ctx.Done():
		}
	}
}

func (in *intake) read(ctx context.Context) *delivery {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	d := &delivery{answers: in.asked.Load()}
	if r, ok := in.source.(Refresher); ok && d.answers != in.answered {
		r.Refresh()
	}
	in.answered = d.answers
	d.bundle, d.diagnostics = in.source.Load(ctx)
	d.time = time.Now()
	if d.diagnostics.HasErrors() {
		d.bundle = nil
	} else if d.bundle == nil {
		d.diagnostics = append(d.diagnostics, &hcl.Diagnostic{
			Severity: hcl.DiagError, Summary: fmt.Sprintf("source %s delivered nothing", in.source.Name()),
		})
	}
	return d
}

// watch keeps the source's watch running. Each time one has broken, the source is read again: a change may have gone
// unseen in between.
func (in *intake) watch(ctx context.Context) {
	pause := backoff{first: rewatchMin, limit: rereadLimit}
	for {
		began := time.Now()
		err := in.source.Watch(ctx, func() { signal(in.changed) })
		if ctx.Err() != nil || err == nil {
			return
		}
		if time.Since(began) > rereadLimit {
			pause.reset()
		}
		in.log.Warn("source cannot be watched, trying again", "error", err)
		select {
		case <-time.After(pause.next()):
			signal(in.changed)
		case <-ctx.Done():
			return
		}
	}
}
