package engine

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Messages to the service manager; see sd_notify(3).
const notifyStopping = "STOPPING=1"

func notifyReady(status string) string { return "READY=1\nSTATUS=" + status }

// notifyReloading must carry the time in the same message: systemd takes the READY=1 that follows as the answer to this
// reload only when it is newer (sd_notify(3), MONOTONIC_USEC).
func notifyReloading() string {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic("engine: CLOCK_MONOTONIC: " + err.Error()) // every Linux has it
	}
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", t.Nano()/1000)
}

// longestStep is how long one step of the loop may take: compiling and loading the largest model takes seconds.
const longestStep = 2 * time.Minute

// heartbeat knows how long the loop has been busy with one step. The zero value is an idle loop.
type heartbeat struct{ busySince atomic.Pointer[time.Time] }

func (h *heartbeat) begin() {
	now := time.Now()
	h.busySince.Store(&now)
}

func (h *heartbeat) end() { h.busySince.Store(nil) }

func (h *heartbeat) healthy() bool {
	since := h.busySince.Load()
	return since == nil || time.Since(*since) < longestStep
}

// watchdog tells the service manager that the loop is alive, twice in each interval, for as long as that is so.
func watchdog(ctx context.Context, interval time.Duration, h *heartbeat, notify func(string)) {
	if interval <= 0 {
		return
	}
	tick := time.NewTicker(interval / 2)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if h.healthy() {
				notify("WATCHDOG=1")
			}
		case <-ctx.Done():
			return
		}
	}
}
