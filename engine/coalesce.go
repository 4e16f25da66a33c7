package engine

import (
	"context"
	"time"
)

// An editor that saves a file makes several events within a few milliseconds; a deployment that replaces a directory
// makes hundreds. A burst is over when nothing has come for burstQuiet, and nothing waits longer than burstLimit.
const (
	burstQuiet = 10 * time.Millisecond
	burstLimit = 50 * time.Millisecond
)

// absorb takes in the rest of a burst whose first signal has been received.
func absorb(ctx context.Context, signals <-chan struct{}) {
	limit, quiet := time.NewTimer(burstLimit), time.NewTimer(burstQuiet)
	defer limit.Stop()
	defer quiet.Stop()
	for {
		select {
		case <-signals:
			quiet.Reset(burstQuiet)
		case <-quiet.C:
			return
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// signal wakes whoever reads c, a channel of capacity 1, without waiting. Signals that nobody has read yet are one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
