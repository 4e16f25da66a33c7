package conntrack

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rampart/bench/lab"
	"rampart/conf"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

// world is a workload with a policy of the given ingress rules, and a host endpoint outside.
const world = `
workload_endpoint "n1-k8s-db-eth0" {
  labels         = { role = "database" }
  node           = "n1"
  orchestrator   = "k8s"
  pod            = "db"
  endpoint       = "eth0"
  interface_name = "calidb"
  ip_networks    = ["10.65.0.2/32"]
  profiles       = ["projectcalico-default-allow"]
}
host_endpoint "eth0" {
  node           = "n1"
  interface_name = "eth0"
  profiles       = ["projectcalico-default-allow"]
}
network_policy "database" {
  selector = "role == 'database'"
  types    = ["Ingress"]
  ingress {
    action   = "Allow"
    protocol = "TCP"
    destination { ports = [PORTS] }
  }
}
`

func program(t *testing.T, ports string) *ir.Program {
	t.Helper()
	file := filepath.Join(t.TempDir(), "world.hcl")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(world, "PORTS", ports)), 0o600); err != nil {
		t.Fatal(err)
	}
	b, diags := conf.Files(file).Load(context.Background())
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return compile.Compile(store.ViewOf(b.Resources...), compile.Host{Node: "n1"}, ir.Options{
		WorkloadPrefixes: []string{"cali"}, CutMark: DefaultMark,
		FailsafeIn: []ir.Failsafe{{Protocol: model.ProtoTCP, Port: 22}},
	})
}

// rig is a firewall that tracks connections, and what is open through it.
type rig struct {
	*testing.T
	top *lab.Topology
	ctx context.Context
}

// The rules make the kernel track connections in this namespace, and port 8080 of the host lead to the workload. Others use
// the connection mark too.
const tracking = `
table inet track {
	chain forward { type filter hook forward priority 0; ct state established accept; }
	chain marks { type filter hook prerouting priority mangle; tcp dport 8080 ct state new ct mark set 7; }
	chain prerouting { type nat hook prerouting priority dstnat; iifname "eth0" tcp dport 8080 dnat ip to 10.65.0.2:80; }
}`

func newRig(t *testing.T) *rig {
	t.Helper()
	top, err := lab.Build(lab.ForTest(t), lab.Usual())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	if _, err := top.Firewall.Run(ctx, tracking, "nft", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	return &rig{t, top, ctx}
}

// open connects from a peer to a port, which leads to a port of the workload or, with own, of the firewall.
func (r *rig) open(from string, at netip.AddrPort, server *lab.Namespace, port uint16) net.Conn {
	r.Helper()
	var listener net.Listener
	err := server.Do(func() (err error) {
		listener, err = net.Listen("tcp4", netip.AddrPortFrom(netip.IPv4Unspecified(), port).String())
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { listener.Close() })
	c, err := r.top.Peer(from).Dial(r.ctx, "tcp", netip.AddrPort{}, at)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { c.Close() })
	return c
}

// revalidate runs in the firewall's namespace and returns the marked connections, without their source ports.
func (r *rig) revalidate(c Config, programs ...*ir.Program) (cuts ir.Cuts, marked string) {
	r.Helper()
	var list []string
	err := r.top.Firewall.Do(func() error {
		v, err := New(c)
		if err != nil {
			return err
		}
		if cuts, err = v.Revalidate(r.ctx, programs); err != nil {
			return err
		}
		t, err := openTable()
		if err != nil {
			return err
		}
		defer t.close()
		return t.each(r.ctx, func(f *flow) {
			if f.mark&DefaultMark != 0 {
				if f.mark != DefaultMark|0x7 && f.orig.dport == 8080 {
					r.Errorf("mark 0x%x: the bits of others are gone", f.mark)
				}
				list = append(list, f.routed().Dst.String()+" "+f.reply.src.String())
			}
		})
	})
	if err != nil {
		r.Fatal(err)
	}
	return cuts, strings.Join(list, ",")
}

func TestRevalidate(t *testing.T) {
	r := newRig(t)
	db := r.top.Peer("db")
	direct := netip.AddrPortFrom(db.Addr(4), 80)
	r.open("client", direct, db.Namespace, 80)
	// Through destination NAT: what counts is where it goes, not where it seemed to go.
	translated, err := r.top.Peer("client").Dial(r.ctx, "tcp", netip.AddrPort{}, netip.AddrPortFrom(r.top.Addr(4), 8080))
	if err != nil {
		t.Fatal(err)
	}
	defer translated.Close()
	r.open("client", netip.AddrPortFrom(r.top.Addr(4), 22), r.top.Firewall, 22)
	r.open("client", netip.AddrPortFrom(r.top.Addr(4), 25), r.top.Firewall, 25)

	opened, closed := program(t, "80"), program(t, "81")
	for _, step := range []struct {
		name     string
		keep     bool
		programs []*ir.Program
		cut      int
		restored int
		marked   int
	}{
		{"the first program of all cuts nothing", false, []*ir.Program{closed}, 0, 0, 0},
		{"an equal program cuts nothing", false, []*ir.Program{opened, program(t, "80")}, 0, 0, 0},
		{"what was denied before is not cut", false, []*ir.Program{closed, program(t, "82")}, 0, 0, 0},
		{"kept connections are not cut", true, []*ir.Program{opened, closed}, 1, 0, 1},
		{"a change that denies cuts", false, []*ir.Program{opened, closed}, 1, 0, 2},
		{"once", false, []*ir.Program{opened, closed}, 0, 0, 2},
		{"still denied", false, []*ir.Program{closed, program(t, "82")}, 0, 0, 2},
		{"a change that allows again restores", false, []*ir.Program{closed, opened}, 0, 2, 0},
		{"allowed in between counts", false, []*ir.Program{closed, opened, closed}, 2, 0, 2},
		{"a new daemon restores too", false, []*ir.Program{opened}, 0, 2, 0},
	} {
		var c Config
		if step.keep {
			c.Keep = func(protocol uint8, a, b netip.AddrPort) bool {
				return protocol == model.ProtoTCP && (a == direct || b == direct) && translated.LocalAddr().String() != a.String()
			}
		}
		cuts, marked := r.revalidate(c, step.programs...)
		n := strings.Count(marked, "10.65.0.2 ")
		if cuts.Cut != step.cut || cuts.Restored != step.restored || n != step.marked {
			t.Fatalf("%s: %+v, marked %q; want %d cut, %d restored, %d marked", step.name, cuts, marked, step.cut, step.restored, step.marked)
		}
		if cuts.Tracked < 4 {
			t.Errorf("%s: %d connections looked at", step.name, cuts.Tracked)
		}
		if step.cut > 0 && !strings.Contains(strings.Join(cuts.Examples, "\n"), "> 10.65.0.2:80, denied by tier-default:default") {
			t.Errorf("%s: examples %q", step.name, cuts.Examples)
		}
	}
}

// Without the option nothing is looked at.
func TestRevalidateOff(t *testing.T) {
	p := program(t, "80")
	p.Options.CutMark = 0
	v := &Revalidator{}
	if cuts, err := v.Revalidate(context.Background(), []*ir.Program{p, p}); err != nil || cuts.Tracked != 0 {
		t.Errorf("%+v, %v", cuts, err)
	}
}
