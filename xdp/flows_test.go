package xdp

import (
	"testing"

	"rampart/engine/ir"
)

// However many packets are denied, as many are reported a second as were asked for, and no more in a burst after a pause.
func TestFlowRate(t *testing.T) {
	for _, rate := range []int{0, 1, 5, 20, 100, 1000} {
		f := newFlows(rate)
		f.queue = make(chan ir.Flow, 10_000)
		tick := func() int {
			f.refill()
			before := len(f.queue)
			for range 200 {
				f.report("eth0", 0, &packet{version: 4, end: 60})
			}
			return len(f.queue) - before
		}
		for range ticksPerSecond { // what is left over from before
			tick()
		}
		n := 0
		for range 3 * ticksPerSecond {
			n += tick()
		}
		if n != 3*rate {
			t.Errorf("%d a second: %d reports in three seconds", rate, n)
		}
		for range 10 * ticksPerSecond { // nothing is denied
			f.refill()
		}
		if most := 2*(rate/int(ticksPerSecond)) + 1; tick() > most {
			t.Errorf("%d a second: more than %d at once", rate, most)
		}
	}
}
