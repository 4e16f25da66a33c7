package lower_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/lower"
	"rampart/nft/ruleset"
)

// walk sends a packet through the hooks of the way it takes: to the host, through it, or from it.
func walk(m *ruleset.Machine, p *ruleset.Packet) string {
	var hooks []ruleset.Hook
	switch {
	case p.Out == "":
		hooks = []ruleset.Hook{ruleset.HookPrerouting, ruleset.HookInput}
	case p.In == "":
		hooks = []ruleset.Hook{ruleset.HookOutput, ruleset.HookPostrouting}
	default:
		hooks = []ruleset.Hook{ruleset.HookPrerouting, ruleset.HookForward, ruleset.HookPostrouting}
	}
	in, out := p.In, p.Out
	for _, h := range hooks {
		p.In, p.Out = in, out
		if h == ruleset.HookPrerouting {
			p.Out = ""
		}
		if h == ruleset.HookPostrouting {
			p.In = ""
		}
		if v, trace := m.Run(h, -1000, 1000, p); v == ruleset.Drop {
			last := trace[len(trace)-1]
			for _, s := range trace {
				if s.Rule.ID != 0 {
					last = s
				}
			}
			name, _, _ := strings.Cut(last.Rule.Comment, " ")
			return "drop " + name
		}
	}
	return "accept"
}

// packet reads "tcp 10.0.0.1:1000 > 10.0.0.2:80", "icmpv6/135 fe80::1 > fe80::2", "udp …".
func packet(t *testing.T, s string) model.Packet {
	t.Helper()
	var p model.Packet
	words := strings.Fields(s)
	proto, kind, _ := strings.Cut(words[0], "/")
	for n, word := range map[uint8]string{6: "tcp", 17: "udp", 1: "icmp", 58: "icmpv6", 136: "udplite", 47: "gre"} {
		if word == proto {
			p.Protocol = n
		}
	}
	if kind != "" {
		if _, err := fmt.Sscan(kind, &p.ICMPType); err != nil {
			t.Fatal(err)
		}
	}
	end := func(s string) (netip.Addr, uint16) {
		if ap, err := netip.ParseAddrPort(s); err == nil {
			return ap.Addr(), ap.Port()
		}
		return netip.MustParseAddr(s), 0
	}
	p.Src, p.SrcPort = end(words[1])
	p.Dst, p.DstPort = end(words[3])
	return p
}

const surroundings = `
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata: {name: n1-k8s-a-eth0, namespace: prod, labels: {who: a}}
spec: {node: n1, orchestrator: k8s, pod: a, endpoint: eth0, interfaceName: cali1, ipNetworks: [10.0.0.1/32, "fd00::1/128"], profiles: [projectcalico-default-allow],
  allowSpoofedSourcePrefixes: [10.9.0.0/16]}
---
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata: {name: n1-k8s-b-eth0, namespace: prod, labels: {who: b}}
spec: {node: n1, orchestrator: k8s, pod: b, endpoint: eth0, interfaceName: cali2, ipNetworks: [10.0.0.2/32], profiles: [projectcalico-default-allow]}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: h1, labels: {host: "yes"}}
spec: {node: n1, interfaceName: eth0}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: b-takes-nothing-from-a}
spec: {selector: who == 'b', types: [Ingress], ingress: [{action: Deny, source: {selector: who == 'a'}}, {action: Allow}]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: early}
spec: {selector: has(host), applyOnForward: true, doNotTrack: true, ingress: [{action: Allow, protocol: UDP, destination: {ports: [53]}}, {action: Deny, protocol: UDP, destination: {ports: [54]}}],
  egress: [{action: Allow, protocol: UDP, source: {ports: [53]}}]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: dnat}
spec: {selector: has(host), applyOnForward: true, preDNAT: true, ingress: [{action: Allow, protocol: TCP, destination: {ports: [8080]}}]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: forward}
spec: {selector: has(host), applyOnForward: true, types: [Ingress], ingress: [{action: Allow, protocol: UDPLite}, {action: Allow, protocol: 47}]}
`

// anotherWorkload makes the interfaces too many to be compared one by one.
const anotherWorkload = `
---
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata: {name: n1-k8s-c-eth0, namespace: prod}
spec: {node: n1, orchestrator: k8s, pod: c, endpoint: eth0, interfaceName: cali3, ipNetworks: [10.0.0.3/32]}
`

// TestSurroundingsOfPolicy sends packets past everything that is not policy: who may claim which source, what reaches the
// host, what a connection's state, failsafe ports, neighbour discovery and early allows do.
func TestSurroundingsOfPolicy(t *testing.T) {
	const workloadPolicy = "default/GlobalNetworkPolicy:b-takes-nothing-from-a[0]"
	type way struct{ in, out string }
	toHost, fromHost := way{"eth0", ""}, way{"", "eth0"}
	for _, c := range []struct {
		name   string
		way    way
		packet string
		change func(p *ruleset.Packet)
		want   string
	}{
		// Workloads.
		{"own source", way{"cali1", "eth1"}, "tcp 10.0.0.1:1000 > 203.0.113.1:80", nil, "accept"},
		{"own source, IPv6", way{"cali1", "eth1"}, "tcp [fd00::1]:1000 > [2001:db8::1]:80", nil, "accept"},
		{"source allowed to be spoofed", way{"cali1", "eth1"}, "tcp 10.9.8.7:1000 > 203.0.113.1:80", nil, "accept"},
		{"other source", way{"cali1", "eth1"}, "tcp 10.0.0.2:1000 > 203.0.113.1:80", nil, "drop workload-source-address"},
		{"other's allowed source", way{"cali2", "eth1"}, "tcp 10.9.8.7:1000 > 203.0.113.1:80", nil, "drop workload-source-address"},
		{"other source, IPv6", way{"cali1", "eth1"}, "tcp [fd00::2]:1000 > [2001:db8::1]:80", nil, "drop workload-source-address"},
		{"policy of the receiver", way{"cali1", "cali2"}, "tcp 10.0.0.1:1000 > 10.0.0.2:80", nil, "drop " + workloadPolicy},
		{"policy of both", way{"cali2", "cali1"}, "tcp 10.0.0.2:1000 > 10.0.0.1:80", nil, "accept"},
		{"reply", way{"cali1", "cali2"}, "tcp 10.0.0.1:80 > 10.0.0.2:1000", func(p *ruleset.Packet) { p.CT = ruleset.CTEstablished }, "accept"},
		{"ICMP error", way{"cali1", "cali2"}, "icmp/3 10.0.0.1 > 10.0.0.2", func(p *ruleset.Packet) { p.CT = ruleset.CTRelated }, "accept"},
		{"invalid", way{"cali2", "cali1"}, "tcp 10.0.0.2:1000 > 10.0.0.1:80", func(p *ruleset.Packet) { p.CT = ruleset.CTInvalid }, "drop invalid-connection-state"},
		{"to the host", way{"cali1", ""}, "tcp 10.0.0.1:1000 > 192.0.2.1:22", nil, "drop endpoint-to-host"},
		{"reply to the host", way{"cali1", ""}, "tcp 10.0.0.1:80 > 192.0.2.1:1000", func(p *ruleset.Packet) { p.CT = ruleset.CTEstablished }, "accept"},
		{"neighbour solicitation to the host", way{"cali1", ""}, "icmpv6/135 fe80::1 > ff02::1:ff00:1", func(p *ruleset.Packet) { p.CT = ruleset.CTUntracked }, "accept"},
		{"duplicate address detection", way{"cali1", ""}, "icmpv6/135 :: > ff02::1:ff00:1", func(p *ruleset.Packet) { p.CT = ruleset.CTUntracked }, "accept"},
		{"router advertisement to the host", way{"cali1", ""}, "icmpv6/134 fe80::1 > ff02::1", func(p *ruleset.Packet) { p.CT = ruleset.CTUntracked }, "drop endpoint-to-host"},
		{"ping without an address", way{"cali1", ""}, "icmpv6/128 :: > ff02::1", nil, "drop workload-source-address"},
		{"DHCP request", way{"cali1", ""}, "udp 0.0.0.0:68 > 255.255.255.255:67", nil, "drop endpoint-to-host"},
		{"no DHCP request", way{"cali1", ""}, "udp 0.0.0.0:68 > 255.255.255.255:68", nil, "drop workload-source-address"},
		{"from the host", way{"", "cali2"}, "tcp 192.0.2.1:1000 > 10.0.0.2:80", nil, "accept"},
		{"interface without endpoint, to the host", way{"cali9", ""}, "tcp 10.0.0.9:1000 > 192.0.2.1:80", nil, "drop unknown-workload-interface"},
		{"interface without endpoint, through", way{"cali9", "eth1"}, "tcp 10.0.0.9:1000 > 203.0.113.1:80", nil, "drop unknown-workload-interface"},
		{"through to an interface without endpoint", way{"eth1", "cali9"}, "tcp 203.0.113.1:1000 > 10.0.0.9:80", nil, "drop unknown-workload-interface"},
		{"from the host to an interface without endpoint", way{"", "cali9"}, "tcp 192.0.2.1:1000 > 10.0.0.9:80", nil, "drop unknown-workload-interface"},
		// Interfaces that are nobody's business.
		{"interface without host endpoint", way{"eth1", ""}, "tcp 203.0.113.1:1000 > 192.0.2.1:80", nil, "accept"},
		{"loopback", way{"lo", ""}, "tcp 127.0.0.1:1000 > 127.0.0.1:80", nil, "accept"},
		{"invalid where nobody asks", way{"eth1", "eth2"}, "tcp 203.0.113.1:1000 > 192.0.2.1:80", func(p *ruleset.Packet) { p.CT = ruleset.CTInvalid }, "accept"},
		// The host endpoint.
		{"no rule", toHost, "tcp 203.0.113.1:1000 > 192.0.2.1:80", nil, "drop tier-default:default"},
		{"failsafe port", toHost, "tcp 203.0.113.1:1000 > 192.0.2.1:22", nil, "accept"},
		{"failsafe port, IPv6", toHost, "tcp [2001:db8::1]:1000 > [2001:db8::2]:22", nil, "accept"},
		{"failsafe port by another protocol", toHost, "udp 203.0.113.1:1000 > 192.0.2.1:22", nil, "drop tier-default:default"},
		{"failsafe port for some", toHost, "tcp 192.0.2.9:1000 > 192.0.2.1:6443", nil, "accept"},
		{"failsafe port for others", toHost, "tcp 203.0.113.1:1000 > 192.0.2.1:6443", nil, "drop tier-default:default"},
		{"failsafe port from the host", fromHost, "udp 192.0.2.1:1000 > 203.0.113.1:53", nil, "accept"},
		{"no failsafe when forwarded", way{"eth0", "eth1"}, "tcp 203.0.113.1:1000 > 198.51.100.1:22", nil, "drop tier-default:default"},
		{"invalid failsafe", toHost, "tcp 203.0.113.1:1000 > 192.0.2.1:22", func(p *ruleset.Packet) { p.CT = ruleset.CTInvalid }, "drop invalid-connection-state"},
		{"invalid UDP-Lite is for policy to judge", way{"eth0", "eth1"}, "udplite 203.0.113.1:1 > 198.51.100.1:2", func(p *ruleset.Packet) { p.CT = ruleset.CTInvalid }, "accept"},
		{"invalid GRE is not", way{"eth0", "eth1"}, "gre 203.0.113.1 > 198.51.100.1", func(p *ruleset.Packet) { p.CT = ruleset.CTInvalid }, "drop invalid-connection-state"},
		{"failsafe session from before", fromHost, "tcp 192.0.2.1:22 > 203.0.113.1:1000", func(p *ruleset.Packet) { p.TCPFlags = ruleset.TCPAck }, "accept"},
		{"from a failsafe port, but new", fromHost, "tcp 192.0.2.1:22 > 203.0.113.1:1000", nil, "drop no-profile-match"},
		{"other session from before", fromHost, "tcp 192.0.2.1:23 > 203.0.113.1:1000", func(p *ruleset.Packet) { p.TCPFlags = ruleset.TCPAck }, "drop no-profile-match"},
		{"failsafe session of others", toHost, "tcp 203.0.113.1:22 > 192.0.2.1:1000", func(p *ruleset.Packet) { p.TCPFlags = ruleset.TCPAck }, "drop tier-default:default"},
		{"neighbour discovery", toHost, "icmpv6/135 fe80::1 > ff02::1:ff00:1", func(p *ruleset.Packet) { p.CT, p.HopLimit = ruleset.CTUntracked, 255 }, "accept"},
		{"neighbour discovery from elsewhere", toHost, "icmpv6/135 2001:db8::1 > 2001:db8::2", func(p *ruleset.Packet) { p.CT, p.HopLimit = ruleset.CTUntracked, 254 }, "drop tier-default:default"},
		{"neighbour discovery from the host", fromHost, "icmpv6/136 fe80::2 > fe80::1", func(p *ruleset.Packet) { p.CT, p.HopLimit = ruleset.CTUntracked, 255 }, "accept"},
		{"multicast listener report", fromHost, "icmpv6/143 fe80::2 > ff02::16", func(p *ruleset.Packet) { p.CT, p.HopLimit = ruleset.CTUntracked, 1 }, "accept"},
		{"redirect", toHost, "icmpv6/137 fe80::1 > fe80::2", func(p *ruleset.Packet) { p.CT, p.HopLimit = ruleset.CTUntracked, 255 }, "drop tier-default:default"},
		{"untracked allow", toHost, "udp 203.0.113.1:1000 > 192.0.2.1:53", nil, "accept"},
		{"untracked deny", toHost, "udp 203.0.113.1:1000 > 192.0.2.1:54", nil, "drop default/GlobalNetworkPolicy:early[1]"},
		{"untracked allow from the host", fromHost, "udp 192.0.2.1:53 > 203.0.113.1:1000", nil, "accept"},
		{"untracked without a rule", fromHost, "udp 192.0.2.1:55 > 203.0.113.1:1000", nil, "drop no-profile-match"},
		{"untracked allow skips the forward policy of where it came from", way{"eth0", "eth1"}, "udp 203.0.113.1:1000 > 198.51.100.1:53", nil, "accept"},
		{"preDNAT allow", toHost, "tcp 203.0.113.1:1000 > 192.0.2.1:8080", nil, "accept"},
		{"preDNAT allow does not skip the receiver", way{"eth0", "cali9"}, "tcp 203.0.113.1:1000 > 10.0.0.9:8080", nil, "drop unknown-workload-interface"},
		{"a mark from outside is not an allow", toHost, "tcp 203.0.113.1:1000 > 192.0.2.1:80", func(p *ruleset.Packet) { p.Mark = lower.DefaultMark }, "drop tier-default:default"},
		{"a mark from inside is not an allow", fromHost, "tcp 192.0.2.1:1000 > 203.0.113.1:80", func(p *ruleset.Packet) { p.Mark = lower.DefaultMark }, "drop no-profile-match"},
		{"rewritten destination", fromHost, "tcp 192.0.2.1:1000 > 203.0.113.1:80", func(p *ruleset.Packet) { p.CTStatus, p.SrcLocal = ruleset.CTStatusDNAT, true }, "drop no-profile-match"},
		{"rewritten destination, failsafe", fromHost, "udp 192.0.2.1:1000 > 203.0.113.1:53", func(p *ruleset.Packet) { p.CTStatus, p.SrcLocal = ruleset.CTStatusDNAT, true }, "accept"},
		{"rewritten destination, forwarded", way{"eth1", "eth0"}, "tcp 198.51.100.1:1000 > 203.0.113.1:80", func(p *ruleset.Packet) { p.CTStatus = ruleset.CTStatusDNAT }, "accept"},
	} {
		for _, v := range []struct {
			name  string
			more  string
			group lower.GroupFunc
		}{
			{"walk", "", lower.Walk},
			{"blocks", "", lower.Blocks},
			{"more interfaces", anotherWorkload, lower.Walk},
		} {
			t.Run(c.name+"/"+v.name, func(t *testing.T) {
				m := ruleset.NewMachine(lowered(t, goldenOptions(t, ""), v.group, v.more))
				p := &ruleset.Packet{Packet: packet(t, c.packet), In: c.way.in, Out: c.way.out, CT: ruleset.CTNew, HopLimit: 64}
				if c.change != nil {
					c.change(p)
				}
				if got := walk(m, p); got != c.want {
					t.Errorf("%s from %q to %q: %s, want %s", c.packet, c.way.in, c.way.out, got, c.want)
				}
			})
		}
	}
}

func lowered(t *testing.T, o ir.Options, group lower.GroupFunc, more string) *ruleset.Ruleset {
	t.Helper()
	l := lower.Lower(compileYAML(t, []byte(surroundings+more), o), lower.Options{Group: group})
	if err := l.Validate(); err != nil {
		t.Fatal(err)
	}
	return l.Ruleset
}

// TestSurroundingOptions checks what the settings change.
func TestSurroundingOptions(t *testing.T) {
	at := func(in, out string, s string, ct uint32) *ruleset.Packet {
		return &ruleset.Packet{Packet: packet(t, s), In: in, Out: out, CT: ct, HopLimit: 64}
	}
	midway := func(p *ruleset.Packet) *ruleset.Packet {
		p.TCPFlags = ruleset.TCPAck
		return p
	}
	for _, c := range []struct {
		options string
		packet  *ruleset.Packet
		want    string
		reject  bool
	}{
		{"options: to-host-allow", at("cali1", "", "tcp 10.0.0.1:1000 > 192.0.2.1:22", ruleset.CTNew), "accept", false},
		{"options: keep-invalid", at("cali2", "cali1", "tcp 10.0.0.2:1000 > 10.0.0.1:80", ruleset.CTInvalid), "accept", false},
		{"options: no-failsafe", at("eth0", "", "tcp 203.0.113.1:1000 > 192.0.2.1:22", ruleset.CTNew), "drop tier-default:default", false},
		{"options: reject", at("eth0", "", "tcp 203.0.113.1:1000 > 192.0.2.1:80", ruleset.CTNew), "drop tier-default:default", true},
		{"options: reject", at("", "eth0", "udp 192.0.2.1:1000 > 203.0.113.1:80", ruleset.CTNew), "drop no-profile-match", true},
		{"options: reject", midway(at("", "eth0", "tcp 192.0.2.1:1000 > 203.0.113.1:80", ruleset.CTNew)), "drop no-profile-match", false},
		{"options: reject", midway(at("", "eth0", "tcp 192.0.2.1:1000 > 203.0.113.1:80", ruleset.CTUntracked)), "drop no-profile-match", true},
		{"options: reject", at("cali1", "cali2", "gre 10.0.0.1 > 10.0.0.2", ruleset.CTNew), "drop default/GlobalNetworkPolicy:b-takes-nothing-from-a[0]", true},
		{"options: reject", at("eth0", "", "udp 203.0.113.1:1000 > 192.0.2.1:54", ruleset.CTNew), "drop default/GlobalNetworkPolicy:early[1]", false},
		{"options: reject", at("cali1", "eth1", "tcp 10.0.0.2:1000 > 203.0.113.1:80", ruleset.CTNew), "drop workload-source-address", false},
		{"", at("eth0", "", "tcp 203.0.113.1:1000 > 192.0.2.1:80", ruleset.CTNew), "drop tier-default:default", false},
	} {
		m := ruleset.NewMachine(lowered(t, goldenOptions(t, c.options), lower.Walk, ""))
		if got := walk(m, c.packet); got != c.want || c.packet.Rejected != c.reject {
			t.Errorf("%s, %s: %s (answered: %v), want %s (%v)", c.options, &c.packet.Packet, got, c.packet.Rejected, c.want, c.reject)
		}
	}
}
