package xdp_test

import (
	"testing"

	"rampart/bench/lab"
)

var offloads = map[string]lab.Offload{"tso": lab.TSO, "gso": lab.GSO, "gro": lab.GRO}

// end is one end of the wire to the firewall's eth0.
type end struct {
	*lab.Namespace
	iface string
}

func (r *rig) ends() []end {
	return []end{{r.top.Firewall, "eth0"}, {r.peer.Namespace, lab.PeerInterface}}
}

// offload switches the offloads on at both ends of the wire.
func (r *rig) offload(t *testing.T) {
	t.Helper()
	for _, e := range r.ends() {
		for _, o := range offloads {
			if err := e.SetOffload(e.iface, o, true); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// offloaded looks whether the offloads are on, and whether what has been sent since the sizes were taken came in packets larger
// than the wire's. A veth whose other end has an XDP program in the driver has lost its segmentation to the kernel: with native
// the client's end is not looked at.
func (r *rig) offloaded(t *testing.T, when string, since []size, native bool) {
	t.Helper()
	now := r.sizes(t)
	for i, e := range r.ends() {
		if native && e.Namespace == r.peer.Namespace {
			continue
		}
		for name, o := range offloads {
			if on, err := e.Offload(e.iface, o); err != nil || !on {
				t.Errorf("%s: %s of %s/%s is off (%v)", when, name, e.Name, e.iface, err)
			}
		}
		if packets, octets := now[i].packets-since[i].packets, now[i].octets-since[i].octets; octets < 2000*packets {
			t.Errorf("%s: %s/%s has sent %d octets in %d packets, want large ones", when, e.Name, e.iface, octets, packets)
		}
	}
}

// size is what an interface has sent.
type size struct{ packets, octets uint64 }

// sizes are what both ends have sent.
func (r *rig) sizes(t *testing.T) (list []size) {
	t.Helper()
	for _, e := range r.ends() {
		l, err := e.Links().LinkByName(e.iface)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, size{l.Attrs().Statistics.TxPackets, l.Attrs().Statistics.TxBytes})
	}
	return list
}
