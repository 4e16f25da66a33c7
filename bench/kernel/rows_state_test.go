package kernel

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/florianl/go-nflog/v2"

	"rampart/bench/lab"
	"rampart/engine/ir"
	"rampart/model"
)

// These rows of the model are about more than one packet, or about more than whether it arrives.

// world is the base resources with more on top.
func world(t *testing.T, yaml string) []model.Resource {
	t.Helper()
	return override(baseResources(t), decode(t, "test.yaml", []byte(yaml)))
}

// shots sends the lines of a row and checks where they arrive.
func shots(t *testing.T, links []lab.Link, prober *lab.Prober, text string) {
	t.Helper()
	list, err := ParseShots(links, text)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		arrived, err := prober.Send(s.Probe)
		if err != nil {
			t.Fatal(err)
		}
		if got := arrived[0] == s.To; got != s.Pass {
			t.Errorf("%s\n  %v: arrived %v, want %v", s.Line, s.Packet, got, s.Pass)
		}
	}
}

const closedDatabase = `
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: database, namespace: prod}
spec:
  selector: role == 'database'
  types: [Ingress, Egress]
  ingress:
  - action: Allow
    source: {selector: role == 'frontend'}
    destination: {ports: [80]}
    protocol: UDP
`

// Replies need no rule, what is no reply does; and a connection stays open when its rule is taken away, while a new one
// is refused.
func TestRowConnectionState(t *testing.T) {
	links, top, prober := newLab(t)
	fw := newFirewall(t, top)
	fw.apply(t, world(t, closedDatabase), rowOptions())
	prober.KeepConnections = true
	shots(t, links, prober, `
		drop db > web udp:40000 sport=80
		pass web > db udp:80 sport=40000
		pass db > web udp:40000 sport=80
		drop db > web udp:40001 sport=80`)
	fw.apply(t, world(t, strings.Replace(closedDatabase, "Allow", "Deny", 1)), rowOptions())
	shots(t, links, prober, `
		pass web > db udp:80 sport=40000
		pass db > web udp:40000 sport=80
		drop web > db udp:80 sport=40001`)
}

// Errors about an allowed packet find their way back (related), though egress is denied.
func TestRowRelated(t *testing.T) {
	_, top, _ := newLab(t)
	fw := newFirewall(t, top)
	fw.apply(t, world(t, closedDatabase), rowOptions())
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, family := range []int{4, 6} {
		// Nobody listens on port 80 of the database, so its kernel answers "port unreachable".
		at := netip.AddrPortFrom(top.Peer("db").Addr(family), 80)
		if err := lab.Ask(ctx, top.Peer("web").Namespace, "udp", at); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("IPv%d: got %v, want an ICMP error", family, err)
		}
	}
}

// Packets that conntrack calls invalid are dropped, whatever policy says, unless the option keeps them.
func TestRowInvalid(t *testing.T) {
	links, top, prober := newLab(t)
	fw := newFirewall(t, top)
	for _, keep := range []bool{false, true} {
		options := rowOptions()
		options.KeepInvalid = keep
		fw.apply(t, world(t, openHosts), options)
		list, err := ParseShots(links, `
			pass client > db tcp:80
			pass client > host tcp:80
			pass host > client tcp:80
			pass client > server tcp:80`)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			for _, flags := range []uint8{lab.SYN, lab.SYN | lab.FIN} {
				s.Flags = flags
				arrived, err := prober.Send(s.Probe)
				if err != nil {
					t.Fatal(err)
				}
				want := flags == lab.SYN || keep
				if got := arrived[0] == s.To; got != want {
					t.Errorf("keep invalid %v: %s with flags %#x: arrived %v, want %v", keep, s.Line, flags, got, want)
				}
			}
		}
	}
}

const openHosts = `
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: all, labels: {side: host}}
spec: {node: n1, interfaceName: "*"}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: open}
spec:
  selector: side == 'host'
  applyOnForward: true
  types: [Ingress, Egress]
  ingress: [{action: Allow}]
  egress: [{action: Allow}]
`

// A Log rule's packets reach its NFLOG group with the policy's name in the prefix; the first packet of a connection
// only, and none that the rule does not match.
func TestRowLog(t *testing.T) {
	links, top, prober := newLab(t)
	fw := newFirewall(t, top)
	messages := listen(t, top, rowOptions())
	fw.apply(t, world(t, `
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: noisy, namespace: prod}
spec:
  selector: role == 'database'
  types: [Ingress]
  ingress:
  - action: Log
    protocol: UDP
    destination: {ports: [81]}
  - action: Allow
    protocol: UDP
`), rowOptions())
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, family := range []int{4, 6} {
		at := netip.AddrPortFrom(top.Peer("db").Addr(family), 81)
		server, err := lab.EchoUDP(top.Peer("db").Namespace, at)
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		c, err := top.Peer("web").Dial(ctx, "udp", netip.AddrPort{}, at)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for range 3 { // the second question comes after the first answer
			if err := lab.Exchange(ctx, c); err != nil {
				t.Fatal(err)
			}
		}
	}
	shots(t, links, prober, `
		pass web > db udp:80
		drop web > db tcp:81`)
	for _, family := range []int{4, 6} {
		select {
		case m := <-messages:
			if !strings.HasPrefix(m.prefix, "rampart") || !strings.Contains(m.prefix, "NetworkPolicy:prod/noisy[0]") {
				t.Errorf("prefix %q does not name the policy", m.prefix)
			}
			got, ok := lab.Parse(m.packet)
			if !ok || got.DstPort != 81 || got.Dst != top.Peer("db").Addr(family) {
				t.Errorf("logged %v of %x", got, m.packet)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("IPv%d: nothing was logged", family)
		}
	}
	select {
	case m := <-messages:
		t.Errorf("one message too many: %q", m.prefix)
	default:
	}
}

type message struct {
	prefix string
	packet []byte
}

// listen receives the messages of the options' NFLOG group in the firewall's namespace.
func listen(t *testing.T, top *lab.Topology, options ir.Options) <-chan message {
	t.Helper()
	log, err := nflog.Open(&nflog.Config{NetNS: top.Firewall.FD(), Group: options.LogGroup, Copymode: nflog.CopyPacket, Bufsize: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		_ = log.Close()
	})
	out := make(chan message, 64)
	err = log.RegisterWithErrorFunc(ctx, func(a nflog.Attribute) int {
		m := message{}
		if a.Prefix != nil {
			m.prefix = *a.Prefix
		}
		if a.Payload != nil {
			m.packet = bytes.Clone(*a.Payload)
		}
		out <- m
		return 0
	}, func(error) int { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Loopback keeps working under a host endpoint for all interfaces that denies everything.
func TestRowLoopback(t *testing.T) {
	_, top, _ := newLab(t)
	fw := newFirewall(t, top)
	fw.apply(t, world(t, strings.ReplaceAll(openHosts, "Allow", "Deny")), rowOptions())
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, family := range []int{4, 6} {
		own := top.Addr(family)
		server, err := lab.EchoTCP(top.Firewall, netip.AddrPortFrom(own, 0))
		if err != nil {
			t.Fatal(err)
		}
		if err := lab.Ask(ctx, top.Firewall, "tcp", server.Addr); err != nil {
			t.Errorf("the host cannot speak to itself at %s: %v", server.Addr, err)
		}
		if err := lab.Ping(ctx, top.Firewall, own); err != nil {
			t.Error(err)
		}
		short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		if err := lab.Ask(short, top.Peer("client").Namespace, "tcp", server.Addr); err == nil {
			t.Error("the client got in")
		}
		cancel()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A policy that a destination was rewritten for: preDNAT policy sees the address before, the workload's policy the one
// after.
func TestRowPreDNATSeesTheFirstDestination(t *testing.T) {
	links, top, prober := newLab(t)
	const dnat = `table ip nat {
	chain prerouting { type nat hook prerouting priority -100; iifname "eth0" tcp dport { 81, 82 } dnat to 10.65.0.2:80; }
}
`
	if _, err := top.Firewall.Run(context.Background(), dnat, "nft", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	fw := newFirewall(t, top)
	fw.apply(t, world(t, `
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: eth0, labels: {side: host}}
spec: {node: n1, interfaceName: eth0}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: early}
spec:
  selector: side == 'host'
  preDNAT: true
  applyOnForward: true
  types: [Ingress]
  ingress:
  - {action: Deny, protocol: TCP, destination: {ports: [82]}}
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: database, namespace: prod}
spec:
  selector: role == 'database'
  types: [Ingress]
  ingress:
  - {action: Allow, protocol: TCP, destination: {ports: [80]}}
`), rowOptions())
	list, err := ParseShots(links, `
		pass client > host tcp:81 v4
		drop client > host tcp:82 v4
		drop client > db tcp:82 v4`)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		arrived, err := prober.Send(s.Probe)
		if err != nil {
			t.Fatal(err)
		}
		if got := arrived[0] == "db"; got != s.Pass {
			t.Errorf("%s: arrived at %q", s.Line, arrived[0])
		}
	}
}
