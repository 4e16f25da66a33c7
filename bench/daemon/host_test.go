package daemon

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"rampart/bench/lab"
	"rampart/engine/api"
	"rampart/model"
)

// Failsafe ports stay open when policy denies everything, without any setting; others do not.
func TestFailsafePorts(t *testing.T) {
	b := newBench(t, host("ingress { action = \"Deny\" }\n  egress { action = \"Deny\" }"))
	b.start()
	b.reach("client", lab.FirewallName, map[uint16]bool{22: true, 179: true, 2379: true, 6443: true, 23: false, 80: false, 443: false})
	b.reach(lab.FirewallName, "client", map[uint16]bool{179: true, 2380: true, 6443: true, 22: false, 80: false})
	for _, family := range []int{4, 6} {
		at := b.echo(b.top.Firewall, b.top.Addr(family), 22)
		if err := lab.Ask(b.within(5*time.Second), b.top.Peer("client").Namespace, "tcp", at); err != nil {
			t.Errorf("IPv%d: no way in by the failsafe port: %v", family, err)
		}
		// The host may still speak to itself.
		if err := lab.Ask(b.within(5*time.Second), b.top.Firewall, "tcp", at); err != nil {
			t.Errorf("IPv%d: the host cannot reach itself: %v", family, err)
		}
	}
}

// A session through a failsafe port stays open while policies change from open to closed and back.
func TestFailsafeSessionSurvives(t *testing.T) {
	open := host("ingress { action = \"Allow\" }\n  egress { action = \"Allow\" }")
	b := newBench(t, open)
	d := b.start()
	at := b.echo(b.top.Firewall, b.top.Addr(4), 22)
	session, err := b.top.Peer("client").Dial(b.ctx, "tcp", netip.AddrPort{}, at)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for _, policy := range []string{host("ingress { action = \"Deny\" }\n  egress { action = \"Deny\" }"), open, "# no policy\n"} {
		before := b.generation(d)
		b.write(policy)
		b.after(d, before)
		if err := lab.Exchange(b.within(5*time.Second), session); err != nil {
			t.Fatalf("the session broke under %q: %v", policy, err)
		}
	}
}

// A session through a failsafe port that is older than the policy goes on, whoever speaks first and whether denied packets
// are answered or not. Conntrack does not know it then.
func TestFailsafeSessionFromBefore(t *testing.T) {
	for _, action := range []string{"Drop", "Reject"} {
		t.Run(action, func(t *testing.T) {
			b := newBench(t, host("ingress { action = \"Deny\" }\n  egress { action = \"Deny\" }"))
			b.config.Settings = fmt.Sprintf("deny_action = %q\n", action)
			var l net.Listener
			err := b.top.Firewall.Do(func() (err error) { l, err = net.Listen("tcp4", ":22"); return err })
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			client, err := b.top.Peer("client").Dial(b.ctx, "tcp", netip.AddrPort{}, netip.AddrPortFrom(b.top.Addr(4), 22))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			server, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			b.start()
			for _, way := range [][2]net.Conn{{server, client}, {client, server}} {
				deadline, _ := b.within(5 * time.Second).Deadline()
				if err := errors.Join(way[0].SetDeadline(deadline), way[1].SetDeadline(deadline)); err != nil {
					t.Fatal(err)
				}
				if _, err := way[0].Write([]byte("x")); err != nil {
					t.Fatal(err)
				}
				if _, err := way[1].Read(make([]byte, 1)); err != nil {
					t.Errorf("from %v: %v", way[0].LocalAddr(), err)
				}
			}
		})
	}
}

// The starter policy of the examples does what its comments say.
func TestHostExample(t *testing.T) {
	b := newBench(t, "")
	example, err := filepath.Abs("../../examples/host")
	if err != nil {
		t.Fatal(err)
	}
	b.config.Policy, b.config.Node = []string{example}, "this-host"
	d := b.start()
	b.reach("client", lab.FirewallName, map[uint16]bool{22: true, 80: false, 8080: false})
	b.reach(lab.FirewallName, "client", map[uint16]bool{22: true, 80: true, 443: true})
	ctx := b.within(5 * time.Second)
	for _, family := range []int{4, 6} {
		if err := lab.Ping(ctx, b.top.Peer("client").Namespace, b.top.Addr(family)); err != nil {
			t.Errorf("ping in: %v", err)
		}
		if err := lab.Ping(ctx, b.top.Firewall, b.top.Peer("client").Addr(family)); err != nil {
			t.Errorf("ping out: %v", err)
		}
		client := b.top.Peer("client")
		at := b.echo(client.Namespace, client.Addr(family), 443)
		if err := lab.Ask(ctx, b.top.Firewall, "tcp", at); err != nil {
			t.Errorf("the host cannot reach %s: %v", at, err)
		}
	}
	dhcp := func(src string, port uint16) lab.Probe {
		return lab.Probe{From: "client", Packet: model.Packet{
			Src: netip.MustParseAddr(src), Dst: b.top.Addr(6), Protocol: model.ProtoUDP, SrcPort: 547, DstPort: port,
		}}
	}
	got, err := b.prober.Send(dhcp("fe80::547", 546), dhcp("2001:db8:1::547", 546), dhcp("fe80::547", 547))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{lab.FirewallName, "", ""}; !slices.Equal(got, want) {
		t.Errorf("DHCPv6 from a neighbour, from elsewhere, to a server: arrived at %q, want %q", got, want)
	}
	s, err := d.Status(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Policies {
		if !p.Active {
			t.Errorf("policy %s is inactive: %v", p.Name, p.Reasons)
		}
	}
}

// status tells every policy's state and why one has no effect.
func TestPolicyStates(t *testing.T) {
	b := newBench(t, database("1")+`
network_policy "nobody" {
  namespace = "prod"
  selector  = "role == 'nobody'"
}
staged_network_policy "later" {
  namespace = "prod"
  selector  = "role == 'frontend'"
  ingress { action = "Deny" }
}
network_policy "orphan" {
  namespace = "prod"
  tier      = "ghost"
  selector  = "role == 'nobody'"
}
`)
	d := b.start()
	s := b.until(d, "a program is in force", func(s *api.Status) bool { return s.State == api.InForce })
	got := map[string]api.Policy{}
	for _, p := range s.Policies {
		got[p.Name] = p
	}
	if p := got["database"]; !p.Active || p.Kind != model.KindNetworkPolicy || p.Endpoints != 1 {
		t.Errorf("database: %+v", p)
	}
	for _, name := range []string{"nobody", "later", "orphan"} {
		if p := got[name]; p.Active || len(p.Reasons) == 0 {
			t.Errorf("%s: %+v, want an inactive policy with a reason", name, p)
		}
	}
}
