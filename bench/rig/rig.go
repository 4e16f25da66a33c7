package rig

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"rampart/bench/filter"
	"rampart/bench/lab"
	"rampart/bench/pktgen"
)

// Interfaces of the rig.
const (
	generatorInterface = "g0"
	// In is the firewall's interface towards the generator, where rules act; Out is the one towards the sink.
	In            = filter.Interface
	Out           = "f1"
	sinkInterface = "s0"
)

// The firewall's addresses, and those of its neighbours.
var (
	in4, out4    = netip.MustParsePrefix("192.0.2.1/30"), netip.MustParsePrefix("192.0.2.5/30")
	in6, out6    = netip.MustParsePrefix("3fff::1/126"), netip.MustParsePrefix("3fff::5/126")
	next4, next6 = netip.MustParseAddr("192.0.2.6"), netip.MustParseAddr("3fff::6")
)

// Rig is one firewall's test bed.
type Rig struct {
	Generator, Firewall, Sink *lab.Namespace

	queues            int
	ifindex           int
	generatorMAC      net.HardwareAddr
	inMAC             net.HardwareAddr
	sink              *pktgen.Sink
	attached          *ebpf.Program
	inIndex, outIndex int
}

// New builds a rig in a lab, which closes its namespaces. The name is the rig's own within the lab. The firewall's interface
// towards the generator has so many receive queues, 0 for one for each core: what a core sends comes in by the queue of its
// number, as interface cards have a queue for each core.
func New(l *lab.Lab, name string, queues int) (_ *Rig, err error) {
	if queues == 0 {
		queues = runtime.NumCPU()
	}
	r := &Rig{queues: queues}
	for part, ns := range map[string]**lab.Namespace{"gen": &r.Generator, "fw": &r.Firewall, "sink": &r.Sink} {
		if *ns, err = l.Namespace(name + "-" + part); err != nil {
			return nil, err
		}
	}
	err = errors.Join(
		lab.Veth(lab.End{Namespace: r.Generator, Interface: generatorInterface, Queues: queues},
			lab.End{Namespace: r.Firewall, Interface: In, Addrs: []netip.Prefix{in4, in6}, Queues: queues}),
		lab.Veth(lab.End{Namespace: r.Firewall, Interface: Out, Addrs: []netip.Prefix{out4, out6}},
			lab.End{Namespace: r.Sink, Interface: sinkInterface}),
	)
	if err != nil {
		return nil, err
	}
	if err := r.route(); err != nil {
		return nil, err
	}
	if r.sink, err = pktgen.NewSink(); err != nil {
		return nil, err
	}
	if err := errors.Join(r.steer(), r.attach(r.sink.Program)); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Rig) route() error {
	for key, value := range map[string]string{
		"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1",
		"net.ipv4.conf.all.rp_filter": "0", "net.ipv4.conf." + In + ".rp_filter": "0",
	} {
		if err := r.Firewall.Sysctl(key, value); err != nil {
			return err
		}
	}
	g, err := r.Generator.Links().LinkByName(generatorInterface)
	if err != nil {
		return err
	}
	r.ifindex, r.generatorMAC = g.Attrs().Index, g.Attrs().HardwareAddr
	for name, index := range map[string]*int{In: &r.inIndex, Out: &r.outIndex} {
		link, err := r.Firewall.Links().LinkByName(name)
		if err != nil {
			return err
		}
		*index = link.Attrs().Index
		if name == In {
			r.inMAC = link.Attrs().HardwareAddr
		}
	}
	// Packets of a stream come in by the wire one by one, and are put together there: without receive offload a veth has no
	// NAPI, takes no redirected frames, and big segments would come as one.
	if err := r.Firewall.SetOffload(In, lab.GRO, true); err != nil {
		return err
	}
	if err := r.Generator.SetOffload(generatorInterface, lab.TSO, false); err != nil {
		return err
	}
	mac, err := r.Sink.MAC(sinkInterface)
	if err != nil {
		return err
	}
	for _, next := range []netip.Addr{next4, next6} {
		all := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if next.Is6() {
			all = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		if err := errors.Join(r.Firewall.AddNeighbour(Out, next, mac), r.Firewall.AddRoute(Out, all, next)); err != nil {
			return err
		}
	}
	return nil
}

// InIndex and OutIndex are the interface numbers of the firewall's interfaces, in its namespace.
func (r *Rig) InIndex() int { return r.inIndex }

// OutIndex is InIndex for the interface towards the sink.
func (r *Rig) OutIndex() int { return r.outIndex }

// attach puts an XDP program on the sink's interface, in place of the one there; nil removes it.
func (r *Rig) attach(p *ebpf.Program) error {
	link, err := r.Sink.Links().LinkByName(sinkInterface)
	if err != nil {
		return err
	}
	fd := -1
	if p != nil {
		fd = p.FD()
	}
	err = r.Sink.Do(func() error { return netlink.LinkSetXdpFdWithFlags(link, fd, unix.XDP_FLAGS_DRV_MODE) })
	if err != nil {
		return fmt.Errorf("XDP program on %s: %w", sinkInterface, err)
	}
	r.attached = p
	return nil
}

// Close frees what the lab does not.
func (r *Rig) Close() error {
	if r.sink == nil {
		return nil
	}
	s := r.sink
	r.sink = nil
	return s.Close()
}
