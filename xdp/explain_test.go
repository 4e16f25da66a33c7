package xdp_test

import (
	"testing"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/xdp"
)

func TestExplain(t *testing.T) {
	p := compilePolicy(t, hostPolicy(allowTCP+"  - {action: Log, protocol: UDP, destination: {ports: [10]}}\n"))
	rejecting := *p
	rejecting.Options.Reject = true
	for _, tc := range []struct {
		name      string
		program   *ir.Program
		packet    string
		direction model.Direction
		layer     model.Layer
		early, ok bool
		why       string
	}{
		{"denied", p, "udp 192.0.2.1:9 > 198.51.100.1:9", model.Ingress, model.LayerNormal, true, true, ""},
		{"allowed", p, "tcp 192.0.2.1:9 > 198.51.100.1:7", model.Ingress, model.LayerNormal, false, true, "it is not denied here"},
		{"logged", p, "udp 192.0.2.1:9 > 198.51.100.1:10", model.Ingress, model.LayerNormal, false, true,
			"a rule on the way logs, looks at HTTP or cannot be decided from addresses and ports alone"},
		{"another protocol", p, "proto 47 192.0.2.1 > 198.51.100.1", model.Ingress, model.LayerNormal, false, true,
			"it judges only whole TCP, UDP and SCTP packets and echo requests"},
		{"no connection to ask about", p, "icmp 192.0.2.1 > 198.51.100.1 type 8 code 0", model.Ingress, model.LayerNormal, false, true,
			"of this protocol only untracked policy is applied early"},
		{"no policy", p, "tcp 192.0.2.1:9 > 198.51.100.1:9", model.Ingress, model.LayerUntracked, false, true, "the layer has no policy here"},
		{"answered", &rejecting, "udp 192.0.2.1:9 > 198.51.100.1:9", model.Ingress, model.LayerNormal, false, true, "denied packets are answered"},
		{"egress", p, "udp 192.0.2.1:9 > 198.51.100.1:9", model.Egress, model.LayerNormal, false, false, ""},
		{"forwarded", p, "udp 192.0.2.1:9 > 198.51.100.1:9", model.Ingress, model.LayerForward, false, false, ""},
	} {
		packet, err := model.ParsePacket(tc.packet)
		if err != nil {
			t.Fatal(err)
		}
		early, why, ok := xdp.Explain(tc.program, model.Probe{Endpoint: p.Endpoints[0].Key, Direction: tc.direction, Layer: tc.layer, Packet: packet})
		if early != tc.early || ok != tc.ok || why != tc.why {
			t.Errorf("%s: %v %q %v, want %v %q %v", tc.name, early, why, ok, tc.early, tc.why, tc.ok)
		}
	}
}
