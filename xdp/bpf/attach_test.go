package bpf

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"rampart/bench/lab"
)

func namespace(t testing.TB, l *lab.Lab, name string) *lab.Namespace {
	t.Helper()
	n, err := l.Namespace(name)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func newLab(t testing.TB) *lab.Lab {
	t.Helper()
	if err := lab.Require(); err != nil {
		t.Skip(err)
	}
	l, err := lab.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func index(t testing.TB, n *lab.Namespace, name string) int {
	t.Helper()
	l, err := n.Links().LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return l.Attrs().Index
}

// attach is FastPath.Attach inside a namespace.
func attach(n *lab.Namespace, f *FastPath, ifindex int) (l *Link, err error) {
	err = n.Do(func() (err error) { l, err = f.Attach(ifindex); return err })
	return l, err
}

func programOn(t *testing.T, n *lab.Namespace, name string) uint32 {
	t.Helper()
	l, err := n.Links().LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	if x := l.Attrs().Xdp; x != nil && x.Attached {
		return x.ProgId
	}
	return 0
}

func TestAttachLeavesForeignProgramsAlone(t *testing.T) {
	l := newLab(t)
	a, b := namespace(t, l, "a"), namespace(t, l, "b")
	if err := lab.Veth(lab.End{Namespace: a, Interface: "x0"}, lab.End{Namespace: b, Interface: "y0"}); err != nil {
		t.Fatal(err)
	}
	first, second := load(t, Options{}), load(t, Options{})
	y0 := index(t, b, "y0")
	link, err := attach(b, first, y0)
	if err != nil {
		t.Fatal(err)
	}
	if link.Mode != Native {
		t.Errorf("attached in %s mode to a veth, want native", link.Mode)
	}
	id := programOn(t, b, "y0")
	if id == 0 {
		t.Fatal("no program on the interface")
	}
	var foreign *ForeignError
	if _, err := attach(b, second, y0); !errors.As(err, &foreign) || foreign.Program != id || foreign.Interface != "y0" {
		t.Errorf("second program: %v, want a ForeignError about program %d", err, id)
	}
	if now := programOn(t, b, "y0"); now != id {
		t.Errorf("program %d on the interface, want %d as before", now, id)
	}
	if err := link.Close(); err != nil {
		t.Fatal(err)
	}
	if now := programOn(t, b, "y0"); now != 0 {
		t.Errorf("program %d left on the interface", now)
	}
	if link, err = attach(b, second, y0); err != nil {
		t.Fatal(err)
	}
	link.Close()
}

func TestAttachFallsBackToGenericMode(t *testing.T) {
	l := newLab(t)
	a := namespace(t, l, "a")
	if err := a.Links().LinkAdd(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: "d0"}}); err != nil {
		t.Skipf("no dummy interfaces: %v", err)
	}
	link, err := attach(a, load(t, Options{}), index(t, a, "d0"))
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()
	if link.Mode != Generic {
		t.Errorf("mode %s, want generic", link.Mode)
	}
}

func TestAttachToNothing(t *testing.T) {
	l := newLab(t)
	if _, err := attach(namespace(t, l, "a"), load(t, Options{}), 999); err == nil {
		t.Error("attached to an interface that is not there")
	}
}

// A frame sent into the private pair arrives on the other interface, with the mark.
func TestHandbackKeepsTheInterface(t *testing.T) {
	l := newLab(t)
	a, b := namespace(t, l, "a"), namespace(t, l, "b")
	addr := netip.MustParsePrefix("192.0.2.1/24")
	for _, pair := range [][2]lab.End{
		{{Namespace: a, Interface: "x0"}, {Namespace: b, Interface: "nic", Addrs: []netip.Prefix{addr}}},
		{{Namespace: b, Interface: "near"}, {Namespace: b, Interface: "far"}},
	} {
		if err := lab.Veth(pair[0], pair[1]); err != nil {
			t.Fatal(err)
		}
	}
	var h *Handback
	err := b.Do(func() (err error) { h, err = NewHandback(index(t, b, "far"), index(t, b, "nic"), 0x20); return err })
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	var server *net.UDPConn
	var raw int
	err = b.Do(func() (err error) {
		server, err = net.ListenUDP("udp4", &net.UDPAddr{IP: addr.Addr().AsSlice(), Port: 2})
		if err != nil {
			return err
		}
		if raw, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0); err != nil {
			return err
		}
		return unix.Bind(raw, &unix.SockaddrLinklayer{Ifindex: index(t, b, "near")})
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	defer unix.Close(raw)
	control, err := server.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = control.Control(func(fd uintptr) {
		err = errors.Join(unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1), unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVMARK, 1))
	})
	if err != nil {
		t.Fatal(err)
	}
	packet := frame(t, udp(netip.MustParseAddr("192.0.2.9"), addr.Addr(), 9, 2), nil)
	hw, err := b.MAC("nic")
	if err != nil {
		t.Fatal(err)
	}
	copy(packet, hw)
	if _, err := unix.Write(raw, packet); err != nil {
		t.Fatal(err)
	}
	if err := server.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	oob := make([]byte, 256)
	_, n, _, from, err := server.ReadMsgUDP(make([]byte, 2000), oob)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil {
		t.Fatal(err)
	}
	// The mark is a number, and struct in_pktinfo begins with the interface's.
	number := map[int32]uint32{}
	for _, m := range messages {
		number[m.Header.Type] = binary.NativeEndian.Uint32(m.Data)
	}
	on, mark := int(number[unix.IP_PKTINFO]), number[unix.SO_MARK]
	if want := index(t, b, "nic"); on != want || mark != 0x20 || from.Port != 9 {
		t.Errorf("arrived on interface %d from %v with mark %#x, want interface %d, port 9 and mark 0x20", on, from, mark, want)
	}
}
