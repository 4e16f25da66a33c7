package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"rampart/bench/lab"
	"rampart/bench/pktgen"
)

// path is a generator, a router and a sink: g0 ══ f0 router f1 ══ s0. Frames sent on g0 are routed to s0, where they are
// counted and dropped in the driver; through f1 itself or through one
// of the router's ports, which send by way of it.
type path struct {
	lab          *lab.Lab
	gen, fw, snk *lab.Namespace
	sink         *pktgen.Sink
	// ports is how many more interfaces the router has, each with one address behind it.
	ports          int
	ifindex        int
	srcMAC, dstMAC net.HardwareAddr
}

func newPath(ports int) (_ *path, err error) {
	p := &path{ports: ports}
	if p.lab, err = lab.New(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	for name, ns := range map[string]**lab.Namespace{"gen": &p.gen, "fw": &p.fw, "snk": &p.snk} {
		if *ns, err = p.lab.Namespace(name); err != nil {
			return nil, err
		}
	}
	cidr := func(s string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(s)} }
	err = lab.Veth(lab.End{Namespace: p.gen, Interface: "g0"}, lab.End{Namespace: p.fw, Interface: "f0", Addrs: cidr("192.0.2.1/30")})
	if err != nil {
		return nil, err
	}
	err = lab.Veth(lab.End{Namespace: p.fw, Interface: "f1", Addrs: cidr("192.0.2.5/30")}, lab.End{Namespace: p.snk, Interface: "s0"})
	if err != nil {
		return nil, err
	}
	return p, p.configure()
}

func (p *path) configure() error {
	for k, v := range map[string]string{
		"net.ipv4.ip_forward": "1", "net.ipv4.conf.all.rp_filter": "0", "net.ipv4.conf.f0.rp_filter": "0",
		"net.ipv6.conf.all.forwarding": "1",
	} {
		if err := p.fw.Sysctl(k, v); err != nil {
			return err
		}
	}
	g0, err := p.gen.Links().LinkByName("g0")
	if err != nil {
		return err
	}
	p.ifindex, p.srcMAC = g0.Attrs().Index, g0.Attrs().HardwareAddr
	f0, err := p.fw.Links().LinkByName("f0")
	if err != nil {
		return err
	}
	p.dstMAC = f0.Attrs().HardwareAddr
	if err := p.fw.SetOffload("f0", lab.GRO, true); err != nil {
		return err
	}
	f1, err := p.fw.Links().LinkByName("f1")
	if err != nil {
		return err
	}
	s0, err := p.snk.Links().LinkByName("s0")
	if err != nil {
		return err
	}
	next := net.IPv4(192, 0, 2, 6)
	neigh := &netlink.Neigh{LinkIndex: f1.Attrs().Index, State: netlink.NUD_PERMANENT, IP: next, HardwareAddr: s0.Attrs().HardwareAddr}
	if err := p.fw.Links().NeighSet(neigh); err != nil {
		return err
	}
	_, all, _ := net.ParseCIDR("0.0.0.0/0")
	if err := p.fw.Links().RouteAdd(&netlink.Route{LinkIndex: f1.Attrs().Index, Dst: all, Gw: next}); err != nil {
		return err
	}
	if p.sink, err = pktgen.NewSink(); err != nil {
		return err
	}
	for i := range p.ports {
		if err := p.addPort(i); err != nil {
			return err
		}
	}
	return p.snk.Do(func() error { return netlink.LinkSetXdpFdWithFlags(s0, p.sink.Program.FD(), unix.XDP_FLAGS_DRV_MODE) })
}

// port is the name of an interface with one address behind it.
func port(i int) string { return fmt.Sprintf("cali%04d", i) }

// addPort adds an interface, one that sends by way of f1, and the route to the address behind it.
func (p *path) addPort(i int) error {
	f1, err := p.fw.Links().LinkByName("f1")
	if err != nil {
		return err
	}
	v := &netlink.Macvlan{LinkAttrs: netlink.LinkAttrs{Name: port(i), ParentIndex: f1.Attrs().Index}, Mode: netlink.MACVLAN_MODE_PRIVATE}
	if err := p.fw.Links().LinkAdd(v); err != nil {
		return err
	}
	l, err := p.fw.Links().LinkByName(v.Name)
	if err != nil {
		return err
	}
	if err := errors.Join(p.fw.Links().LinkSetARPOff(l), p.fw.Links().LinkSetUp(l)); err != nil {
		return err
	}
	to := net.IPNet{IP: address(i).AsSlice(), Mask: net.CIDRMask(32, 32)}
	return p.fw.Links().RouteAdd(&netlink.Route{LinkIndex: l.Attrs().Index, Dst: &to, Scope: netlink.SCOPE_LINK})
}

func (p *path) close() error {
	var errs []error
	if p.lab != nil {
		errs = append(errs, p.lab.Close())
	}
	if p.sink != nil {
		errs = append(errs, p.sink.Close())
	}
	return errors.Join(errs...)
}

// generator sends the packets of flows in a circle.
func (p *path) generator(flows []pktgen.Flow) (*pktgen.Generator, error) {
	frames := make([][]byte, len(flows))
	for i := range flows {
		flows[i].SrcMAC, flows[i].DstMAC = p.srcMAC, p.dstMAC
		f, err := flows[i].Frame(80)
		if err != nil {
			return nil, err
		}
		frames[i] = f
	}
	return pktgen.New(pktgen.Config{NetNS: p.gen.FD(), Ifindex: p.ifindex, Frames: frames, CPU: 1, CPUPinned: true, Realtime: true})
}

// rate sends flows in a circle for d and returns the time per packet in nanoseconds when undisturbed, and the share that
// came through.
func (p *path) rate(flows []pktgen.Flow, d time.Duration) (ns, share float64, err error) {
	g, err := p.generator(flows)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	if _, err := g.Send(2 * len(flows)); err != nil { // so that every flow is known
		return 0, 0, err
	}
	before, err := p.sink.Arrived()
	if err != nil {
		return 0, 0, err
	}
	r, err := g.Run(d)
	if err != nil {
		return 0, 0, err
	}
	after, err := p.sink.Arrived()
	if err != nil {
		return 0, 0, err
	}
	return r.Quantile(0), float64(after-before) / float64(r.Sent), nil
}
