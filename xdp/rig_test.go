package xdp_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rampart/bench/lab"
	"rampart/bench/pktgen"
	"rampart/conf"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft"
	"rampart/nft/lower"
	"rampart/xdp"
)

// rig is a host behind a firewall's interface eth0, with both backends in the firewall's namespace.
type rig struct {
	t    testing.TB
	top  *lab.Topology
	peer *lab.Peer
	full *nft.Backend
	fast *xdp.Backend

	generation uint64
}

func newRig(t testing.TB, c xdp.Config) *rig { return newRigOf(t, c, 1) }

// newRigOf is newRig with more hosts, on eth1 and so on, which have no fast path.
func newRigOf(t testing.TB, c xdp.Config, hosts int) *rig {
	t.Helper()
	if err := lab.Require(); err != nil {
		t.Skip(err)
	}
	l, err := lab.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	top, err := lab.Build(l, lab.Usual()[:hosts])
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, top: top, peer: top.Peers[0]}
	if r.full, err = nft.New(nft.Config{NetNS: top.Firewall.FD(), Group: lower.Blocks}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.full.Close() })
	c.NetNS, c.Interfaces = top.Firewall.FD(), []string{"eth0"}
	if c.Mode == "" {
		c.Mode = xdp.Always
	}
	if r.fast, err = xdp.New(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.fast.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// hostPolicy guards eth0; the rules are the ingress rules of one policy, in YAML, indented by two.
func hostPolicy(rules string) string {
	return `
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: eth0, labels: {side: out}}
spec: {node: n1, interfaceName: eth0}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: in}
spec:
  selector: side == 'out'
  types: [Ingress]
  ingress:
` + rules
}

// compilePolicy compiles a file of YAML for node n1.
func compilePolicy(t testing.TB, yaml string) *ir.Program {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	bundle, diags := conf.Files(file).Load(context.Background())
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return compile.Compile(store.ViewOf(bundle.Resources...), compile.Host{Node: "n1"}, ir.Options{})
}

// apply puts a policy in force in both backends, nftables first.
func (r *rig) apply(yaml string) {
	r.t.Helper()
	p := compilePolicy(r.t, yaml)
	if _, err := r.full.Apply(context.Background(), p); err != nil {
		r.t.Fatal(err)
	}
	r.applyFast(p)
}

func (r *rig) applyFast(p *ir.Program) {
	r.t.Helper()
	r.generation++
	p.Generation = r.generation
	if _, err := r.fast.Apply(context.Background(), p); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) status() xdp.Interface {
	r.t.Helper()
	s, err := r.fast.Status()
	if err != nil {
		r.t.Fatal(err)
	}
	return s[0]
}

// eventually waits for something that others bring about.
func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: not within ten seconds; %v", what, r.status())
		}
	}
}

// host is the firewall's address on eth0.
func (r *rig) host(family int) netip.Addr { return r.top.Addr(family) }

// flood sends UDP packets to a port of the firewall from many sources until the test stops it.
func (r *rig) flood(sources int, port uint16) (stop func()) {
	r.t.Helper()
	var frames [][]byte
	for i := range sources {
		f := pktgen.Flow{SrcMAC: r.peer.MAC, DstMAC: r.peer.FirewallMAC, Packet: model.Packet{
			Src: pktgen.Addr4(0xc6336400 + uint32(i)), Dst: r.host(4), Protocol: model.ProtoUDP, SrcPort: uint16(1000 + i), DstPort: port,
		}}
		b, err := f.Frame(60)
		if err != nil {
			r.t.Fatal(err)
		}
		frames = append(frames, b)
	}
	link, err := r.peer.Links().LinkByName(lab.PeerInterface)
	if err != nil {
		r.t.Fatal(err)
	}
	g, err := pktgen.New(pktgen.Config{NetNS: r.peer.FD(), Ifindex: link.Attrs().Index, Frames: frames, Random: true})
	if err != nil {
		r.t.Fatal(err)
	}
	var done atomic.Bool
	finished := make(chan error, 1)
	go func() {
		for !done.Load() {
			if _, err := g.Run(20 * time.Millisecond); err != nil {
				finished <- err
				return
			}
		}
		finished <- nil
	}()
	return func() {
		done.Store(true)
		if err := <-finished; err != nil {
			r.t.Error(err)
		}
		g.Close()
	}
}

// echoServer answers TCP on a port of the firewall with what it gets.
func (r *rig) echoServer(port uint16) {
	r.t.Helper()
	var l net.Listener
	err := r.top.Firewall.Do(func() (err error) {
		l, err = net.ListenTCP("tcp", &net.TCPAddr{Port: int(port)})
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
}

// dial connects the peer to a port of the firewall. refused, for a port that denies, does not wait as long.
func (r *rig) dial(family int, port uint16) (net.Conn, error) {
	return r.dialFor(5*time.Second, family, port)
}

func (r *rig) refused(family int, port uint16) bool {
	c, err := r.dialFor(300*time.Millisecond, family, port)
	if err == nil {
		c.Close()
	}
	return err != nil
}

func (r *rig) dialFor(patience time.Duration, family int, port uint16) (net.Conn, error) {
	fd := -1
	err := r.peer.Do(func() (err error) {
		domain, sa := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: int(port), Addr: r.host(4).As4()})
		if family == 6 {
			domain, sa = unix.AF_INET6, &unix.SockaddrInet6{Port: int(port), Addr: r.host(6).As16()}
		}
		if fd, err = unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		tv := unix.NsecToTimeval(patience.Nanoseconds())
		if err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv); err != nil {
			return err
		}
		return unix.Connect(fd, sa)
	})
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "tcp")
	defer f.Close()
	return net.FileConn(f)
}

// plug connects eth0 to the host anew, after its removal, with queues of the two ends.
func (r *rig) plug(near, far int) {
	r.t.Helper()
	link := r.peer.Link
	ends := [2]lab.End{
		{Namespace: r.top.Firewall, Interface: "eth0", Addrs: link.Gateway, Queues: near},
		{Namespace: r.peer.Namespace, Interface: lab.PeerInterface, Queues: far},
	}
	for i, a := range link.Addrs {
		ends[1].Addrs = append(ends[1].Addrs, netip.PrefixFrom(a, link.Gateway[i].Bits()))
	}
	if err := lab.Veth(ends[0], ends[1]); err != nil {
		r.t.Fatal(err)
	}
}

// replug changes the queues of eth0 and of its other end.
func (r *rig) replug(near, far int) {
	r.t.Helper()
	if err := r.top.Firewall.DeleteLink("eth0"); err != nil {
		r.t.Fatal(err)
	}
	r.plug(near, far)
}
