package xdp_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"

	"rampart/bench/lab"
	"rampart/model"
	"rampart/xdp"
	"rampart/xdp/bpf"
)

// A denial that is applied without asking conntrack ends with the connection that the packets then belong to, however that
// comes about: the first packet after it is accepted, as nftables accepts it.
func TestDenialsEndWithConnections(t *testing.T) {
	const here, there = 40001, 9
	for _, family := range []int{4, 6} {
		udp := func(src netip.Addr, sport uint16, dst netip.Addr, dport uint16) model.Packet {
			return model.Packet{Src: src, Dst: dst, Protocol: model.ProtoUDP, SrcPort: sport, DstPort: dport}
		}
		for _, tc := range []struct {
			name string
			// begin is the packet that begins the connection, and where it arrives; answer is the one that establishes it, unless
			// denied does, which comes in on eth0.
			begin, answer, denied func(r *rig) lab.Probe
			arrives               string
			prepare               func(t *testing.T, r *rig)
		}{
			{
				name: "the host asks",
				begin: func(r *rig) lab.Probe {
					return lab.Probe{From: lab.FirewallName, Packet: udp(r.host(family), here, r.peer.Addr(family), there)}
				},
				denied: func(r *rig) lab.Probe {
					return lab.Probe{From: "client", Packet: udp(r.peer.Addr(family), there, r.host(family), here)}
				},
				arrives: "client",
			},
			{
				name: "the host asks from a translated port",
				begin: func(r *rig) lab.Probe {
					return lab.Probe{From: lab.FirewallName, Packet: udp(r.host(family), here, r.peer.Addr(family), there)}
				},
				denied: func(r *rig) lab.Probe {
					return lab.Probe{From: "client", Packet: udp(r.peer.Addr(family), there, r.host(family), 50001)}
				},
				arrives: "client",
				prepare: func(t *testing.T, r *rig) { translatePorts(t, r, family, 50001) },
			},
			{
				name: "the host asks through another interface",
				begin: func(r *rig) lab.Probe {
					return lab.Probe{From: lab.FirewallName, Packet: udp(r.host(family), here, r.top.Peers[1].Addr(family), there)}
				},
				denied: func(r *rig) lab.Probe {
					return lab.Probe{From: "client", Packet: udp(r.top.Peers[1].Addr(family), there, r.host(family), here)}
				},
				arrives: "server",
			},
			{
				name: "the same packets are allowed through another interface",
				begin: func(r *rig) lab.Probe {
					return lab.Probe{From: "server", Packet: udp(r.top.Peers[1].Addr(family), there, r.host(family), here)}
				},
				denied: func(r *rig) lab.Probe {
					return lab.Probe{From: "client", Packet: udp(r.top.Peers[1].Addr(family), there, r.host(family), here)}
				},
				arrives: lab.FirewallName,
				answer: func(r *rig) lab.Probe {
					return lab.Probe{From: lab.FirewallName, Packet: udp(r.host(family), here, r.top.Peers[1].Addr(family), there)}
				},
			},
			{
				name: "what was forwarded and translated comes back",
				begin: func(r *rig) lab.Probe {
					return lab.Probe{From: "server", Packet: udp(r.top.Peers[1].Addr(family), here, r.peer.Addr(family), there)}
				},
				denied: func(r *rig) lab.Probe {
					return lab.Probe{From: "client", Packet: udp(r.peer.Addr(family), there, r.host(family), 50001)}
				},
				arrives: "", // the prober does not know packets with another source again
				prepare: func(t *testing.T, r *rig) { translatePorts(t, r, family, 50001) },
			},
		} {
			t.Run(map[int]string{4: "IPv4/", 6: "IPv6/"}[family]+tc.name, func(t *testing.T) {
				r := newRigOf(t, xdp.Config{}, 2)
				r.apply(hostPolicy(allowTCP) + anythingOut)
				if tc.prepare != nil {
					tc.prepare(t, r)
				}
				prober := r.prober()
				r.untilUnasked(prober, tc.denied(r))
				if got := r.send(prober, tc.begin(r)); got != tc.arrives {
					t.Fatalf("the packet that begins the connection arrived at %q, want %q", got, tc.arrives)
				}
				if tc.answer != nil && r.send(prober, tc.answer(r)) == "" {
					t.Fatal("the answer did not arrive")
				}
				for i := range 3 {
					if got := r.send(prober, tc.denied(r)); got == "" {
						t.Fatalf("packet %d of the connection was dropped: %v", i, r.status())
					}
				}
			})
		}
	}
}

// A connection that somebody enters into conntrack by hand is noticed in a quarter of a second.
func TestDenialsEndWithConnectionsEnteredByHand(t *testing.T) {
	r := newRig(t, xdp.Config{})
	r.apply(hostPolicy(allowTCP) + anythingOut)
	prober := r.prober()
	denied := lab.Probe{From: "client", Packet: model.Packet{Src: r.peer.Addr(4), Dst: r.host(4), Protocol: model.ProtoUDP, SrcPort: 9, DstPort: 40001}}
	r.untilUnasked(prober, denied)
	conn, err := conntrack.Dial(&netlink.Config{NetNS: r.top.Firewall.FD()})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Create(conntrack.NewFlow(model.ProtoUDP, 0, r.host(4), r.peer.Addr(4), 40001, 9, 60, 0)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(250 * time.Millisecond)
	if got := r.send(prober, denied); got == "" {
		t.Errorf("a packet of the connection was dropped: %v", r.status())
	}
}

func (r *rig) prober() *lab.Prober {
	r.t.Helper()
	p, err := lab.NewProber(r.top)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { p.Close() })
	p.KeepConnections = true
	p.Settle = func() error { return settled(r.fast) }
	return p
}

func (r *rig) send(p *lab.Prober, probe lab.Probe) string {
	r.t.Helper()
	got, err := p.Send(probe)
	if err != nil {
		r.t.Fatal(err)
	}
	return got[0]
}

// untilUnasked sends a packet until it is denied from the cache without conntrack being asked.
func (r *rig) untilUnasked(p *lab.Prober, probe lab.Probe) {
	r.t.Helper()
	r.eventually("denials that conntrack is not asked about", func() bool {
		before, err := r.fast.Asked("eth0")
		if err != nil {
			r.t.Fatal(err)
		}
		denied := r.status().Events[bpf.CachedDeny]
		for range 3 {
			if got := r.send(p, probe); got != "" {
				r.t.Fatalf("a packet that policy denies arrived at %q", got)
			}
		}
		after, err := r.fast.Asked("eth0")
		if err != nil {
			r.t.Fatal(err)
		}
		return after == before && r.status().Events[bpf.CachedDeny] == denied+3
	})
}

// translatePorts makes UDP packets that leave by eth0 come from its address and a port.
func translatePorts(t *testing.T, r *rig, family int, port uint16) {
	t.Helper()
	conn, err := nftables.New(nftables.WithNetNSFd(r.top.Firewall.FD()))
	if err != nil {
		t.Fatal(err)
	}
	table := conn.AddTable(&nftables.Table{Name: "other", Family: map[int]nftables.TableFamily{4: nftables.TableFamilyIPv4, 6: nftables.TableFamilyIPv6}[family]})
	chain := conn.AddChain(&nftables.Chain{Name: "post", Table: table, Type: nftables.ChainTypeNAT, Hooknum: nftables.ChainHookPostrouting,
		Priority: nftables.ChainPriorityNATSource})
	name := make([]byte, 16)
	copy(name, "eth0")
	nat := uint32(2) // NFPROTO_IPV4
	if family == 6 {
		nat = 10
	}
	conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: name},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{model.ProtoUDP}},
		&expr.Immediate{Register: 1, Data: r.host(family).AsSlice()},
		&expr.Immediate{Register: 2, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.NAT{Type: expr.NATTypeSourceNAT, Family: nat, RegAddrMin: 1, RegProtoMin: 2},
	}})
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
}
