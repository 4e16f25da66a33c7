package pktgen_test

import (
	"context"
	"testing"
	"time"

	"rampart/bench/pktgen"
)

// A flood ends with its context, sends no more than it is told to, and what it sends arrives. How near it comes to the rate
// depends on who else has the core.
func TestFlood(t *testing.T) {
	sink, err := pktgen.NewSink()
	if err != nil {
		t.Skip(err)
	}
	defer sink.Close()
	near, x, y := wire(t, sink.Program.FD())
	g, err := pktgen.New(pktgen.Config{NetNS: near.FD(), Ifindex: x.Attrs().Index, Frames: frames(t, 10, x, y, func(int, *pktgen.Flow) {})})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	const rate = 100_000
	r, err := g.Flood(ctx, rate)
	if err != nil {
		t.Fatal(err)
	}
	arrived, err := sink.Arrived()
	if err != nil {
		t.Fatal(err)
	}
	if most := rate * (r.Elapsed.Seconds() + 0.002); r.Sent == 0 || float64(r.Sent) > most || arrived != r.Sent {
		t.Errorf("sent %d in %v, at most %.0f are right; %d arrived", r.Sent, r.Elapsed, most, arrived)
	}
	t.Logf("%.0f packets a second, %v", r.PerSecond(), r.Quantile(0.5))
}
