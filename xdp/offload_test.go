package xdp_test

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"rampart/bench/lab"
)

// offloads are those that make few large packets out of many, and the commands that ask for them; the next higher ones set
// them (uapi linux/ethtool.h).
var offloads = map[string]uint32{"tso": 0x1e, "gso": 0x23, "gro": 0x2b}

// ethtool sends a command with a value to the driver of an interface, and returns the value that comes back.
func (e end) ethtool(t *testing.T, command, data uint32) uint32 {
	t.Helper()
	value := struct{ command, data uint32 }{command, data}
	err := e.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		var request struct { // struct ifreq
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [16]byte
		}
		copy(request.name[:], e.iface)
		request.data = unsafe.Pointer(&value)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
			return errno
		}
		return nil
	})
	if err != nil {
		t.Fatalf("ethtool command %#x for %s/%s: %v", command, e.Name, e.iface, err)
	}
	return value.data
}

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
		for _, ask := range offloads {
			e.ethtool(t, ask+1, 1)
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
		for name, ask := range offloads {
			if e.ethtool(t, ask, 0) == 0 {
				t.Errorf("%s: %s of %s/%s is off", when, name, e.Name, e.iface)
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
