package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// leave ends the engine's hold on its backends, the authority last. What is in force stays so, unless the configuration
// asks for it to be cleared.
func (l *loop) leave(ctx context.Context) error {
	var errs []error
	for _, s := range slices.Backward(l.e.seats) {
		if l.e.config.ClearOnExit {
			if err := s.clear(ctx); err != nil {
				errs = append(errs, fmt.Errorf("clearing %s: %w", s.backend.Name(), err))
			}
		}
		if err := s.do(ctx, func(context.Context) error { return s.backend.Close() }); err != nil {
			errs = append(errs, fmt.Errorf("closing %s: %w", s.backend.Name(), err))
		}
	}
	if err := l.serial.stop(); err != nil {
		l.log.Warn("generation cannot be saved, the next start skips some", "error", err)
	}
	return errors.Join(errs...)
}
