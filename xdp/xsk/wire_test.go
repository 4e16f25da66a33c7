package xsk_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"rampart/bench/lab"
	"rampart/xdp/xsk"
)

// implementations are what every test of this package runs on.
var implementations = []struct {
	name string
	open func(xsk.Config) (xsk.Socket, error)
}{{"rings", xsk.Open}, {"asavie", xsk.OpenAsavie}}

// experimental is an EtherType for local experiments (IEEE 802), which no stack answers.
const experimental = 0x88b5

// wire is a veth pair between two namespaces: x0 in a, y0 in b. y0 hands what arrives to the socket of its queue.
type wire struct {
	a, b   *lab.Namespace
	x0, y0 int // interface indices
	xskmap *ebpf.Map
}

// newWire builds the pair and attaches a program that redirects everything to an XSKMAP of one entry.
func newWire(tb testing.TB) *wire {
	tb.Helper()
	if err := lab.Require(); err != nil {
		tb.Skip(err)
	}
	l, err := lab.New()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	w := &wire{}
	if w.a, err = l.Namespace("a"); err != nil {
		tb.Fatal(err)
	}
	if w.b, err = l.Namespace("b"); err != nil {
		tb.Fatal(err)
	}
	w.x0, w.y0 = w.pair(tb, "x0", "y0")
	if w.xskmap, err = ebpf.NewMap(&ebpf.MapSpec{Name: "xsks", Type: ebpf.XSKMap, KeySize: 4, ValueSize: 4, MaxEntries: 1}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { w.xskmap.Close() })
	w.attach(tb, w.b, w.y0, redirect(w.xskmap))
	return w
}

// pair adds a veth pair: left in a, right in b.
func (w *wire) pair(tb testing.TB, left, right string) (leftIndex, rightIndex int) {
	tb.Helper()
	if err := lab.Veth(lab.End{Namespace: w.a, Interface: left}, lab.End{Namespace: w.b, Interface: right}); err != nil {
		tb.Fatal(err)
	}
	index := func(n *lab.Namespace, name string) int {
		link, err := n.Links().LinkByName(name)
		if err != nil {
			tb.Fatal(err)
		}
		return link.Attrs().Index
	}
	return index(w.a, left), index(w.b, right)
}

func (w *wire) attach(tb testing.TB, n *lab.Namespace, ifindex int, in asm.Instructions) {
	tb.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "redirect", Type: ebpf.XDP, License: "GPL", Instructions: in})
	if err != nil {
		tb.Fatal(err)
	}
	defer p.Close()
	var attached link.Link
	err = n.Do(func() (err error) {
		attached, err = link.AttachXDP(link.XDPOptions{Program: p, Interface: ifindex, Flags: link.XDPDriverMode})
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { attached.Close() })
}

// redirect is bpf_redirect_map(xsks, 0, XDP_DROP).
func redirect(xsks *ebpf.Map) asm.Instructions {
	return asm.Instructions{
		asm.LoadMapPtr(asm.R1, xsks.FD()),
		asm.Mov.Imm(asm.R2, 0),
		asm.Mov.Imm(asm.R3, 1),
		asm.FnRedirectMap.Call(),
		asm.Return(),
	}
}

// open opens a socket in namespace b and closes it after the test.
func (w *wire) open(tb testing.TB, open func(xsk.Config) (xsk.Socket, error), c xsk.Config) xsk.Socket {
	tb.Helper()
	var s xsk.Socket
	if err := w.b.Do(func() (err error) { s, err = open(c); return err }); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

// listen opens a socket on y0 and gives it what arrives there.
func (w *wire) listen(tb testing.TB, open func(xsk.Config) (xsk.Socket, error), c xsk.Config) xsk.Socket {
	tb.Helper()
	c.Ifindex = w.y0
	s := w.open(tb, open, c)
	if err := w.xskmap.Put(uint32(0), uint32(s.FD())); err != nil {
		tb.Fatal(err)
	}
	return s
}

// tap is a packet socket for whole frames of the experimental EtherType.
type tap struct {
	fd  int
	buf []byte
}

func newTap(tb testing.TB, n *lab.Namespace, ifindex int) *tap {
	tb.Helper()
	t := &tap{buf: make([]byte, 1<<16)}
	proto := uint16(experimental>>8 | experimental&0xff<<8)
	err := n.Do(func() (err error) {
		if t.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(proto)); err != nil {
			return err
		}
		if err := unix.SetsockoptTimeval(t.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
			return err
		}
		return unix.Bind(t.fd, &unix.SockaddrLinklayer{Protocol: proto, Ifindex: ifindex})
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { unix.Close(t.fd) })
	return t
}

func (t *tap) write(frame []byte) error {
	if _, err := unix.Write(t.fd, frame); err != nil {
		return fmt.Errorf("write %d octets: %w", len(frame), err)
	}
	return nil
}

// read returns the next frame, which is valid until the next read.
func (t *tap) read() ([]byte, error) {
	for {
		n, err := unix.Read(t.fd, t.buf)
		if !errors.Is(err, unix.EINTR) {
			return t.buf[:max(0, n)], err
		}
	}
}

// frame makes the i-th test frame: size octets that depend on i.
func frame(i, size int) []byte {
	f := make([]byte, size)
	x := uint32(i)*2654435761 + 1
	for j := range f {
		x = x*1664525 + 1013904223
		f[j] = byte(x >> 24)
	}
	f[0] = 0x02 // unicast, locally administered
	f[12], f[13] = experimental>>8, experimental&0xff
	return f
}

// receive waits for one frame.
func receive(tb testing.TB, s xsk.Socket) xsk.Desc {
	tb.Helper()
	var d [1]xsk.Desc
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		if s.Receive(d[:]) == 1 {
			return d[0]
		}
		if err := s.Wait(100 * time.Millisecond); err != nil {
			tb.Fatal(err)
		}
	}
	tb.Fatal("no frame arrived in five seconds")
	return d[0]
}
