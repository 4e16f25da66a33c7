package lab

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"rampart/model"
)

// everyProtocol is one packet a protocol from src to dst, whole and in fragments.
func everyProtocol(from string, src, dst netip.Addr) []Probe {
	var out []Probe
	protocols := []uint8{model.ProtoTCP, model.ProtoUDP, model.ProtoSCTP, model.ProtoUDPLite, 253, model.ProtoICMP}
	if src.Is6() {
		protocols[5] = model.ProtoICMPv6
	}
	for _, proto := range protocols {
		for _, fragments := range []int{1, 2, 3} {
			p := model.Packet{Src: src, Dst: dst, Protocol: proto}
			switch proto {
			case model.ProtoICMP:
				p.ICMPType = 8
			case model.ProtoICMPv6:
				p.ICMPType = 128
			case 253:
			default:
				p.SrcPort, p.DstPort = 40000, 6379
			}
			out = append(out, Probe{From: from, Packet: p, Fragments: fragments})
		}
	}
	return out
}

// Without a firewall every packet arrives where it was sent: at another peer, at the firewall, and from the firewall.
func TestProbesArrive(t *testing.T) {
	top, p := UsualForTest(t)
	// Connection tracking puts fragments together, as it does under a firewall.
	load(t, top, `chain c { type filter hook forward priority 0; ct state established accept; }`)
	for _, family := range []int{4, 6} {
		for _, way := range []struct {
			from, to string
			src, dst netip.Addr
		}{
			{"client", "db", top.Peer("client").Addr(family), top.Peer("db").Addr(family)},
			{"db", "client", top.Peer("db").Addr(family), top.Peer("client").Addr(family)},
			{"db", "web", top.Peer("db").Addr(family), top.Peer("web").Addr(family)},
			{"client", "server", top.Peer("client").Addr(family), top.Peer("server").Addr(family)},
			{"client", FirewallName, top.Peer("client").Addr(family), top.Addr(family)},
			{"db", FirewallName, top.Peer("db").Addr(family), top.Addr(family)},
			{FirewallName, "db", top.Addr(family), top.Peer("db").Addr(family)},
			{FirewallName, "server", top.Addr(family), top.Peer("server").Addr(family)},
		} {
			t.Run(fmt.Sprintf("v%d/%s to %s", family, way.from, way.to), func(t *testing.T) {
				probes := everyProtocol(way.from, way.src, way.dst)
				got, err := p.Send(probes...)
				if err != nil {
					t.Fatal(err)
				}
				for i, at := range got {
					if at != way.to {
						t.Errorf("%s in %d fragments arrived at %q, want %q",
							model.ProtocolLabel(probes[i].Packet.Protocol), probes[i].Fragments, at, way.to)
					}
				}
			})
		}
	}
}

// A prober tells what a firewall drops from what it lets pass, in all of its hooks, also for foreign sources and
// hop limits.
func TestProbesDropped(t *testing.T) {
	top, p := UsualForTest(t)
	load(t, top, `
		chain i { type filter hook input priority 0; udp dport 1 drop; }
		chain f { type filter hook forward priority 0; udp dport 1 drop; ip saddr 192.0.2.1 drop; }
		chain o { type filter hook output priority 0; udp dport 1 drop; }`)
	udp := func(src, dst netip.Addr, port uint16) model.Packet {
		return model.Packet{Src: src, Dst: dst, Protocol: model.ProtoUDP, SrcPort: 40000, DstPort: port}
	}
	client, db, fw := top.Peer("client").Addr(4), top.Peer("db").Addr(4), top.Addr(4)
	for _, tc := range []struct {
		name  string
		probe Probe
		want  string
	}{
		{"input, allowed", Probe{From: "client", Packet: udp(client, fw, 2)}, FirewallName},
		{"input, dropped", Probe{From: "client", Packet: udp(client, fw, 1)}, ""},
		{"forward, allowed", Probe{From: "client", Packet: udp(client, db, 2)}, "db"},
		{"forward, dropped", Probe{From: "client", Packet: udp(client, db, 1)}, ""},
		{"output, allowed", Probe{From: FirewallName, Packet: udp(fw, db, 2)}, "db"},
		{"output, dropped", Probe{From: FirewallName, Packet: udp(fw, db, 1)}, ""},
		{"foreign source, allowed", Probe{From: "db", Packet: udp(netip.MustParseAddr("192.0.2.2"), client, 2)}, "client"},
		{"foreign source, dropped", Probe{From: "db", Packet: udp(netip.MustParseAddr("192.0.2.1"), client, 2)}, ""},
		{"last hop", Probe{From: "client", Packet: udp(client, db, 2), TTL: 2}, "db"},
		{"one hop too few", Probe{From: "client", Packet: udp(client, db, 2), TTL: 1}, ""},
		{"the internet", Probe{From: "client", Packet: udp(client, netip.MustParseAddr("203.0.113.1"), 2)}, "server"},
		{"behind the client", Probe{From: "db", Packet: udp(db, netip.MustParseAddr("198.51.100.1"), 2)}, "client"},
	} {
		got, err := p.Send(tc.probe)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if got[0] != tc.want {
			t.Errorf("%s: arrived at %q, want %q", tc.name, got[0], tc.want)
		}
	}
}

// Probes that would be one connection are not seen as answers to each other.
func TestProbesAreFirstPackets(t *testing.T) {
	top, p := UsualForTest(t)
	load(t, top, `chain f { type filter hook forward priority 0; ct state established accept; iifname "eth0" accept; drop; }`)
	there := model.Packet{Src: top.Peer("client").Addr(4), Dst: top.Peer("db").Addr(4), Protocol: model.ProtoUDP, SrcPort: 5, DstPort: 6}
	back := model.Packet{Src: there.Dst, Dst: there.Src, Protocol: model.ProtoUDP, SrcPort: 6, DstPort: 5}
	probes := []Probe{{From: "client", Packet: there}, {From: "db", Packet: back}}
	for _, tc := range []struct {
		keep bool
		back string
	}{{false, ""}, {true, "client"}} {
		p.KeepConnections = tc.keep
		got, err := p.Send(probes...)
		if err != nil {
			t.Fatal(err)
		}
		if got[0] != "db" || got[1] != tc.back {
			t.Errorf("keeping connections %v: arrived at %q, want db and %q", tc.keep, got, tc.back)
		}
	}
}

func load(t *testing.T, top *Topology, chains string) {
	t.Helper()
	if _, err := top.Firewall.Run(context.Background(), "table inet test {\n"+chains+"\n}\n", "nft", "-f", "-"); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkProbe(b *testing.B) {
	if err := Require(); err != nil {
		b.Skip(err)
	}
	l, err := New()
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	top, err := Build(l, Usual())
	if err != nil {
		b.Fatal(err)
	}
	p, err := NewProber(top)
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	for b.Loop() {
		if _, err := p.Send(everyProtocol("client", top.Peer("client").Addr(4), top.Peer("db").Addr(4))...); err != nil {
			b.Fatal(err)
		}
	}
}
