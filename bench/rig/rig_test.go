package rig_test

import (
	"errors"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"rampart/bench/filter"
	"rampart/bench/lab"
	"rampart/bench/rig"
	"rampart/model"
)

func flow(src, dst string, want model.Action) filter.Flow {
	return filter.Flow{Want: want, Rule: filter.NoRule, Packet: model.Packet{
		Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), Protocol: model.ProtoUDP, SrcPort: 40000, DstPort: 9,
	}}
}

// Without rules everything is forwarded, in both families, and every packet is accounted for.
func TestRigForwards(t *testing.T) {
	r, err := rig.New(lab.ForTest(t), "r", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	flows := []filter.Flow{
		flow("64.0.0.1", "10.0.0.1", model.Allow), flow("2600::1", "2001:db8::1", model.Allow), flow("64.0.0.2", "10.0.0.2", model.Deny),
	}
	wrong, err := r.Verdicts(flows, 0)
	if err != nil || len(wrong) != 1 || wrong[0].Got != model.Allow || wrong[0].Packet != flows[2].Packet || !errors.Is(wrong[0], rig.ErrMisjudged) {
		t.Errorf("wrong verdicts %v, %v", wrong, err)
	}
	s, err := r.Sender(rig.Stream{Flows: flows, Order: []int{0, 1, 1, 2}, Size: 60})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, n := range []int{6, 1000} {
		c, err := r.Send(s, n)
		if err != nil {
			t.Fatal(err)
		}
		if c.Sent != uint64(n) || c.Arrived != uint64(n) || c.Quantile(0.5) <= 0 {
			t.Errorf("%+v of %d", c, n)
		}
	}
	// Three of the four in the circle are wanted: 0 1 1 2 | 0 1 1 2 | …
	for _, tc := range []struct{ from, to, want uint64 }{{0, 4, 3}, {0, 3, 3}, {3, 4, 0}, {2, 6, 3}, {1, 9, 6}} {
		if got := s.Allowed(tc.from, tc.to); got != tc.want {
			t.Errorf("of frames %d to %d, %d are wanted, not %d", tc.from, tc.to, got, tc.want)
		}
	}
}

// A firewall that loses all that is sent again, and every reset, holds nobody up: connections are done or have failed.
func TestConnect(t *testing.T) {
	r, err := rig.New(lab.ForTest(t), "r", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := flow("64.0.0.1", "10.0.0.1", model.Allow).Packet
	p.Protocol = model.ProtoTCP
	lossy := `table ip lossy { chain f { type filter hook forward priority 0; tcp flags & rst == rst drop; ip saddr 64.0.0.1 tcp flags syn numgen inc mod 64 == 63 drop; }; }`
	cmd := exec.Command("nft", lossy)
	if err := r.Firewall.Do(cmd.Run); err != nil {
		t.Fatal(err)
	}
	c, err := r.Connect(t.Context(), p, 300*time.Millisecond, 4, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Took) < 64 || c.Failed > 0 || c.InTime == 0 || c.InTime >= len(c.Took) {
		t.Errorf("%d connections made, %d in time, %d failed", len(c.Took), c.InTime, c.Failed)
	}
}
