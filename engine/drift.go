package engine

import (
	"context"
	"log/slog"
	"time"
)

// watchDrift keeps a backend's watch for foreign changes running.
func (l *loop) watchDrift(ctx context.Context, s *seat, w DriftWatcher) {
	keepWatching(ctx, s.log, "foreign changes cannot be watched, trying again", func() error {
		return w.WatchDrift(ctx, func(what string) {
			select {
			case l.drifts <- drift{s, what}:
			default: // so many wait that a repair is certain
			}
		})
	})
}

// noteDrift takes in a drift and those that have come right after it: one repair is enough for all.
func (l *loop) noteDrift(d drift) {
	for {
		d.seat.drift(d.what, time.Now())
		d.seat.log.Warn("others have changed what is in force", "change", d.what, "count", d.seat.drifts)
		l.e.metrics.drifts.WithLabelValues(d.seat.backend.Name()).Inc()
		select {
		case d = <-l.drifts:
		default:
			return
		}
	}
}

// keepWatching calls watch again, after growing pauses, when it ends with an error before its time.
func keepWatching(ctx context.Context, log *slog.Logger, complaint string, watch func() error) {
	pause := backoff{first: rewatchMin, limit: rereadLimit}
	for {
		began := time.Now()
		err := watch()
		if ctx.Err() != nil || err == nil {
			return
		}
		log.Warn(complaint, "error", err)
		if time.Since(began) > rereadLimit {
			pause.reset()
		}
		select {
		case <-time.After(pause.next()):
		case <-ctx.Done():
			return
		}
	}
}
